//! Open loops in virtual time: every shape sends what it planned when it planned it, whatever the
//! engine does, and the slices of a window agree with its counts.

use std::time::Duration;

use contract::id::Arm;
use contract::metric::Metric;
use contract::part::Part;
use contract::spec::{
    Assignment, Distribution, Length, MixPart, Objectives, PrefixSpec, PromptSpec, Scenario, Shape,
    Share, SimSpec, Spacing, Stall, StopSpec,
};

use super::rig::{assignment, check, scenario, simulated, whole};

const SECOND: Duration = Duration::from_secs(1);

/// A loop that sends for this long.
fn lasting(shape: Shape, seconds: u32) -> Scenario {
    let stop = StopSpec {
        duration: Some(SECOND * seconds),
        ..StopSpec::default()
    };
    Scenario {
        stop,
        ..scenario(shape)
    }
}

fn every_open_shape() -> Vec<(Scenario, u64)> {
    let (over, each, arrivals) = (4 * SECOND, 2 * SECOND, Spacing::Poisson);
    vec![
        (lasting(Shape::Constant { rate: 50.0 }, 4), 200),
        (lasting(Shape::Poisson { rate: 50.0 }, 4), 200),
        (
            lasting(
                Shape::Gamma {
                    rate: 50.0,
                    cv: 2.0,
                },
                4,
            ),
            200,
        ),
        (
            scenario(Shape::Ramp {
                from: 0.0,
                to: 100.0,
                over,
                arrivals,
            }),
            200,
        ),
        (
            scenario(Shape::Steps {
                rates: vec![10.0, 40.0],
                each,
                arrivals,
            }),
            100,
        ),
    ]
}

/// Sums over a part's slices: offered, issued, ended, and answered tokens.
fn sums(part: &Part) -> [u64; 4] {
    part.series
        .buckets
        .iter()
        .fold([0; 4], |[offered, issued, ended, tokens], b| {
            [
                offered + b.offered,
                issued + b.issued,
                ended + b.ended,
                tokens + b.tokens,
            ]
        })
}

#[test]
fn every_shape_sends_what_it_planned_when_it_planned_it() {
    for (scenario, planned) in every_open_shape() {
        let name = format!("{:?}", scenario.shape);
        let part = simulated(SimSpec::default(), &whole(scenario.clone()));
        check(&part, planned);
        assert_eq!(
            (part.offered, sums(&part)),
            (planned, [planned, planned, planned, 8 * planned]),
            "{name}"
        );
        assert!(
            part.requests.iter().all(|r| r.sent_ns == r.intended_ns),
            "{name}: virtual time is never late"
        );
        assert!(
            part.requests
                .windows(2)
                .all(|pair| pair[0].intended_ns <= pair[1].intended_ns),
            "{name}"
        );
        assert!(
            part.requests
                .iter()
                .all(|r| r.intended_ns < 4 * 1_000_000_000),
            "{name}"
        );
        assert_eq!(
            part,
            simulated(SimSpec::default(), &whole(scenario)),
            "{name}: twice the same"
        );
    }
}

#[test]
fn shares_have_times_of_their_own_and_the_same_requests_together() {
    let of = |index, of| -> Assignment {
        assignment(
            lasting(Shape::Poisson { rate: 50.0 }, 4),
            Arm::A,
            Share { index, of },
        )
    };
    let parts: Vec<Part> = (0..4)
        .map(|index| simulated(SimSpec::default(), &of(index, 4)))
        .collect();
    assert_eq!(parts.iter().map(|part| part.offered).sum::<u64>(), 200);
    let first = |part: &Part| part.requests[0].intended_ns;
    assert!(
        parts[1..]
            .iter()
            .all(|part| first(part) != first(&parts[0]))
    );
}

#[test]
fn a_stall_counts_from_the_intended_time_of_all_it_delayed() {
    let stall = Stall {
        at_ns: 1_000_000_000,
        for_ns: 1_400_000_000,
    };
    let stalled = SimSpec {
        stalls: vec![stall],
        ..SimSpec::default()
    };
    let load = whole(lasting(Shape::Poisson { rate: 100.0 }, 10));
    let p90 = |part: &Part| {
        part.histograms
            .get(Metric::E2e)
            .buckets()
            .value_at_quantile(0.9)
    };
    let (with, without) = (
        simulated(stalled, &load),
        simulated(SimSpec::default(), &load),
    );
    check(&with, 1000);
    // A hundred and forty of the thousand were due during the stall; a tenth of the thousand waited
    // 0.4 s or more.
    assert!(
        p90(&with) > 200_000_000 && p90(&without) < 50_000_000,
        "{} {}",
        p90(&with),
        p90(&without)
    );
    assert_eq!(with.token_digest, without.token_digest);
}

#[test]
fn lengths_mixtures_and_shared_beginnings_reach_the_engine() {
    let mut load = lasting(Shape::Poisson { rate: 50.0 }, 4);
    load.output_tokens = Length::Drawn(Distribution::Uniform { min: 2, max: 10 });
    let mut chat = load.prompt.clone();
    chat.prefix = Some(PrefixSpec {
        groups: 3,
        tokens: 40,
    });
    let kind = |weight, prompt: Option<PromptSpec>, tokens: Option<u32>| MixPart {
        weight,
        prompt,
        output_tokens: tokens.map(Length::Fixed),
    };
    load.mix = vec![kind(3.0, Some(chat), None), kind(1.0, None, Some(12))];
    let part = simulated(SimSpec::default(), &whole(load));
    check(&part, 200);
    assert_eq!(part.outcomes.ok, 200);
    let kinds = |tokens| {
        part.requests
            .iter()
            .filter(move |r| r.prompt_tokens == tokens)
    };
    assert_eq!(kinds(56).count() + kinds(16).count(), 200);
    assert!(kinds(16).all(|r| r.output_tokens == 12));
    assert!(kinds(56).all(|r| (2..=10).contains(&r.output_tokens)));
    assert!((120..180).contains(&kinds(56).count()));
}

#[test]
fn good_requests_are_those_that_met_every_objective() {
    let good = |limit: Option<Duration>| {
        let mut load = lasting(Shape::Poisson { rate: 50.0 }, 4);
        load.objectives = Objectives {
            e2e: limit,
            ..Objectives::default()
        };
        simulated(SimSpec::default(), &whole(load))
    };
    assert_eq!(good(None).good, None);
    assert_eq!(
        [
            good(Some(60 * SECOND)).good,
            good(Some(Duration::from_nanos(1))).good
        ],
        [Some(200), Some(0)]
    );
    let part = good(Some(Duration::from_nanos(2_500_000)));
    let within = part
        .requests
        .iter()
        .filter(|r| r.done_ns - r.intended_ns <= 2_500_000)
        .count() as u64;
    assert_eq!(part.good, Some(within));
}
