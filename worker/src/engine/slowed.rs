//! An engine that is slowed by a known share: after every step it runs a busy loop for that share
//! of the step's time. It proves that a host detects a difference of this size. Owns the loop; must
//! not know what a step does.

use std::time::{Duration, Instant};

use super::threaded::{Mailbox, Stepper};
use super::{EngineEvent, EngineRequest, ErrorKind, StepLoad, WindowStart};

/// A stepper with longer steps.
pub(super) struct Slowed<S> {
    inner: S,
    /// 0.03 is three per cent of each step.
    share: f64,
}

impl<S> Slowed<S> {
    pub(super) fn new(inner: S, share: f64) -> Self {
        Self { inner, share }
    }
}

impl<S: Stepper> Stepper for Slowed<S> {
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        self.inner.submit(request)
    }

    fn cancel(&mut self, index: u32) -> bool {
        self.inner.cancel(index)
    }

    fn begin_window(&mut self, window: WindowStart) {
        self.inner.begin_window(window);
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn step(&mut self, events: &mut Vec<EngineEvent>, mailbox: &Mailbox) -> StepLoad {
        let began = Instant::now();
        let load = self.inner.step(events, mailbox);
        let end = Instant::now() + extra(began.elapsed(), self.share);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        load
    }
}

fn extra(step: Duration, share: f64) -> Duration {
    step.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_is_a_share_of_the_step_and_none_without_a_handicap() {
        let step = Duration::from_millis(10);
        assert_eq!(
            [extra(step, 0.03), extra(step, 0.0)],
            [Duration::from_micros(300), Duration::ZERO]
        );
    }
}
