//! Addenda of a run: merged at import, outside the content hash, and readable by older and newer
//! programs.

use contract::addendum::{Annotation, AnnotationKind, NoiseFloor, NoiseFloors};
use contract::identity::Sha256;
use coordinator::store::{Damage, Imported, Store, StoreError, read_archive};

use crate::damage::tamper;
use crate::sample::{run, write_run};

fn annotation(unix_ms: u64, kind: AnnotationKind, text: &str) -> Annotation {
    Annotation {
        unix_ms,
        kind,
        text: text.to_owned(),
    }
}

fn floors(unix_ms: u64, share: f64) -> NoiseFloors {
    NoiseFloors {
        unix_ms,
        series: "s".into(),
        host_class: "c".into(),
        baseline: Sha256([7; 32]),
        runs: 20,
        floors: vec![NoiseFloor {
            scenario: "burst".into(),
            measure: "e2e-p50".into(),
            share,
        }],
    }
}

fn layout(path: &std::path::Path) -> u32 {
    u32::from_be_bytes(*std::fs::read(path).unwrap()[8..].first_chunk().unwrap())
}

#[test]
fn tags_and_notes_are_listed_and_survive_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    write_run(&store, run(1), 1).unwrap();
    let said = [
        annotation(1, AnnotationKind::Tag, "release"),
        annotation(2, AnnotationKind::Tag, "old"),
        annotation(3, AnnotationKind::Note, "quiet host"),
        annotation(4, AnnotationKind::Untag, "old"),
        annotation(5, AnnotationKind::Expected, "new kernels"),
    ];
    said.iter()
        .for_each(|one| store.annotate(run(1), one).unwrap());
    store.annotate(run(1), &said[0]).unwrap();
    store.close().unwrap();

    let store = Store::open(dir.path()).unwrap();
    let summary = store.summary(run(1)).unwrap();
    assert_eq!(
        (summary.tags, summary.note),
        (vec!["release".to_owned()], "quiet host".to_owned())
    );
    assert_eq!(summary.expected, "new kernels");
    assert_eq!(store.read_run(run(1)).unwrap().addenda.annotations, said);
    assert_eq!(store.verify().unwrap().sound, [run(1)]);
}

#[test]
fn an_older_export_of_the_same_run_is_no_other_run_and_what_was_said_is_joined() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (
        Store::open(here.path()).unwrap(),
        Store::open(there.path()).unwrap(),
    );
    write_run(&from, run(1), 1).unwrap();
    let plain = from.export(run(1)).unwrap();
    assert_eq!(layout(&plain), 1);
    to.import(&plain).unwrap();

    from.annotate(run(1), &annotation(1, AnnotationKind::Tag, "here"))
        .unwrap();
    to.annotate(run(1), &annotation(2, AnnotationKind::Tag, "there"))
        .unwrap();
    to.put_calibration(run(1), &floors(3, 0.01)).unwrap();
    assert_eq!(from.import(&plain).unwrap(), Imported::Known(run(1)));
    let path = to.export(run(1)).unwrap();
    assert_eq!(layout(&path), 2);
    assert_eq!(from.import(&path).unwrap(), Imported::Joined(run(1)));
    assert_eq!(from.import(&path).unwrap(), Imported::Known(run(1)));
    assert_eq!(from.summary(run(1)).unwrap().tags, ["here", "there"]);
    assert_eq!(from.calibrations().unwrap(), [floors(3, 0.01)]);
    assert_eq!(read_archive(&path).unwrap(), to.read_run(run(1)).unwrap());

    let third = tempfile::tempdir().unwrap();
    let third = Store::open(third.path()).unwrap();
    assert_eq!(third.import(&path).unwrap(), Imported::New(run(1)));
    assert_eq!(third.runs().unwrap(), to.runs().unwrap());
}

#[test]
fn floors_are_content_and_the_first_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    write_run(&store, run(1), 1).unwrap();
    let without = store.export(run(1)).unwrap();
    store.put_floors(run(1), &floors(1, 0.01)).unwrap();
    store.put_floors(run(1), &floors(2, 0.5)).unwrap();
    assert_eq!(
        store.read_run(run(1)).unwrap().addenda.floors,
        Some(floors(1, 0.01))
    );
    // Counter-check of the merged annotation: different floors would change the verdict, so it is
    // another state of the run.
    assert!(matches!(
        store.import(&without),
        Err(StoreError::Differs { .. })
    ));
    assert_eq!(layout(&store.export(run(1)).unwrap()), 2);
}

#[test]
fn a_lost_annotation_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    write_run(&store, run(1), 1).unwrap();
    store
        .annotate(run(1), &annotation(1, AnnotationKind::Note, "said"))
        .unwrap();
    store.close().unwrap();
    tamper(dir.path(), "entries", |entries| {
        let (key, _) = entries
            .scan_prefix(run(1).as_str())
            .last()
            .unwrap()
            .unwrap();
        entries.remove(key).unwrap();
    });
    let error = Store::open(dir.path())
        .unwrap()
        .read_run(run(1))
        .unwrap_err();
    let StoreError::RunDamaged {
        damage: Damage::Count { what, .. },
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(what, "annotations and calibrations");
}

#[test]
fn a_database_of_an_older_program_keeps_its_bytes_until_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    write_run(&store, run(1), 1).unwrap();
    store.close().unwrap();
    let witness = dir.path().join("manifest");
    let text = std::fs::read_to_string(&witness).unwrap();
    let body = text[..text.rfind("crc ").unwrap()].replace("layout 3", "layout 1");
    let older = format!("{body}crc {:08x}\n", crc32fast::hash(body.as_bytes()));
    std::fs::write(&witness, &older).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.runs().unwrap().len(), 1);
    assert_eq!(std::fs::read_to_string(&witness).unwrap(), older);
    store
        .annotate(run(1), &annotation(1, AnnotationKind::Note, "said"))
        .unwrap();
    assert!(
        std::fs::read_to_string(&witness)
            .unwrap()
            .contains("layout 3")
    );
}
