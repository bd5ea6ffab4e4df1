//! Pure statistics of the comparison. Owns the way from histograms and per-round values to figures and
//! verdicts; must not know clocks, files, the network, or how anything is printed.
//!
//! | for | use |
//! |---|---|
//! | the blocks' orders | [`order::Order::balanced`], seeds by [`rng::Seed`] |
//! | merging parts | [`merge::merge`], [`merge::subtract`] |
//! | quantiles, means | [`summary::quantile`], [`summary::Summary`], [`summary::exceedances`] |
//! | is the measurement to be believed | [`validity::check_trial`], [`validity::check_pairing`], [`validity::Assessment::of`] |
//! | may a quantile be shown | [`validity::claim`] |
//! | B against A | [`compare::cost_ln`] → [`compare::Block::new`] → [`compare::compare`] → [`compare::holm`] → [`compare::decide`] |
//! | secondary views | [`resample::jackknife`], [`resample::bootstrap_pooled`], [`resample::bootstrap_mean`] |
//! | steps in a history | [`drift::change_points`] |
//! | drift banner, first round | [`drift::mann_kendall`], [`drift::first_round_outlier`] |
//!
//! Signs: every value enters as a cost, a logarithm in which more is worse, so δ > 0 is SLOWER always; rates
//! are negated by [`compare::cost_ln`] and turned back by [`compare::change`].

pub mod compare;
pub mod drift;
pub mod merge;
pub mod order;
pub mod resample;
pub mod rng;
mod student;
pub mod summary;
pub mod validity;
