//! Reasons to doubt a measurement, provoked by the script that users are told to run. Reasons that
//! need busy processors are left to the script.

use std::process::Command;

use crate::sandbox::Sandbox;

const REASONS: [&str; 8] = [
    "simulated",
    "failed-share",
    "nothing-succeeded",
    "lateness",
    "start-skew",
    "generator-busy",
    "near-generator-limit",
    "blocks-repeated",
];

#[test]
fn the_script_provokes_what_it_says() {
    let sandbox = Sandbox::new();
    let script = |reason: &str| {
        Command::new(format!(
            "{}/../scripts/provoke.sh",
            env!("CARGO_MANIFEST_DIR")
        ))
        .arg(reason)
        .env("BENCH_PROGRAMS", sandbox.path(""))
        .output()
        .unwrap()
    };
    for reason in REASONS {
        let ended = script(reason);
        assert!(ended.status.success(), "{reason}: {ended:?}");
    }
    // Counter-check: it does not claim a reason that it cannot provoke.
    assert_eq!(script("steal").status.code(), Some(2));
    sandbox.deserted();
}
