//! Which build wrote a capture: another one may come to other samples.

/// Version, libopus and kind of CPU of this build.
pub(super) fn this_build() -> String {
    format!(
        "voicectl {}, {}, {}",
        env!("CARGO_PKG_VERSION"),
        crate::opus::version(),
        std::env::consts::ARCH
    )
}
