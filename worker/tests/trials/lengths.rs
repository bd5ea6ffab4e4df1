//! Requests are sent as asked, for any seed, number of slots and order of requests; cuts are
//! counted; and a window has the requested length.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::id::Arm;
use contract::part::{Part, Sent};
use contract::source::Text;
use contract::spec::{
    Assignment, Distribution, FileSpec, Length, MixPart, PrefixSpec, PromptSet, PromptSpec,
    Scenario, Shape, Share, SimSpec, StopSpec,
};
use contract::{prompt_files, spec::EngineSpec};
use worker::measure::Clock;

use super::rig::{assignment, burst, check, scenario, simulated, whole};

fn prompts(work: &Assignment) -> Vec<Vec<u32>> {
    super::requests::prompts(
        work,
        &EngineSpec::Sim(SimSpec::default()),
        &Clock::simulated(),
    )
}

/// Two kinds that differ only in the length of their prefix.
fn two_lengths(groups: u32) -> Scenario {
    let kind = |tokens| {
        let prompt = PromptSpec {
            prefix: Some(PrefixSpec { groups, tokens }),
            ..PromptSpec::of(PromptSet::Evaluation, 8)
        };
        MixPart {
            weight: 1.0,
            prompt: Some(prompt),
            output_tokens: None,
        }
    };
    Scenario {
        mix: vec![kind(16), kind(256)],
        ..burst(200)
    }
}

#[test]
fn beginnings_of_two_lengths_are_sent_at_their_length_by_any_seed_and_number_of_slots() {
    for seed in 0..6 {
        let mut by_slots = BTreeSet::new();
        for of in [1, 2, 3, 16] {
            let mut all: Vec<(u32, Vec<u32>)> = Vec::new();
            for index in 0..of {
                let share = Share { index, of };
                let work = Assignment {
                    seed,
                    ..assignment(two_lengths(2), Arm::A, share)
                };
                all.extend(share.indices(200).zip(prompts(&work)));
            }
            all.sort_unstable();
            let lengths: Vec<usize> = all.iter().map(|(_, prompt)| prompt.len()).collect();
            assert!(
                lengths.iter().all(|length| [24, 264].contains(length)),
                "{seed}, {of} slots: {lengths:?}"
            );
            let tokens: usize = lengths.iter().sum();
            // Half of 200 are long, ± four standard deviations.
            assert!(
                (22_000..=35_600).contains(&tokens),
                "{seed}, {of} slots: {tokens}"
            );
            let beginnings = |length: usize, own: usize| {
                let of_length = all.iter().filter(|(_, prompt)| prompt.len() == length);
                of_length
                    .map(|(_, prompt)| prompt[..own].to_vec())
                    .collect::<BTreeSet<_>>()
                    .len()
            };
            assert_eq!(
                (beginnings(24, 16), beginnings(264, 256)),
                (2, 2),
                "two groups of each kind"
            );
            by_slots.insert(all);
        }
        assert_eq!(
            by_slots.len(),
            1,
            "the same requests by any number of slots"
        );
    }
}

fn replaying(dir: &std::path::Path, text: &str) -> Scenario {
    let path = dir.join("t.jsonl");
    std::fs::write(&path, text).expect("the directory is writable");
    let entries = prompt_files::trace(&mut Text::of(text.as_bytes())).expect("it is a trace");
    let facts = Some(prompt_files::facts(
        entries.iter().map(|entry| entry.at).collect(),
        None,
    ));
    let file = FileSpec {
        path: path.to_str().expect("UTF-8").to_owned(),
        sha256: None,
    };
    let mut load = scenario(Shape::Trace {
        file,
        speed: 1.0,
        facts,
    });
    load.prompt.tokens = 2048.into();
    load
}

#[test]
fn blocks_of_a_trace_and_groups_of_prompts_share_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |at: u32, ids: &str| {
        format!(
            "{{\"timestamp\": {at}, \"input_length\": 1024, \"output_length\": 2, \"hash_ids\": [{ids}]}}\n"
        )
    };
    let mut load = replaying(
        dir.path(),
        &[line(0, "0, 1"), line(100, "0, 2"), line(200, "1, 0")].concat(),
    );
    load.prompt.prefix = Some(PrefixSpec {
        groups: 1,
        tokens: 16,
    });
    let sent = prompts(&whole(load));
    assert!(
        sent.iter()
            .all(|prompt| prompt.len() == 16 + 1024 && prompt[..16] == sent[0][..16])
    );
    assert_eq!(sent[0][16..528], sent[1][16..528]);
    assert_eq!(sent[0][16..528], sent[2][528..]);
    assert_ne!(sent[0][528..], sent[1][528..]);
    assert_ne!(sent[0][..16], sent[0][16..32], "group 0 is not block 0");
}

fn sent(part: &Part) -> Sent {
    let sent = part.sent.expect("it is counted");
    assert!(sent.is_possible(part.outcomes.planned));
    let prompts = part.requests.iter().map(|r| u64::from(r.prompt_tokens));
    assert_eq!(
        sent.prompts.sent.sum,
        prompts.sum::<u64>(),
        "what the requests themselves say"
    );
    sent
}

#[test]
fn what_is_cut_is_counted_wherever_it_comes_from() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |at: f64, prompt: u32, output: u32| {
        format!("{{\"at\": {at}, \"prompt_tokens\": {prompt}, \"output_tokens\": {output}}}\n")
    };
    let mut load = replaying(
        dir.path(),
        &[line(0.0, 6955, 500), line(1.0, 32, 8), line(2.0, 300, 8)].concat(),
    );
    (load.prompt.tokens, load.output_tokens) = (256.into(), 64.into());
    let of_trace = sent(&simulated(SimSpec::default(), &whole(load.clone())));
    assert_eq!(
        (of_trace.prompts.cut, of_trace.prompts.cut_tokens),
        (2, 6955 + 300 - 512)
    );
    assert_eq!(
        (
            of_trace.answers.asked.most,
            of_trace.answers.sent.most,
            of_trace.answers.cut
        ),
        (500, 64, 1)
    );
    let halves = [0, 1].map(|index| {
        sent(&simulated(
            SimSpec::default(),
            &assignment(load.clone(), Arm::A, Share { index, of: 2 }),
        ))
    });
    let mut both = halves[0];
    both.add(&halves[1]);
    assert_eq!(both, of_trace, "slots add up");

    // A text determines its own length.
    let path = dir.path().join("p.txt");
    let text: String = (0..200)
        .map(|n| format!("prompt {n} of this file\n"))
        .collect();
    std::fs::write(&path, text).expect("the directory is writable");
    let mut load = burst(30);
    load.prompt.file = Some(FileSpec {
        path: path.to_str().expect("UTF-8").to_owned(),
        sha256: None,
    });
    let of_file = |tokens: u32| {
        let mut load = load.clone();
        load.prompt.tokens = tokens.into();
        sent(&simulated(SimSpec::default(), &whole(load)))
    };
    let (short, long) = (of_file(3), of_file(512));
    assert_eq!(
        (short.prompts.sent.most, short.prompts.cut, long.prompts.cut),
        (3, 30, 0)
    );
    assert_eq!(short.prompts.asked, long.prompts.sent);
    assert!(long.prompts.sent.most < 512, "a limit is no length");

    // Draws beyond their bounds.
    let bounded = Distribution::Normal {
        mean: 10.0,
        sd: 5.0,
        min: 8,
        max: 12,
    };
    let drawn = Scenario {
        output_tokens: Length::Drawn(bounded),
        ..burst(400)
    };
    let drawn = sent(&simulated(SimSpec::default(), &whole(drawn))).answers;
    assert_eq!((drawn.sent.least, drawn.sent.most), (8, 12));
    assert!(
        drawn.cut > 80 && drawn.raised > 80 && drawn.asked.most > 12 && drawn.asked.least < 8,
        "{drawn:?}"
    );
}

#[test]
fn a_window_that_was_rounded_is_achieved_whatever_the_seed() {
    for (rate, seconds, requests) in [(1.5, 5.0, 8), (0.5, 3.0, 2), (1.4, 3.0, 4)] {
        for shape in [
            Shape::Poisson { rate },
            Shape::Constant { rate },
            Shape::Gamma { rate, cv: 2.0 },
        ] {
            for seed in 0..20 {
                let stop = StopSpec {
                    duration: Some(Duration::from_secs_f64(seconds)),
                    ..StopSpec::default()
                };
                let mut load = Scenario {
                    stop,
                    ..scenario(shape.clone())
                };
                load.warmup.run_in = Some(Duration::from_secs_f64(0.5));
                let part = simulated(
                    SimSpec::default(),
                    &Assignment {
                        seed,
                        ..whole(load)
                    },
                );
                check(&part, requests);
                assert_eq!(part.in_time, Some(requests), "{shape:?} {seed}");
                let limit = (seconds * 1e9) as u64;
                assert!(
                    part.requests.iter().all(|r| r.intended_ns < limit),
                    "{shape:?} {seed}"
                );
            }
        }
    }
}

#[test]
fn a_file_of_any_size_is_kept_as_what_is_sent_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("p.txt");
    let text: String = (0..50_000)
        .map(|n| format!("prompt number {n}\n"))
        .collect();
    std::fs::write(&path, text).expect("the directory is writable");
    let mut load = burst(40);
    load.prompt.tokens = 512.into();
    load.prompt.file = Some(FileSpec {
        path: path.to_str().expect("UTF-8").to_owned(),
        sha256: None,
    });
    for seed in 0..4 {
        let work = Assignment {
            seed,
            ..whole(load.clone())
        };
        let all = prompts(&work);
        assert_eq!(
            (all.len(), all.iter().collect::<BTreeSet<_>>().len()),
            (40, 40)
        );
        let share = Share { index: 1, of: 2 };
        let half = prompts(&Assignment {
            seed,
            ..assignment(load.clone(), Arm::A, share)
        });
        assert!(
            half.iter().eq(all.iter().skip(1).step_by(2)),
            "by any number of slots"
        );
    }
}
