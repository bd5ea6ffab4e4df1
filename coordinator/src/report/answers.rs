//! The output of each command as text, as JSON and for scripts, one file for each command.

mod across;
mod build;
mod calibrate;
mod capacity;
mod capacity_explained;
mod check;
mod doctor;
mod explained;
mod findings;
mod formulas;
mod machines;
mod next;
mod noise;
mod origin;
mod queue;
mod runs;
mod soak;
mod store;
mod trend;

pub use across::AcrossExplained;
pub use build::Built;
pub use capacity_explained::CapacityExplained;
pub use check::Checked;
pub use doctor::Checks;
pub use explained::Explained;
pub use findings::{Full, Short};
pub use machines::MachinesPlanned;
pub use noise::Noise;
pub use queue::{Queue, Schedules, Submitted};
pub use runs::{Pruned, Runs, Shown};
