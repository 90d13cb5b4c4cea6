//! Streaming sample-rate conversion.
