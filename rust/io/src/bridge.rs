//! Where a call's thread takes what its engine hands on.

use std::sync::{Arc, Mutex};

use voicectl_media::engine::{BridgedMedia, Engine};

use crate::link::CallId;
use crate::lock;
use crate::worker::{Command, Mailbox};

/// The other call, or the same one.
pub(crate) struct Bridge {
    engine: Arc<Mutex<Engine>>,
    driver: Driver,
    media: BridgedMedia,
}

/// Who sends what the other engine then has.
pub(crate) enum Driver {
    /// The same thread.
    Here(CallId),
    /// Another one.
    Elsewhere(CallId, Arc<Mailbox>),
    /// No thread: whoever owns this call tells it.
    Owner,
}

/// What is to be done for the other call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// Nothing was there, or its own time will do.
    Nothing,
    ToLookAt(CallId),
    ToTell,
}

impl Bridge {
    pub(crate) fn new(engine: Arc<Mutex<Engine>>, driver: Driver) -> Self {
        Self {
            engine,
            driver,
            media: BridgedMedia::default(),
        }
    }

    /// Takes what `engine` hands on; [`Bridge::pass_on`] is to follow once it is not locked any more.
    pub(crate) fn take(&mut self, engine: &mut Engine) {
        engine.take_bridged(&mut self.media);
    }

    /// Gives it to the other engine. One engine is locked at a time: two calls that are bridged to
    /// each other never wait for each other.
    pub(crate) fn pass_on(&mut self, now_ns: u64) -> Passed {
        if self.media.is_empty() {
            return Passed::Nothing;
        }
        lock(&self.engine).queue_bridged(&self.media, now_ns);
        let has_packets = self.media.has_packets();
        self.media.clear();
        match &self.driver {
            // Audio is sent with the other call's next frame.
            _ if !has_packets => Passed::Nothing,
            Driver::Here(id) => Passed::ToLookAt(*id),
            Driver::Elsewhere(id, mailbox) => {
                mailbox.post(Command::Look(*id));
                Passed::Nothing
            }
            Driver::Owner => Passed::ToTell,
        }
    }
}
