//! The programs under test. Cargo builds the coordinator for this test. The worker belongs to
//! another package, so the existing one is used if it is not older than its sources, and is built
//! otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

pub(crate) const COORDINATOR: &str = env!("CARGO_BIN_EXE_coordinator");

/// The worker, stripped: every process hashes itself, and most of a debug build is debug
/// information.
pub(crate) fn worker() -> &'static Path {
    static WORKER: OnceLock<PathBuf> = OnceLock::new();
    WORKER.get_or_init(|| {
        let built = Path::new(COORDINATOR).with_file_name("worker");
        if !is_fresh(&built) {
            build();
        }
        let small = Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes-worker");
        let draft = small.with_extension(std::process::id().to_string());
        let strip = Command::new("strip")
            .arg("-o")
            .args([&draft, &built])
            .status();
        if !strip.is_ok_and(|status| status.success()) {
            fs::copy(&built, &draft).unwrap();
        }
        fs::rename(&draft, &small).unwrap();
        small
    })
}

/// Whether nothing compiled into the program has changed since.
fn is_fresh(program: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let (Some(built), Ok(sources)) = (
        time(program),
        fs::read_to_string(program.with_extension("d")),
    ) else {
        return false;
    };
    let older = |source: &str| time(Path::new(source)).is_some_and(|at: SystemTime| at <= built);
    sources
        .split_once(": ")
        .is_some_and(|(_, list)| list.split_whitespace().all(older))
}

fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "worker"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(
        cargo.status().unwrap().success(),
        "the worker must build for these tests"
    );
}
