//! Whether this process was started to outlive its terminal (`nohup`): SIGHUP is then ignored and
//! stays ignored. Must not know the signal's other effects.
#![expect(
    unsafe_code,
    reason = "whether a signal is ignored has no safe interface"
)]

use std::mem::MaybeUninit;

/// Whether SIGHUP is ignored now. Call it before any handler is installed.
#[must_use]
pub fn is_ignored() -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action nothing changes, and the pointer is to space for the current
    // one.
    let told = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), now.as_mut_ptr()) } == 0;
    // SAFETY: the call that succeeded has written it.
    told && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}
