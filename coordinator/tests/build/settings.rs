//! The user's compiler settings: in every variant and recorded, or refused by name; and a checkout
//! that is copied with its builds.

use std::collections::BTreeMap;
use std::process::Command;

use coordinator::build::{BuildError, BuildOptions, Manifest, ProfileOrigin, VariantName, build};

use super::build_fixture::{DirectTrainer, Fixture, write};

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Whether each variant was compiled with the flag.
fn all_have(manifest: &Manifest, flag: &str) -> bool {
    [VariantName::Baseline, VariantName::Pgo]
        .iter()
        .all(|name| {
            manifest
                .variant(*name)
                .expect("built")
                .flags
                .iter()
                .any(|given| given == flag)
        })
}

#[test]
fn flags_of_the_environment_and_of_cargo_s_configuration_reach_every_variant_and_the_record() {
    let mut fixture = Fixture::new();
    let mut trainer = DirectTrainer::new();
    // Without training: the checks concern every variant.
    fixture.options.profile = ProfileOrigin::Nothing;
    fixture.options.environment = environment(&[
        ("RUSTFLAGS", "-Ctarget-cpu=x86-64-v2"),
        ("CARGO_PROFILE_VARIANT_OPT_LEVEL", "2"),
        ("RUSTC_WRAPPER", "no-such-wrapper"),
    ]);
    let (made, progress) = fixture.build_noting(&mut trainer);
    let manifest = made.expect("a build with flags").manifest;
    assert!(
        all_have(&manifest, "-Ctarget-cpu=x86-64-v2"),
        "{:?}",
        manifest.variants
    );
    assert_eq!(manifest.settings.rustflags, ["-Ctarget-cpu=x86-64-v2"]);
    assert_eq!(
        manifest.settings.cargo_settings,
        ["CARGO_PROFILE_VARIANT_OPT_LEVEL=2"]
    );
    assert!(
        format!("{progress:?}").contains("RUSTC_WRAPPER is left out"),
        "{progress:?}"
    );
    assert!(
        fixture.build(&mut trainer).expect("again").done.is_empty(),
        "the same settings are up to date"
    );

    write(
        &fixture.root().join(".cargo/config.toml"),
        "[build]\nrustflags = ['-Ctarget-cpu=x86-64-v3']\n",
    );
    fixture.options.environment = environment(&[]);
    let made = fixture
        .build(&mut trainer)
        .expect("a build with a configuration");
    assert!(
        made.done.contains(&"baseline") && all_have(&made.manifest, "-Ctarget-cpu=x86-64-v3"),
        "{made:?}"
    );
    assert_eq!(made.manifest.settings.cargo_settings, [""; 0]);

    fixture.options.environment = environment(&[("RUSTFLAGS", "-Cprofile-use=mine")]);
    let refused = fixture
        .build(&mut trainer)
        .expect_err("a profile for all of them");
    assert!(
        matches!(refused, BuildError::SettingRefused { .. }),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .contains("`-Cprofile-use=mine` in RUSTFLAGS"),
        "{refused}"
    );
}

#[test]
fn a_checkout_that_is_copied_with_its_builds_is_up_to_date() {
    copied(ProfileOrigin::Nothing);
}

/// The flags of such a build contain the profile's path.
#[test]
fn so_is_one_whose_builds_have_a_profile() {
    copied(ProfileOrigin::Training);
}

fn copied(profile: ProfileOrigin) {
    let mut fixture = Fixture::new();
    fixture.options.environment = environment(&[]);
    fixture.options.profile = profile;
    // A directory that a build script watches is a source as well.
    write(&fixture.root().join("app/notes/a.txt"), "a");
    write(
        &fixture.root().join("app/build.rs"),
        "fn main() { println!(\"cargo:rerun-if-changed=notes\"); }\n",
    );
    let first = fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build")
        .manifest;
    let elsewhere = tempfile::tempdir().expect("temporary directory");
    let copy = elsewhere
        .path()
        .canonicalize()
        .expect("own directory")
        .join("copy");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(fixture.root())
        .arg(&copy)
        .status()
        .expect("cp starts");
    assert!(copied.success());
    let mut options = BuildOptions {
        root: copy.clone(),
        out: copy.join("target/bench"),
        ..fixture.options
    };
    let mut trainer = DirectTrainer::new();
    let made = build(&options, &mut trainer, &mut |_| {}).expect("a look at the copy");
    assert!(
        made.done.is_empty() && trainer.trainings == 0,
        "{:?}",
        made.done
    );
    assert_eq!(made.manifest.sources, first.sources);
    // Counter-check: a different byte in the directory is a different source.
    write(&copy.join("app/notes/a.txt"), "b");
    options.variants = vec![VariantName::Baseline];
    let made = build(&options, &mut trainer, &mut |_| {}).expect("a build of the copy");
    assert_eq!(made.done, ["baseline"]);
}
