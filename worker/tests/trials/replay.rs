//! Traces and files of prompts: what they list is sent, at the listed times, and a copy that
//! differs is refused.

use std::path::Path;

use contract::identity::Sha256;
use contract::part::Part;
use contract::prompt_files;
use contract::source::Text;
use contract::spec::{EngineSpec, FileSpec, PromptSet, Scenario, Shape, Share, SimSpec};
use sha2::Digest;
use worker::measure::Clock;
use worker::trial::Control;

use super::rig::{assignment, burst, check, open, scenario, simulated, whole};

fn write(dir: &Path, name: &str, text: &str) -> FileSpec {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("the directory is writable");
    let sha256 = Some(Sha256(sha2::Sha256::digest(text.as_bytes()).into()));
    FileSpec {
        path: path.to_str().expect("UTF-8").to_owned(),
        sha256,
    }
}

fn replaying(file: FileSpec, text: &str, speed: f64) -> Scenario {
    let entries = prompt_files::trace(&mut Text::of(text.as_bytes())).expect("it is a trace");
    let facts = Some(prompt_files::facts(
        entries.iter().map(|entry| entry.at).collect(),
        None,
    ));
    let mut load = scenario(Shape::Trace { file, speed, facts });
    (load.prompt.tokens, load.output_tokens) = (600.into(), 20.into());
    load
}

fn sent(part: &Part) -> Vec<(u64, u32, u32)> {
    part.requests
        .iter()
        .map(|r| (r.intended_ns / 1_000_000, r.prompt_tokens, r.output_tokens))
        .collect()
}

#[test]
fn a_trace_is_sent_as_it_says_by_any_number_of_slots() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "{\"at\": 5.0, \"prompt_tokens\": 7, \"output_tokens\": 2}\n\
                {\"at\": 5.5, \"prompt_tokens\": 900, \"output_tokens\": 50}\n\
                {\"at\": 7.0, \"prompt_tokens\": 1, \"output_tokens\": 2}\n";
    let load = replaying(write(dir.path(), "t.jsonl", text), text, 2.0);
    let part = simulated(SimSpec::default(), &whole(load.clone()));
    check(&part, 3);
    assert_eq!(
        sent(&part),
        [(0, 7, 2), (250, 600, 20), (1000, 1, 2)],
        "the second is cut"
    );
    assert_eq!((part.in_time, part.offered), (Some(3), 3));
    let of = |index| {
        simulated(
            SimSpec::default(),
            &assignment(load.clone(), part.place.key.arm, Share { index, of: 2 }),
        )
    };
    assert_eq!(
        (sent(&of(0)).len(), sent(&of(1))),
        (2, vec![(250, 600, 20)])
    );
}

#[test]
fn equal_blocks_of_a_trace_are_equal_tokens() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |at: u32, ids: &str| {
        format!(
            "{{\"timestamp\": {at}, \"input_length\": 550, \"output_length\": 1, \"hash_ids\": [{ids}]}}\n"
        )
    };
    let text = [line(0, "4, 5"), line(10, "4, 6"), line(20, "9, 5")].concat();
    let load = replaying(write(dir.path(), "m.jsonl", &text), &text, 1.0);
    let work = whole(load);
    let clock = Clock::simulated();
    let prompts = super::requests::prompts(&work, &EngineSpec::Sim(SimSpec::default()), &clock);
    assert!(prompts.iter().all(|prompt| prompt.len() == 550));
    assert_eq!(prompts[0][..512], prompts[1][..512]);
    assert_ne!(prompts[0][..512], prompts[2][..512]);
    assert_ne!(prompts[0][512..], prompts[1][512..]);
    assert_eq!(prompts[0][512..], prompts[2][512..]);
}

#[test]
fn prompts_come_from_the_file_and_from_their_own_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let text: String = (0..200)
        .map(|n| format!("prompt {n} of this file\n"))
        .collect();
    let mut load = burst(30);
    load.prompt.file = Some(write(dir.path(), "p.txt", &text));
    load.prompt.tokens = 3.into();
    let part = simulated(SimSpec::default(), &whole(load.clone()));
    check(&part, 30);
    assert!(
        part.requests.iter().all(|r| r.prompt_tokens == 3),
        "five words, cut to three"
    );
    let prompts = |set| {
        load.prompt.set = set;
        super::requests::prompts(
            &whole(load.clone()),
            &EngineSpec::Sim(SimSpec::default()),
            &Clock::simulated(),
        )
    };
    let mut prompts = prompts;
    let (evaluation, training) = (prompts(PromptSet::Evaluation), prompts(PromptSet::Training));
    assert!(evaluation.iter().all(|prompt| !training.contains(prompt)));
}

#[test]
fn a_copy_that_differs_and_a_file_that_is_not_there_are_refused_with_the_way_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |file: FileSpec| {
        let mut load = burst(3);
        load.prompt.file = Some(file);
        let work = whole(load);
        let clock = Clock::simulated();
        let mut engine = open(&EngineSpec::Sim(SimSpec::default()), &work, &clock);
        engine
            .warm_up(&work, &Control::new())
            .expect_err("it is refused")
            .message
    };
    let mut file = write(dir.path(), "p.txt", "one\ntwo\n");
    file.sha256 = Some(Sha256::default());
    assert!(refused(file.clone()).contains("copy the file to every host again"));
    file.path.push('x');
    assert!(refused(file).contains("every host needs the file at this path"));
}
