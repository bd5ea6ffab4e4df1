//! Answers that come from rearranging rounds: the exact check. Owns nothing but its parts; the unit of
//! resampling is always the round, never the request.

mod exact;

pub use exact::{
    DRAWS, ENUMERATED_LABELS, ENUMERATED_SIGNS, Method, PermutationTest, permutation_test, sign_flip,
};
