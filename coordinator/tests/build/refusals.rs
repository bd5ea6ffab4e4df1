//! Revisions and workspaces that cannot be built: each is refused with one sentence that says
//! what to do.

use std::fs;

use coordinator::build::VariantName;

use super::build_fixture::git::git;
use super::build_fixture::{DirectTrainer, Fixture, write};

fn fixture() -> Fixture {
    let mut fixture = Fixture::in_git();
    fixture.options.variants = vec![VariantName::Baseline];
    fixture
}

/// Checks for one sentence that contains all of these words.
fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "no `{word}`: {message}");
    }
    assert!(
        !message.ends_with('.') && !message.contains('\n'),
        "{message}"
    );
}

#[test]
fn a_revision_that_is_not_there_names_the_nearest_one() {
    let fixture = fixture();
    git(&fixture.top(), &["branch", "feature/loud"]);
    says(
        &fixture.refused(&["mian"]),
        &["no revision `mian`", "did you mean `main`?"],
    );
    says(
        &fixture.refused(&["loud"]),
        &["did you mean `feature/loud`?"],
    );
    says(
        &fixture.refused(&["zzzzzz"]),
        &["no revision `zzzzzz`", "git branch --all"],
    );
    says(&fixture.refused(&["a,b"]), &["`a,b`", "commit"]);
    says(&fixture.refused(&["--all"]), &["no revision `--all`"]);
}

#[test]
fn without_git_or_with_a_shallow_clone_the_way_out_is_said() {
    let plain = Fixture::new();
    says(
        &plain.refused(&["main"]),
        &["is in no git repository", "without --ref"],
    );

    let mut whole = fixture();
    whole.commit("two");
    git(&whole.top(), &["tag", "--delete", "one"]);
    let clone = whole.top().with_file_name("shallow");
    let from = format!("file://{}", whole.top().display());
    let shallow = ["clone", "--quiet", "--depth", "1", &from, "shallow"];
    git(clone.parent().expect("a folder"), &shallow);
    whole.options.root = clone.join("rust");
    says(
        &whole.refused(&["HEAD~1"]),
        &["shallow clone", "--unshallow", "fetch-depth"],
    );
}

#[test]
fn submodules_are_named_with_another_road() {
    let fixture = fixture();
    let other = fixture.top().with_file_name("other");
    fs::create_dir(&other).expect("a folder");
    git(&other, &["init", "--quiet"]);
    git(
        &other,
        &["commit", "--quiet", "--allow-empty", "--message", "one"],
    );
    let from = other.display().to_string();
    git(
        &fixture.top(),
        &["submodule", "--quiet", "add", &from, "part"],
    );
    fixture.commit("two");
    says(
        &fixture.refused(&["two"]),
        &[
            "`two` has submodules",
            "coordinator compare NEW --against OLD",
        ],
    );
    fixture
        .build_revisions(&["one"])
        .expect("counter-check: it has none");
}

#[test]
fn settings_that_no_revision_has_are_refused_by_name() {
    let fixture = fixture();
    write(
        &fixture.root().join(".cargo/config.toml"),
        "[build]\nrustflags = ['-Copt-level=1']\n",
    );
    let refused = fixture.refused(&["one"]);
    says(
        &refused,
        &[
            ".cargo/config.toml is not in git",
            "commit it",
            "CARGO_HOME",
        ],
    );
    fixture.commit("two");
    let outcomes = fixture
        .build_revisions(&["one", "two"])
        .expect("counter-check: it is committed");
    let flags = |at: usize| outcomes[at].manifest.settings.rustflags.clone();
    assert_eq!(
        (flags(0), flags(1)),
        (vec![], vec!["-Copt-level=1".to_owned()])
    );
    write(&fixture.top().join("rust-toolchain.toml"), "[toolchain]\n");
    says(
        &fixture.refused(&["one"]),
        &["rust-toolchain.toml is not in git"],
    );
}

#[test]
fn a_vendored_directory_must_be_in_git() {
    let fixture = fixture();
    let config = "[source.crates-io]\nreplace-with = 'vendored-sources'\n\
                  [source.vendored-sources]\ndirectory = 'vendor'\n";
    write(&fixture.root().join(".cargo/config.toml"), config);
    write(&fixture.top().join(".gitignore"), "target\nvendor\n");
    write(&fixture.root().join("vendor/README"), "x");
    fixture.commit("without");
    says(
        &fixture.refused(&["without"]),
        &["`without`", "rust/vendor", "not in git", "commit it"],
    );
    write(&fixture.top().join(".gitignore"), "target\n");
    fixture.commit("with");
    fixture
        .build_revisions(&["with"])
        .expect("counter-check: it is committed");
}

#[test]
fn a_dependency_outside_of_the_repository_and_a_stale_lock_file_are_named() {
    let fixture = fixture();
    let manifest = |dependency: &str| {
        format!(
            "[package]\nname = \"engine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n{dependency}"
        )
    };
    let library = "[package]\nname = \"kernel\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    for place in [
        fixture.top().with_file_name("kernel"),
        fixture.top().join("kernel"),
    ] {
        write(&place.join("Cargo.toml"), library);
        write(&place.join("src/lib.rs"), "");
    }
    write(
        &fixture.root().join("engine/Cargo.toml"),
        &manifest("kernel = { path = \"../../../kernel\" }\n"),
    );
    fixture.commit("outside");
    let refused = fixture.refused(&["outside"]);
    says(
        &refused,
        &[
            "outside of the repository",
            "`outside`",
            "depend on it by git",
        ],
    );

    write(
        &fixture.root().join("engine/Cargo.toml"),
        &manifest("kernel = { path = \"../../kernel\" }\n"),
    );
    fixture.commit("stale");
    let refused = fixture.refused(&["stale"]);
    says(
        &refused,
        &[
            "`stale`",
            "Cargo.lock does not fit",
            "cargo update --workspace",
        ],
    );
    fs::remove_file(fixture.root().join("Cargo.lock")).expect("it was there");
    fixture.commit("inside");
    fixture
        .build_revisions(&["inside"])
        .expect("counter-check: it is in the repository, and no lock file is");
}

#[test]
fn a_revision_without_the_directory_is_named() {
    let mut fixture = fixture();
    write(
        &fixture.top().join("later/Cargo.toml"),
        "[package]\nname = \"later\"\nversion = \"0.1.0\"\n",
    );
    fixture.options.root = fixture.top().join("later");
    says(
        &fixture.refused(&["one"]),
        &["`one` has no directory later", "--manifest-path"],
    );
}

#[test]
fn a_program_that_does_not_dial_is_no_worker() {
    let mut fixture = Fixture::new();
    fixture.options.must_join = true;
    let mut trainer = DirectTrainer::new();
    let refused = fixture
        .build(&mut trainer)
        .expect_err("it counts and ends")
        .to_string();
    says(
        &refused,
        &[
            "`app` does not speak the protocol",
            "`app join`",
            "docs/protocol.md",
        ],
    );
    assert_eq!(trainer.trainings, 0, "before any training");
    assert!(
        !fixture.options.out.join("bin/baseline").exists(),
        "refused, so not installed"
    );
}
