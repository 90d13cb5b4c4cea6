//! The corpus of `rust/fuzz`, replayed: whatever a peer sends, the right number of samples comes
//! out at the right time and memory stays bounded. Only Rust's allocator is counted; libopus works
//! on its state and the stack.
#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod fuzzed;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static MOST_LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

/// 512 packets of 8000 bytes wait at most; the rest are fixed allocations, and the events that a
/// driver five seconds late finds.
const BOUND_BYTES: isize = 12_000_000;

struct Counting;

fn count(bytes: isize) {
    let live = LIVE_BYTES.get() + bytes;
    LIVE_BYTES.set(live);
    MOST_LIVE_BYTES.set(MOST_LIVE_BYTES.get().max(live));
}

// SAFETY: hands every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is System's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs each input that fuzzing found to take a way of its own.
fn replay(name: &str, target: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(name);
    let mut inputs = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let before = LIVE_BYTES.get();
        MOST_LIVE_BYTES.set(before);
        target(&data);
        let grown = MOST_LIVE_BYTES.get() - before;
        assert!(grown < BOUND_BYTES, "{grown} bytes for {}", path.display());
        inputs += 1;
    }
    assert!(inputs > 0);
}

#[test]
fn packets_of_a_hostile_peer_into_the_engine() {
    replay("engine_packets", fuzzed::engine_packets::engine_packets);
}

#[test]
fn frames_of_a_hostile_peer_into_the_jitter_buffer() {
    replay("jitter_buffer", fuzzed::jitter_buffer::jitter_buffer);
}

#[test]
fn bytes_of_a_hostile_peer_into_each_parser_and_srtp() {
    replay("rtp", fuzzed::wire::rtp);
    replay("rtcp", fuzzed::wire::rtcp);
    replay("red", fuzzed::wire::red);
    replay("srtp", fuzzed::wire::srtp);
}
