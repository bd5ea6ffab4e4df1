//! Ctrl-C, SIGTERM and a closed terminal (SIGHUP) have the same effect. While a job runs they are
//! messages to it. Afterwards the system's default action is restored, because the runtime's
//! handlers would outlive it and swallow the signals.
#![expect(
    unsafe_code,
    reason = "restoring a signal's default action has no safe interface"
)]

use contract::hangup;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::error::exit;

/// One message for each Ctrl-C, SIGTERM (from schedulers) or SIGHUP (unless `nohup` ignores it).
/// The third ends the process at once: committed data is durable by then, and agents and workers
/// notice that the coordinator is gone.
pub(super) fn interrupts() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(4);
    let listens = !hangup::is_ignored();
    tokio::spawn(async move {
        let mut hangup = listens.then(|| signal(SignalKind::hangup()).ok()).flatten();
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            return;
        };
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
            return;
        };
        let mut count = 0;
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hung_up => {}
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

#[expect(
    clippy::disallowed_methods,
    reason = "asked for three times; committed blocks are durable"
)]
fn leave_at_once() -> ! {
    std::process::exit(i32::from(exit::INTERRUPTED))
}

/// Lets the signals end the process again; ignored signals stay ignored.
pub(super) fn restore() {
    let hangup = (!hangup::is_ignored()).then_some(libc::SIGHUP);
    for number in [libc::SIGINT, libc::SIGTERM].into_iter().chain(hangup) {
        // SAFETY: all are valid signals and SIG_DFL is a valid action. The runtime whose handlers
        // are replaced has ended, so nothing waits for them any more.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}
