//! Exit codes and readers: every command, with its output read, with a reader that has left, and on
//! a full device.

use std::fs::{self, OpenOptions};
use std::process::Stdio;

use contract::run::RunState;

use crate::sandbox::Sandbox;
use crate::tally::state;

/// A run whose candidate is three times slower. Late starts do not matter here, and test hosts are
/// busy.
const SLOWER: &str = "name = 'slower'\nrounds = 6\ncontrol = false\nengine = 'sim'\n\
     [[scenario]]\nname = 'burst'\nshape = { kind = 'burst', requests = 24 }\n\
     prompt = { tokens = 8 }\noutput_tokens = 2\n\
     [validity]\nmax_lateness = 1.0\nmax_lateness_share = 1.0\nmax_generator_share = 1.0\n\
     [sim.all]\nstep_base_ns = 20000000\nround_sd = 0.001\n";

/// The parameters that make the candidate slower; a run without a candidate must not have them.
const CANDIDATE: &str = "[sim.pgo]\nscale = 3.0\n";

/// Paths of the plan with a candidate and of the same without one.
fn plans(sandbox: &Sandbox) -> (String, String) {
    let alone = sandbox.path("alone.toml");
    fs::write(&alone, SLOWER).unwrap();
    (
        sandbox.plan(&format!("{SLOWER}{CANDIDATE}")),
        alone.display().to_string(),
    )
}

/// A pipe without a reader.
fn left() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

fn code(sandbox: &Sandbox, arguments: &[&str], stdout: Stdio) -> i32 {
    let mut command = sandbox.command(arguments);
    command
        .stdout(stdout)
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .code()
        .unwrap()
}

#[test]
fn no_exit_code_depends_on_who_reads() {
    let sandbox = Sandbox::new();
    let (plan, alone) = plans(&sandbox);
    assert_eq!(
        code(&sandbox, &["run", &plan, "--gate"], left()),
        1,
        "SLOWER"
    );
    assert_eq!(
        state(&sandbox.latest()),
        Some(RunState::Complete),
        "and kept whole"
    );
    assert_eq!(
        code(&sandbox, &["run", &plan], full()),
        2,
        "the findings could not be printed"
    );
    assert_eq!(
        state(&sandbox.latest()),
        Some(RunState::Complete),
        "and it is kept nevertheless"
    );
    assert_eq!(
        code(&sandbox, &["run", &alone, "--variants", "baseline"], left()),
        0
    );

    let slower = sandbox
        .run(&["runs", "list", "-o", "quiet"])
        .stdout
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    let run = slower.as_str();
    let damaged = sandbox
        .path("store/runs")
        .join("01KAAAAAAAAAAAAAAAAAAAAAAA.bench");
    fs::write(damaged, "no export file").unwrap();
    let commands: [(&[&str], i32); 27] = [
        (&["compare", run, "--gate"], 1),
        (&["compare", run, "--gate", "--explain", "primary"], 1),
        (
            &[
                "compare",
                run,
                "--gate",
                "--explain",
                "primary",
                "-o",
                "json",
            ],
            1,
        ),
        (&["compare", run, "--gate", "-o", "quiet"], 1),
        (&["compare", run, "--gate", "-o", "json"], 1),
        (&["compare", run, "--gate", "-o", "markdown"], 1),
        (&["compare", run, "--gate", "-o", "junit"], 1),
        (&["compare", run], 0),
        (&["compare", "latest", "--gate"], 2),
        (&["compare", "none"], 2),
        (&["report", run], 0),
        (&["report", run, "-o", "csv"], 0),
        (&["report", run, "-o", "hgrm"], 0),
        (&["runs", "verify"], 4),
        (&["runs", "verify", run], 0),
        (&["runs", "list"], 0),
        (&["runs", "show", run], 0),
        (&["runs", "export", run, "--to", "kept.bench"], 0),
        (&["runs", "import", "kept.bench"], 0),
        (&["runs", "prune"], 0),
        (&["runs", "rm", "latest"], 0),
        (&["doctor"], 2),
        (&["trend", "slower"], 0),
        (&["plan", "show", "high"], 0),
        (&["plan", "check", "plan.toml"], 0),
        (&["completions", "bash"], 0),
        (&["runs", "--help"], 0),
    ];
    for (arguments, expected) in commands {
        assert_eq!(
            code(&sandbox, arguments, Stdio::null()),
            expected,
            "{arguments:?} with a reader"
        );
        assert_eq!(
            code(&sandbox, arguments, left()),
            expected,
            "{arguments:?} with a reader that left"
        );
        // Output lost to an error is not a success; a worse code stays.
        let lost = if expected == 0 { 2 } else { expected };
        assert_eq!(
            code(&sandbox, arguments, full()),
            lost,
            "{arguments:?} on a full device"
        );
    }
}

#[test]
fn a_gate_without_a_comparison_passes_nothing() {
    let sandbox = Sandbox::new();
    let (plan, alone) = plans(&sandbox);
    let refused = sandbox.run(&["run", &alone, "--variants", "baseline", "--gate"]);
    assert!(
        refused.code == Some(2) && refused.stderr.contains("compared with nothing"),
        "{refused:?}"
    );
    assert!(
        !sandbox.path("store").exists(),
        "before anything is measured"
    );
    for _ in 0..2 {
        assert_eq!(
            sandbox.run(&["run", &alone, "--variants", "baseline"]).code,
            Some(0)
        );
    }
    for format in ["human", "json", "junit"] {
        let judged = sandbox.run(&["compare", "--gate", "--inconclusive=pass", "-o", format]);
        assert!(
            judged.code == Some(2) && judged.stderr.contains("--variants baseline,pgo"),
            "{judged:?}"
        );
    }
    // Over runs: a scenario and variant that the old runs lack is not ignored.
    let old = sandbox
        .run(&["runs", "list", "-o", "quiet"])
        .stdout
        .lines()
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(sandbox.run(&["run", &plan]).code, Some(0));
    let judged = sandbox.run(&[
        "compare",
        "latest",
        "--against",
        &old,
        "--gate",
        "--inconclusive=pass",
    ]);
    assert!(
        judged.code == Some(3) && judged.stderr.contains("judge pgo in burst"),
        "{judged:?}"
    );
    let twin = sandbox.run(&["compare", "latest", "--against", &old]);
    assert_eq!(twin.code, Some(0), "{twin:?}");
}

#[test]
fn bare_file_names_lie_in_the_working_directory() {
    let sandbox = Sandbox::new();
    let plan = sandbox.plan(SLOWER);
    assert_eq!(
        sandbox.run(&["run", &plan, "--variants", "baseline"]).code,
        Some(0)
    );
    let run = sandbox.latest().header.run;
    let made = sandbox.run(&["runs", "export", "latest", "--to", "run.bench"]);
    assert_eq!(
        (made.code, made.stdout.trim()),
        (Some(0), "run.bench"),
        "{made:?}"
    );
    let made = sandbox.run(&["runs", "export"]);
    assert_eq!(
        (made.code, made.stdout.trim().to_owned()),
        (Some(0), format!("{run}.bench")),
        "{made:?}"
    );
    assert_eq!(
        fs::read(sandbox.path("run.bench")).unwrap(),
        fs::read(sandbox.path(&format!("{run}.bench"))).unwrap()
    );
    for arguments in [
        &["report", "--html", "x.html"][..],
        &["runs", "import", "run.bench"],
        &["plan", "check", "plan.toml"],
        &["certs", "init", "certs"],
        &["man", "pages"],
    ] {
        let made = sandbox.run(arguments);
        assert_eq!(made.code, Some(0), "{arguments:?}: {made:?}");
    }
}

/// Single runs are removed by name: never without `--yes`, and one that is kept on purpose only
/// with `--force`.
#[test]
fn a_run_is_removed_by_name() {
    let sandbox = Sandbox::new();
    let plan = sandbox.plan(SLOWER);
    for _ in 0..2 {
        sandbox.run(&["run", &plan, "--a-a", "-q"]);
    }
    let ids = || -> Vec<String> {
        let listed = sandbox.run(&["runs", "list", "-o", "quiet"]).stdout;
        listed.lines().map(str::to_owned).collect()
    };
    let before = ids();
    assert_eq!(before.len(), 2);
    let said = sandbox.run(&["runs", "rm", &before[0]]);
    assert!(said.stdout.contains("1 run would be removed."), "{said:?}");
    assert_eq!(ids(), before);
    sandbox.run(&["runs", "tag", &before[0], "release"]);
    let refused = sandbox.run(&["runs", "rm", &before[0], &before[1], "--yes"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("tag or a remark"), "{refused:?}");
    assert_eq!(ids(), before, "all are checked before one is removed");
    sandbox.run(&["runs", "rm", &before[1], "--yes"]);
    assert_eq!(ids(), before[..1]);
    sandbox.run(&["runs", "rm", "latest", "--yes", "--force"]);
    assert_eq!(ids().len(), 0);
    let none = sandbox.run(&["runs", "rm", "latest", "--yes"]);
    assert_eq!(none.code, Some(2), "{none:?}");
}
