//! Two hosts that should have the same model, one of which has a damaged copy: a byte that is in
//! neither header nor samples. Each host is a mount namespace on this machine.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use contract::run::RunState;
use coordinator::store::RunRecord;

use crate::hosts::{may, obstacle, skip};
use crate::native::{manifest, model};
use crate::sandbox::{Ended, Sandbox};
use crate::security::{Agent, agent, free};
use crate::tally::{plan, requests, state};

const TOKEN: &str = "of the test";

/// A copy of a model with one bit flipped half-way between two samples.
fn damaged(model: &Path, copy: &Path) {
    fs::create_dir(copy).unwrap();
    for entry in fs::read_dir(model).unwrap().flatten() {
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let weights = copy.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let middle = bytes.len() / 2 + 4096;
    bytes[middle] ^= 1;
    fs::write(weights, bytes).unwrap();
}

/// An agent on a host that sees `copy` instead of `model`.
fn elsewhere(sandbox: &Sandbox, url: &str, model: &Path, copy: &Path) -> Agent {
    let mut inner = agent(sandbox, url, None, Some(TOKEN));
    inner.args(["--name", "two"]);
    let words: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|word| format!("'{}'", word.display()))
        .collect();
    let script = format!(
        "mount --bind '{}' '{}' && exec {}",
        copy.display(),
        model.display(),
        words.join(" ")
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    command
        .env("PGO_BENCH_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Agent(command.spawn().unwrap())
}

/// A run on two hosts, the second of which has this copy.
fn run(sandbox: &Sandbox, model: &str, copy: &Path, flags: &[&str]) -> Ended {
    let address = free();
    let (url, listen) = (format!("http://{address}"), address.to_string());
    let text = plan(1, 10, 4, 2)
        .replace("engine = 'sim'", "")
        .replace("start = 20", "start = 90");
    let path = sandbox.plan(&text);
    let words = ["run", &path, "--seed", "1", "--model", model, "--a-a"];
    let fleet = ["--launcher", "attach", "--agents", "2", "--listen", &listen];
    let running = sandbox.start_with(
        &[&words[..], &fleet, flags].concat(),
        &[("PGO_BENCH_TOKEN", TOKEN)],
    );
    let mut first = agent(sandbox, &url, None, Some(TOKEN));
    let first = Agent(
        first
            .args(["--name", "one"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let second = elsewhere(sandbox, &url, Path::new(model), copy);
    let ended = running.end_within(std::time::Duration::from_secs(180));
    drop((first, second));
    ended
}

fn complete(record: &RunRecord) -> bool {
    (state(record), requests(record)) == (Some(RunState::Complete), 30)
}

#[test]
fn a_damaged_byte_on_one_host_is_found_where_every_byte_is_looked_at_and_before_anything_is_measured()
 {
    let sandbox = Sandbox::new();
    let why = obstacle(&["unshare", "mount"]).or_else(|| {
        (!may("unshare --mount true")).then(|| "there are no mount namespaces here".to_owned())
    });
    if let Some(why) = why {
        return skip(&why);
    }
    let model = model(&sandbox);
    manifest(&sandbox, &["baseline"]);
    let copy = sandbox.path("copy");
    damaged(Path::new(&model), &copy);

    let ended = run(&sandbox, &model, &copy, &["--verify-model"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for words in [
        "but other bytes differ",
        "on one",
        "on two",
        "worker model digest --full",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), record.parts.len()),
        (Some(RunState::Failed), 0),
        "{ended:?}"
    );

    // Counter-checks: without the check nothing is found; without damage every check passes.
    let ended = run(&sandbox, &model, &copy, &[]);
    let record = sandbox.latest();
    assert!(
        complete(&record) && record.header.model_sha256.is_none(),
        "{ended:?}"
    );
    let ended = run(&sandbox, &model, Path::new(&model), &["--verify-model"]);
    let record = sandbox.latest();
    assert!(complete(&record), "{ended:?}");
    let digest = record.header.model_sha256.expect("it was asked for");
    assert!(
        record
            .parts
            .iter()
            .all(|part| part.engine.model_sha256 == Some(digest))
    );
    let shown = sandbox.run(&["report", "latest"]);
    assert!(
        shown
            .stdout
            .replace("\n", " ")
            .contains(&digest.to_string()),
        "{shown:?}"
    );
    sandbox.deserted();
}
