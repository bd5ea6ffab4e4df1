//! Results for hosts with given properties.

use super::*;

#[test]
fn what_is_missing_comes_with_a_remedy() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let place = |name: &str| dir.path().join(name);
    let surroundings = Surroundings {
        root: dir.path().to_owned(),
        out: place("bench"),
        store: place("store"),
        model: Some(place("no-model")),
    };
    let checks = examine_at(&surroundings);
    let of = |name: &str| {
        checks
            .iter()
            .find(|check| check.name == name)
            .expect("checked")
    };
    assert_eq!(of("rustc").state, State::Found);
    assert_eq!(of("store").state, State::Found);
    assert_eq!(
        (of("model").state, of("variants").state),
        (State::Missing, State::Missing)
    );
    assert!(
        checks
            .iter()
            .all(|check| (check.state == State::Found) == check.remedy.is_none()),
        "{checks:?}"
    );
}

#[test]
fn an_incomplete_model_is_named_by_what_it_lacks() {
    let dir = tempfile::tempdir().expect("temporary directory");
    for file in ["model.safetensors", "config.json", "tokenizer.json"] {
        assert_eq!(lacking(dir.path()), Some(format!("has no {file}")));
        std::fs::write(dir.path().join(file), "x").expect("file");
    }
    assert_eq!(lacking(dir.path()), None);
    assert_eq!(
        lacking(&dir.path().join("model.safetensors")),
        None,
        "a file inside a model names it"
    );
    let lacks = |name: &str| lacking(&dir.path().join(name)).unwrap_or_default();
    assert!(
        lacks("config.json").contains("no .safetensors file"),
        "{}",
        lacks("config.json")
    );
    assert!(lacks("nothing").contains("neither"), "{}", lacks("nothing"));
}

#[test]
fn no_hint_is_given_twice() {
    let missing = BuildError::NoManifest {
        path: "target/bench/manifest.json".into(),
    };
    let changed = BuildError::BinaryChanged {
        variant: "pgo".to_owned(),
        path: "pgo".into(),
        expected: "a".to_owned(),
        found: "b".to_owned(),
    };
    for (error, way) in [(missing, "baseline,pgo"), (changed, "baseline,pgo --force")] {
        let check = Check::failed("variants", &error, "another");
        assert_eq!(
            check.remedy,
            Some(format!("coordinator build --variants {way}"))
        );
        assert!(
            !check.detail.contains("coordinator build"),
            "{}",
            check.detail
        );
    }
}

#[test]
fn a_program_that_does_not_exist_is_a_warning() {
    let check = optional("x", &["no-such-program-anywhere"], "nothing", "get it");
    assert_eq!(
        (check.state, check.remedy.as_deref()),
        (State::Warning, Some("get it"))
    );
}

#[test]
fn a_linked_engine_is_built_from_its_own_package() {
    let remedy = |engine: EnginePlan| {
        let mut plan = crate::plan::preset::plan("high", 1).expect("a built-in plan is valid");
        plan.engine = engine;
        let missing = Check::missing("variants", "none", "coordinator build --variants pgo");
        of_engine(&plan, missing).remedy.expect("it is missing")
    };
    assert_eq!(
        remedy(EnginePlan::Linked(crate::plan::LinkedPlan::default())),
        "coordinator build --manifest-path PATH --package NAME --variants pgo"
    );
    assert_eq!(
        remedy(EnginePlan::Native(crate::plan::NativePlan::default())),
        "coordinator build --variants pgo"
    );
}
