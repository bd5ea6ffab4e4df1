//! Pure statistics of the comparison. Owns the way from histograms and per-round values to figures
//! and verdicts; must not know clocks, files, the network, or how anything is printed.
//!
//! | for | use |
//! |---|---|
//! | the blocks' orders | [`order::ArmOrder::balanced`], seeds by [`rng::Seed`] |
//! | merging parts | [`merge::merge`] |
//! | quantiles, means | [`summary::quantile`], [`summary::Summary`], [`summary::exceedances`] |
//! | is the measurement to be believed | [`validity::check_trial`], [`validity::check_pairing`], [`validity::Assessment::of`] |
//! | may a quantile be shown | [`validity::claim`] |
//! | B against A | [`compare::Scale`] → [`compare::RoundCosts::new`] → [`compare::compare`] → [`compare::holm`] → [`compare::decide`] |
//! | runs of different times | [`compare::unpaired`] |
//! | what the placement of code alone does | [`compare::layout_spread`] |
//! | the capacity of a fleet, and planning with it | [`capacity::Search`], [`capacity::machines`], [`capacity::scaling`] |
//! | noise of a host | [`compare::noise_floor`], [`compare::most_findings`] |
//! | secondary views | [`resample::jackknife`], [`resample::bootstrap_pooled`], [`resample::bootstrap_mean`] |
//! | steps in a history, and how large one is | [`drift::change_points`], [`drift::step_interval`] |
//! | drift banner, first round | [`drift::mann_kendall`], [`drift::first_round_outlier`] |
//! | a load held for hours: drift, growth, bursts | [`soak::soaked`] |
//! | movement inside a window, independent values in it | [`series::movement`], [`series::effective_size`] |
//!
//! Signs: every value enters as a cost in which more is worse, so δ > 0 is SLOWER always; rates are
//! negated by [`compare::Scale::cost`] and turned back by [`compare::Scale::change`]. Costs are
//! logarithms, but where an arm has zero in some round.
//!
//! ```
//! use stats::compare::{RoundCosts, Direction, Question, Role, Scale, Settings, Tolerance, Verdict, compare, decide};
//! use stats::order::{ArmSet, ArmOrder};
//! use stats::rng::Seed;
//! use stats::validity::Assessment;
//!
//! let seed = Seed(7).child("burst-100");
//! let orders = ArmOrder::balanced(ArmSet::Three, 10, seed.child("order"));
//! let scale = Scale::Log;
//! let cost = |milliseconds| scale.cost(milliseconds, Direction::LowerIsBetter);
//! let blocks: Vec<RoundCosts> = orders
//!     .iter()
//!     .enumerate()
//!     .filter_map(|(round, order)| {
//!         let noise = 0.1 * f64::from(round as u32 % 3);
//!         RoundCosts::new(order, cost(40.0 + noise)?, cost(36.0 - noise)?, cost(40.1))
//!     })
//!     .collect();
//! let settings = Settings::default();
//! let comparison = compare(&blocks, &settings, seed.child("exact"))?;
//! let assessment = Assessment::of(vec![]);
//! let tolerance = Tolerance { tau: 0.02, noise_floor: 0.0 };
//! let question = Question { validity: &assessment.validity, planned: Some(10), tolerance, scale, role: Role::Primary, settings };
//! let decision = decide(&comparison, &question);
//! assert_eq!(decision.verdict, Verdict::Faster);
//! for step in &decision.path {
//!     let _line = format!("{} {}", step.applies, step);
//! }
//! # Ok::<(), stats::compare::CompareError>(())
//! ```

pub mod capacity;
pub mod compare;
pub mod drift;
pub mod merge;
pub mod order;
pub mod resample;
pub mod rng;
pub mod series;
pub mod soak;
mod student;
pub mod summary;
pub mod validity;
