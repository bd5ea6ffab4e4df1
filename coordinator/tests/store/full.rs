//! A full device. Needs the right to mount; says so without it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coordinator::store::{Store, StoreError};

use crate::sample::{header, run, write_block};

/// A small file system in memory, removed when dropped.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        mounted.then_some(Self(dir))
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, because a failed test may still have files open.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
}

#[test]
fn a_full_device_is_said_so_and_loses_nothing_committed() {
    let Some(mount) = Mount::new(24) else {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: mounting a small file system needs root"
        );
        return;
    };
    let ballast = mount.0.path().join("ballast");
    let store = Store::open(&mount.store()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    write_block(&store, run(1), 0, 0).unwrap();
    let mut committed = 1;
    fill(&ballast);
    // Some space may be left in existing files.
    let error = loop {
        match write_block(&store, run(1), committed, 0) {
            Ok(()) => committed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("no space is left"), "{error}");
    let error = write_block(&store, run(1), committed, 0).unwrap_err();
    assert!(
        matches!(error, StoreError::Broken { .. } | StoreError::Full { .. }),
        "{error}"
    );
    drop(store);

    match Store::open(&mount.store()) {
        Ok(store) => assert!(store.read_run(run(1)).unwrap().blocks.len() as u32 >= committed),
        Err(error) => assert!(matches!(error, StoreError::Full { .. }), "{error}"),
    }
    std::fs::remove_file(&ballast).unwrap();
    let store = Store::open(&mount.store()).unwrap();
    let read = store.read_run(run(1)).unwrap();
    let blocks = read.blocks.len() as u32;
    assert!(
        (committed..=committed + 1).contains(&blocks),
        "{blocks} of {committed}"
    );
    let resume = store.resume_run(run(1)).unwrap();
    let attempt = resume
        .next_attempts
        .get(&(0, blocks))
        .map_or(0, |attempt| attempt.0);
    write_block(&store, run(1), blocks, attempt).unwrap();
    assert_eq!(store.verify().unwrap().sound, [run(1)]);
}
