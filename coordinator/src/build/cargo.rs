//! Builds one binary with cargo and given flags: starts cargo in a clean environment and parses its
//! JSON messages. Treats flags as plain arguments and profiles as paths.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use super::diagnostics::Findings;
use super::flags::Flags;
use super::workspace::{Crates, is_stale_lock};
use super::wrapper::{Wrapper, check_arrived, lost};
use super::{BuildError, BuildProgress, WorkspaceError, tool};

/// What is built and where; the same for every variant.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) root: &'a Path,
    pub(super) package: &'a str,
    pub(super) binary: &'a str,
    pub(super) cargo_profile: &'a str,
    pub(super) triple: &'a str,
    pub(super) target_dir: &'a Path,
    pub(super) features: &'a [String],
    pub(super) crates: &'a Crates,
    pub(super) offline: bool,
    /// Leave the lock file unchanged.
    pub(super) locked: bool,
    /// The user's settings, the same for every variant.
    pub(super) variables: &'a [(String, String)],
}

/// Result of one cargo build.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) executable: PathBuf,
    pub(super) findings: Findings,
    /// Libraries that build scripts asked to link; profiles do not cover their code.
    pub(super) native_libraries: Vec<String>,
    /// Packages of the target that Cargo did not compile because they were unchanged.
    fresh: BTreeSet<String>,
    errors: Vec<String>,
}

/// The lines of `--message-format=json` that are used.
#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Line {
    #[serde(rename = "compiler-message")]
    Diagnostic { message: Diagnostic },
    #[serde(rename = "compiler-artifact")]
    Artifact(Artifact),
    #[serde(rename = "build-script-executed")]
    BuildScript { linked_libs: Vec<String> },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    target: Target,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
    fresh: bool,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Job<'_> {
    /// Builds with `flags` and checks that the compiler received them. `profile` is the path given
    /// to the compiler, if any.
    pub(super) fn run(
        &self,
        step: &'static str,
        flags: &Flags,
        profile: Option<&Path>,
        wrapper: &Wrapper,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Built, BuildError> {
        let mut command = self.command();
        wrapper.apply(&mut command, flags, self.crates)?;
        let mut child = spawn(&mut command)?;
        let profile = profile
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let stderr = drain_stderr(&mut child);
        let mut built = Built::default();
        for line in BufReader::new(child.stdout.take().expect("stdout is piped"))
            .lines()
            .map_while(Result::ok)
        {
            built.note(step, self, &line, &profile, progress);
        }
        let status = child.wait().map_err(BuildError::io(self.root))?;
        let stderr = stderr.join().unwrap_or_default();
        if !status.success() || built.executable.as_os_str().is_empty() {
            return Err(built.failure(step, &stderr, advice(flags)));
        }
        check_arrived(step, &wrapper.calls()?, flags)?;
        let mut in_scope = self.crates.in_scope_of(flags);
        if let Some(krate) = in_scope.find(|krate| built.fresh.contains(*krate)) {
            return Err(lost(step, krate, flags));
        }
        Ok(built)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("cargo");
        command
            .current_dir(self.root)
            .args([
                "build",
                "--message-format=json",
                "--package",
                self.package,
                "--bin",
                self.binary,
            ])
            .args([
                "--profile",
                self.cargo_profile,
                "--target",
                self.triple,
                "--target-dir",
            ])
            .arg(self.target_dir)
            .args(self.features)
            .args(self.offline.then_some("--offline"))
            .args(self.locked.then_some("--locked"));
        for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
            if changes_a_build(&name) {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Built {
    fn note(
        &mut self,
        step: &'static str,
        job: &Job<'_>,
        line: &str,
        profile: &str,
        progress: &mut dyn FnMut(BuildProgress),
    ) {
        match serde_json::from_str(line) {
            Ok(Line::Diagnostic { message }) => self.diagnostic(message, profile),
            Ok(Line::Artifact(artifact)) => {
                let Artifact { target, fresh, .. } = &artifact;
                if *fresh && artifact.is_of_target(job.triple) {
                    self.fresh
                        .insert(package_name(&artifact.package_id).to_owned());
                }
                if !*fresh {
                    let krate = target.name.clone();
                    progress(BuildProgress::Compiled { step, krate });
                }
                if target.name == job.binary && target.kind.iter().any(|kind| kind == "bin") {
                    self.executable = artifact.executable.unwrap_or_default();
                }
            }
            Ok(Line::BuildScript { linked_libs }) => self.native_libraries.extend(linked_libs),
            Ok(Line::Other) | Err(_) => {}
        }
    }

    fn diagnostic(&mut self, message: Diagnostic, profile: &str) {
        if !profile.is_empty() {
            self.findings.note(&message.message, profile);
        }
        if message.level.starts_with("error") {
            self.errors
                .push(message.rendered.unwrap_or(message.message));
        }
    }

    fn failure(&self, step: &str, stderr: &str, advice: &str) -> BuildError {
        if is_stale_lock(stderr) {
            return WorkspaceError::StaleLock.into();
        }
        let words = if self.errors.is_empty() {
            stderr.to_owned()
        } else {
            self.errors.join("\n")
        };
        BuildError::Compile {
            step: step.to_owned(),
            rendered: tool::tail(&words),
            advice: advice.to_owned(),
        }
    }
}

impl Artifact {
    /// Whether the artifact becomes part of the program; build scripts and macros are compiled for
    /// the host.
    fn is_of_target(&self, triple: &str) -> bool {
        let in_its_folder = |file: &PathBuf| file.iter().any(|part| part == triple);
        self.filenames.iter().any(in_its_folder)
    }
}

/// The name in a package id: `path+file:///w/app#0.1.0`, `registry+https://…#serde@1.0.2`.
fn package_name(id: &str) -> &str {
    let (path, fragment) = id.rsplit_once('#').unwrap_or(("", id));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        None if fragment.starts_with(|first: char| first.is_ascii_digit()) => {
            path.rsplit('/').next().unwrap_or(path)
        }
        None => fragment,
    }
}

/// Advice for failures that the flags can cause. The baseline compiled, so the failure comes from
/// what this build adds: a profile, link-time optimisation, or an option that the linker does not
/// know.
fn advice(flags: &Flags) -> &'static str {
    let has = |part: &str| flags.all().iter().any(|flag| flag.contains(part));
    match (has("-Cprofile-use"), has("--shuffle-sections")) {
        (true, _) => "; retry with `lto = \"thin\"` in the cargo profile",
        (_, true) => {
            "; layouts need LLD as the linker, Rust's default on x86-64 Linux: remove another `linker` from \
             the cargo configuration, or build without --layout-arms"
        }
        _ => "",
    }
}

/// Variables by which a shell could change one build and not the other, or both without a record.
/// `inherited` adds back the ones that are allowed.
fn changes_a_build(name: &str) -> bool {
    const EXACT: [&str; 12] = [
        "RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "RUSTC",
        "RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_INCREMENTAL",
        "RUSTC_BOOTSTRAP",
        "CARGO_BUILD_RUSTC",
        "CARGO_BUILD_INCREMENTAL",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    ];
    const BEGINNINGS: [&str; 2] = ["CARGO_PROFILE_", "LLVM_PROFILE"];
    EXACT.contains(&name)
        || BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

fn spawn(command: &mut Command) -> Result<Child, BuildError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| BuildError::ToolMissing {
            program: "cargo".to_owned(),
            source,
            remedy: "install Rust with rustup (https://rustup.rs)".to_owned(),
        })
}

/// Reads standard error on its own thread, because cargo blocks when either pipe is full.
fn drain_stderr(child: &mut Child) -> std::thread::JoinHandle<String> {
    let mut pipe = child.stderr.take().expect("stderr is piped");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Output that was read before an error is still shown.
        drop(pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::package_name;

    #[test]
    fn the_name_of_a_package_is_in_its_id() {
        for (id, name) in [
            ("path+file:///w/app#0.1.0", "app"),
            ("path+file:///w/folder#app@0.1.0", "app"),
            (
                "registry+https://github.com/rust-lang/crates.io-index#serde@1.0.2",
                "serde",
            ),
            ("git+https://example.org/x?rev=1#abc@2.0.0", "abc"),
        ] {
            assert_eq!(package_name(id), name, "{id}");
        }
    }
}
