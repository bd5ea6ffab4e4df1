//! All code that reads a clock or a counter: the clock and pacer, the recorder that turns time
//! stamps into a part's figures, and the resources that process and host used. It must not know
//! load shapes or sessions.

mod cgroup;
mod clock;
mod frequency;
mod host;
mod pacer;
mod recorder;
mod start;
mod usage;

pub use clock::Clock;
#[cfg(feature = "native")]
pub(crate) use contract::command::sha256 as file_sha256;
pub use frequency::frequency;
pub(crate) use frequency::span;
pub use host::{build_info, exe_sha256, host_facts, model_digest};
pub use pacer::{Pacer, Wake};
pub use recorder::{Asked, Due, Ended, Measured, Moments, RUN_IN, Recorder, RecordingPlan};
pub use start::ColdStart;
pub use usage::Meter;
