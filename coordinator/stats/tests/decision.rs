//! Every row of the decision table, reached and just missed.

use stats::compare::{
    ArmCost, Comparison, Decision, Question, Role, RoundCosts, Row, Scale, Settings, Tolerance,
    Verdict, compare, decide,
};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::Seed;
use stats::validity::{Finding, Reason, Validity};

const TWO_PERCENT: Tolerance = Tolerance {
    tau: 0.02,
    noise_floor: 0.0,
};
/// Scatter without mean, without trend and without correlation between neighbours.
const SCATTER: [f64; 10] = [0.9, -1.1, 0.6, -0.7, 1.2, -0.9, 0.3, -0.8, 1.1, -0.6];

/// `rounds` blocks with B at `effect` and A2 at `control` against A, scattered by `noise`.
fn blocks(rounds: usize, effect: f64, control: f64, noise: f64) -> Vec<RoundCosts> {
    let orders = ArmOrder::balanced(ArmSet::Three, rounds, Seed(4));
    let block = |(r, order): (usize, &ArmOrder)| {
        let seat = |arm, cost| ArmCost {
            cost,
            position: order.position(arm).expect("three arms") as f64,
        };
        let scatter = noise * SCATTER[r % 10];
        let wobble = 0.3 * noise * SCATTER[(3 * r + 1) % 10];
        let (a, a2) = (
            1.0 + 0.01 * r as f64,
            1.0 + 0.01 * r as f64 + control + wobble,
        );
        let b = 0.5 * (a + a2) - 0.5 * control + effect + scatter;
        RoundCosts {
            a: seat(Arm::A, a),
            b: seat(Arm::B, b),
            a2: Some(seat(Arm::A2, a2)),
        }
    };
    orders.iter().enumerate().map(block).collect()
}

fn compared(blocks: &[RoundCosts]) -> Comparison {
    compare(blocks, &Settings::default(), Seed(1)).expect("sound blocks")
}

fn decided(comparison: &Comparison, validity: &Validity, role: Role) -> Decision {
    let question = Question {
        validity,
        planned: None,
        tolerance: TWO_PERCENT,
        scale: Scale::Log,
        role,
        settings: Settings::default(),
    };
    decide(comparison, &question)
}

fn primary(rounds: usize, effect: f64, noise: f64) -> Decision {
    decided(
        &compared(&blocks(rounds, effect, 0.0, noise)),
        &Validity::Valid,
        Role::Primary,
    )
}

fn last_row(decision: &Decision) -> Row {
    decision.path.last().expect("a decision has a path").row
}

#[test]
fn slower_faster_same_undecided() {
    assert_eq!(primary(10, 0.05, 0.01).verdict, Verdict::Slower);
    assert_eq!(primary(10, -0.05, 0.01).verdict, Verdict::Faster);
    let same = primary(10, 0.0, 0.01);
    assert_eq!((same.verdict, same.small_but_real), (Verdict::Same, false));
    let small = primary(10, 0.01, 0.005);
    assert_eq!((small.verdict, small.small_but_real), (Verdict::Same, true));
    let open = primary(10, 0.02, 0.01);
    assert_eq!(open.verdict, Verdict::Undecided);
    assert!(open.rounds_needed.is_some() && matches!(last_row(&open), Row::Open { .. }));
}

/// SAME uses two one-sided tests at 5 %, which is the 90 % interval.
#[test]
fn same_looks_at_the_ninety_per_cent_interval() {
    let mut comparison = compared(&blocks(10, 0.0, 0.0, 0.01));
    let tau = TWO_PERCENT.limit(Scale::Log);
    comparison.effect.ci.high = tau + 0.001;
    comparison.effect.tost.high = tau - 0.001;
    assert_eq!(
        decided(&comparison, &Validity::Valid, Role::Primary).verdict,
        Verdict::Same
    );
    comparison.effect.tost.high = tau;
    assert_eq!(
        decided(&comparison, &Validity::Valid, Role::Primary).verdict,
        Verdict::Undecided
    );
}

#[test]
fn a_noise_floor_above_tau_widens_the_tolerance() {
    let comparison = compared(&blocks(10, 0.05, 0.0, 0.01));
    let floor = Tolerance {
        tau: 0.02,
        noise_floor: 0.1,
    };
    let question = Question {
        planned: None,
        validity: &Validity::Valid,
        tolerance: floor,
        scale: Scale::Log,
        role: Role::Primary,
        settings: Settings::default(),
    };
    assert_eq!(decide(&comparison, &question).verdict, Verdict::Same);
}

#[test]
fn five_rounds_never_say_faster_or_slower() {
    for effect in [0.2, -0.2] {
        let few = primary(5, effect, 0.001);
        assert_eq!(few.verdict, Verdict::Undecided);
        assert!(matches!(
            last_row(&few),
            Row::TooFewRounds {
                rounds: 5,
                least: 6
            }
        ));
        assert_ne!(
            primary(6, effect, 0.001).verdict,
            Verdict::Undecided,
            "counter-check"
        );
    }
}

#[test]
fn a_control_that_differs_is_invalid() {
    // Beyond ±τ′/2 is enough, in both directions.
    for control in [0.015, -0.015, 0.03] {
        let off = compared(&blocks(10, 0.05, control, 0.002));
        let decision = decided(&off, &Validity::Valid, Role::Primary);
        assert_eq!(decision.verdict, Verdict::Invalid, "{control}");
        assert!(matches!(last_row(&decision), Row::ControlDiffers { .. }));
    }
    let near = compared(&blocks(10, 0.05, 0.005, 0.002));
    assert_eq!(
        decided(&near, &Validity::Valid, Role::Primary).verdict,
        Verdict::Slower,
        "counter-check"
    );
}

#[test]
fn the_measurement_comes_first() {
    let comparison = compared(&blocks(10, 0.05, 0.03, 0.002));
    let reasons = vec![Finding {
        place: None,
        reason: Reason::SameCode,
    }];
    let invalid = decided(
        &comparison,
        &Validity::Invalid(reasons.clone()),
        Role::Primary,
    );
    assert_eq!((invalid.verdict, invalid.path.len()), (Verdict::Invalid, 1));
    let clear = compared(&blocks(10, 0.05, 0.0, 0.002));
    let open = decided(&clear, &Validity::Inconclusive(reasons), Role::Primary);
    assert_eq!(open.verdict, Verdict::Undecided);
    assert!(matches!(
        last_row(&open),
        Row::MeasurementInconclusive { reasons: 1 }
    ));
}

#[test]
fn an_exact_check_that_disagrees_leaves_it_open() {
    let mut comparison = compared(&blocks(10, 0.05, 0.0, 0.002));
    comparison.exact.p = 0.06;
    let decision = decided(&comparison, &Validity::Valid, Role::Primary);
    assert_eq!(decision.verdict, Verdict::Undecided);
    assert!(matches!(last_row(&decision), Row::ExactDisagrees { .. }));
}

#[test]
fn holm_binds_secondary_metrics_only() {
    let comparison = compared(&blocks(10, 0.05, 0.0, 0.002));
    let verdict = |p| {
        let role = Role::Among { adjusted_p: p };
        decided(&comparison, &Validity::Valid, role).verdict
    };
    assert_eq!(
        (verdict(0.04), verdict(0.06)),
        (Verdict::Slower, Verdict::Undecided)
    );
}

#[test]
fn the_path_tells_how_the_answer_came_about() {
    let rows: Vec<String> = primary(10, -0.05, 0.01)
        .path
        .iter()
        .map(|s| format!("{} {}", s.applies, s))
        .collect();
    assert_eq!(rows.len(), 7, "{rows:#?}");
    assert!(
        rows[..5].iter().all(|r| r.starts_with("false")),
        "{rows:#?}"
    );
    assert!(rows[5].starts_with("true the upper bound -"), "{rows:#?}");
    assert!(
        rows[6].starts_with("false rounds are fewer than 6 (10)"),
        "{rows:#?}"
    );
}
