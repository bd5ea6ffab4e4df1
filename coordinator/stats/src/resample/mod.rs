//! Answers that come from rearranging rounds: the exact check, the jackknife and the bootstrap of
//! pooled quantiles. Owns nothing but its parts; the unit of resampling is always the round, never
//! the request.

mod bootstrap;
mod cumulative;
mod exact;
mod jackknife;

pub use bootstrap::{BOOTSTRAP_DRAWS, bootstrap_mean, bootstrap_pooled, expanded_tail};
pub use exact::{
    DRAWS, ENUMERATED_LABELS, ENUMERATED_SIGNS, Method, PermutationTest, permutation_test,
    plain_permutation_test, sign_flip,
};
pub use jackknife::{Pooled, PooledError, Rounds, jackknife};
