//! Runs of different times: differences between days count, one run on each side decides nothing,
//! and incomparable runs are refused.

use coordinator::compare;
use coordinator::history::{Across, AcrossError, RunMeans, across};
use coordinator::store::RunRecord;
use stats::compare::Verdict;
use stats::validity::Validity;

use crate::lab::{QUIET, Truth, each};

const RUNS: u64 = 4;

/// Four runs on days that alternately differ by `day`.
fn runs(truth: Truth, seed: u64, day: f64) -> Vec<RunMeans> {
    each(RUNS, |run| {
        let mut truth = truth;
        // One day is slow, the next is fast.
        truth.speed *= 1.0 + if run % 2 == 0 { day } else { -day };
        RunMeans::of(&truth.findings(seed + run))
    })
}

fn primary(across: &Across) -> Verdict {
    assert!(matches!(across.validity, Validity::Valid));
    across.verdict()
}

#[test]
fn a_slower_build_of_today_is_found_where_days_are_alike() {
    let quiet = Truth {
        scatter: 0.005,
        ..QUIET
    };
    let old = runs(quiet, 0, 0.002);
    let slower = runs(
        Truth {
            speed: 1.06,
            ..quiet
        },
        50,
        0.002,
    );
    assert_eq!(
        primary(&across(&old, &slower, false).unwrap()),
        Verdict::Slower
    );
    assert_eq!(
        primary(&across(&slower, &old, false).unwrap()),
        Verdict::Faster
    );
    assert_eq!(
        primary(&across(&old, &runs(quiet, 90, 0.002), false).unwrap()),
        Verdict::Same
    );
    let one = across(&old[..1], &slower[..1], false).unwrap();
    assert_eq!(primary(&one), Verdict::Undecided);
    assert!(one.lines.iter().all(|line| line.estimate.between.is_none()));
}

/// Counter-check: if days differ by more than the build does, the same change is not found, and the
/// spread is shown.
#[test]
fn days_that_differ_hide_it() {
    let quiet = Truth {
        scatter: 0.005,
        ..QUIET
    };
    let found = across(
        &runs(quiet, 0, 0.08),
        &runs(
            Truth {
                speed: 1.06,
                ..quiet
            },
            50,
            0.08,
        ),
        false,
    )
    .unwrap();
    assert_eq!(primary(&found), Verdict::Undecided);
    let line = found.lines.iter().find(|line| line.primary).unwrap();
    assert!(
        line.estimate.between.unwrap() > 0.05 && line.estimate.within < 0.005,
        "{line:?}"
    );
}

/// A burst of 24 has two requests beyond p90 and none beyond p99: a quantile that a run hides is
/// not compared over runs.
#[test]
fn what_every_run_hides_is_not_compared() {
    let (old, new) = (runs(QUIET, 0, 0.002), runs(QUIET, 50, 0.002));
    let found = across(&old, &new, false).unwrap();
    let names: Vec<String> = found.lines.iter().map(|line| line.measure.name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.ends_with("p90") || name.ends_with("p99")),
        "{names:?}"
    );
    assert_eq!(
        names.iter().filter(|name| *name == "e2e-p50").count(),
        2,
        "both variants"
    );
    assert_eq!(names[0], "e2e-p50", "the declared measure comes first");
}

/// Two variants' primary measures are tested together, and so are the other measures of each: the
/// answers use Holm's correction.
#[test]
fn questions_asked_together_are_corrected_together() {
    let found = across(&runs(QUIET, 0, 0.002), &runs(QUIET, 50, 0.002), false).unwrap();
    let of = |primary: bool, variant: Option<&str>| {
        let lines = found.lines.iter().filter(|line| line.primary == primary);
        let lines = lines.filter(|line| variant.is_none_or(|variant| variant == line.variant));
        lines
            .map(|line| (line.estimate.p, line.adjusted_p.unwrap()))
            .unzip::<_, _, Vec<f64>, Vec<f64>>()
    };
    let families = [
        of(true, None),
        of(false, Some("baseline")),
        of(false, Some("pgo")),
    ];
    assert_eq!((families[0].0.len(), families[1].0.len() > 4), (2, true));
    for (p, adjusted) in families {
        assert_eq!(adjusted, stats::compare::holm(&p));
    }
}

fn sketch(seed: u64, change: impl FnOnce(&mut RunRecord)) -> Vec<RunMeans> {
    let mut record = QUIET.record(seed);
    change(&mut record);
    vec![RunMeans::of(&compare::findings(record).unwrap())]
}

#[test]
fn what_is_not_alike_is_refused_unless_asked_for_and_then_labelled() {
    let one = sketch(3, |_| {});
    assert!(
        across(&one, &sketch(4, |_| {}), false)
            .unwrap()
            .unlike
            .is_empty()
    );
    let hosts = sketch(4, |record| record.header.hosts[0].1.cores = 64);
    let model = sketch(4, |record| {
        record.header.model_digest = "another".to_owned();
    });
    let load = sketch(4, |record| {
        record.header.plan_json = record
            .header
            .plan_json
            .replace("\"slots\":1", "\"slots\":2");
    });
    let share = sketch(4, |record| record.header.hosts[0].1.processors = 1);
    let cases = [
        (hosts, "host local: cores: ", " then, 64 now (then run "),
        (model, "model: digest ", " then, digest another now"),
        (load, "load: slots: 1 then, 2 now", ""),
    ];
    for (other, words, values) in cases {
        let AcrossError::Unlike(why) = across(&one, &other, false).unwrap_err() else {
            panic!("{words}")
        };
        assert!(
            why.len() == 1 && why[0].starts_with(words) && why[0].contains(values),
            "{why:?}"
        );
        assert_eq!(across(&one, &other, true).unwrap().unlike, why);
    }
    assert!(
        across(&one, &share, false).unwrap().unlike.is_empty(),
        "an older record does not tell"
    );
    let whole = sketch(5, |record| record.header.hosts[0].1.processors = 2);
    let AcrossError::Unlike(why) = across(&whole, &share, false).unwrap_err() else {
        panic!("a smaller share")
    };
    assert!(
        why[0].starts_with("host local: processors it may run on: 2 then, 1 now"),
        "{why:?}"
    );
    let threads = sketch(6, |record| {
        record
            .parts
            .iter_mut()
            .for_each(|part| part.engine.threads = 3);
    });
    let AcrossError::Unlike(why) = across(&one, &threads, false).unwrap_err() else {
        panic!("other threads")
    };
    assert!(
        why[0].starts_with("engine threads: ") && why[0].contains(" then, 3 now"),
        "{why:?}"
    );
}
