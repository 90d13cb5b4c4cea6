//! File descriptors out of Python.
#![expect(unsafe_code, reason = "a number has to be taken for a descriptor")]

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// A descriptor of our own for what `fd` is open on.
pub(crate) fn duplicate(fd: RawFd) -> std::io::Result<OwnedFd> {
    if fd < 0 {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: `fd` is not -1, and it is borrowed for this one system call only, which answers a
    // number that is not open with an error.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    borrowed.try_clone_to_owned()
}
