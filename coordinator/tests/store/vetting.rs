//! Implausible parts are not imported, and are found by name if they are already stored.

use contract::id::Arm;
use contract::part::Part;
use contract::part::vet::PartFault;
use contract::record::Record;
use coordinator::store::{Damage, Store, StoreError, check_archive};

use crate::sample::{block, header, part, place, run};

/// A store with one block whose last part was modified, as a program without these checks would
/// have kept it.
fn store_with(dir: &std::path::Path, change: fn(&mut Part)) -> Store {
    let store = Store::open(dir).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    for arm in [Arm::B, Arm::A, Arm::A2] {
        let mut part = part(place(run(1), 0, 0, arm, 0), 10);
        if arm == Arm::A2 {
            change(&mut part);
        }
        store.put_part(&part.place, &part.seal().unwrap()).unwrap();
    }
    store.commit_block(run(1), &block(0, 0, 0), &[]).unwrap();
    store
}

/// A change of one field.
type Lie = fn(&mut Part);

#[test]
fn a_part_that_contradicts_itself_is_named_by_verify_and_does_not_come_in() {
    let lies: [(&str, Lie); 8] = [
        ("differs", |part| {
            part.usage.wall += std::time::Duration::from_millis(1);
        }),
        ("range", |part| part.usage.wall /= 10),
        ("values", |part| part.output_tokens *= 2),
        ("records", |part| part.requests[3].sent_ns -= 100),
        ("order", |part| part.requests[3].done_ns = 5),
        ("index", |part| part.requests[3].index = 2),
        ("text", |part| {
            part.origin.hostname = "\u{1b}]0;x\u{7}".into();
        }),
        ("instrumented", |part| part.origin.instrumented = true),
    ];
    for (name, lie) in lies {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = store_with(here.path(), lie);
        let damaged = store.verify().unwrap().damaged;
        let [
            (
                _,
                StoreError::RunDamaged {
                    damage: Damage::Fault { key, fault, .. },
                    ..
                },
            ),
        ] = &damaged[..]
        else {
            panic!("{name}: {damaged:?}");
        };
        assert_eq!((key.arm, fault.name()), (Arm::A2, name));
        let file = store.export(run(1)).unwrap();
        assert!(
            store.prove(run(1)).is_err() && check_archive(&file).is_err(),
            "{name}"
        );
        assert_eq!(
            store.verify().unwrap().files.len(),
            1,
            "{name}: nothing can be rebuilt from that file"
        );
        let into = Store::open(there.path()).unwrap();
        let error = into.import(&file).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("arm A2 slot 0 fails its checks: {name}: ")),
            "{error}"
        );
        assert_eq!(into.runs().unwrap(), []);
    }
}

#[test]
fn the_twin_without_a_lie_is_sound_and_comes_in() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = store_with(here.path(), |_| ());
    let file = store.export(run(1)).unwrap();
    assert!(Store::open(there.path()).unwrap().import(&file).is_ok());
    assert_eq!(store.verify().unwrap().sound, [run(1)]);
}

#[test]
fn a_variant_that_the_run_does_not_have_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with(dir.path(), |part| part.origin.variant = "other".into());
    let (_, error) = store.verify().unwrap().damaged.remove(0);
    let StoreError::RunDamaged {
        damage: Damage::Fault { fault, .. },
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(matches!(*fault, PartFault::Origin { .. }), "{fault}");
}
