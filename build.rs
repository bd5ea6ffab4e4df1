//! Compiles the protos (feature `wire`) and records what this source tree is.
//!
//! Only what is equal for every variant of one source tree may become a constant here: a flag, a profile or a date
//! would make two equal builds differ. Flags, profiles and hashes live in the build manifest instead.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rustc-env=BENCH_GIT_SHA={}", git_sha());
    for head in [".git/HEAD", ".git/logs/HEAD"] {
        // A path that does not exist would make Cargo rebuild every time.
        if Path::new(head).exists() {
            println!("cargo::rerun-if-changed={head}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto/bench");
    #[cfg(feature = "wire")]
    compile_protos();
}

/// The commit this tree stands on, or `unknown` outside a git checkout.
fn git_sha() -> String {
    Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|out| out.status.success())
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |sha| sha.trim().to_owned())
}

#[cfg(feature = "wire")]
fn compile_protos() {
    let files = ["bench/v1/session.proto", "bench/record/v1/record.proto"];
    let set = protox::compile(files, ["proto"]).expect("the protos of this repository compile");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    // Served by gRPC reflection, so that `grpcurl` and its like can talk to a coordinator.
    std::fs::write(Path::new(&out).join("descriptor.bin"), prost::Message::encode_to_vec(&set))
        .expect("OUT_DIR is writable");
    tonic_prost_build::configure().compile_fds(set).expect("tonic accepts the compiled protos");
}
