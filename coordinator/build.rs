//! Records the commit from which the coordinator was built. Every run names it as its tool.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rustc-env=BENCH_GIT_SHA={}", git_sha());
    for head in ["../.git/HEAD", "../.git/logs/HEAD"] {
        // A path that does not exist would make Cargo rebuild every time.
        if Path::new(head).exists() {
            println!("cargo::rerun-if-changed={head}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}

/// The commit of this tree, or `unknown` outside a git checkout.
fn git_sha() -> String {
    Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|out| out.status.success())
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |sha| sha.trim().to_owned())
}
