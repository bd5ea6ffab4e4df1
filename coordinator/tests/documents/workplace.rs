//! An empty directory with the programs on its search path. Commands that would take hours or need
//! other machines or foreign programs are noted and not run; everything else runs the real
//! programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::blocks::root;
use crate::programs::{COORDINATOR, worker};

pub(crate) struct Workplace {
    dir: tempfile::TempDir,
}

/// Result of a piece of shell.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the simulated engine with few rounds instead of built variants, and contacts no other host
/// and no server.
/// A measurement's exit code depends on how quiet the machine is: 1, 3 and 4 are answers, 2 never
/// is.
const COORDINATOR_SHIM: &str = r#"#!/bin/bash
{ printf '%s\x1f' coordinator "$@"; echo; } >> "$NOTED"
words=()
for word in "$@"; do
  [ -e "$NAMES/$word" ] && words+=("$(cat "$NAMES/$word")") || words+=("$word")
done
with=()
[[ " $* " == *" --engine "* ]] || with+=(--engine sim)
[[ " $* " == *" --rounds "* ]] || with+=(--rounds 2)
case " $* " in
  *" --launcher "* | *" --slots 100 "* | " build "* | *" --layout-arms "* | *" --handicap "* | *" --engine linked "* | " capacity "* | " soak "*) exit 0 ;;
  " serve "* | " submit "* | " queue "* | " watch "* | " cancel "* | " schedule "*) exit 0 ;;
  " calibrate "*) "$REAL" "${words[@]/#20/1}" "${with[@]}"; code=$? ;;
  *" --resume "*) "$REAL" "${words[@]}"; code=$? ;;
  " run "*) "$REAL" "${words[@]}" "${with[@]}"; code=$? ;;
  " compare "*) "$REAL" "${words[@]}"; code=$? ;;
  # Nothing is built here, and it says so.
  " doctor "*) "$REAL" "${words[@]}"; code=$?; [ $code = 2 ] && code=0 ;;
  # A run that is INVALID on a busy machine is no point of a history.
  " trend "*) "$REAL" "${words[@]}"; code=$?; [ $code = 2 ] && code=0 ;;
  *) exec "$REAL" "${words[@]}" ;;
esac
case $code in 0 | 1 | 3 | 4) exit 0 ;; *) exit $code ;; esac
"#;

const WORKER_SHIM: &str = r#"#!/bin/bash
{ printf '%s\x1f' worker "$@"; echo; } >> "$NOTED"
case "$1" in agent | bench) exit 0 ;; *) exec "$REAL_WORKER" "$@" ;; esac
"#;

/// Replaces a foreign program, or one of ours that takes minutes: reads its input and does nothing.
const OTHER_SHIM: &str = r#"#!/bin/bash
{ printf '%s\x1f' "$(basename "$0")" "$@"; echo; } >> "$NOTED"
[ -p /dev/stdin ] && cat > /dev/null
exit 0
"#;

impl Workplace {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let workplace = Self {
            dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        };
        for name in ["bin", "names", "here", "store"] {
            fs::create_dir(workplace.path(name)).unwrap();
        }
        fs::hard_link(COORDINATOR, workplace.path("real-coordinator")).unwrap();
        // Where the coordinator looks for its worker.
        fs::hard_link(worker(), workplace.path("worker")).unwrap();
        workplace.program("coordinator", COORDINATOR_SHIM);
        workplace.program("worker", WORKER_SHIM);
        for other in ["cargo", "docker", "kubectl", "llvm-profdata"] {
            workplace.program(other, OTHER_SHIM);
        }
        workplace
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a file into the working directory of commands.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("here").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Copies a file or folder of the repository to the path that the pages use.
    pub(crate) fn bring(&self, name: &str) {
        let (from, to) = (root().join(name), self.path("here").join(name));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.exists() && !to.exists() {
            std::os::unix::fs::symlink(from, to).unwrap();
        }
    }

    /// Removes a folder of the working directory, if it exists.
    pub(crate) fn remove(&self, name: &str) {
        drop(fs::remove_dir_all(self.path("here").join(name)));
    }

    /// Substitutes a run for a placeholder of a page.
    pub(crate) fn name(&self, placeholder: &str, run: &str) {
        fs::write(self.path("names").join(placeholder), run).unwrap();
    }

    /// Runs shell text as a build server does: ends at the first failure, including in a pipe.
    pub(crate) fn bash(&self, text: &str) -> Done {
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", text])
            .current_dir(self.path("here"))
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .env("PGO_BENCH_STORE", self.path("store"))
            .env("NOTED", self.path("noted"))
            .env("NAMES", self.path("names"))
            .env("REAL", self.path("real-coordinator"))
            .env("REAL_WORKER", self.path("worker"))
            .env_remove("BENCH_MODEL_PATH")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Done {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The programs that were called, one on each line, with a unit separator after every word.
    pub(crate) fn noted(&self) -> String {
        fs::read_to_string(self.path("noted")).unwrap_or_default()
    }

    /// Whether a command left a file, relative to the working directory.
    pub(crate) fn has(&self, name: &str) -> bool {
        Path::new(&self.path("here").join(name)).exists()
    }
}
