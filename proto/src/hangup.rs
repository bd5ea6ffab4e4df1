//! Whether this process was started to outlive its terminal (`nohup`): SIGHUP is ignored then, and
//! stays so. Must not know what the signal does otherwise.
#![expect(
    unsafe_code,
    reason = "whether a signal is ignored has no safe interface"
)]

use std::mem::MaybeUninit;

/// Whether SIGHUP is ignored now. To be asked before anything catches it.
#[must_use]
pub fn is_ignored() -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action nothing changes, and the pointer is to room for the present one.
    let told = unsafe { libc::sigaction(libc::SIGHUP, std::ptr::null(), now.as_mut_ptr()) } == 0;
    // SAFETY: it was written by the call that succeeded.
    told && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}
