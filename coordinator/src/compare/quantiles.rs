//! JSON form of quantiles: one object each.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One quantile.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Quantile {
    /// Quantile; 0.5 is the median.
    q: f64,
    /// Its value, ns; null where fewer than ten values lie beyond it.
    ns: Option<f64>,
}

type Pairs = Vec<(f64, Option<f64>)>;

pub(super) fn serialize<S: Serializer>(pairs: &Pairs, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(pairs.iter().map(|&(q, ns)| Quantile { q, ns }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
    let read = Vec::<Quantile>::deserialize(from)?;
    Ok(read.into_iter().map(|Quantile { q, ns }| (q, ns)).collect())
}
