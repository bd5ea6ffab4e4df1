//! The builds of the layout control: the same functions in another order that depends only on the
//! seed; and linkers that cannot shuffle, or ignore the option.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use coordinator::build::{BuildError, VariantName};
use coordinator::layout::{Layout, Layouts};
use object::{Object, ObjectSymbol, SymbolKind};

use super::build_fixture::{DirectTrainer, Fixture};

fn fixture(layouts: u8) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.options.variants = vec![VariantName::Baseline];
    fixture.options.layouts = Layouts::new(layouts);
    fixture
}

/// Names and sizes of all functions, and the names in their order in memory.
fn functions(program: &Path) -> (BTreeSet<(String, u64)>, Vec<String>) {
    let data = fs::read(program).expect("a program");
    let elf = object::File::parse(&*data).expect("an ELF program");
    let mut found: Vec<(u64, String, u64)> = elf
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .map(|symbol| {
            (
                symbol.address(),
                symbol.name().unwrap_or_default().to_owned(),
                symbol.size(),
            )
        })
        .collect();
    found.sort();
    let order = found.iter().map(|(_, name, _)| name.clone()).collect();
    (
        found
            .into_iter()
            .map(|(_, name, size)| (name, size))
            .collect(),
        order,
    )
}

#[test]
fn the_seed_decides_the_order_of_the_same_functions_and_nothing_is_built_twice() {
    let mut fixture = fixture(2);
    let mut build = |force: bool, layouts: u8| {
        (fixture.options.force, fixture.options.layouts) = (force, Layouts::new(layouts));
        fixture.build(&mut DirectTrainer::new()).expect("layouts")
    };
    let first = build(false, 2);
    assert_eq!(
        first.done,
        ["baseline", "baseline-layout1", "baseline-layout2"]
    );
    assert_eq!(
        build(false, 2).done,
        Vec::<&str>::new(),
        "everything is there"
    );
    assert_eq!(
        build(false, 3).done,
        ["baseline-layout3"],
        "one more is one build"
    );
    let again = build(true, 3);
    assert_eq!(again.done.len(), 4, "all of it anew");
    let code = |outcome: &coordinator::build::BuiltSource, name: &str| {
        outcome.manifest.variants[name].artifact.text_sha256.clone()
    };
    for name in ["baseline", "baseline-layout1", "baseline-layout2"] {
        assert_eq!(
            code(&first, name),
            code(&again, name),
            "{name}: the same seed, the same code"
        );
    }
    let names = [
        "baseline",
        "baseline-layout1",
        "baseline-layout2",
        "baseline-layout3",
    ];
    let codes: BTreeSet<String> = names.iter().map(|name| code(&again, name)).collect();
    assert_eq!(codes.len(), names.len(), "another seed, another order");
    let seeds = names.map(|name| again.manifest.variants[name].layout_seed);
    assert_eq!(seeds, [None, Some(1), Some(2), Some(3)]);

    let [baseline, one, two] =
        [0, 1, 2].map(|at| functions(&fixture.options.out.join("bin").join(names[at])));
    assert!(baseline.0.len() > 50, "with those of the standard library");
    assert_eq!(
        (&one.0, &two.0),
        (&baseline.0, &baseline.0),
        "the same functions"
    );
    assert!(
        one.1 != baseline.1 && two.1 != baseline.1 && one.1 != two.1,
        "in other orders"
    );
}

#[test]
fn a_new_baseline_takes_its_layouts_with_it() {
    let mut fixture = fixture(2);
    fixture.build(&mut DirectTrainer::new()).expect("layouts");
    let binary = fixture.options.out.join("bin/baseline-layout2");
    assert!(binary.exists());
    fixture.edit("engine/src/lib.rs", "i % 7", "i % 9");
    fixture.options.layouts = None;
    let outcome = fixture
        .build(&mut DirectTrainer::new())
        .expect("another baseline");
    assert_eq!(outcome.done, ["baseline"]);
    assert!(
        !binary.exists() && outcome.manifest.variants.len() == 1,
        "they were of other sources"
    );
    let second = VariantName::Layout(Layout::named("baseline-layout2").expect("a name"));
    let missing = outcome
        .manifest
        .variant(second)
        .expect_err("gone")
        .to_string();
    assert!(
        missing.ends_with("coordinator build --variants baseline --layout-arms 2"),
        "{missing}"
    );
}

/// Links with the system's compiler, after replacing the argument that shuffles.
fn with_linker(fixture: &Fixture, shuffling: &str) {
    let script = format!(
        "#!/bin/sh\nleft=$#\nwhile [ $left -gt 0 ]; do\n  arg=$1; shift; left=$((left - 1))\n  \
         case $arg in *--shuffle-sections*) {shuffling} ;; *) set -- \"$@\" \"$arg\" ;; esac\ndone\nexec cc \"$@\"\n"
    );
    let path = fixture.root().join("linker");
    super::build_fixture::write(&path, &script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
    let config = format!(
        "[target.'cfg(all())']\nlinker = {:?}\n",
        path.display().to_string()
    );
    super::build_fixture::write(&fixture.root().join(".cargo/config.toml"), &config);
}

#[test]
fn a_linker_that_cannot_shuffle_is_told_with_the_way_out() {
    let deaf = fixture(2);
    with_linker(&deaf, ":");
    let error = deaf
        .build(&mut DirectTrainer::new())
        .expect_err("nothing was shuffled");
    assert!(
        matches!(&error, BuildError::NotShuffled { other, .. } if other == "baseline"),
        "{error}"
    );
    assert!(error.to_string().contains("LLD"), "{error}");
    assert!(
        !deaf.options.out.join("bin/baseline-layout1").exists(),
        "refused, so not installed"
    );

    let strict = fixture(2);
    with_linker(&strict, "echo \"unknown option $arg\" >&2; exit 1");
    let error = strict
        .build(&mut DirectTrainer::new())
        .expect_err("the linker ends");
    assert!(
        matches!(&error, BuildError::Compile { step, .. } if step == "baseline-layout1"),
        "{error}"
    );
    assert!(error.to_string().contains("LLD"), "{error}");

    // Counter-check: the same linker when it follows the option.
    let willing = fixture(2);
    with_linker(&willing, "set -- \"$@\" \"$arg\"");
    willing
        .build(&mut DirectTrainer::new())
        .expect("the option is passed on");
}
