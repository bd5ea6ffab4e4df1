//! Servers with the OpenAI interface, from a plan to a verdict. The server is the referee, whose
//! flags determine its answers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use contract::part::Itl;

use crate::sandbox::Sandbox;

const COMMAND: &str = r#"["./worker", "referee", "--listen", "127.0.0.1:{port}", "--ttft", "5"]"#;

/// A plan with two variants of a server; `more` is added to the `[server]` table.
fn plan(sandbox: &Sandbox, command: &str, more: &str) -> String {
    sandbox.plan(&format!(
        r#"
name = "openai"
engine = "openai"
rounds = 1
seed = 7
on_loss = "fail"
[server]
command = {command}
{more}
[[server.variant]]
name = "slow"
args = ["--itl", "8"]
[[server.variant]]
name = "quick"
args = ["--itl", "4"]
[[scenario]]
name = "burst"
shape = {{ kind = "burst", requests = 12 }}
prompt = {{ tokens = 4 }}
output_tokens = 6
"#
    ))
}

#[test]
fn two_servers_run_to_a_verdict() {
    let sandbox = Sandbox::new();
    let path = plan(&sandbox, COMMAND, "");
    let ended = sandbox.run(&["run", &path, "--rounds", "6", "-q"]);
    // On a busy machine the measurement is doubted, and still made.
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{ended:?}");
    assert!(ended.stdout.contains("E2E p50"), "{ended:?}");
    let report = sandbox.run(&["report", "latest"]).stdout;
    let report = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "openai: a server with the OpenAI HTTP interface",
        "connections opened",
        "time between tokens is exact exact",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    let record = sandbox.latest();
    assert_eq!(record.blocks.len(), 6);
    let part = &record.parts[0];
    let server = part.engine.server.as_ref().expect("it is a server");
    assert_eq!((server.itl, server.moments), (Itl::Exact, 12 * 6));
    assert_eq!((server.with_usage, server.output_tokens), (12, 72));
    assert!(server.prompts.contains("/tokenize"), "{server:?}");
    assert!(part.usage.peak_rss_bytes > 0 && part.steps.kept.is_empty());
}

#[test]
fn a_run_full_of_failures_explains_itself() {
    let sandbox = Sandbox::new();
    let command = COMMAND.replace("\"referee\"", "\"referee\", \"--stops\"");
    let path = plan(&sandbox, &command, "");
    let ended = sandbox.run(&["run", &path, "-q"]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let said = format!("{}{}", ended.stdout, ended.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["finish_reason other than length", "ignore_eos"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn a_server_that_never_gets_ready_is_named() {
    let sandbox = Sandbox::new();
    let ends = r#"["sh", "-c", "echo no such model >&2; exit 3; : {port}"]"#;
    let path = plan(&sandbox, ends, "");
    let ended = sandbox.run(&["run", &path, "-q"]);
    let said = ended
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let part = "ended before it was ready (exit code 3): try that command by hand; its last line: no such model";
    assert!(said.contains(part), "{ended:?}");

    let rests = r#"["sh", "-c", "echo busy >&2; sleep 100; : {port}"]"#;
    let path = plan(&sandbox, rests, "start = 1");
    let ended = sandbox.run(&["run", &path, "-q"]);
    let said = ended
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let part = "was not ready within 1 s: raise [server] start, or see its log (nobody listens at the server's \
                address";
    assert!(said.contains(part), "{ended:?}");
}

#[test]
fn a_server_of_somebody_else_is_measured_and_labelled() {
    let sandbox = Sandbox::new();
    let mut referee = Command::new(sandbox.path("worker"))
        .args(["referee", "--ttft", "5", "--itl", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = referee.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let path = plan(&sandbox, COMMAND, "");
    let text = fs::read_to_string(&path).unwrap();
    let url = format!("url = \"{}\"", line.trim());
    let text = text.replace(&format!("command = {COMMAND}"), &url);
    let text = text.replace("args = [\"--itl\", \"8\"]\n", "");
    let text = text.replace(
        "[[server.variant]]\nname = \"quick\"\nargs = [\"--itl\", \"4\"]\n",
        "",
    );
    fs::write(&path, text).unwrap();
    let ended = sandbox.run(&["run", &path, "-q"]);
    referee.kill().unwrap();
    referee.wait().unwrap();
    let record = sandbox.latest();
    assert_eq!(record.blocks.len(), 1, "{ended:?}");
    assert!(record.parts[0].engine.server.is_some());
}
