//! Loads whose text and effect differ: refused with the cause and a remedy, or described by their
//! effect.

use std::path::Path;

use super::*;

/// A plan file of one scenario, in a directory with other files.
fn resolved(dir: &Path, scenario: &str) -> Result<(Plan, Vec<Ahead>), String> {
    let path = dir.join("plan.toml");
    let text = format!("name = 'p'\n[[scenario]]\nname = 's'\n{scenario}\n");
    std::fs::write(&path, text).expect("it is writable");
    ahead(&Source::File(path), &Overrides::default(), 7).map_err(|error| error.to_string())
}

fn of(shape: &str, stop: &str) -> Result<(Plan, Vec<Ahead>), String> {
    let dir = tempfile::tempdir().expect("a directory");
    let stop = if stop.is_empty() {
        String::new()
    } else {
        format!("stop = {{ {stop} }}\n")
    };
    let rest = "prompt = { tokens = 256 }\noutput_tokens = 64";
    resolved(dir.path(), &format!("shape = {{ {shape} }}\n{stop}{rest}"))
}

fn refused(shape: &str, stop: &str) -> String {
    of(shape, stop).expect_err(&format!("{shape} {stop}"))
}

#[test]
fn windows_without_a_request_and_stops_beyond_the_shape_name_the_cause() {
    let (ramp, steps) = (
        "kind = 'ramp', from = 10.0, to = 20.0, over = 3.0",
        "kind = 'steps', rates = [10.0, 20.0], each = 1.5",
    );
    let loop_ = "kind = 'closed-loop', concurrency = 2";
    let cases = [
        (
            "kind = 'closed-loop', concurrency = 0, requests = 5",
            "",
            "has no number in flight above zero",
        ),
        (
            "kind = 'constant', rate = 0.1",
            "duration = 3.0",
            "gives 0.300 requests in 3 s",
        ),
        (
            "kind = 'constant', rate = 1e6",
            "duration = 60.0",
            "has 60000000 requests, and at most 10000000 \
                                                              are allowed",
        ),
        (
            ramp,
            "requests = 80",
            "stop at 80 requests (`stop.requests`), but its ramp has only 45",
        ),
        (
            ramp,
            "min_requests = 80",
            "stop at 80 requests (`stop.min_requests`), but its ramp has only 45",
        ),
        (
            ramp,
            "duration = 4.0",
            "is to last 4 s (`stop.duration`), but its ramp is over after 3 s",
        ),
        (steps, "requests = 80", "its sequence of steps has only 45"),
        (
            steps,
            "min_duration = 9.0",
            "is to last 9 s (`stop.min_duration`), but its sequence of steps is over",
        ),
        (
            "kind = 'ladder', concurrency = [1, 2], each = 1.0",
            "duration = 9.0",
            "its ladder is over after 2 s",
        ),
        (
            loop_,
            "duration = 3.0, min_requests = 9",
            "`stop.min_requests` beside `stop.duration`",
        ),
        (
            "kind = 'poisson', rate = 9.0",
            "duration = 3.0, min_duration = 4.0",
            "`stop.min_duration` beside",
        ),
    ];
    for (shape, stop, told) in cases {
        let said = refused(shape, stop);
        assert!(said.contains(told), "{shape} {stop}: {said}");
        assert!(!said.contains("--slots"), "there is one slot: {said}");
    }
    // Counter-check: loads that reach their stop.
    for (shape, stop) in [
        ("kind = 'constant', rate = 0.1", "duration = 5.0"),
        ("kind = 'poisson', rate = 1.5", "duration = 5.0"),
        (ramp, "requests = 45"),
        (ramp, "min_requests = 45"),
        (ramp, "duration = 2.0"),
        (steps, ""),
        (loop_, "min_duration = 3.0, min_requests = 9"),
    ] {
        of(shape, stop).expect(shape);
    }
}

#[test]
fn what_was_run_once_is_read_whatever_a_new_plan_is_held_to() {
    let plan = of("kind = 'ramp', from = 10.0, to = 20.0, over = 3.0", "")
        .expect("it is sound")
        .0;
    let json = plan
        .to_json()
        .replace("\"shape\":", "\"stop\":{\"requests\":80},\"shape\":");
    assert_eq!(
        Plan::from_json(&json).expect("it was run").scenarios[0].requests(),
        80
    );
}

#[test]
fn a_warm_up_may_say_one_thing_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    for (warmup, requests, output, run_in) in [
        ("run_in = 0.0", None, 2, Some(0.0)),
        ("requests = 3", Some(3), 2, None),
        ("output_tokens = 5", None, 5, None),
    ] {
        let load = "shape = { kind = 'poisson', rate = 4.0 }\nstop = { duration = 10.0 }\nprompt = { tokens = 8 }\n\
                    output_tokens = 4";
        let plan = resolved(dir.path(), &format!("{load}\nwarmup = {{ {warmup} }}"))
            .expect(warmup)
            .0;
        let found = plan.scenarios[0].warmup;
        assert_eq!(
            (found.requests, found.output_tokens),
            (requests, output),
            "{warmup}"
        );
        assert_eq!(found.run_in.map(|time| time.as_secs_f64()), run_in);
    }
}

fn traced(lines: &[(f64, u32, u32)], more: &str) -> Result<(Plan, Vec<Ahead>), String> {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |&(at, prompt, output): &(f64, u32, u32)| {
        format!(
            "{{\"timestamp\": {at}, \"input_length\": {prompt}, \"output_length\": {output}}}\n"
        )
    };
    std::fs::write(
        dir.path().join("t.jsonl"),
        lines.iter().map(line).collect::<String>(),
    )
    .expect("it is writable");
    let shape = "shape = { kind = 'trace', file = { path = 't.jsonl' } }";
    resolved(
        dir.path(),
        &format!("{shape}\nprompt = {{ tokens = 256 }}\noutput_tokens = 64\n{more}"),
    )
}

#[test]
fn a_trace_is_told_as_it_is_sent_and_what_is_cut_is_counted() {
    let (plan, ahead) =
        traced(&[(0.0, 6955, 500), (900.0, 32, 8), (500.0, 300, 9)], "").expect("it is a trace");
    let sent = ahead[0].sent.expect("nothing but the trace has a say");
    assert_eq!((plan.scenarios[0].requests(), sent.requests), (3, 3));
    assert_eq!(
        (
            sent.prompts.asked.most,
            sent.prompts.sent.most,
            sent.prompts.sent.least
        ),
        (6955, 256, 32)
    );
    assert_eq!(
        (sent.prompts.cut, sent.prompts.cut_tokens, sent.answers.cut),
        (2, 6743, 1)
    );
    // The shared prefix, and the prefix of every prompt.
    let prefix = "stop = { requests = 2 }\n[scenario.prompt]\ntokens = 256\nprefix = { groups = 1, tokens = 16 }";
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(
        dir.path().join("t.jsonl"),
        "{\"at\": 0, \"prompt_tokens\": 9, \"output_tokens\": 2}\n{\"at\": 4, \"prompt_tokens\": 999, \"output_tokens\": 2}\n\
         {\"at\": 2, \"prompt_tokens\": 300, \"output_tokens\": 2}\n",
    )
    .expect("it is writable");
    let load = format!(
        "shape = {{ kind = 'trace', file = {{ path = 't.jsonl' }} }}\noutput_tokens = 64\n{prefix}"
    );
    let (plan, ahead) = resolved(dir.path(), &load).expect("it is a trace");
    let sent = ahead[0].sent.expect("nothing but the trace has a say");
    assert_eq!(
        (
            sent.requests,
            sent.prompts.asked.most,
            sent.prompts.sent.most
        ),
        (2, 316, 272)
    );
    assert_eq!(
        plan.scenarios[0].window(),
        Some(Duration::from_secs(2)),
        "in order of time, its beginning"
    );
}

#[test]
fn a_trace_without_a_window_is_refused_with_what_it_is() {
    let at = |times: &[f64]| times.iter().map(|at| (*at, 32, 8)).collect::<Vec<_>>();
    for (lines, more, told) in [
        (
            at(&[5000.0]),
            "",
            "replays 1 request(s) that are all due at the same instant",
        ),
        (
            at(&[7.0; 20]),
            "",
            "`shape = { kind = \"burst\", requests = 20 }`",
        ),
        (
            at(&[0.0, 0.0, 900.0]),
            "stop = { requests = 2 }",
            "replays 2 request(s) that are all due",
        ),
        (at(&[0.0, 0.2, 0.4]), "", "`timestamp` counts milliseconds"),
        (
            at(&[0.0, 1e12]),
            "",
            "a window lasts from 0.01 s to 604800 s",
        ),
        (
            at(&[0.0, 900.0]),
            "stop = { requests = 3 }",
            "but its trace has only 2",
        ),
        (
            at(&[0.0, 900.0]),
            "stop = { min_requests = 2 }",
            "a trace sets the number itself",
        ),
    ] {
        let said = traced(&lines, more).expect_err(told);
        assert!(said.contains(told), "{said}");
    }
    assert!(traced(&at(&[0.0, 900.0]), "stop = { requests = 2 }").is_ok());
}

#[test]
fn files_are_read_as_text_and_by_their_structure() {
    let dir = tempfile::tempdir().expect("a directory");
    let with = |name: &str, bytes: &[u8]| {
        std::fs::write(dir.path().join(name), bytes).expect("it is writable");
        let load = "shape = { kind = 'burst', requests = 20 }\noutput_tokens = 4\nprompt = { tokens = 512, file = { path = ";
        resolved(dir.path(), &format!("{load}'{name}' }} }}"))
    };
    let chats: String = (0..60)
        .map(|n| {
            format!(
                "{{\"conversations\": [{{\"from\": \"human\", \"value\": \"Question {n}?\"}}]}}\n"
            )
        })
        .collect();
    let plain = with("chats.jsonl", chats.as_bytes())
        .expect("it is sound")
        .1;
    let marked = with("marked.jsonl", format!("\u{feff}{chats}").as_bytes())
        .expect("a mark is no matter")
        .1;
    assert_eq!(plain[0].prompts[0].1, marked[0].prompts[0].1);
    assert_eq!(plain[0].prompts[0].1.prompts(), 60);
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(chats.bytes().flat_map(|byte| [byte, 0]))
        .collect();
    assert!(
        with("wide.jsonl", &utf16)
            .expect_err("UTF-16")
            .contains("iconv -f UTF-16 -t UTF-8")
    );
    assert!(
        with("p.jsonl", b"no json\n")
            .expect_err("its name ends in .json")
            .contains("read line 1")
    );
    let inst: String = (0..60)
        .map(|n| format!("[INST] Say {n}. [/INST]\n"))
        .collect();
    assert_eq!(
        with("inst.txt", inst.as_bytes()).expect("it is text").1[0].prompts[0]
            .1
            .prompts(),
        60
    );
    let load = |path: &str| {
        let load = "shape = { kind = 'burst', requests = 20 }\noutput_tokens = 4";
        resolved(
            dir.path(),
            &format!("{load}\nprompt = {{ tokens = 5, file = {{ path = '{path}' }} }}"),
        )
    };
    for (path, what) in [("/dev/zero", "a device"), (".", "a directory")] {
        assert!(load(path).expect_err(what).contains(what), "{path}");
        let plan = ahead(
            &Source::File(dir.path().join(path)),
            &Overrides::default(),
            7,
        );
        assert!(
            plan.expect_err(what).to_string().contains(what),
            "{path} as the plan itself"
        );
    }
}
