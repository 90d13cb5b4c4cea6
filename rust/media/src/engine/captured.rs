//! An engine that writes down what goes into it.

use super::capture::Recorder;
use super::{Engine, EngineError, Settings};

impl Engine {
    /// An engine that writes down what goes into it, decrypted and without keys, in the format of
    /// [`super::capture`], until the file would be longer than `limit_bytes`.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn captured(
        settings: &Settings,
        now_ns: u64,
        seed: u64,
        limit_bytes: u64,
    ) -> Result<Self, EngineError> {
        let recorder = Recorder::new(settings, now_ns, seed, limit_bytes);
        Ok(Self {
            recorder: Some(Box::new(recorder)),
            ..Self::new(settings, now_ns, seed)?
        })
    }

    /// What is to be appended to the capture's file. To be called at least each few seconds: the
    /// capture ends early when 32 MiB wait.
    pub fn take_capture(&mut self) -> Vec<u8> {
        let recorder = self.recorder.as_mut();
        recorder.map_or_else(Vec::new, |recorder| recorder.take())
    }

    /// Ends the capture with all that was polled until now, and gives the rest of it.
    pub fn end_capture(&mut self) -> Vec<u8> {
        if let Some(recorder) = &mut self.recorder {
            recorder.end();
        }
        self.take_capture()
    }

    /// Whether the capture reached its bound; the call went on.
    #[must_use]
    pub fn capture_is_truncated(&self) -> bool {
        let recorder = self.recorder.as_ref();
        recorder.is_some_and(|recorder| recorder.is_truncated())
    }

    pub(super) fn record(&mut self, write: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            write(recorder);
        }
    }

    /// Counts datagrams that SRTP refused.
    pub(super) fn count_refused(&mut self, replayed: u64, unauthentic: u64) {
        self.receiver.errors.replayed_packets += replayed;
        self.receiver.errors.unauthenticated_packets += unauthentic;
    }
}
