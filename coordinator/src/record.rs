//! Assembles parts from pieces, and states what a part must be before it is stored: a worker's part
//! ([`Assembly`]) and a part of a recorded run ([`Stored`]). Pure.

mod assembly;
mod stored;

pub use assembly::{Assembly, BadPart, Expected};
pub use stored::Stored;
