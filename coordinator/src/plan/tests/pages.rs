//! The plans of docs/load.md.

use super::*;

/// The TOML blocks of the page about loads.
fn documented() -> Vec<&'static str> {
    let page = include_str!("../../../../docs/load.md");
    let blocks: Vec<_> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), 13);
    blocks
}

#[test]
fn every_documented_load_is_a_plan_and_comes_back_from_its_own_text() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("plan.toml");
    std::fs::write(
        dir.path().join("trace.jsonl"),
        include_str!("../../../../docs/trace.jsonl"),
    )
    .expect("written");
    for block in documented() {
        std::fs::write(&path, block).expect("written");
        let plan = resolve(&Source::File(path.clone()), &Overrides::default(), 7).expect(block);
        assert_eq!(plan.name, "plan", "it is called after its file");
        assert_eq!(
            read(&plan.to_toml()).expect(block).scenarios,
            plan.scenarios
        );
    }
}

#[test]
fn the_stalled_load_of_the_page_is_a_plan() {
    let plan = read(include_str!("../../../../docs/stall.toml")).expect("it is sound");
    assert_eq!(plan.scenarios[0].max_in_flight, Some(16));
}
