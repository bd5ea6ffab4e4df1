//! Estimates from resampled rounds: the jackknife and the bootstrap of pooled quantiles. The exact
//! check belongs to a comparison but is re-exported here. The unit of resampling is always the
//! round, never the request.

mod bootstrap;
mod cumulative;
mod jackknife;

pub use crate::compare::{
    DRAWS, ENUMERATED_LABELS, ENUMERATED_SIGNS, Method, PermutationTest, permutation_test,
    plain_permutation_test, sign_flip,
};
pub use bootstrap::{BOOTSTRAP_DRAWS, bootstrap_mean, bootstrap_pooled, expanded_tail};
pub use jackknife::{Pooled, PooledError, Rounds, jackknife};
