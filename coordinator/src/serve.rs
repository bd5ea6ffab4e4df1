//! The coordinator that stays: which measurement comes next, and when a schedule is due. Pure state
//! machines that take events and the time and return effects; the driver is in [`app`](crate::app).
//! Owns jobs and schedules; must not know the store, the fleet, or what a plan says.
//!
//! ```text
//! queued ──► leased ──► running ──► done
//!   ▲          │           │  └───► failed      after the last attempt that its failure allows
//!   └──────────┴───────────┘
//!   a drain, a lost fleet, a crash: the next attempt resumes the run
//! any state before the end ──► cancelled
//! ```

pub mod cron;
mod desk;
mod job;
mod queue;
mod schedule;
mod view;

pub use desk::{Change, Desk, Effect, Event, Refused};
pub use job::{Failure, Job, JobId, JobState, Kind, Order, Origin};
pub use queue::{Outcome, QueueError};
pub use schedule::{Missed, Schedule, ScheduleError, Why};
pub use view::{JobView, MissedView, ScheduleView};
