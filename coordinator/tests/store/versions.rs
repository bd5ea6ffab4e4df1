//! Writers and readers of different versions: everything ever written stays readable, and newer
//! data is refused as such. Programs of that time wrote the files of the first layout.

use std::path::Path;
use std::process::Command;

use contract::addendum::{Annotation, AnnotationKind};
use contract::envelope::{self, Kind};
use contract::part::Part;
use contract::record::Record;
use coordinator::store::{Damage, Store, StoreError, decode_archive, read_archive};

use crate::sample::{run, store_with, write_run};

/// The directory of a store that a program of the first layout closed.
fn of_the_first_layout(dir: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/layout-1-store.tar.gz");
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(fixture)
        .arg("-C")
        .arg(dir)
        .status()
        .unwrap();
    assert!(unpacked.success());
    std::fs::create_dir(dir.join("runs")).unwrap();
}

fn manifest(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("manifest")).unwrap()
}

#[test]
fn a_directory_of_the_first_layout_is_read_and_goes_on_in_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    of_the_first_layout(dir.path());
    assert!(manifest(dir.path()).starts_with("pgo-benchmarks store, layout 1\n"));
    let store = Store::open(dir.path()).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/layout-1.bench");
    assert_eq!(
        store.read_run(run(1)).unwrap(),
        read_archive(&file).unwrap()
    );
    // Older programs kept no copy of most runs; there is one once this version has written.
    assert!(!store.archive_path(run(1)).exists());
    write_run(&store, run(2), 1).unwrap();
    assert_eq!(
        read_archive(&store.archive_path(run(1))).unwrap(),
        read_archive(&file).unwrap()
    );
    assert!(manifest(dir.path()).starts_with("pgo-benchmarks store, layout 3\n"));
    store.close().unwrap();
    let verified = Store::open(dir.path()).unwrap().verify().unwrap();
    assert_eq!(verified.sound, [run(2)]);
    // An old test made up its parts: they can be read, but contradict themselves.
    let [
        (
            made_up,
            StoreError::RunDamaged {
                damage: Damage::Fault { .. },
                ..
            },
        ),
    ] = &verified.damaged[..]
    else {
        panic!("{:?}", verified.damaged);
    };
    assert_eq!(*made_up, run(1));
}

#[test]
fn what_a_program_before_there_was_vetting_measured_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/exported-by-0.1.0.bench");
    let run = store.import(&file).unwrap().run();
    let parts = store.read_run(run).unwrap().parts;
    assert_eq!(parts.len(), 12, "two arms of three loads in two slots");
    assert!(
        parts
            .iter()
            .any(|part| part.outcomes.not_ok() > 0 && part.outcomes.ok > 0)
    );
    assert_eq!(store.verify().unwrap().sound, [run]);
}

#[test]
fn a_directory_of_a_newer_program_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let body = manifest(dir.path()).replace("layout 3", "layout 4");
    let body = &body[..body.rfind("crc ").unwrap()];
    let newer = format!("{body}crc {:08x}\n", crc32fast::hash(body.as_bytes()));
    std::fs::write(dir.path().join("manifest"), &newer).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 4,
                known: 3,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("use a newer program"),
        "{error}"
    );
    assert_eq!(manifest(dir.path()), newer);
}

/// A run without remarks is exported in the first layout, so that older programs can read it.
#[test]
fn an_export_file_is_as_old_as_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let store = Store::open(dir.path()).unwrap();
    let layout = || std::fs::read(store.export(run(1)).unwrap()).unwrap()[8..12].to_vec();
    assert_eq!(layout(), [0, 0, 0, 1]);
    let note = Annotation {
        unix_ms: 1,
        kind: AnnotationKind::Note,
        text: "quiet host".into(),
    };
    store.annotate(run(1), &note).unwrap();
    assert_eq!(layout(), [0, 0, 0, 2]);
    assert!(read_archive(&store.archive_path(run(1))).is_ok());
}

#[test]
fn a_record_of_a_newer_envelope_says_so() {
    let mut sealed = envelope::seal(Kind::Part, b"whatever it may be");
    sealed[7] = 2;
    let error = Part::open(&sealed).unwrap_err().to_string();
    assert!(
        error.contains("version 2") && error.contains("use a newer program"),
        "{error}"
    );
    assert!(decode_archive(&sealed).is_err());
}
