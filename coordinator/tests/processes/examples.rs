//! The examples of engines that are programs of their own, each with the loads of a preset: bursts
//! of 100 and of 200.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coordinator::plan::preset;

use crate::interpreter::python;
use crate::sandbox::{Ended, Sandbox};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples")
}

fn table(text: &str) -> toml::Table {
    text.parse().unwrap()
}

/// The plan of an example with the loads of the preset `high`, for one round; `change` adapts its
/// table `[server]`.
fn with_preset(name: &str, change: impl FnOnce(&mut toml::Table)) -> String {
    let path = examples().join(name).join("plan.toml");
    let mut plan = table(&fs::read_to_string(path).unwrap());
    let high = table(preset::toml("high").unwrap());
    plan.insert("scenario".to_owned(), high["scenario"].clone());
    plan.insert("rounds".to_owned(), 1.into());
    let server = plan["server"].as_table_mut().unwrap();
    let directory = examples().join(name).display().to_string();
    server.insert("directory".to_owned(), directory.into());
    change(server);
    plan.to_string()
}

/// Every request of every arm was answered in full.
fn is_whole(sandbox: &Sandbox, ended: &Ended) {
    // On a busy machine the measurement is in doubt, but complete.
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{ended:?}");
    let record = sandbox.latest();
    assert_eq!(record.blocks.len(), 2, "{ended:?}");
    let mut sums: Vec<_> = record
        .parts
        .iter()
        .map(|part| (part.outcomes.ok, part.output_tokens))
        .collect();
    sums.sort_unstable();
    let (fewer, more) = ((100, 3200), (200, 6400));
    assert_eq!(sums, [fewer, fewer, fewer, more, more, more], "{ended:?}");
}

#[test]
fn the_exec_example_runs_a_preset() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&with_preset("exec", |_| ()));
    let ended = sandbox.run(&["run", &path, "-q"]);
    is_whole(&sandbox, &ended);
}

#[test]
fn the_grpc_example_in_python_runs_a_preset() {
    let Some(python) = python("grpc_tools") else {
        return;
    };
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&with_preset("grpc", |_| ()));
    let folder = Path::new(&python).parent().unwrap().display().to_string();
    let search = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let running = sandbox.start_with(&["run", &path, "-q"], &[("PATH", &search)]);
    is_whole(&sandbox, &running.end());
}

#[test]
fn the_openai_example_runs_a_preset() {
    let sandbox = Sandbox::new();
    let worker = sandbox.path("worker").display().to_string();
    let path = sandbox.plan(&with_preset("openai", |server| {
        let command = server["command"].as_array_mut().unwrap();
        assert_eq!(command[0].as_str(), Some("target/release/worker"));
        command[0] = worker.into();
    }));
    let ended = sandbox.run(&["run", &path, "-q"]);
    is_whole(&sandbox, &ended);
}

/// The Rust example as the package that its page shows. Its libraries are those of this workspace's
/// lock file, and are compiled once for each target directory.
fn rust_example() -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grpc-example");
    fs::create_dir_all(&copy).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let from = examples().join("grpc");
    let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
    let ours = format!("path = \"{}\"", root.canonicalize().unwrap().display());
    assert!(manifest.contains("path = \"../../..\""), "{manifest}");
    let manifest = manifest.replace("path = \"../../..\"", &ours);
    fs::write(copy.join("Cargo.toml"), manifest).unwrap();
    fs::copy(from.join("engine.rs"), copy.join("engine.rs")).unwrap();
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock")).unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--target-dir", "target"])
        .current_dir(&copy)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(built.status.success(), "{error}");
    copy.join("target/debug/grpc-engine")
}

#[test]
fn the_grpc_example_in_rust_is_built_and_runs_a_preset() {
    let program = rust_example().display().to_string();
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&with_preset("grpc", |server| {
        let command = vec![program.into(), "{port}".into()];
        server.insert("command".to_owned(), toml::Value::Array(command));
    }));
    let ended = sandbox.run(&["run", &path, "-q"]);
    is_whole(&sandbox, &ended);
}
