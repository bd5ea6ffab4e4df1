//! The capacity of a fleet within its objectives: the search for it, its estimate, and what follows
//! from it. Owns the method of docs/capacity.md; must not know requests, engines, clocks or words.
//!
//! An **objective** allows a share of requests to violate a limit (1 % for a p99). The **capacity**
//! is the highest rate, or number in flight, at which the long-run share of violations is at most
//! the allowed one. All enter as logarithms.

mod confirm;
mod curve;
mod estimate;
mod gain;
mod linear;
mod machines;
mod navigate;
mod outcome;
mod rungs;
mod scaling;
mod search;
mod step_law;
mod violations;

pub use confirm::{Confirmation, confirm};
pub use estimate::{Estimate, Group, Interval, Question, estimate};
pub use gain::{Gain, GainQuestion, GainRow, GainStep, gain};
pub use machines::{Demand, HostCapacity, Machines, cost_per_million_tokens, machines};
pub use outcome::{Limit, Outcome};
pub use rungs::Rungs;
pub use scaling::{Model, NoLaw, Prediction, Scaling, scaling};
pub use search::{METHOD, Probe, Purpose, Search, Seen, Settings, Step};
pub use step_law::{Level, StepLaw, step_law};
pub use violations::{Count, Window};
