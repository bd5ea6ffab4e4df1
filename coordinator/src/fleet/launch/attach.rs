//! Agents that run already: a service of their hosts, a batch job of the user's. Nothing is started
//! and nothing stopped.

use std::time::Duration;

use super::{Launched, Lost, Task};

/// Other people's agents.
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
