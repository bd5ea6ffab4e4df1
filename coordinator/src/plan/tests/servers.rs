//! Errors in the servers of plans, each with its sentence.

use super::*;

/// A plan with one server: the engine, lines of `[server]`, and lines of its variant.
fn server(engine: &str, server: &str, variant: &str) -> String {
    format!(
        "engine = \"{engine}\"\n{SMALL}[server]\n{server}\n[[server.variant]]\nname = \"one\"\n{variant}\n"
    )
}

#[test]
fn what_is_missing_or_too_much_says_the_way_out() {
    let port = r#"command = ["serve", "{port}"]"#;
    let cases = [
        (
            server("exec", "", ""),
            "has neither a `command` nor a `url`",
        ),
        (
            server("grpc", &format!("{port}\nurl = \"http://h:1\""), ""),
            "has both a `command` and a `url`",
        ),
        (
            server("exec", r#"url = "http://h:1""#, ""),
            "an exec engine is always started: give a `command`",
        ),
        (
            server("exec", r#"command = ["{program}"]"#, ""),
            "holds {program} in its command: give it a `program`",
        ),
        (
            server("exec", r#"command = ["serve"]"#, r#"program = "x""#),
            "put {program} into `command`",
        ),
        (
            server("openai", r#"command = ["serve"]"#, ""),
            "is not told where to listen: put {port} into `command`",
        ),
        (
            server("exec", port, ""),
            "an exec engine listens nowhere: leave it out",
        ),
        (
            server("grpc", &format!("{port}\nopenai = {{ close = true }}"), ""),
            "has a table [server.openai], and the engine is `grpc`",
        ),
        (
            with("engine = \"exec\""),
            "the server has no variant: write [server]",
        ),
        (
            server("grpc", &format!("{port}\nstart = 4000"), ""),
            "longer than `timeouts.load` allows",
        ),
    ];
    for (text, expected) in cases {
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}");
    }
    assert!(read(&server("openai", port, "")).is_ok(), "the twin");
}

#[test]
fn a_misspelt_placeholder_is_named_with_the_nearest() {
    let cases = [
        (
            "grpc",
            "{prot}",
            "",
            "holds {prot}, which stands for nothing, did you mean {port}?",
        ),
        ("openai", "--port={PORT}", "", "did you mean {port}?"),
        ("exec", "{modle}", "", "did you mean {model}?"),
        ("exec", "{model_path}", "", "did you mean {model}?"),
        ("exec", "{thread}", "", "did you mean {threads}?"),
        (
            "exec",
            "{progam}",
            "program = \"x\"",
            "did you mean {program}?",
        ),
        (
            "exec",
            "{slots}",
            "",
            "; {model}, {port}, {program} and {threads} do",
        ),
    ];
    for (engine, word, variant, expected) in cases {
        let command = format!("command = [\"serve\", \"{word}\"]");
        let message = refusal(&server(engine, &command, variant));
        assert!(message.contains("the server of `one` holds {"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let message = refusal(&server(
        "exec",
        "command = [\"serve\"]",
        "env = { M = \"{modell}\" }",
    ));
    assert!(message.contains("did you mean {model}?"), "{message}");
}

#[test]
fn other_texts_in_braces_are_the_programs_own() {
    for word in [
        "{model}",
        "{threads}",
        "${HOME}",
        "${prot}",
        "{}",
        "{ \\\"top_k\\\": 1 }",
        "{0}",
    ] {
        let text = server("exec", &format!("command = [\"serve\", \"{word}\"]"), "");
        assert!(read(&text).is_ok(), "{word}: {}", refusal(&text));
    }
}
