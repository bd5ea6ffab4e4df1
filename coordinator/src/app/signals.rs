//! What Ctrl-C and SIGTERM do. While a job runs they are messages to it; afterwards the system's own answer is restored,
//! because the runtime's handlers would outlive it and swallow them.
#![expect(unsafe_code, reason = "restoring a signal's default action has no safe interface")]

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The exit code of a process that was interrupted by SIGINT, as shells report it.
const INTERRUPTED: i32 = 130;

/// One message a Ctrl-C, or a SIGTERM as schedulers send it. The third ends the process at once: what was committed is
/// durable by then, and agents and workers notice that the coordinator is gone.
pub(super) fn interrupts() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
        let mut count = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            count += 1;
            if count > 2 {
                leave_at_once();
            }
            sender.try_send(()).ok();
        }
    });
    receiver
}

#[expect(clippy::disallowed_methods, reason = "asked for three times; committed blocks are durable")]
fn leave_at_once() -> ! {
    std::process::exit(INTERRUPTED)
}

/// Lets both signals end the process again.
pub(super) fn restore() {
    for number in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: both are valid signals and SIG_DFL is a valid action. The runtime whose handlers are replaced is gone
        // by now, so nothing waits for them any more.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}
