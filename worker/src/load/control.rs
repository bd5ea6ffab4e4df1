//! Control of a running trial by other threads: cancel it, and read its progress. Must not know how
//! it is driven.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

use contract::id::Attempt;
use contract::message::Progress;
use contract::part::Outcomes;

/// Shared between the driver of one attempt and its observers.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    driver: Mutex<Option<Thread>>,
    issued: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    output_tokens: AtomicU64,
    late_ns: AtomicU64,
}

impl Control {
    /// For one attempt; a cancelled one stays cancelled.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Ends the attempt once the driver wakes, and wakes it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if let Some(driver) = self
            .driver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            driver.unpark();
        }
    }

    /// Counts of the measured window so far, without the warm-up.
    #[must_use]
    pub fn progress(&self, attempt: Attempt) -> Progress {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            attempt,
            issued: load(&self.issued),
            completed: load(&self.completed),
            failed: load(&self.failed),
            output_tokens: load(&self.output_tokens),
            late_ns: load(&self.late_ns),
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Makes the calling thread the driver.
    pub(super) fn attach(&self) {
        *self.driver.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
    }

    pub(super) fn show(&self, issued: u64, outcomes: &Outcomes, output_tokens: u64, late_ns: u64) {
        self.issued.store(issued, Ordering::Relaxed);
        self.completed.store(outcomes.ok, Ordering::Relaxed);
        self.failed.store(outcomes.not_ok(), Ordering::Relaxed);
        self.output_tokens.store(output_tokens, Ordering::Relaxed);
        self.late_ns.store(late_ns, Ordering::Relaxed);
    }
}
