//! Opus (RFC 6716): packets, encoder, decoder.
