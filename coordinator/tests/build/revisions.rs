//! Builds of revisions: side by side, with and without profiles, found by name. Equal code is equal
//! wherever its checkout is, and is refused if asked for twice.

use std::fs;
use std::path::Path;

use coordinator::build::{
    BuildProgress, BuiltSet, BuiltSource, Manifest, ProfileOrigin, Revisions, Variant, VariantName,
};

use super::build_fixture::git::git;
use super::build_fixture::{DirectTrainer, Fixture, write};

/// A fixture with a second commit `two` whose code differs.
fn two_commits() -> Fixture {
    let mut fixture = Fixture::in_git();
    fixture.options.variants = vec![VariantName::Baseline];
    fixture.edit("engine/src/lib.rs", "i % 7", "i % 9");
    fixture.commit("two");
    fixture
}

fn variants(names: &[&str]) -> Vec<Variant> {
    names
        .iter()
        .map(|name| name.parse().expect("a name"))
        .collect()
}

fn done(outcomes: &[BuiltSource]) -> Vec<(&str, Vec<&'static str>)> {
    outcomes
        .iter()
        .map(|outcome| {
            (
                outcome.revision.as_deref().expect("of a revision"),
                outcome.done.clone(),
            )
        })
        .collect()
}

#[test]
fn two_revisions_stand_side_by_side_and_nothing_is_left_in_the_repository() {
    let fixture = two_commits();
    // Uncommitted changes are ignored, with a warning.
    fixture.edit("engine/src/lib.rs", "i % 9", "i % 11");
    let names = ["one", "HEAD"];
    let (outcomes, progress) = fixture.build_revisions_noting(&names, &mut DirectTrainer::new());
    let outcomes = outcomes.expect("two builds");
    assert_eq!(
        done(&outcomes),
        [("one", vec!["baseline"]), ("HEAD", vec!["baseline"])]
    );
    let warned = |words: &str| {
        let is = |event: &BuildProgress| matches!(event, BuildProgress::Warning(text) if text.contains(words));
        progress.iter().any(is)
    };
    assert!(
        warned("changes that are not committed are not in `HEAD`"),
        "{progress:?}"
    );

    let commits: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.manifest.git.clone().expect("a commit"))
        .collect();
    assert_eq!(commits[1].sha, git(&fixture.top(), &["rev-parse", "HEAD"]));
    assert!(commits[0].sha != commits[1].sha && commits.iter().all(|commit| !commit.dirty));

    let out = &fixture.options.out;
    let pair = variants(&["baseline@one", "baseline@HEAD"]);
    let built = BuiltSet::read(out, &pair).expect("what was built");
    built
        .check_distinct(&pair[0], &pair[1])
        .expect("other code");
    let programs = [&pair[0], &pair[1]].map(|one| built.verified_binary(one).expect("a program"));
    assert_ne!(programs[0], programs[1]);
    let missing = variants(&["pgo@HEAD"]);
    let missing = built
        .verified_binary(&missing[0])
        .expect_err("not built")
        .to_string();
    assert!(
        missing.ends_with("coordinator build --variants baseline,pgo --ref HEAD"),
        "{missing}"
    );

    let again = fixture.build_revisions(&names).expect("again");
    assert_eq!(
        done(&again),
        [("one", vec![]), ("HEAD", vec![])],
        "nothing is built twice"
    );

    let worktrees = git(&fixture.top(), &["worktree", "list"]);
    assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
    let left = fs::read_dir(&fixture.options.checkouts)
        .expect("the folder")
        .count();
    assert_eq!(left, 0, "no checkout is left");
    assert!(
        Manifest::read(out).is_err(),
        "the working tree is another source, and it was not built"
    );
}

#[test]
fn a_name_that_moved_is_refused_until_it_is_built_again_and_takes_the_old_builds_with_it() {
    let fixture = two_commits();
    fixture
        .build_revisions(&["one", "two"])
        .expect("two builds");
    let out = &fixture.options.out;
    let [one, two] = ["one", "two"].map(|name| {
        let revisions = Revisions::read(out).expect("a record").expect("is there");
        revisions.dir_of(out, name).expect("built")
    });
    fixture.edit("engine/src/lib.rs", "i % 9", "i % 13");
    fixture.commit("two");
    let wanted = variants(&["baseline@one", "baseline@two"]);
    let moved = BuiltSet::read(out, &wanted).expect_err("moved").to_string();
    assert!(moved.ends_with("coordinator build --ref two"), "{moved}");
    BuiltSet::read(out, &wanted[..1]).expect("counter-check: this one did not move");

    let again = fixture.build_revisions(&["two"]).expect("again");
    assert_eq!(done(&again), [("two", vec!["baseline"])]);
    BuiltSet::read(out, &wanted).expect("both are current");
    assert!(
        one.is_dir() && !two.exists(),
        "no name refers to the old commit's builds any more"
    );
}

#[test]
fn the_same_code_under_two_names_is_refused_before_anything_is_compiled() {
    let fixture = two_commits();
    git(&fixture.top(), &["branch", "also-two"]);
    let same = fixture.refused(&["two", "also-two"]);
    assert!(
        same.starts_with("`two` and `also-two` are the same code: both are commit "),
        "{same}"
    );

    write(&fixture.top().join("README.md"), "words\n");
    write(&fixture.root().join("notes/x.txt"), "words\n");
    fixture.commit("words");
    let (refused, progress) =
        fixture.build_revisions_noting(&["two", "words"], &mut DirectTrainer::new());
    let same = refused.expect_err("no source differs").to_string();
    assert!(
        same.starts_with("`two` and `words` are the same code: no source of the package `app`"),
        "{same}"
    );
    let steps = |event: &&BuildProgress| matches!(event, BuildProgress::Started { .. });
    assert_eq!(progress.iter().filter(steps).count(), 1, "{progress:?}");

    // Both were built separately; the programs show it.
    fixture.build_revisions(&["words"]).expect("alone");
    let pair = variants(&["baseline@two", "baseline@words"]);
    let built = BuiltSet::read(&fixture.options.out, &pair).expect("what was built");
    let same = built
        .check_distinct(&pair[0], &pair[1])
        .expect_err("one program");
    assert!(
        same.to_string().contains("are the same code (.text "),
        "{same}"
    );
}

/// Constants are not code, but can still make a build slower.
#[test]
fn revisions_that_differ_in_a_constant_alone_can_be_compared() {
    let fixture = two_commits();
    let table = |first: u32| {
        format!(
            "pub static TABLE: [u32; 64] = [{first}; 64];\n\
             #[inline(never)] pub fn look(at: usize) -> u32 {{ std::hint::black_box(&TABLE)[at % 64] }}\n"
        )
    };
    let library = fixture.root().join("engine/src/lib.rs");
    let before = fs::read_to_string(&library).expect("a source");
    fixture.edit(
        "app/src/main.rs",
        "let mut sum",
        "println!(\"{}\", engine::look(turns as usize));\n    let mut sum",
    );
    for (name, first) in [("three", 3), ("four", 4)] {
        write(&library, &format!("{before}{}", table(first)));
        fixture.commit(name);
    }
    let outcomes = fixture
        .build_revisions(&["three", "four"])
        .expect("two builds");
    let artifact = |at: usize| &outcomes[at].manifest.variants["baseline"].artifact;
    assert_eq!(
        artifact(0).text_sha256,
        artifact(1).text_sha256,
        "the same functions"
    );
    let pair = variants(&["baseline@three", "baseline@four"]);
    let built = BuiltSet::read(&fixture.options.out, &pair).expect("what was built");
    built
        .check_distinct(&pair[0], &pair[1])
        .expect("another table");
}

#[test]
fn the_same_commit_in_two_directories_is_the_same_source_and_the_same_program() {
    let fixture = Fixture::in_git();
    // A source in the repository outside the workspace, and a path that the compiler embeds.
    write(&fixture.top().join("shared/words.txt"), "words");
    fixture.edit(
        "app/src/main.rs",
        "fn main() {",
        "const WORDS: &str = include_str!(\"../../../shared/words.txt\");\n\
         fn main() {\n    if std::env::args().count() > 9 { println!(\"{WORDS}\"); }",
    );
    fixture.commit("one");
    let elsewhere = tempfile::tempdir().expect("temporary directory");
    let clone = elsewhere
        .path()
        .canonicalize()
        .expect("own directory")
        .join("a/longer/place");
    let from = fixture.top().display().to_string();
    git(
        elsewhere.path(),
        &["clone", "--quiet", &from, &clone.display().to_string()],
    );

    let built = |root: &Path| {
        let mut options = fixture.options.clone();
        (options.root, options.out) = (root.to_owned(), root.join("target/bench"));
        options.variants = vec![VariantName::Baseline];
        let names = ["HEAD".to_owned()];
        let mut outcomes = coordinator::build::build_revisions(
            &options,
            &names,
            &mut DirectTrainer::new(),
            &mut |_| {},
        )
        .expect("a build");
        outcomes.remove(0).manifest
    };
    let [here, there] = [fixture.root(), clone.join("rust")].map(|root| built(&root));
    assert_eq!(here.sources, there.sources);
    assert!(
        here.sources
            .files
            .iter()
            .any(|file| file.path == Path::new("../shared/words.txt")),
        "{:?}",
        here.sources
    );
    let code = |manifest: &Manifest| {
        let artifact = manifest.variants["baseline"].artifact.clone();
        (artifact.text_sha256, artifact.data_sha256)
    };
    assert_eq!(code(&here), code(&there));
    // Counter-check: another word is another source.
    write(&fixture.top().join("shared/words.txt"), "other");
    fixture.commit("other");
    assert_ne!(built(&fixture.root()).sources.digest, there.sources.digest);
}

#[test]
fn a_profile_belongs_to_its_revision() {
    let mut fixture = two_commits();
    fixture.options.variants = vec![VariantName::Baseline, VariantName::Pgo];
    let mut trainer = DirectTrainer::new();
    let (outcomes, _) = fixture.build_revisions_noting(&["one", "two"], &mut trainer);
    let outcomes = outcomes.expect("two builds");
    let steps = vec!["baseline", "instrumented", "training", "pgo"];
    assert_eq!(done(&outcomes), [("one", steps.clone()), ("two", steps)]);
    assert_eq!(trainer.trainings, 2);
    let variants = variants(&["pgo@one", "pgo@two", "baseline@two"]);
    let built = BuiltSet::read(&fixture.options.out, &variants).expect("what was built");
    for pair in [[0, 1], [1, 2]] {
        let [one, other] = pair.map(|at| &variants[at]);
        built.check_distinct(one, other).expect("other code");
    }
    let [one, two] = [&variants[0], &variants[1]]
        .map(|one| built.profile_of(one).expect("a profile").sha256.clone());
    assert_ne!(one, two);

    let again = fixture.build_revisions(&["two", "one"]).expect("again");
    assert_eq!(done(&again), [("two", vec![]), ("one", vec![])]);
    // Counter-check: without a profile `pgo` is the baseline, also for a revision.
    fixture.options.profile = ProfileOrigin::Nothing;
    fixture
        .build_revisions(&["two"])
        .expect("without a profile");
    let built = BuiltSet::read(&fixture.options.out, &variants[1..]).expect("what was built");
    assert!(built.check_distinct(&variants[2], &variants[1]).is_err());
}

#[test]
fn what_differs_besides_the_sources_is_said() {
    let fixture = two_commits();
    fixture.edit("Cargo.toml", "codegen-units = 1", "codegen-units = 2");
    fixture.commit("three");
    let (outcomes, progress) =
        fixture.build_revisions_noting(&["two", "three"], &mut DirectTrainer::new());
    outcomes.expect("two builds");
    let said = format!("{progress:?}");
    assert!(
        said.contains("`three` differs from `two` in the tables of Cargo profiles"),
        "{said}"
    );
    let (outcomes, progress) =
        fixture.build_revisions_noting(&["one", "two"], &mut DirectTrainer::new());
    outcomes.expect("two builds");
    assert!(
        !format!("{progress:?}").contains("besides the sources"),
        "{progress:?}"
    );
}

#[test]
fn errors_of_one_revision_name_it() {
    let fixture = two_commits();
    fixture.edit(
        "app/src/main.rs",
        "fn main() {",
        "fn main() { this is no Rust",
    );
    fixture.commit("broken");
    let broken = fixture.refused(&["two", "broken"]);
    assert!(
        broken.starts_with("in the revision `broken`, `baseline` cannot be compiled"),
        "{broken}"
    );
    let pair = variants(&["baseline@two"]);
    BuiltSet::read(&fixture.options.out, &pair).expect("what was built before is kept");
    let moved = Revisions::read(&fixture.options.out)
        .expect("a record")
        .expect("is there");
    moved.check_current("two").expect("it did not move");
}
