//! The command line: the meaning of arguments, and refusals.

use std::time::Duration;

use clap::{CommandFactory, Parser};
use coordinator::cli::{Cli, Command, Format, Inconclusive, PlanCommand, RunArgs, RunsCommand};
use coordinator::plan::{EngineKind, OnLoss, Overrides, Source, Verify};

fn parse(line: &str) -> Result<Command, String> {
    let words = std::iter::once("coordinator").chain(line.split_whitespace());
    Cli::try_parse_from(words)
        .map(|cli| cli.command)
        .map_err(|error| error.to_string())
}

fn run(line: &str) -> RunArgs {
    match parse(line).expect(line) {
        Command::Run(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn a_preset_runs_baseline_against_pgo() {
    let args = run("run --preset high");
    assert_eq!(args.source(), Some(Source::Preset("high".into())));
    assert_eq!(args.lineup.names(&[]), ["baseline", "pgo"]);
    assert_eq!(args.changes.overrides(&args.bench), Overrides::default());
    assert_eq!((args.output.format, args.gate.gate), (Format::Human, false));
}

#[test]
fn every_flag_of_run_reaches_the_plan() {
    let args = run(
        "run my.toml --variants a,b,c --slots 4 --rounds 12 --look 6 --seed 9 --engine sim --model /m --threads 2 \
         --no-aa --handicap 3 --verify-model --windows 4 --resident --duet --on-loss fail --output json --gate \
         --inconclusive=pass",
    );
    assert_eq!(args.source(), Some(Source::File("my.toml".into())));
    assert_eq!(args.lineup.names(&[]), ["a", "b", "c"]);
    let expected = Overrides {
        rounds: Some(12),
        look: Some(6),
        until: None,
        budget: None,
        to_the_end: false,
        seed: Some(9),
        control: Some(false),
        slots: Some(4),
        windows: Some(4),
        resident: Some(true),
        duet: Some(true),
        on_loss: Some(OnLoss::Fail),
        engine: Some(EngineKind::Sim),
        model: Some("/m".into()),
        threads: Some(2),
        handicap: Some(0.03),
        verify: Some(Verify::Full),
    };
    assert_eq!(args.changes.overrides(&args.bench), expected);
    assert_eq!(
        (args.output.format, args.gate.inconclusive),
        (Format::Json, Inconclusive::Pass)
    );
}

#[test]
fn a_time_has_its_unit() {
    let budget = |text: &str| {
        run(&format!(
            "run --preset high --until decided --budget {text}"
        ))
        .changes
        .budget
    };
    for (text, seconds) in [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2m", 120)] {
        assert_eq!(budget(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["10", "m", "-1s", "0s", "1d", "nans", ""] {
        let words = [
            "coordinator",
            "run",
            "--preset",
            "high",
            "--until",
            "decided",
            "--budget",
            text,
        ];
        assert!(Cli::try_parse_from(words).is_err(), "{text}");
    }
}

#[test]
fn a_resumed_run_takes_nothing_that_would_change_it() {
    let args = run("run --resume 01J --output quiet");
    assert_eq!((args.resume.as_deref(), args.source()), (Some("01J"), None));
    for change in [
        "--preset high",
        "--rounds 3",
        "--seed 1",
        "--variants a,b",
        "--a-a",
        "--no-aa",
        "my.toml",
    ] {
        let line = format!("run --resume 01J {change}");
        assert!(
            parse(&line)
                .expect_err(&line)
                .contains("cannot be used with"),
            "{line}"
        );
    }
}

#[test]
fn an_a_a_comparison_is_of_the_baseline_unless_told() {
    assert_eq!(
        run("run --preset high --a-a").lineup.names(&[]),
        ["baseline"]
    );
    assert_eq!(
        run("run --preset high --a-a --variants pgo")
            .lineup
            .names(&[]),
        ["pgo"]
    );
}

#[test]
fn stored_runs_are_latest_unless_named() {
    let Ok(Command::Compare(args)) = parse("compare --gate") else {
        panic!("compare")
    };
    assert_eq!((args.run.run.as_str(), args.gate.gate), ("latest", true));
    let Ok(Command::Report(args)) = parse("report 01J") else {
        panic!("report")
    };
    assert_eq!(args.run.run, "01J");
    let Ok(Command::Runs(RunsCommand::Verify(args))) = parse("runs verify") else {
        panic!("verify")
    };
    assert_eq!(args.run, None);
    assert!(matches!(
        parse("plan show high"),
        Ok(Command::Plan(PlanCommand::Show(_)))
    ));
}

#[test]
fn the_store_can_be_named_anywhere() {
    for line in [
        "--store /s runs list",
        "runs list --store /s",
        "runs --store /s list",
    ] {
        let words = std::iter::once("coordinator").chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).expect(line);
        assert_eq!(cli.store.as_deref(), Some("/s".as_ref()), "{line}");
    }
}

#[test]
fn what_is_misspelt_is_refused_with_the_nearest() {
    let cases = [
        ("compair", "'compare'"),
        ("run --presett high", "'--preset'"),
        ("run --preset high --engine simm", "'sim'"),
        ("run --preset high --output jsn", "'json'"),
        ("runs lst", "'list'"),
    ];
    for (line, nearest) in cases {
        let message = parse(line).expect_err(line);
        assert!(
            message.contains("similar") && message.contains(nearest),
            "{line}: {message}"
        );
    }
}

#[test]
fn contradictions_and_gaps_are_refused() {
    let cases = [
        "run",
        "run my.toml --preset high",
        "run --preset high --inconclusive=pass",
        "run --preset high --rounds many",
        "run --preset high --handicap=-5",
        "run --preset high --handicap nan",
        "run --preset high --handicap 101",
        "run --preset high --handicap inf",
        "runs import",
        "plan show",
    ];
    for line in cases {
        assert!(parse(line).is_err(), "{line}");
    }
}

/// A flag without effect is refused, because the user expects one.
#[test]
fn every_flag_of_the_fleet_is_used_by_the_launcher_or_named_as_unused() {
    const ALL: &str =
        "--hosts a,b --ssh-config f --agents 2 --slurm-arg=-x --worker-path w --advertise h";
    let unused = |launcher: &str| {
        run(&format!("run --preset high --launcher {launcher} {ALL}"))
            .fleet
            .unused()
            .join(" ")
    };
    assert_eq!(unused("local"), "--hosts --ssh-config --agents --slurm-arg");
    assert_eq!(unused("ssh"), "--agents --slurm-arg");
    assert_eq!(unused("slurm"), "--hosts --ssh-config");
    assert_eq!(
        unused("attach"),
        "--hosts --ssh-config --slurm-arg --worker-path"
    );
    assert!(run("run --preset high").fleet.unused().is_empty());
}

#[test]
fn flags_of_a_training_are_named_where_nothing_trains() {
    let line = "build --training t.toml --model m --retrain --tolerate-damaged-profiles --accept-thin-profile";
    let Ok(Command::Build(args)) = parse(line) else {
        panic!("build")
    };
    assert_eq!(
        (args.of_training(false).len(), args.of_training(true)),
        (5, vec![])
    );
    let Ok(Command::Build(args)) = parse("build --variants baseline --force") else {
        panic!("build")
    };
    assert!(args.of_training(false).is_empty());
}

#[test]
fn every_argument_has_help() {
    fn missing(command: &clap::Command, path: &str) -> Vec<String> {
        let own = command
            .get_arguments()
            .filter(|arg| arg.get_help().is_none());
        let own = own
            .map(|arg| format!("{path} {}", arg.get_id()))
            .collect::<Vec<_>>();
        let deeper = command
            .get_subcommands()
            .flat_map(|sub| missing(sub, &format!("{path} {}", sub.get_name())));
        own.into_iter().chain(deeper).collect()
    }
    assert_eq!(missing(&Cli::command(), ""), Vec::<String>::new());
    let bare = clap::Command::new("x").arg(clap::Arg::new("silent").long("silent"));
    assert_eq!(missing(&bare, ""), [" silent"], "the check itself can fail");
}

#[test]
fn every_list_of_presets_is_that_of_the_plans() {
    let names = coordinator::plan::preset::NAMES;
    for path in [&["run"][..], &["calibrate"], &["plan", "show"]] {
        let mut root = Cli::command();
        let command = path.iter().fold(&mut root, |command, name| {
            command.find_subcommand_mut(name).expect("a verb")
        });
        let preset = command
            .get_arguments()
            .find(|arg| arg.get_id() == "preset")
            .expect("it takes a preset");
        let help = preset.get_help().expect("help").to_string();
        let words: Vec<&str> = help.split([' ', ',']).collect();
        let missing = names.iter().filter(|name| !words.contains(name));
        assert_eq!(missing.count(), 0, "{path:?}: {help}");
    }
}

#[test]
fn every_help_text_fits_its_page_and_names_no_flag_that_is_not_there() {
    fn visit(command: &mut clap::Command, flags: &[String]) {
        let name = command.get_name().to_owned();
        let text = command.render_long_help().to_string();
        let own: Vec<String> = command
            .get_arguments()
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        let known = [flags, &own].concat();
        for word in text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .filter(|word| word.starts_with("--"))
        {
            assert!(
                known.iter().any(|flag| flag == word),
                "{name}: {word} in\n{text}"
            );
        }
        command
            .get_subcommands_mut()
            .for_each(|sub| visit(sub, &known));
    }
    let mut root = Cli::command().term_width(80);
    root.build();
    let global = ["--help", "--version", "--store", "--"].map(str::to_owned);
    visit(&mut root, &global);
}

#[test]
fn listings_are_filtered_by_what_people_ask_for() {
    let line = "runs list --plan high --variant pgo --host-class xeon --tag a --tag b --since 2026-01-01 \
                --before 2026-02-01 --verdict Slower --limit 3";
    let Ok(Command::Runs(RunsCommand::List(args))) = parse(line) else {
        panic!("list")
    };
    assert_eq!(
        (args.filter.tag, args.limit),
        (vec!["a".to_owned(), "b".to_owned()], Some(3))
    );
    assert_eq!(
        args.filter
            .before
            .zip(args.filter.since)
            .map(|(b, s)| b - s),
        Some(31 * 86_400_000)
    );
    assert!(
        parse("runs list --verdict quick").is_err()
            && parse("runs list --since yesterday").is_err()
    );
}

#[test]
fn every_shell_gets_a_script_that_knows_the_verbs() {
    use clap::ValueEnum;
    for shell in clap_complete::Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "coordinator", &mut script);
        let script = String::from_utf8(script).expect("it is text");
        assert!(
            ["compare", "runs", "prune", "completions"]
                .iter()
                .all(|verb| script.contains(verb)),
            "{shell}"
        );
    }
}
