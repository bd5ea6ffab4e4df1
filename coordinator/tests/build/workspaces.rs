//! Users' workspaces: packages, binaries, features and Cargo profiles, and profiles for crates
//! outside the workspace.

use std::fs;
use std::process::Command;

use coordinator::build::{BuildError, VariantName, WorkspaceError};

use super::build_fixture::{DirectTrainer, Fixture, write};

fn baseline_of(mut fixture: Fixture) -> Fixture {
    fixture.options.variants = vec![VariantName::Baseline];
    fixture
}

fn output(fixture: &Fixture, program: &str, arguments: &[&str]) -> String {
    // An instrumented program would leave its profile here.
    let done = Command::new(fixture.options.out.join(program))
        .args(arguments)
        .env("LLVM_PROFILE_FILE", "/dev/null")
        .output();
    String::from_utf8(done.expect("it starts").stdout)
        .expect("text")
        .trim()
        .to_owned()
}

#[test]
fn package_binary_features_and_cargo_profile_are_the_user_s() {
    let mut fixture = baseline_of(Fixture::new());
    write(
        &fixture.root().join("app/src/bin/other.rs"),
        "fn main() { println!(\"{}\", if cfg!(feature = \"loud\") { \"LOUD\" } else { \"quiet\" }); }\n",
    );
    fixture.edit(
        "app/Cargo.toml",
        "[dependencies]",
        "[features]\nloud = []\n[dependencies]",
    );
    fixture.edit(
        "Cargo.toml",
        "[profile.variant]",
        "[profile.mine]\ninherits = \"release\"\nopt-level = 1\n[profile.variant]",
    );
    fixture.options.binary = Some("other".to_owned());
    let manifest = fixture
        .build(&mut DirectTrainer::new())
        .expect("a build")
        .manifest;
    assert_eq!(
        (
            &*manifest.settings.package,
            &*manifest.settings.cargo_profile
        ),
        ("app", "variant")
    );
    assert_eq!(output(&fixture, "bin/baseline", &[]), "quiet");

    fixture.options.features = vec!["--features=loud".to_owned()];
    fixture.options.cargo_profile = Some("mine".to_owned());
    let made = fixture
        .build(&mut DirectTrainer::new())
        .expect("another build");
    assert_eq!(made.done, ["baseline"], "other features are another build");
    assert_eq!(made.manifest.settings.features, ["--features=loud"]);
    assert_eq!(made.manifest.settings.cargo_profile, "mine");
    assert_eq!(output(&fixture, "bin/baseline", &[]), "LOUD");

    fixture.options.binary = Some("othre".to_owned());
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("no such binary");
    assert!(
        matches!(
            &error,
            BuildError::Workspace(WorkspaceError::NoSuchBinary { .. })
        ),
        "{error}"
    );
    fixture.options.package = Some("engine".to_owned());
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("a library")
        .to_string();
    assert!(error.contains("`engine` has no binary"), "{error}");
    fixture.options.package = Some("motor".to_owned());
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("no package")
        .to_string();
    assert!(
        error.contains("no package `motor`") && error.contains("app"),
        "{error}"
    );
    fixture.options.root = std::env::temp_dir();
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("no workspace")
        .to_string();
    assert!(
        error.contains("no Cargo workspace") && error.contains("--manifest-path"),
        "{error}"
    );
}

#[test]
fn a_workspace_without_the_project_s_profile_is_built_as_a_release() {
    let fixture = baseline_of(Fixture::new());
    let text = fs::read_to_string(fixture.root().join("Cargo.toml")).expect("a manifest");
    let (head, _) = text.split_once("[profile").expect("a profile");
    write(&fixture.root().join("Cargo.toml"), head);
    // From a member's directory the workspace is the same.
    let mut fixture = fixture;
    fixture.options.root = fixture.root().join("app");
    let manifest = fixture
        .build(&mut DirectTrainer::new())
        .expect("a build")
        .manifest;
    assert_eq!(manifest.settings.cargo_profile, "release");
}

/// A workspace whose work is done by a crate outside it that also has the profile hook.
fn with_a_kernel() -> Fixture {
    let fixture = Fixture::below("workspace");
    let kernel = fixture.root().with_file_name("kernel");
    write(
        &kernel.join("Cargo.toml"),
        "[package]\nname = \"a-kernel\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [package.metadata.pgo-benchmarks]\nprofile-hook = true\n\
         [lints.rust]\nunexpected_cfgs = { level = \"warn\", check-cfg = [\"cfg(profile_hook)\"] }\n",
    );
    let hook = include_str!("../../../worker/src/profile.rs");
    write(&kernel.join("src/profile.rs"), hook);
    write(
        &kernel.join("src/lib.rs"),
        "pub mod profile;\n#[inline(never)]\npub fn heavy(turns: u64) -> u64 {\n    \
         (0..turns).fold(1, |sum, i| if sum % 5 == i % 3 { sum ^ i } else { sum.wrapping_mul(31) })\n}\n",
    );
    fixture.edit(
        "app/Cargo.toml",
        "[dependencies]",
        "[dependencies]\na-kernel = { path = \"../../kernel\" }",
    );
    fixture.edit("app/src/main.rs", "mod profile;", "use a_kernel::profile;");
    fixture.edit(
        "app/src/main.rs",
        "    if mode == \"reset\"",
        "    sum += a_kernel::heavy(turns);\n    if mode == \"hook\" { println!(\"{}\", profile::is_instrumented()); return; }\n    if mode == \"reset\"",
    );
    fs::remove_file(fixture.root().join("app/src/profile.rs")).expect("it was there");
    fixture
}

#[test]
fn a_profile_reaches_the_crates_that_are_listed_and_no_others() {
    let mut fixture = with_a_kernel();
    fixture.options.variants = vec![
        VariantName::Baseline,
        VariantName::Pgo,
        VariantName::PgoCrates,
    ];
    let apart = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("no crates")
        .to_string();
    assert!(apart.contains("--profile-crates"), "{apart}");
    fixture.options.profile_crates = vec!["*-kernle".to_owned()];
    let unknown = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("misspelt")
        .to_string();
    assert!(unknown.contains("`*-kernle`"), "{unknown}");

    fixture.options.profile_crates = vec!["*-kernel".to_owned()];
    let made = fixture
        .build(&mut DirectTrainer::new())
        .expect("three variants");
    assert_eq!(
        made.done,
        [
            "baseline",
            "instrumented",
            "training",
            "pgo",
            "instrumented-crates",
            "training-crates",
            "pgo-crates"
        ]
    );
    let hottest = |variant: VariantName| {
        let profile = made.manifest.profile_of(variant).expect("a profile");
        let names = profile.report.hottest.iter().map(|hot| hot.name.clone());
        names.collect::<Vec<_>>().join(" ")
    };
    assert!(hottest(VariantName::PgoCrates).contains("a_kernel::heavy"));
    assert!(
        !hottest(VariantName::Pgo).contains("a_kernel::heavy"),
        "{}",
        hottest(VariantName::Pgo)
    );
    for (one, other) in [
        (VariantName::Baseline, VariantName::PgoCrates),
        (VariantName::Pgo, VariantName::PgoCrates),
    ] {
        made.manifest
            .check_distinct(one, other)
            .expect("other code");
    }

    // The hook is in the outside crate only in the build that is trained.
    for (program, hooked) in [
        ("bin/baseline", "false"),
        ("not-variants/instrumented", "true"),
        ("not-variants/instrumented-crates", "true"),
        ("bin/pgo-crates", "false"),
    ] {
        assert_eq!(
            output(&fixture, program, &["hook", "5"]),
            hooked,
            "{program}"
        );
    }

    assert!(
        fixture
            .build(&mut DirectTrainer::new())
            .expect("again")
            .done
            .is_empty()
    );
    // A crate that was compiled with a profile is compiled again without one.
    let baseline = made.manifest.variants["baseline"]
        .artifact
        .text_sha256
        .clone();
    fixture.options.force = true;
    fixture.options.variants = vec![VariantName::Baseline];
    fixture.options.profile_crates.clear();
    let again = fixture
        .build(&mut DirectTrainer::new())
        .expect("the baseline alone");
    assert_eq!(
        again.manifest.variants["baseline"].artifact.text_sha256,
        baseline
    );
}

#[test]
fn another_list_of_crates_builds_its_variant_anew_and_no_other() {
    let mut fixture = with_a_kernel();
    fixture.options.variants = vec![VariantName::Baseline, VariantName::PgoCrates];
    fixture.options.profile_crates = vec!["a-kernel".to_owned()];
    fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build");
    fixture.options.profile_crates = vec!["engine".to_owned()];
    let made = fixture
        .build(&mut DirectTrainer::new())
        .expect("another list");
    assert_eq!(
        made.done,
        ["instrumented-crates", "training-crates", "pgo-crates"]
    );
    let profile = made
        .manifest
        .profile_of(VariantName::PgoCrates)
        .expect("a profile");
    assert!(
        profile
            .report
            .hottest
            .iter()
            .all(|hot| !hot.name.contains("a_kernel"))
    );
}
