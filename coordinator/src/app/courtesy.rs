//! Lowers the priority of a command that reads beside a measurement, so that the scheduler prefers
//! what is measured.
#![expect(unsafe_code, reason = "the priority of a thread has no safe interface")]

/// The lowest priority of ordinary threads.
const LOWEST: libc::c_int = 19;

/// Lowers the priority of this thread and of all threads that it starts from here on.
pub(super) fn step_back() {
    // SAFETY: the arguments are three numbers; on Linux, 0 names the calling thread.
    // Lowering is always allowed, and without it the command is only less polite.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWEST) };
}
