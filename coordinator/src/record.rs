//! Pieces of parts to whole parts, and what a part must be before it is kept: of a worker
//! ([`Assembly`]) and of a run that is on record already ([`Stored`]). Pure.

mod assembly;
mod stored;

pub use assembly::{Assembly, BadPart, Expected};
pub use stored::Stored;
