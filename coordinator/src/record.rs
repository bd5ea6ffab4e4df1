//! Pieces of parts to whole parts, and what a part must be before it is kept. Pure.

mod assembly;

pub use assembly::{Assembly, BadPart, Expected};
