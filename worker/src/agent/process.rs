//! Sets up and signals a worker process: its own session, and death with its agent. Contains the
//! agent's unsafe code; must not know what runs in the process.

#![expect(
    unsafe_code,
    reason = "set-up between fork and exec, and signals, exist as system calls only"
)]

use std::io;

use tokio::process::Command;

/// A signal that an agent sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM: end by yourself.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Puts the process to be started into its own session, so that a Ctrl-C at the agent's terminal
/// does not reach it and its whole group can be signalled, and has the kernel kill it when the
/// agent's main thread ends for any reason.
///
/// The kernel ties that death to the thread that forks: spawn on the main thread only.
pub(super) fn isolate(command: &mut Command) {
    let agent = own_pid();
    // SAFETY: the closure runs in the forked child before exec, where only async-signal-safe
    // functions may be called: setsid, prctl, getppid and the construction of an error from a
    // number are, and nothing is allocated or locked.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() == -1 || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            // The agent may have died between fork and prctl; the kernel would then never send the
            // signal.
            if libc::getppid() == agent {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(libc::ESRCH))
            }
        });
    }
}

/// Signals the process group of a child that was set up by [`isolate`] and has not been reaped yet.
pub(super) fn signal_group(leader: u32, signal: Signal) {
    let number = match signal {
        Signal::Terminate => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
    };
    let Ok(leader) = libc::pid_t::try_from(leader) else {
        return;
    };
    // SAFETY: kill has no memory effects. The group exists: its leader is our child and not yet
    // reaped. A failure means that it has ended, which is what was asked for.
    unsafe { libc::kill(-leader, number) };
}

fn own_pid() -> libc::pid_t {
    // SAFETY: getpid has no preconditions and cannot fail.
    unsafe { libc::getpid() }
}
