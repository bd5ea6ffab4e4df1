//! What happened inside a measured window, in equal pieces of time: does the level move, does the
//! engine fall ever further behind, how much do neighbours repeat each other. Owns tests of one
//! window (rounds are [`crate::drift`]'s); must not know what is measured or where the pieces come
//! from.

mod correlation;
mod stationarity;

pub use correlation::{dispersion, effective_size};
pub use stationarity::{Movement, movement, regroup};
