//! Settings as lines of `name=value`.

use crate::opus::{Application, EncoderSettings};
use crate::playout::{Sink, Strategy};
use crate::vad::DetectorKind;

use super::super::{Preset, Settings};

/// Writes all that an engine is made from.
pub(super) fn write(settings: &Settings) -> String {
    // Taken apart by name, so that a setting that is added is not forgotten here.
    let Settings {
        sink,
        strategy,
        output_rate_hz,
        vad,
        tap_sent,
        encoder,
        red_frames,
        adaptation,
        frame_ms,
        report_interval_ms,
        wall_clock_offset_ns,
    } = settings;
    let EncoderSettings {
        sample_rate_hz: _,
        channels: _,
        application,
        bitrate_bps,
        complexity,
        inband_fec,
        dtx,
        expected_loss_percent,
        dred_duration_ms,
    } = encoder;
    let fields = [
        ("sink", word(SINKS, *sink)),
        ("strategy", word(STRATEGIES, *strategy)),
        ("output_rate_hz", output_rate_hz.to_string()),
        ("vad", word(DETECTORS, *vad)),
        ("tap_sent", tap_sent.to_string()),
        ("red_frames", red_frames.to_string()),
        ("adaptation", word(PRESETS, *adaptation)),
        ("frame_ms", frame_ms.to_string()),
        ("report_interval_ms", report_interval_ms.to_string()),
        ("wall_clock_offset_ns", wall_clock_offset_ns.to_string()),
        ("application", word(APPLICATIONS, *application)),
        ("bitrate_bps", bitrate_bps.to_string()),
        ("complexity", complexity.to_string()),
        ("inband_fec", inband_fec.to_string()),
        ("dtx", dtx.to_string()),
        ("expected_loss_percent", expected_loss_percent.to_string()),
        ("dred_duration_ms", dred_duration_ms.to_string()),
    ];
    let lines = fields.map(|(name, value)| format!("{name}={value}\n"));
    lines.concat()
}

/// Reads them back; the first line that says nothing known is the error.
pub(super) fn read(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    for line in text.lines() {
        let known = line
            .split_once('=')
            .and_then(|(name, value)| set(&mut settings, name, value));
        if known.is_none() {
            return Err(line.to_owned());
        }
    }
    Ok(settings)
}

fn set(settings: &mut Settings, name: &str, value: &str) -> Option<()> {
    let encoder = &mut settings.encoder;
    match name {
        "sink" => settings.sink = named(SINKS, value)?,
        "strategy" => settings.strategy = named(STRATEGIES, value)?,
        "output_rate_hz" => settings.output_rate_hz = value.parse().ok()?,
        "vad" => settings.vad = named(DETECTORS, value)?,
        "tap_sent" => settings.tap_sent = value.parse().ok()?,
        "adaptation" => settings.adaptation = named(PRESETS, value)?,
        "red_frames" => settings.red_frames = value.parse().ok()?,
        "frame_ms" => settings.frame_ms = value.parse().ok()?,
        "report_interval_ms" => settings.report_interval_ms = value.parse().ok()?,
        "wall_clock_offset_ns" => settings.wall_clock_offset_ns = value.parse().ok()?,
        "bitrate_bps" => encoder.bitrate_bps = value.parse().ok()?,
        "complexity" => encoder.complexity = value.parse().ok()?,
        "inband_fec" => encoder.inband_fec = value.parse().ok()?,
        "expected_loss_percent" => encoder.expected_loss_percent = value.parse().ok()?,
        "dtx" => encoder.dtx = value.parse().ok()?,
        "dred_duration_ms" => encoder.dred_duration_ms = value.parse().ok()?,
        "application" => encoder.application = named(APPLICATIONS, value)?,
        _ => return None,
    }
    Some(())
}

type Names<T> = &'static [(&'static str, T)];

const SINKS: Names<Sink> = &[("playout", Sink::Playout), ("eager", Sink::Eager)];
const STRATEGIES: Names<Strategy> = &[
    ("conservative", Strategy::Conservative),
    ("balanced", Strategy::Balanced),
    ("aggressive", Strategy::Aggressive),
];
const DETECTORS: Names<Option<DetectorKind>> = &[
    ("none", None),
    ("earshot", Some(DetectorKind::Earshot)),
    ("silero", Some(DetectorKind::Silero)),
];
const PRESETS: Names<Option<Preset>> = &[
    ("none", None),
    ("lan", Some(Preset::Lan)),
    ("broadband", Some(Preset::Broadband)),
    ("wireless", Some(Preset::Wireless)),
    ("lossy", Some(Preset::Lossy)),
];
const APPLICATIONS: Names<Application> = &[
    ("voip", Application::Voip),
    ("audio", Application::Audio),
    ("low-delay", Application::LowDelay),
];

fn word<T: Copy + PartialEq>(names: Names<T>, value: T) -> String {
    let found = names.iter().find(|(_, known)| *known == value);
    found.map_or("", |(name, _)| name).to_owned()
}

fn named<T: Copy>(names: Names<T>, word: &str) -> Option<T> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let settings = Settings {
            sink: Sink::Eager,
            strategy: Strategy::Aggressive,
            output_rate_hz: 16_000,
            vad: Some(DetectorKind::Silero),
            tap_sent: true,
            encoder: EncoderSettings {
                application: Application::Audio,
                bitrate_bps: 24_000,
                complexity: 5,
                inband_fec: false,
                dtx: true,
                expected_loss_percent: 1,
                dred_duration_ms: 100,
                ..EncoderSettings::default()
            },
            red_frames: 2,
            adaptation: Some(Preset::Lossy),
            frame_ms: 60,
            report_interval_ms: 500,
            wall_clock_offset_ns: -3,
        };
        let text = write(&settings);
        // Every field differs from the default, so that one left out would show.
        let default = write(&Settings::default());
        assert!(text.lines().zip(default.lines()).all(|(a, b)| a != b));
        assert_eq!(write(&read(&text).unwrap()), text);
        let again = format!("{:?}", read(&text).unwrap());
        assert_eq!(again, format!("{settings:?}"));
    }

    #[test]
    fn setting_that_is_not_known_is_named() {
        assert_eq!(read("sink=eager\nwarp=9\n").unwrap_err(), "warp=9");
        assert_eq!(read("sink=drain").unwrap_err(), "sink=drain");
    }
}
