//! Profiles that must not be used: lost, thin, damaged, foreign, stale, or none at all; and the one
//! that is kept as a reference.

use std::fs;

use coordinator::build::{BuildError, Manifest, ProfileOrigin, VariantName};

use super::build_fixture::{DirectTrainer, Fixture};

#[test]
fn without_a_profile_both_variants_are_recognised_as_the_same() {
    let mut fixture = Fixture::new();
    fixture.options.profile = ProfileOrigin::Nothing;
    let manifest = fixture
        .build(&mut DirectTrainer::new())
        .expect("two equal builds")
        .manifest;
    assert_eq!(
        manifest.variants["pgo"].identical_to.as_deref(),
        Some("baseline")
    );
    assert_eq!(
        manifest.variants["pgo"].artifact.sha256,
        manifest.variants["baseline"].artifact.sha256
    );
    let distinct = manifest.check_distinct(VariantName::Baseline, VariantName::Pgo);
    assert!(matches!(distinct, Err(BuildError::IdenticalCode { .. })));
    fixture.options.profile = ProfileOrigin::Training;
    let manifest = fixture
        .build(&mut DirectTrainer::new())
        .expect("two unlike builds")
        .manifest;
    assert_eq!(manifest.variants["pgo"].identical_to, None);
    manifest
        .check_distinct(VariantName::Baseline, VariantName::Pgo)
        .expect("other code");
}

#[test]
fn a_training_that_lost_workers_or_shrank_is_refused() {
    let fixture = Fixture::new();
    let mut aborting = DirectTrainer {
        mode: "abort",
        ..DirectTrainer::new()
    };
    let error = fixture.build(&mut aborting).expect_err("no profile at all");
    assert!(
        matches!(
            error,
            BuildError::RawProfileCount {
                expected: 2,
                found: 0,
                ..
            }
        ),
        "{error}"
    );
    let mut short = DirectTrainer {
        claimed: 3,
        ..DirectTrainer::new()
    };
    let error = fixture.build(&mut short).expect_err("one worker lost");
    assert!(
        matches!(
            error,
            BuildError::RawProfileCount {
                expected: 3,
                found: 2,
                ..
            }
        ),
        "{error}"
    );
    fixture
        .build(&mut DirectTrainer::new())
        .expect("a good training");
    let mut fixture = fixture;
    fixture.options.retrain = true;
    let mut thin = DirectTrainer {
        turns: 10,
        ..DirectTrainer::new()
    };
    let error = fixture.build(&mut thin).expect_err("a thin profile");
    assert!(matches!(error, BuildError::ProfileThin { .. }), "{error}");
    fixture.options.accept_thin = true;
    fixture.build(&mut thin).expect("accepted when asked");
}

#[test]
fn a_damaged_raw_profile_fails_the_merge_unless_losses_are_accepted() {
    let mut fixture = Fixture::new();
    let mut trainer = DirectTrainer {
        cut: true,
        ..DirectTrainer::new()
    };
    let error = fixture
        .build(&mut trainer)
        .expect_err("one raw profile is cut short");
    assert!(matches!(&error, BuildError::Merge { .. }), "{error}");
    assert!(
        error.to_string().contains("--tolerate-damaged-profiles"),
        "{error}"
    );
    fixture.options.tolerate_damaged = true;
    let manifest = fixture
        .build(&mut trainer)
        .expect("what is whole is merged")
        .manifest;
    let report = &manifest
        .profile_of(VariantName::Pgo)
        .expect("a profile")
        .report;
    assert!(
        report.total_count > 0 && !report.lost.is_empty(),
        "{report:?}"
    );
    assert!(
        manifest.warnings["pgo"]
            .iter()
            .any(|warning| warning.contains("lost")),
        "{:?}",
        manifest.warnings
    );
}

#[test]
fn damaged_foreign_and_stale_profiles_are_refused_with_the_reason() {
    let mut fixture = Fixture::new();
    let manifest = fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build")
        .manifest;
    let profile = fixture.options.out.join(
        &manifest
            .profile_of(VariantName::Pgo)
            .expect("a profile")
            .path,
    );
    let whole = fs::read(&profile).expect("the profile");
    let keep = fixture.root().join("kept.profdata");
    fs::write(&keep, &whole).expect("file");
    fs::copy(profile.with_extension("json"), keep.with_extension("json")).expect("its record");

    fs::write(&profile, &whole[..whole.len() / 2]).expect("file");
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("truncated in place");
    assert!(
        matches!(error, BuildError::ProfileDamaged { .. }),
        "{error}"
    );

    fixture.options.profile = ProfileOrigin::File(profile);
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("truncated and given");
    assert!(
        matches!(error, BuildError::ProfileUnreadable { .. }),
        "{error}"
    );

    fixture.options.profile = ProfileOrigin::File(keep);
    fixture
        .build(&mut DirectTrainer::new())
        .expect("whole and given");
    assert!(
        fixture.options.out.join("bin/pgo").exists(),
        "accepted and installed"
    );
    fixture.edit(
        "engine/src/lib.rs",
        "s = s.wrapping",
        "if s % 4 == 3 { return k; } s = s.wrapping",
    );
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("of other sources");
    assert!(
        matches!(
            error,
            BuildError::ProfileStale {
                mismatched: 1..,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        !fixture.options.out.join("bin/pgo").exists(),
        "refused, so not installed"
    );
    assert!(
        !Manifest::read(&fixture.options.out)
            .expect("a manifest")
            .variants
            .contains_key("pgo")
    );

    fixture.options.rustflags = vec!["-Ctarget-cpu=x86-64-v2".to_owned()];
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("of other flags");
    assert!(
        matches!(error, BuildError::ProfileOfOtherSettings { .. }),
        "{error}"
    );
}

#[test]
fn only_an_accepted_profile_is_a_reference_and_a_deleted_one_is_trained_again() {
    let fixture = Fixture::new();
    let source = Some(fixture.root().join("engine/src/lib.rs"));
    let mut disturbed = DirectTrainer {
        disturb: source,
        ..DirectTrainer::new()
    };
    let error = fixture
        .build(&mut disturbed)
        .expect_err("the source changed meanwhile");
    assert!(matches!(error, BuildError::SourceChanged { .. }), "{error}");
    let refused = Manifest::read(&fixture.options.out).expect("a manifest");
    assert!(
        refused.profile_of(VariantName::Pgo).is_some() && refused.accepted_totals.is_empty(),
        "{refused:?}"
    );

    let accepted = fixture
        .build(&mut DirectTrainer::new())
        .expect("undisturbed")
        .manifest;
    let profile = accepted.profile_of(VariantName::Pgo).expect("a profile");
    assert!(
        accepted
            .accepted_totals
            .values()
            .eq([&profile.report.total_count])
    );

    fs::remove_file(fixture.options.out.join(&profile.path)).expect("the profile was there");
    let again = fixture
        .build(&mut DirectTrainer::new())
        .expect("trained again");
    assert!(
        again.done.contains(&"training") && !again.done.contains(&"baseline"),
        "{:?}",
        again.done
    );
}

#[test]
fn a_renamed_function_is_missing_and_weighed() {
    let mut fixture = Fixture::new();
    fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build");
    let manifest = Manifest::read(&fixture.options.out).expect("a manifest");
    let profile = fixture.options.out.join(
        &manifest
            .profile_of(VariantName::Pgo)
            .expect("a profile")
            .path,
    );
    fixture.options.profile = ProfileOrigin::File(profile);
    // Another version changes the hash of every symbol of the crate.
    fixture.edit("engine/Cargo.toml", "0.1.0", "0.2.0");
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("all symbols renamed");
    assert!(
        matches!(
            error,
            BuildError::ProfileStale {
                missing: 1..,
                mismatched: 0,
                ..
            }
        ),
        "{error}"
    );
}
