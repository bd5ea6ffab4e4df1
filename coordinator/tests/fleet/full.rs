//! A disk that fills up during a run: the run ends with an error, and continues from there once
//! there is space.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use contract::run::RunState;

use crate::hosts::{may, obstacle, skip};
use crate::sandbox::Sandbox;
use crate::tally::{blocks, plan, requests, state};

const ROUNDS: u32 = 30;

/// A small file system in memory, removed when dropped.
struct Mount(PathBuf);

impl Mount {
    fn at(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let line = format!("mount -t tmpfs -o size=24m tmpfs {}", path.display());
        may(&line).then_some(Self(path))
    }

    /// Uses up all the space.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, because a failed test may still have files open.
        may(&format!("umount -l {}", self.0.display()));
    }
}

#[test]
fn a_full_disk_ends_the_run_which_goes_on_when_there_is_room() {
    let sandbox = Sandbox::new();
    let why = obstacle(&["mount", "umount"]);
    let mount = if why.is_none() {
        Mount::at(sandbox.path("store"))
    } else {
        None
    };
    let Some(mount) = mount else {
        return skip(&why.unwrap_or_else(|| "nothing can be mounted here".to_owned()));
    };
    let running = sandbox.start(&["run", &sandbox.plan(&plan(ROUNDS, 4, 6, 4)), "--seed", "1"]);
    sandbox.busy_worker();
    let ballast = mount.fill();
    let ended = running.end();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for words in [
        "failed to store the measurement",
        "committed blocks are safe",
    ] {
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
    sandbox.deserted();
    fs::remove_file(ballast).unwrap();
    let before = sandbox.latest();
    assert!(
        blocks(&before).len() < ROUNDS as usize,
        "it was full before the run was done"
    );

    let again = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), u64::from(ROUNDS) * 3 * 4),
        "{again:?}"
    );
    for (key, parts) in blocks(&before) {
        assert_eq!(blocks(&record).get(&key), Some(&parts), "{key:?}");
    }
    sandbox.deserted();
}
