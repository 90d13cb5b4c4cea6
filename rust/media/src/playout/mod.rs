//! The jitter buffer and its two sinks: `playout` for ears, `eager` for machines.
