//! Decides whether B is slower or faster than A, by how much, and with which confidence. Owns the
//! path from values of rounds to a verdict; must not know metrics by name, hosts, or how anything
//! is shown.

mod analyses;
mod block;
mod calibrate;
mod components;
mod decide;
mod estimate;
mod exact;
mod guard;
mod holm;
mod layout;
mod places;
mod power;
mod row;
mod runs;
mod scale;
mod settings;
mod spending;
mod unpaired;

pub use analyses::{Analyses, Analysis};
pub use block::{
    ArmCost, CompareError, Direction, LEAST_ROUNDS, Paired, RoundCosts, Slope, Sums, cost_ln,
};
pub use calibrate::{most_findings, noise_floor};
pub use components::{Components, Design};
pub use decide::{Decision, Question, Role, Tolerance, Verdict, decide};
pub use estimate::{Estimate, Interval};
pub use exact::{
    DRAWS, ENUMERATED_LABELS, ENUMERATED_SIGNS, Method, PermutationTest, permutation_test,
    plain_permutation_test, sign_flip,
};
pub use guard::{BUCKET_WIDTH, Correction, Guard};
pub use holm::holm;
pub use layout::{LEAST_LAYOUTS, Spread, layout_spread};
pub use places::{LEAST_SAMPLE, Odd, Sample, odd_one, sample_of_hosts};
pub use power::{deviation_limit, mde, rounds_needed};
pub use row::{DecisionStep, Row};
pub use runs::{RunsDecision, RunsQuestion, RunsRow, RunsStep, decide_runs};
pub use scale::{Reference, Scale};
pub use settings::Settings;
pub use unpaired::{LEAST_RUNS, RunMean, Unpaired, unpaired, unpaired_within_reach};

use crate::rng::Seed;

/// The comparison of B with A in one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// B against the baseline (with the control: against ½(ln A + ln A2)).
    pub effect: Estimate,
    /// A2 against A, if the run has the control.
    pub control: Option<Estimate>,
    /// The exact check of the effect.
    pub exact: PermutationTest,
}

/// Compares one metric's rounds in the order in which they ran; costs are logarithms. `seed` is for
/// the exact check, if it must draw.
///
/// # Errors
/// Fewer than two rounds, a control in only some rounds, or values that are not finite.
pub fn compare(
    blocks: &[RoundCosts],
    settings: &Settings,
    seed: Seed,
) -> Result<Comparison, CompareError> {
    compare_on(Scale::Log, blocks, settings, seed)
}

/// The same for costs on any scale.
///
/// # Errors
/// As [`compare`].
pub fn compare_on(
    scale: Scale,
    blocks: &[RoundCosts],
    settings: &Settings,
    seed: Seed,
) -> Result<Comparison, CompareError> {
    block::check(blocks)?;
    let reach = scale.reach(blocks.iter().flat_map(RoundCosts::costs));
    let effect = Estimate::within_reach(&Paired::effect(blocks), reach, settings)?;
    let control = Paired::control(blocks);
    let control = match control.differences.is_empty() {
        true => None,
        false => Some(Estimate::within_reach(&control, reach, settings)?),
    };
    Ok(Comparison {
        effect,
        control,
        exact: permutation_test(blocks, seed),
    })
}
