//! The explanation of an answer as a document. Owns its shape: the metric as in the run's document,
//! plus the sums and corrections between its rounds and its interval.

use serde_json::{Value, json};
use stats::compare::{Correction, Estimate, Paired, Sums};

use super::convert;
use crate::compare::Explanation;

pub(crate) fn explanation(explanation: &Explanation<'_>) -> Value {
    let derivation = explanation.derivation.as_ref().map(|found| {
        json!({
            "effect": derived(&found.effect, &found.effect_sums, &found.comparison.effect),
            "control": found.control.as_ref().zip(found.comparison.control.as_ref()).map(
                |((paired, sums), estimate)| derived(paired, sums, estimate)
            ),
            "exact_hits": found.comparison.exact.hits,
            "exact_of": found.comparison.exact.of,
        })
    });
    json!({
        "scenario": explanation.cell.scenario,
        "baseline": explanation.cell.baseline,
        "candidate": explanation.cell.candidate,
        "metric": convert::metric(explanation.metric),
        "derivation": derivation,
        "layout": explanation.layout.map(convert::noise),
    })
}

fn derived(paired: &Paired, sums: &Sums, estimate: &Estimate) -> Value {
    let Correction {
        plain_se,
        plain_df,
        floor,
        floored,
        lag1,
        lag1_corrected,
        lag1_used,
        inflation,
        ..
    } = estimate.correction;
    json!({
        "differences": paired.differences,
        "covariate": paired.covariate,
        "mean_difference": sums.d_mean,
        "mean_covariate": sums.x_mean,
        "covariate_squares": sums.sxx,
        "products": sums.sxd,
        "s_residual": estimate.s_residual,
        "plain_se": plain_se,
        "plain_df": plain_df,
        "floor": floor,
        "floored": floored,
        "lag1": lag1,
        "lag1_corrected": lag1_corrected,
        "lag1_used": lag1_used,
        "inflation": inflation,
    })
}
