//! Converts panics of the database into errors, because sled panics on some damaged files. Owns the
//! panic hook that suppresses their output; must not know the guarded code.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Once, mpsc};
use std::time::Duration;

use super::error::Damage;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a closure. A panic inside becomes [`Damage::Panicked`] and is not printed, because the
/// error will be. Values that the closure was changing must not be used afterwards.
pub(super) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Damage> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if !GUARDED.get() && !is_sleds_thread() {
                previous(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(outer);
    result.map_err(|_| Damage::Panicked)
}

/// Runs a closure on a separate thread and waits for it up to a limit, because sled may wait for
/// ever after a failed write. The thread is abandoned then.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Damage> {
    let (told, answer) = mpsc::channel();
    // Without a thread there is no answer either; a panic here would end a process that is closing.
    let _ = std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            // After the time limit, the receiver is gone.
            let _ = told.send(guarded(f));
        });
    answer.recv_timeout(limit).map_err(|_| Damage::Silent)?
}

/// Whether this is one of sled's own threads, whose panics show as errors in the calls that wait
/// for them.
fn is_sleds_thread() -> bool {
    let thread = std::thread::current();
    thread
        .name()
        .is_some_and(|name| name == "log flusher" || name.starts_with("sled-io-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_in_time_is_left_and_what_does_is_told() {
        let limit = Duration::from_millis(50);
        let (hold, held) = mpsc::channel::<()>();
        let silent = within(limit, move || held.recv());
        assert!(matches!(silent, Err(Damage::Silent)), "{silent:?}");
        drop(hold);
        let long = Duration::from_secs(60);
        assert!(matches!(within(long, || 7), Ok(7)));
        assert!(matches!(
            within(long, || -> u8 { std::panic::resume_unwind(Box::new(())) }),
            Err(Damage::Panicked)
        ));
    }

    #[test]
    fn a_panic_becomes_damage_and_the_next_call_is_sound() {
        assert!(matches!(
            guarded(|| panic!("as sled does")),
            Err::<(), _>(Damage::Panicked)
        ));
        assert!(matches!(guarded(|| 7), Ok(7)));
    }
}
