//! Prompts in every format, refusals, and the division into two sets.

use super::*;

fn read(name: &str, text: &str, turns: u32) -> Result<(Vec<Text>, Survey), String> {
    let mut all = Vec::new();
    let mut source = source::Text::of(text.as_bytes());
    prompts(Path::new(name), &mut source, turns, &mut |one| {
        all.push(one);
    })
    .map(|survey| (all, survey))
    .map_err(|error| error.to_string())
}

fn only(name: &str, text: &str, turns: u32) -> Vec<String> {
    read(name, text, turns)
        .expect(text)
        .0
        .into_iter()
        .map(|one| one.text)
        .collect()
}

#[test]
fn prompts_come_as_lines_objects_and_conversations() {
    assert_eq!(only("p.txt", "one\n\ntwo words\n", 1), ["one", "two words"]);
    let objects = "{\"prompt\": \"one\"}\n{\"text\": \"two\", \"id\": 3}\n";
    assert_eq!(only("p.jsonl", objects, 1), ["one", "two"]);
    let talk = r#"[{"id": "x", "conversations": [{"from": "human", "value": "Hi?"},
        {"from": "gpt", "value": "Yes."}, {"from": "human", "value": "Why?"}]}]"#;
    assert_eq!(only("p.json", talk, 1), ["Hi?"]);
    assert_eq!(only("p.json", talk, 9), ["Hi?", "Hi?\nYes.\nWhy?"]);
    // Recognised by structure, with any name, with a byte-order mark and with other line ends.
    for (name, text) in [
        ("p", talk),
        ("p.txt", &format!("\u{feff}{talk}")),
        ("P.JSON", &talk.replace('\n', "\r\n")),
    ] {
        assert_eq!(only(name, text, 1), ["Hi?"], "{name}");
    }
    assert_eq!(
        only(
            "p",
            &format!("\u{feff}{}", objects.replace('\n', "\r\n")),
            1
        ),
        ["one", "two"]
    );
}

#[test]
fn text_that_begins_with_a_bracket_is_text() {
    for line in [
        "[INST] Say it. [/INST]",
        "[1] First",
        "{name}, say it",
        "{ {x} }",
        "[[nested]]",
    ] {
        assert_eq!(only("p.txt", &format!("{line}\n{line}"), 1), [line, line]);
    }
}

#[test]
fn what_is_called_json_is_never_taken_for_text() {
    for (name, text, wanted) in [
        (
            "p.jsonl",
            "{\"prompt\": \"one\"}\nnot json",
            "read line 2: expected ident in column 2",
        ),
        ("p.json", "one\ntwo", "read line 1: expected value"),
        (
            "p.json",
            "[INST] Say it.",
            "read it as a JSON array: expected value at line 1 column 2",
        ),
        (
            "p.json",
            "[{\"prompt\": \"one\"},\n{\"prompt\": 3}]",
            "invalid type: integer `3`, expected a string at line 2",
        ),
        (
            "p.json",
            "[{\"prompt\": \"one\"},\n{\"messages\": []}]",
            "`prompt` is missing at line 2",
        ),
        (
            "p.json",
            "[{\"prompt\": \"one\"}]\nrest",
            "trailing characters at line 2",
        ),
        ("p.json", "[{\"prompt\": \"one\"},\n", "EOF while parsing"),
        (
            "p.jsonl",
            "{\"messages\": []}",
            "use line 1: `prompt` is missing",
        ),
        (
            "p.jsonl",
            "{\"prompt\": \"a\", \"text\": \"b\"}",
            "both `prompt` and `text`",
        ),
        ("p.txt", "{\"prompt\": \"one\"}\n[INST]", "read line 2: "),
        (
            "p.json",
            "[{\"conversations\": [{\"from\": \"human\", \"value\": null}]}]",
            "invalid type: null",
        ),
        ("p.json", "[]", "find a prompt in it"),
        ("p.txt", " \n\n", "find a prompt in it"),
        (
            "p.json",
            "[{\"prompt\": \"a\0b\"}]",
            "read line 1 as text: it has a zero byte",
        ),
    ] {
        let error = read(name, text, 1).expect_err(text);
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_fifth_of_the_prompts_is_for_training_and_a_conversation_stays_whole() {
    let many: String = (0..2000)
        .map(|n| format!("question number {n}\n"))
        .collect();
    let (_, survey) = read("p.txt", &many, 1).expect("they are lines");
    assert!(
        (300..500).contains(&survey.training) && survey.prompts() == 2000,
        "{survey:?}"
    );
    let talk = |n: u32| {
        let turn = |n: u32| format!("{{\"from\": \"user\", \"value\": \"q {n}\"}}");
        let system = "{\"from\": \"system\", \"value\": \"Be kind.\"}";
        format!(
            "{{\"conversations\": [{system}, {}, {}]}}\n",
            turn(n),
            turn(n + 1)
        )
    };
    // All of them begin with the same turn.
    let talks: String = (0..300).map(|n| talk(3 * n)).collect();
    let (all, survey) = read("p.jsonl", &talks, 2).expect("they are conversations");
    assert!(
        (60..180).contains(&survey.training) && survey.both().is_ok(),
        "{survey:?}"
    );
    assert!(
        all.chunks(2)
            .all(|pair| pair[0].set == pair[1].set && pair[1].text.starts_with(&pair[0].text))
    );
}

#[test]
fn what_asks_nothing_is_counted_and_one_set_alone_is_refused() {
    let talks = "[{\"conversations\": []}, {\"conversations\": [{\"from\": \"gpt\", \"value\": \"I\"}]}, \
                 {\"prompt\": \" \"}, {\"prompt\": \"one\"}]";
    let (_, survey) = read("p.json", talks, 1).expect("it has a prompt");
    assert_eq!((survey.prompts(), survey.left_out), (1, 3));
    let said = survey.both().expect_err("a single prompt").to_string();
    assert!(
        said.contains("all 1 fall into the") && said.contains("such that differ"),
        "{said}"
    );
}

#[test]
fn one_element_of_an_array_has_a_limit_and_the_array_has_none() {
    let long = |bytes: usize| format!("{{\"prompt\": \"{}\"}}", "x".repeat(bytes));
    // The reader is one buffer ahead of the parser.
    let (half, whole) = (long(MOST_LINE / 2), long(MOST_LINE + (64 << 10)));
    assert_eq!(
        only("p.json", &format!("[{half},{half},{half}]"), 1).len(),
        3
    );
    let Err(error) = read("p.json", &format!("[{half},{whole}]"), 1) else {
        panic!("it is too long")
    };
    assert!(error.contains("longer than"), "{error}");
}
