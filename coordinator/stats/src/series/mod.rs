//! Tests of a measured window in equal pieces of time: whether the level moves, whether the engine
//! falls behind, how strongly neighbours are correlated. Owns tests of one window ([`crate::drift`]
//! has those of rounds); must not know what is measured or where the pieces come from.

mod correlation;
mod stationarity;

pub use correlation::{dispersion, effective_size};
pub use stationarity::{Movement, movement, regroup};
