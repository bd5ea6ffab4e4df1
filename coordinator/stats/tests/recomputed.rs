//! The figures of `scripts/recompute.py` (scipy), to 1e-9. `recompute.py --fixture` makes the
//! fixture.

use serde_json::Value;
use stats::compare::{
    ArmCost, Comparison, Estimate, Interval, Paired, RoundCosts, Settings, compare, holm,
};
use stats::resample::bootstrap_mean;
use stats::rng::Seed;

fn fixture() -> Vec<Value> {
    let document: Value =
        serde_json::from_str(include_str!("fixtures/rounds.json")).expect("valid JSON");
    document["metrics"].as_array().expect("metrics").clone()
}

fn seat(round: &Value, arm: &str) -> Option<ArmCost> {
    let arm = round.get(arm)?;
    Some(ArmCost {
        cost: arm["cost"].as_f64()?,
        position: arm["position"].as_f64()?,
    })
}

fn blocks(metric: &Value) -> Vec<RoundCosts> {
    let block = |round: &Value| {
        Some(RoundCosts {
            a: seat(round, "a")?,
            b: seat(round, "b")?,
            a2: seat(round, "a2"),
        })
    };
    metric["rounds"]
        .as_array()
        .expect("rounds")
        .iter()
        .filter_map(block)
        .collect()
}

fn seed(metric: &Value) -> Seed {
    Seed(
        metric["seed"]
            .as_str()
            .and_then(|s| s.parse().ok())
            .expect("a decimal seed"),
    )
}

fn compared(metric: &Value) -> Comparison {
    compare(&blocks(metric), &Settings::default(), seed(metric)).expect("sound rounds")
}

fn near(name: &str, ours: f64, scipy: &Value) {
    let theirs = scipy
        .as_f64()
        .unwrap_or_else(|| panic!("{name} is not in the fixture"));
    let off = (ours - theirs).abs();
    assert!(
        off <= 1e-12 + 1e-9 * theirs.abs(),
        "{name}: {ours} against {theirs}"
    );
}

fn near_interval(name: &str, ours: Interval, scipy: &Value) {
    near(name, ours.low, &scipy[0]);
    near(name, ours.high, &scipy[1]);
}

fn same_estimate(name: &str, ours: &Estimate, scipy: &Value) {
    let figures = [
        ("delta", ours.delta),
        ("se", ours.se),
        ("df", ours.df),
        ("p", ours.p),
        ("s_d", ours.s_d),
        ("mde", ours.mde),
    ];
    figures
        .iter()
        .for_each(|(key, value)| near(&format!("{name} {key}"), *value, &scipy[key]));
    near_interval(name, ours.ci, &scipy["ci"]);
    near_interval(name, ours.tost, &scipy["tost"]);
    assert_eq!(ours.gamma.is_none(), scipy["gamma"].is_null());
    ours.gamma
        .iter()
        .for_each(|&gamma| near(name, gamma, &scipy["gamma"]));
}

#[test]
fn intervals_p_values_and_mde_agree_with_scipy() {
    for metric in fixture() {
        let (name, found) = (metric["name"].to_string(), &metric["found"]);
        let ours = compared(&metric);
        same_estimate(&name, &ours.effect, &found["effect"]);
        assert_eq!(ours.control.is_none(), found["control"].is_null());
        ours.control
            .iter()
            .for_each(|control| same_estimate(&name, control, &found["control"]));
        let tau = metric["tau"].as_f64().unwrap().ln_1p();
        let needed = ours.effect.rounds_needed(tau, &Settings::default());
        assert_eq!(needed, found["rounds_needed"].as_u64(), "{name}");
    }
}

#[test]
fn draws_are_replayed_elsewhere() {
    for metric in fixture() {
        let (name, found) = (metric["name"].to_string(), &metric["found"]);
        near(&name, compared(&metric).exact.p, &found["exact_p"]);
        let differences = Paired::effect(&blocks(&metric)).differences;
        let bootstrap = bootstrap_mean(&differences, 0.05, seed(&metric)).unwrap();
        near_interval(&name, bootstrap, &found["bootstrap"]);
    }
}

#[test]
fn holm_agrees() {
    let metrics = fixture();
    let p: Vec<f64> = metrics.iter().map(|m| compared(m).effect.p).collect();
    holm(&p)
        .iter()
        .zip(&metrics)
        .for_each(|(&p, m)| near("holm", p, &m["found"]["holm_p"]));
}

/// The fixture covers what it is for: both modes of the guard, the floor, draws, both numbers of
/// arms.
#[test]
fn the_fixture_reaches_every_branch() {
    let all: Vec<Comparison> = fixture().iter().map(compared).collect();
    let any = |test: fn(&Comparison) -> bool| all.iter().any(test);
    assert!(any(
        |c| c.effect.correction.inflation > 1.0 && c.effect.correction.reduces_df
    ));
    assert!(any(
        |c| c.effect.correction.inflation > 1.0 && !c.effect.correction.reduces_df
    ));
    assert!(any(|c| c.effect.correction.floored) && any(|c| c.effect.gamma.is_none()));
    assert!(any(|c| c.control.is_some()) && any(|c| c.control.is_none()));
}

#[test]
#[should_panic(expected = "against")]
fn a_difference_of_a_millionth_would_be_noticed() {
    near("twin", 1.000_001, &Value::from(1.0));
}
