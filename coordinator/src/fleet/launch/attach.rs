//! Agents that already run: a service of their hosts, or a batch job of the user's. Starts and
//! stops nothing.

use std::time::Duration;

use super::{Launched, Lost, Task};

/// Agents that others started.
#[derive(Debug)]
pub(super) struct Attach;

impl Launched for Attach {
    fn lost(&mut self) -> Task<'_, Lost> {
        Box::pin(std::future::pending())
    }

    fn stop(self: Box<Self>, _: Duration) -> Task<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
