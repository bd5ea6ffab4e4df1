//! A small workspace of two crates with the product's cargo profile (without link-time optimisation
//! unless a test needs it), and a trainer that runs its program directly. Needs no network and
//! builds in about a second for each variant.

pub(crate) mod git;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coordinator::build::{
    BuildError, BuildOptions, BuildProgress, BuiltSource, Counting, Trainer, TrainingFailure,
    TrainingReport, build, profile_pattern,
};
use tempfile::TempDir;

const ROOT: &str = r#"[workspace]
resolver = "3"
members = ["app", "engine"]
[profile.variant]
inherits = "release"
lto = LTO
codegen-units = 1
debug = false
"#;
const APP: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                   [dependencies]\nengine = { path = \"../engine\" }\n\
                   [lints.rust]\nunexpected_cfgs = { level = \"warn\", check-cfg = [\"cfg(profile_hook)\"] }\n";
const ENGINE: &str = "[package]\nname = \"engine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
/// Modes: `run`, `flush` (twice, then returns), `abort` (no profile), `reset` (clears the counts,
/// then returns).
const MAIN: &str = r#"mod profile;
fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let turns = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(1000);
    let mut sum = engine::work(turns);
    if mode == "flush" {
        profile::flush().unwrap();
        sum += engine::work(turns);
        profile::flush().unwrap();
    }
    if mode == "reset" { profile::reset(); }
    println!("{sum}");
    if mode == "abort" { std::process::abort(); }
}
"#;
const LIB: &str = r#"#[inline(never)]
pub fn work(turns: u64) -> u64 {
    (0..turns).fold(0, |sum, i| if i % 7 == 0 { rare(sum, i) } else { often(sum, i) })
}
#[inline(never)]
fn often(sum: u64, i: u64) -> u64 {
    if sum % 3 == 0 { sum.wrapping_add(i) } else { sum ^ i }
}
#[inline(never)]
fn rare(sum: u64, i: u64) -> u64 {
    let mut s = sum;
    for k in 0..i % 5 { s = s.wrapping_mul(31).wrapping_add(k); }
    s
}
"#;

/// The workspace and its build options.
pub(crate) struct Fixture {
    dir: TempDir,
    folder: &'static str,
    pub(crate) options: BuildOptions,
}

/// Starts `workers` processes in `mode`, but reports `claimed`.
pub(crate) struct DirectTrainer {
    pub(crate) mode: &'static str,
    pub(crate) turns: u64,
    pub(crate) workers: u32,
    pub(crate) claimed: u32,
    pub(crate) trainings: u32,
    /// Truncates the first raw profile to half, as a full disk would.
    pub(crate) cut: bool,
    /// A source that changes during the training.
    pub(crate) disturb: Option<PathBuf>,
}

impl Fixture {
    /// Without link-time optimisation, which takes most of the time of a small build.
    pub(crate) fn new() -> Self {
        Self::made("", "false")
    }

    /// With fat link-time optimisation, like the product.
    pub(crate) fn as_the_product() -> Self {
        Self::made("", "\"fat\"")
    }

    /// In a folder of the temporary directory.
    pub(crate) fn below(folder: &'static str) -> Self {
        Self::made(folder, "false")
    }

    fn made(folder: &'static str, lto: &str) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = below(&dir, folder);
        let hook = include_str!("../../../worker/src/profile.rs");
        for (path, text) in [
            ("Cargo.toml", ROOT.replace("LTO", lto).as_str()),
            ("app/Cargo.toml", APP),
            ("engine/Cargo.toml", ENGINE),
            ("app/src/main.rs", MAIN),
            ("app/src/profile.rs", hook),
            ("engine/src/lib.rs", LIB),
        ] {
            write(&root.join(path), text);
        }
        let mut options = BuildOptions::new(&root);
        options.offline = true;
        options.checkouts = dir.path().join("checkouts");
        // The program only counts and does not join a coordinator.
        options.must_join = false;
        Self {
            dir,
            folder,
            options,
        }
    }

    pub(crate) fn root(&self) -> PathBuf {
        below(&self.dir, self.folder)
    }

    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.root().join(path);
        let text = fs::read_to_string(&path).expect("a source");
        assert!(text.contains(from), "nothing to edit");
        write(&path, &text.replace(from, to));
    }

    pub(crate) fn build(&self, trainer: &mut DirectTrainer) -> Result<BuiltSource, BuildError> {
        self.build_noting(trainer).0
    }

    pub(crate) fn build_noting(
        &self,
        trainer: &mut DirectTrainer,
    ) -> (Result<BuiltSource, BuildError>, Vec<BuildProgress>) {
        let mut progress = Vec::new();
        let outcome = build(&self.options, trainer, &mut |event| progress.push(event));
        (outcome, progress)
    }
}

fn below(dir: &TempDir, folder: &str) -> PathBuf {
    let mut path = dir.path().canonicalize().expect("own directory");
    path.extend(Path::new(folder));
    path
}

impl DirectTrainer {
    pub(crate) fn new() -> Self {
        Self {
            mode: "run",
            turns: 1000,
            workers: 2,
            claimed: 2,
            trainings: 0,
            cut: false,
            disturb: None,
        }
    }
}

impl Trainer for DirectTrainer {
    fn digest(&self) -> String {
        format!("{} {}", self.mode, self.workers)
    }

    fn train(
        &mut self,
        instrumented: &Path,
        dir: &Path,
        _: Counting,
    ) -> Result<TrainingReport, TrainingFailure> {
        self.trainings += 1;
        for _ in 0..self.workers {
            run(instrumented, self.mode, self.turns, &profile_pattern(dir));
        }
        if let Some(source) = &self.disturb {
            let text = fs::read_to_string(source)?;
            fs::write(source, format!("{text}// edited\n"))?;
        }
        if self.cut {
            let first = fs::read_dir(dir)?.next().expect("a raw profile")?.path();
            let whole = fs::read(&first)?;
            fs::write(&first, &whole[..whole.len() / 2])?;
        }
        Ok(TrainingReport {
            workers: self.claimed,
            plan: "direct".to_owned(),
            plan_digest: self.digest(),
        })
    }
}

/// Runs a built program; returns whether it succeeded.
pub(crate) fn run(program: &Path, mode: &str, turns: u64, profile: &Path) -> bool {
    let mut command = Command::new(program);
    command
        .args([mode, &turns.to_string()])
        .env("LLVM_PROFILE_FILE", profile);
    command
        .output()
        .expect("the program starts")
        .status
        .success()
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
    fs::write(path, text).expect("file");
}
