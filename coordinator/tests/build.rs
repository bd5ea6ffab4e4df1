//! The build pipeline on a small workspace with the real compiler: what it builds, when it builds
//! nothing, and every guard with a case that triggers it.

mod build_fixture;
#[path = "build/interrupted.rs"]
mod interrupted;
#[path = "build/layouts.rs"]
mod layouts;
#[path = "build/profiles.rs"]
mod profiles;
#[path = "build/refusals.rs"]
mod refusals;
#[path = "build/revisions.rs"]
mod revisions;
#[path = "build/settings.rs"]
mod settings;
#[path = "build/workspaces.rs"]
mod workspaces;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use build_fixture::{DirectTrainer, Fixture, run};
use coordinator::build::{
    BuildError, BuildProgress, Manifest, ProfileOrigin, Toolchain, VariantName, profile_pattern,
};
use object::{Object, ObjectSymbol, SymbolKind};

#[test]
fn builds_once_and_then_does_nothing() {
    let mut fixture = Fixture::new();
    fixture.options.controls = true;
    let mut trainer = DirectTrainer::new();
    let first = fixture.build(&mut trainer).expect("a first build");
    let steps = [
        "baseline",
        "instrumented",
        "training",
        "pgo",
        "control-unreadable",
        "control-empty",
    ];
    assert_eq!(first.done, steps);
    let codes: BTreeSet<_> = first
        .manifest
        .variants
        .values()
        .chain(first.manifest.controls.values())
        .collect::<Vec<_>>()
        .iter()
        .map(|record| record.artifact.text_sha256.clone())
        .collect();
    assert!(
        codes.len() >= 3,
        "baseline, pgo and controls differ: {codes:?}"
    );
    let report = &first
        .manifest
        .profile_of(VariantName::Pgo)
        .expect("a profile")
        .report;
    assert_eq!(
        (report.raw_files, report.missing, report.mismatched),
        (2, 0, 0)
    );
    assert!(
        report.covered > 3 && report.hottest[0].name.starts_with("engine::"),
        "{report:?}"
    );
    assert_eq!(report.overlap_percent, Some(100.0));

    let (second, progress) = fixture.build_noting(&mut trainer);
    let second = second.expect("a second build");
    assert!(second.done.is_empty() && trainer.trainings == 1);
    assert!(
        progress
            .iter()
            .all(|event| matches!(event, BuildProgress::Reused { .. })),
        "{progress:?}"
    );
    assert_eq!(second.manifest, first.manifest);
    assert_eq!(
        Manifest::read(&fixture.options.out).expect("a manifest"),
        first.manifest
    );

    fixture.edit("engine/src/lib.rs", "i % 7", "i % 9");
    let third = fixture.build(&mut trainer).expect("a third build");
    assert_eq!(
        (third.done.as_slice(), trainer.trainings),
        (steps.as_slice(), 2),
        "a changed source rebuilds all"
    );
    assert_ne!(third.manifest.sources.digest, first.manifest.sources.digest);
}

#[test]
fn readers_name_the_command_and_notice_changed_binaries() {
    let mut fixture = Fixture::new();
    fixture.options.variants = vec![VariantName::Baseline];
    let out = fixture.options.out.clone();
    assert!(matches!(
        Manifest::read(&out),
        Err(BuildError::NoManifest { .. })
    ));
    let manifest = fixture
        .build(&mut DirectTrainer::new())
        .expect("a baseline")
        .manifest;
    let program = manifest
        .verified_binary(&out, VariantName::Baseline)
        .expect("the binary");
    let missing = manifest
        .verified_binary(&out, VariantName::Pgo)
        .expect_err("not built")
        .to_string();
    assert_eq!(
        missing,
        "variant `pgo` is not built: coordinator build --variants baseline,pgo"
    );
    fs::write(&program, "other").expect("file");
    let changed = manifest.verified_binary(&out, VariantName::Baseline);
    assert!(matches!(changed, Err(BuildError::BinaryChanged { .. })));
    let rebuilt = fixture.build(&mut DirectTrainer::new()).expect("a repair");
    assert_eq!(rebuilt.done, ["baseline"]);
    let path = out.join("manifest.json");
    let whole = fs::read_to_string(&path).expect("the manifest");
    fs::write(&path, &whole[..whole.len() / 2]).expect("file");
    assert!(matches!(
        Manifest::read(&out),
        Err(BuildError::BadManifest { .. })
    ));
    fs::write(&path, whole.replacen("\"format\": 2", "\"format\": 99", 1)).expect("file");
    assert!(
        Manifest::read(&out)
            .expect_err("newer")
            .to_string()
            .contains("format 99")
    );
}

#[test]
fn the_instrumented_build_keeps_every_symbol() {
    let mut fixture = Fixture::as_the_product();
    fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build");
    let manifest = Manifest::read(&fixture.options.out).expect("a manifest");
    let instrumented = fixture.options.out.join(
        manifest
            .instrumented
            .into_values()
            .next()
            .expect("instrumented")
            .artifact
            .path,
    );
    let baseline = fixture.options.out.join("bin/baseline");
    let compared = differing_symbols(&baseline, &instrumented);
    assert!(compared.0 >= 3, "functions of the workspace are in both");
    assert!(compared.1.is_empty(), "{:?}", compared.1);
    let old = fixture.root().join("old");
    fs::copy(&baseline, &old).expect("a copy");
    fixture.edit("engine/Cargo.toml", "0.1.0", "0.2.0");
    fixture.options.variants = vec![VariantName::Baseline];
    fixture
        .build(&mut DirectTrainer::new())
        .expect("another version");
    assert!(
        !differing_symbols(&old, &baseline).1.is_empty(),
        "changed metadata would be seen"
    );
}

#[test]
fn variants_of_both_scopes_stand_side_by_side() {
    let mut fixture = Fixture::new();
    let both = [
        VariantName::Baseline,
        VariantName::Pgo,
        VariantName::PgoProgram,
    ];
    fixture.options.variants = vec![VariantName::Baseline, VariantName::PgoProgram];
    let first = fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build");
    assert_eq!(
        first.done,
        [
            "baseline",
            "instrumented-program",
            "training-program",
            "pgo-program"
        ]
    );
    fixture.options.variants = both.to_vec();
    let second = fixture
        .build(&mut DirectTrainer::new())
        .expect("one variant more");
    assert_eq!(
        second.done,
        ["instrumented", "training", "pgo"],
        "nothing is built twice"
    );
    let manifest = second.manifest;
    assert!(
        manifest.warnings["pgo-program"][0].contains("dependencies"),
        "{:?}",
        manifest.warnings
    );
    let same = manifest.variants["pgo"].identical_to.as_deref();
    assert_eq!(
        same,
        Some("pgo-program"),
        "a program without dependencies is its workspace"
    );
    assert_eq!(
        manifest.variants["pgo-program"],
        first.manifest.variants["pgo-program"]
    );
    let [pgo, program] = [VariantName::Pgo, VariantName::PgoProgram]
        .map(|variant| manifest.profile_of(variant).expect("a profile of its own"));
    assert_ne!(pgo.settings_digest, program.settings_digest);
    for variant in &both[1..] {
        manifest
            .check_distinct(VariantName::Baseline, *variant)
            .expect("other code");
        manifest
            .verified_binary(&fixture.options.out, *variant)
            .expect("its binary");
    }

    let of_program = fixture.root().join("program.profdata");
    let kept = fixture.options.out.join(&program.path);
    fs::copy(&kept, &of_program).expect("a copy");
    fs::copy(
        kept.with_extension("json"),
        of_program.with_extension("json"),
    )
    .expect("its record");
    fixture.options.profile = ProfileOrigin::File(of_program);
    let error = fixture
        .build(&mut DirectTrainer::new())
        .expect_err("a profile of the other scope");
    assert!(
        matches!(error, BuildError::ProfileOfOtherSettings { .. }),
        "{error}"
    );
}

#[test]
fn an_older_manifest_is_refused_by_readers_and_replaced_by_a_build() {
    let mut fixture = Fixture::new();
    fixture.options.variants = vec![VariantName::Baseline];
    fixture.build(&mut DirectTrainer::new()).expect("a build");
    let path = fixture.options.out.join("manifest.json");
    let text = fs::read_to_string(&path).expect("the manifest");
    fs::write(&path, text.replacen("\"format\": 2", "\"format\": 1", 1)).expect("file");
    let error = Manifest::read(&fixture.options.out)
        .expect_err("older")
        .to_string();
    assert!(
        error.contains("format 1") && error.contains("coordinator build"),
        "{error}"
    );
    let outcome = fixture
        .build(&mut DirectTrainer::new())
        .expect("built again");
    assert_eq!(outcome.done, ["baseline"]);
}

#[test]
fn flushing_twice_and_returning_counts_once() {
    let fixture = Fixture::new();
    fixture
        .build(&mut DirectTrainer::new())
        .expect("a first build");
    let program = fixture.options.out.join("not-variants/instrumented");
    let tools = Toolchain::discover(&fixture.root()).expect("tools");
    let count = |mode: &str, turns: u64| {
        let dir = fixture.root().join(format!("raw-{mode}-{turns}"));
        fs::create_dir(&dir).expect("folder");
        assert!(run(&program, mode, turns, &profile_pattern(&dir)));
        let raw = fs::read_dir(&dir)
            .expect("folder")
            .next()
            .expect("a profile")
            .expect("entry")
            .path();
        let merged = dir.join("merged.profdata");
        let merge = std::process::Command::new(&tools.profdata.path)
            .arg("merge")
            .arg("-o")
            .arg(&merged)
            .arg(raw)
            .status();
        assert!(merge.expect("llvm-profdata").success());
        count_of(&tools, &merged, "often")
    };
    let once = count("run", 2000);
    assert!(once > 0);
    assert_eq!(count("flush", 1000), 2 * count("run", 1000));
    assert_eq!(count("reset", 1000), 0, "a reset forgets");
}

/// First counter of the function whose symbol contains `name`.
fn count_of(tools: &Toolchain, profile: &Path, name: &str) -> u64 {
    let out = std::process::Command::new(&tools.profdata.path)
        .args(["show", "--all-functions", "--counts"])
        .arg(profile)
        .output()
        .expect("llvm-profdata");
    let text = String::from_utf8(out.stdout).expect("text");
    let from = text
        .lines()
        .skip_while(|line| !line.contains(name))
        .find(|line| line.contains("Block counts"))
        .expect("counts");
    from.split(['[', ']'])
        .nth(1)
        .expect("a list")
        .split(',')
        .map(|n| n.trim().parse::<u64>().expect("a count"))
        .sum()
}

/// Number of paths of workspace functions in both programs, and the paths that have no symbol in
/// common.
fn differing_symbols(one: &Path, other: &Path) -> (usize, Vec<String>) {
    let (one, other) = (symbols(one), symbols(other));
    let both: Vec<_> = one
        .keys()
        .filter(|path| other.contains_key(*path))
        .collect();
    let unlike = both
        .iter()
        .filter(|path| one[**path].is_disjoint(&other[**path]))
        .map(|path| (*path).clone())
        .collect();
    (both.len(), unlike)
}

fn symbols(program: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let data = fs::read(program).expect("a program");
    let elf = object::File::parse(&*data).expect("an ELF program");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for symbol in elf
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
    {
        let name = symbol.name().unwrap_or_default();
        let path = format!("{:#}", rustc_demangle::demangle(name));
        if path.starts_with("engine::") || path.starts_with("app::") {
            found.entry(path).or_default().insert(name.to_owned());
        }
    }
    found
}
