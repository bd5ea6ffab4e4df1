//! Children that must not outlive this process: death with their parent, signals, and adopted
//! orphans. Must not know what runs in them.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A signal to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End by yourself.
    Terminate,
    /// The kernel ends it.
    Kill,
}

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Self::Terminate => libc::SIGTERM,
            Self::Kill => libc::SIGKILL,
        }
    }
}

/// Puts the new process into its own process group, and makes the kernel kill it when the calling
/// thread ends for any reason. Spawn it on a thread that lives as long as the process may.
pub fn isolate(command: &mut Command) {
    let parent = std::process::id();
    command.process_group(0);
    // SAFETY: the closure runs in the forked child before exec, where only async-signal-safe
    // functions may be called: prctl, getppid and the construction of an error from a number are,
    // and nothing is allocated or locked.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died between fork and prctl.
            if u32::try_from(libc::getppid()) == Ok(parent) {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(libc::ESRCH))
            }
        });
    }
}

/// Makes this process the parent of every descendant whose own parent ends.
pub fn adopt_orphans() {
    // SAFETY: no pointer is involved. If the kernel refuses, orphans get another parent; they are
    // found by the mark in their environment.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    }
}

/// Signals one process. If it has already ended, nothing more is needed.
pub fn signal(pid: u32, signal: Signal) {
    send(pid, 1, signal);
}

/// Signals the process group that a child leads.
pub fn signal_group(leader: u32, signal: Signal) {
    send(leader, -1, signal);
}

fn send(pid: u32, sign: libc::pid_t, signal: Signal) {
    // Zero and minus one would address many processes.
    if let Ok(pid @ 2..) = libc::pid_t::try_from(pid) {
        // SAFETY: kill has no memory effects.
        unsafe { libc::kill(sign * pid, signal.number()) };
    }
}

/// Collects the exit status of an adopted child, so that no zombie is left. Does not wait for a
/// running one.
pub fn reap(pid: u32) {
    if let Ok(pid @ 2..) = libc::pid_t::try_from(pid) {
        // SAFETY: a null pointer requests no status. No other code waits for this process.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
    }
}
