//! The Python that tests compare with. `BENCH_PYTHON` names it; `scripts/test.sh` installs one with
//! every module and sets `REQUIRE_PYTHON`.

use std::io::Write;
use std::process::Command;

/// An interpreter that has the modules; `None`, with the reason printed, if there is none.
pub(crate) fn python(modules: &str) -> Option<String> {
    let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let reason = format!("{python} cannot import {modules} (BENCH_PYTHON names another)");
    assert!(std::env::var_os("REQUIRE_PYTHON").is_none(), "{reason}");
    let mut err = std::io::stderr();
    writeln!(err, "skipped: {reason}").unwrap();
    None
}
