//! Prerequisites of a run of the real engine: a small model, and builds.

use std::fs;
use std::process::Command;

use crate::sandbox::Sandbox;

/// A small model in this sandbox.
pub(crate) fn model(sandbox: &Sandbox) -> String {
    let dir = sandbox.path("model");
    let made = Command::new(sandbox.path("worker"))
        .args(["model", "synth", "--preset", "tiny", "--seed", "1"])
        .arg(&dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    dir.display().to_string()
}

/// A manifest like that of `build`, whose variants are all the plain worker.
pub(crate) fn manifest(sandbox: &Sandbox, variants: &[&str]) {
    let dir = sandbox.path("target/bench");
    fs::create_dir_all(&dir).unwrap();
    fs::copy(sandbox.path("worker"), dir.join("program")).unwrap();
    let sha256 = coordinator::build::file_sha256(&dir.join("program"))
        .unwrap()
        .to_string();
    let variant = serde_json::json!({
        "path": "program", "bytes": 1, "sha256": sha256, "text_sha256": sha256,
        "flags": [], "build_seconds": 1.0, "identical_to": null,
    });
    let variants: serde_json::Map<_, _> = variants
        .iter()
        .map(|name| ((*name).to_owned(), variant.clone()))
        .collect();
    let manifest = serde_json::json!({
        "format": 2,
        "settings": {
            "package": "worker", "binary": "worker", "cargo_profile": "variant", "cargo_profiles_digest": "",
            "target": "", "rustc": "", "llvm": "", "cargo": "", "rustflags": [],
        },
        "git": null, "sources": { "digest": "", "files": [] }, "variants": variants, "instrumented": {}, "controls": {}, "profiles": {},
        "accepted_totals": {}, "warnings": {},
    });
    fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
}
