//! `llvm-profdata`: finds the one that fits the compiler, and runs its four commands (merge, show,
//! overlap, text). Another version is used only if it can read a profile of this compiler. Must not
//! know variants.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::{Rustc, major};
use super::{BuildError, tool};

/// The command that installs the tool.
const REMEDY: &str = "run `rustup component add llvm-tools`";

/// One usable `llvm-profdata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profdata {
    /// The program.
    pub path: PathBuf,
    /// Major version of its LLVM.
    pub major: u32,
}

/// How a merge treats unreadable input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeMode {
    /// Any damage fails the merge.
    Strict,
    /// Merges the readable input and lists what is lost. (`all`, which also merges damaged input,
    /// is never used.)
    Warn,
}

impl Profdata {
    /// The first program that reads this compiler's profiles: next to the compiler, then in `PATH`.
    ///
    /// # Errors
    /// When there is none; the message lists those found and the command that installs the right
    /// one.
    pub fn discover(root: &Path, rustc: &Rustc) -> Result<Self, BuildError> {
        Self::among(root, rustc, std::env::var_os("PATH").as_deref())
    }

    fn among(root: &Path, rustc: &Rustc, path: Option<&OsStr>) -> Result<Self, BuildError> {
        let mut rejected = Vec::new();
        for path in candidates(rustc, path) {
            let Some(major) = version(&path) else {
                continue;
            };
            let tool = Self { path, major };
            if major == rustc.llvm_major() || tool.reads_profiles_of(root) {
                return Ok(tool);
            }
            rejected.push(format!("{} of LLVM {major}", tool.path.display()));
        }
        Err(BuildError::NoProfdata {
            llvm: rustc.llvm_major(),
            rejected,
        })
    }

    /// Merges `inputs` into `output` and returns the tool's warnings.
    pub(super) fn merge(
        &self,
        inputs: &[PathBuf],
        output: &Path,
        mode: MergeMode,
    ) -> Result<Vec<String>, BuildError> {
        let mode = match mode {
            MergeMode::Strict => "--failure-mode=any",
            MergeMode::Warn => "--failure-mode=warn",
        };
        let mut command = Command::new(&self.path);
        command.args(["merge", mode, "-o"]).arg(output).args(inputs);
        let out = tool::output(&mut command, REMEDY)?;
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        if !out.status.success() {
            return Err(BuildError::Merge {
                reason: tool::tail(&stderr),
            });
        }
        Ok(stderr
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// All functions of a merged profile with their counters, as text.
    pub(super) fn show(&self, profile: &Path) -> Result<String, BuildError> {
        let mut command = Command::new(&self.path);
        command
            .args(["show", "--all-functions", "--counts"])
            .arg(profile);
        let out = tool::output(&mut command, REMEDY)?;
        if out.status.success() {
            return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
        }
        let reason = tool::tail(&String::from_utf8_lossy(&out.stderr));
        Err(BuildError::ProfileUnreadable {
            path: profile.to_owned(),
            reason,
        })
    }

    /// Edge overlap of two merged profiles, percent; `None` if the tool does not report it.
    pub(super) fn overlap(&self, one: &Path, other: &Path) -> Result<Option<f64>, BuildError> {
        let text = tool::stdout(
            Command::new(&self.path).arg("overlap").args([one, other]),
            REMEDY,
        )?;
        Ok(parse_overlap(&text))
    }

    /// Whether this tool can merge a profile made by the compiler at `root`.
    fn reads_profiles_of(&self, root: &Path) -> bool {
        let dir = std::env::temp_dir().join(format!("profdata-probe-{}", std::process::id()));
        let verdict = self.probe(root, &dir).is_some();
        // Leftovers of the probe do no harm, so a failed removal must not fail discovery.
        drop(fs::remove_dir_all(&dir));
        verdict
    }

    fn probe(&self, root: &Path, dir: &Path) -> Option<()> {
        fs::create_dir_all(dir).ok()?;
        fs::write(dir.join("probe.rs"), "fn main() {}\n").ok()?;
        let (program, raw) = (dir.join("probe"), dir.join("probe.profraw"));
        let mut compile = Command::new("rustc");
        compile
            .arg("-Cprofile-generate")
            .arg(dir.join("probe.rs"))
            .arg("-o")
            .arg(&program)
            .current_dir(root);
        tool::stdout(&mut compile, REMEDY).ok()?;
        tool::stdout(
            Command::new(&program).env("LLVM_PROFILE_FILE", &raw),
            REMEDY,
        )
        .ok()?;
        let merged = dir.join("probe.profdata");
        self.merge(&[raw], &merged, MergeMode::Strict).ok()?;
        self.show(&merged).ok().map(drop)
    }
}

fn candidates(rustc: &Rustc, path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut found = vec![rustc.target_libdir.join("../bin/llvm-profdata")];
    let mut elsewhere: Vec<(u32, PathBuf)> = path
        .into_iter()
        .flat_map(std::env::split_paths)
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .flatten()
        .filter_map(|entry| Some((suffix_rank(entry.file_name().to_str()?)?, entry.path())))
        .collect();
    elsewhere.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    found.extend(elsewhere.into_iter().map(|(_, path)| path));
    found.retain(|path| path.is_file());
    found
}

/// `llvm-profdata-19` → 19, `llvm-profdata` → 0, anything else → `None`.
fn suffix_rank(name: &str) -> Option<u32> {
    match name.strip_prefix("llvm-profdata")? {
        "" => Some(0),
        rest => rest.strip_prefix('-')?.parse().ok(),
    }
}

fn version(path: &Path) -> Option<u32> {
    // Older tools accept `--version` only after a subcommand.
    ["--version", "show"].iter().find_map(|first| {
        let out = Command::new(path)
            .args([first, "--version"])
            .output()
            .ok()?;
        parse_version(&String::from_utf8_lossy(&out.stdout))
    })
}

fn parse_version(text: &str) -> Option<u32> {
    major(text.split_once("LLVM version ")?.1)
}

fn parse_overlap(text: &str) -> Option<f64> {
    text.split_once("Edge profile overlap:")?
        .1
        .split('%')
        .next()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_names_and_overlap_are_read_or_refused() {
        assert_eq!(
            parse_version("LLVM (http://llvm.org/):\n  LLVM version 22.1.2-rust-1.95.0-stable\n"),
            Some(22)
        );
        assert_eq!(parse_version("llvm-profdata: Unknown command!\n"), None);
        assert_eq!(
            (
                suffix_rank("llvm-profdata-19"),
                suffix_rank("llvm-profdata")
            ),
            (Some(19), Some(0))
        );
        assert_eq!(
            (suffix_rank("llvm-profgen"), suffix_rank("llvm-profdata.sh")),
            (None, None)
        );
        assert_eq!(
            parse_overlap("  Edge profile overlap: 99.750%\n"),
            Some(99.75)
        );
        assert_eq!(parse_overlap("nothing"), None);
    }

    #[test]
    fn a_tool_of_another_version_is_rejected_by_name_unless_it_reads_and_a_matching_one_is_taken() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let rustc = Rustc {
            version: "rustc 1.95.0".to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
            llvm: "22.1.2".to_owned(),
            target_libdir: dir.path().join("nowhere"),
        };
        let fake = |name: &str, major: u32| {
            let path = dir.path().join(name);
            let script =
                format!("#!/bin/sh\n[ \"$1\" = merge ] && exit 1\necho LLVM version {major}.0.6\n");
            let text = dir.path().join("text");
            fs::write(&text, script).expect("file");
            // Copied by another process: a file open for writing here would be inherited by
            // programs that other tests start, and could not be executed meanwhile.
            let copied = Command::new("install")
                .args(["-m", "755"])
                .args([&text, &path])
                .status();
            assert!(copied.expect("coreutils are there").success());
        };
        let found = || Profdata::among(dir.path(), &rustc, Some(dir.path().as_os_str()));
        fake("llvm-profdata", 14);
        fake("llvm-profdata-23", 23);
        let error = found().expect_err("too old and too new").to_string();
        assert!(
            error.contains("LLVM 14") && error.contains("LLVM 23"),
            "{error}"
        );
        assert!(error.contains("rustup component add llvm-tools"), "{error}");
        fake("llvm-profdata-22", 22);
        assert_eq!(
            found().expect("it matches").path,
            dir.path().join("llvm-profdata-22")
        );
    }
}
