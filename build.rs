//! Compiles the protos (feature `wire`). Without that feature the build is that of `cargo bench`,
//! which starts programs built earlier: it then warns of a missing model or program and says how to
//! get it. Nothing fails and nothing else is built.
//!
//! Nothing here becomes a constant of the worker: a commit, a flag, a profile or a date would make
//! two builds of equal code differ. All of these are in the build manifest instead.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto/bench");
    #[cfg(feature = "wire")]
    compile_protos();
    #[cfg(not(feature = "wire"))]
    help();
}

/// Warns of missing prerequisites of `cargo bench`. Only missing files are watched, so that
/// rebuilding a program does not rebuild the benchmarks.
#[cfg(not(feature = "wire"))]
fn help() {
    use std::path::{Path, PathBuf};
    let variable = |name: &str| {
        println!("cargo::rerun-if-env-changed={name}");
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let missing = |what: &str, path: &Path, solution: &str| {
        println!("cargo::rerun-if-changed={}", path.display());
        println!("cargo::warning=❌ {what} not found at: {}", path.display());
        println!("cargo::warning=   Solution: {solution}");
    };
    let upstream =
        || Some(std::env::home_dir()?.join(".inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0"));
    let model = variable("BENCH_MODEL_PATH").unwrap_or_else(|| PathBuf::from("models/default"));
    let elsewhere =
        model == Path::new("models/default") && upstream().is_some_and(|path| path.exists());
    if !model.exists() && !elsewhere {
        missing(
            "Model",
            &model,
            "run scripts/fetch-model.sh, or set BENCH_MODEL_PATH to a safetensors directory or file",
        );
    }
    // OUT_DIR is TARGET/PROFILE/build/PACKAGE/out.
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from);
    let target = out
        .as_deref()
        .and_then(|out| out.ancestors().nth(4))
        .unwrap_or(Path::new("target"));
    let program = variable("BENCH_BASELINE_BINARY")
        .unwrap_or_else(|| target.join("release/examples/concurrent_inference"));
    if !program.exists() {
        missing(
            "concurrent_inference binary",
            &program,
            "cargo build --release --package inference --example concurrent_inference --features examples",
        );
    }
}

#[cfg(feature = "wire")]
fn compile_protos() {
    let files = [
        "bench/v1/session.proto",
        "bench/record/v1/record.proto",
        "bench/engine/v1/engine.proto",
        "bench/control/v1/control.proto",
    ];
    let set = protox::compile(files, ["proto"]).expect("the protos of this repository compile");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    // Served by gRPC reflection, so that tools such as `grpcurl` can talk to a coordinator.
    std::fs::write(
        std::path::Path::new(&out).join("descriptor.bin"),
        prost::Message::encode_to_vec(&set),
    )
    .expect("OUT_DIR is writable");
    let mut record = set.clone();
    record
        .file
        .retain(|file| file.package() == "bench.record.v1");
    // Session messages contain some record messages, which are generated once. Last, because this
    // leaves an empty file of that name.
    tonic_prost_build::configure()
        .extern_path(".bench.record.v1", "crate::record::pb")
        .compile_fds(set)
        .expect("tonic accepts the compiled protos");
    tonic_prost_build::configure()
        .compile_fds(record)
        .expect("tonic accepts the compiled protos");
}
