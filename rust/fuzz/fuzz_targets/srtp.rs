#![no_main]

#[path = "../../media/tests/fuzzed/mod.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::wire::srtp(data));
