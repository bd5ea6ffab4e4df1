//! Compiles the protos (feature `wire`).
//!
//! Nothing here becomes a constant of the worker: a commit, a flag, a profile or a date would make two builds of equal
//! code differ. All of them live in the build manifest instead.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto/bench");
    #[cfg(feature = "wire")]
    compile_protos();
}

#[cfg(feature = "wire")]
fn compile_protos() {
    let files = ["bench/v1/session.proto", "bench/record/v1/record.proto"];
    let set = protox::compile(files, ["proto"]).expect("the protos of this repository compile");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    // Served by gRPC reflection, so that `grpcurl` and its like can talk to a coordinator.
    std::fs::write(std::path::Path::new(&out).join("descriptor.bin"), prost::Message::encode_to_vec(&set))
        .expect("OUT_DIR is writable");
    tonic_prost_build::configure().compile_fds(set).expect("tonic accepts the compiled protos");
}
