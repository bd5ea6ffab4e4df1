//! Memory held while findings are derived, counted by the allocator: a run's trials and one part,
//! never all parts.
#![expect(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use contract::part::Part;
use contract::record::Record;
use coordinator::compare::FindingsBuilder;
use coordinator::store::RunRecord;

use super::sample::Story;

struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn changed(by: i64) {
    let held = HELD.get() + by;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

fn bytes(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// SAFETY: both calls are forwarded unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        changed(bytes(layout));
        // SAFETY: forwarded.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        changed(-bytes(layout));
        // SAFETY: forwarded.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Greatest number of bytes held beyond those before.
fn most<T>(work: impl FnOnce() -> T) -> i64 {
    let before = HELD.get();
    MOST.set(before);
    let result = work();
    drop(result);
    MOST.get() - before
}

/// A run with this many slots, its parts sealed as in a store.
fn stored(slots: u32) -> (RunRecord, Vec<Vec<u8>>) {
    let mut record = Story {
        slots,
        rounds: 2,
        ..Story::default()
    }
    .record();
    let sealed = std::mem::take(&mut record.parts)
        .iter()
        .map(|part| part.seal().unwrap())
        .collect();
    (record, sealed)
}

fn opened(sealed: &[u8]) -> Part {
    Part::open(sealed).unwrap()
}

/// Bytes held while findings are derived one part at a time.
fn streamed(slots: u32) -> i64 {
    let (record, sealed) = stored(slots);
    most(|| {
        let mut reading = FindingsBuilder::of(record).unwrap();
        sealed.iter().for_each(|part| reading.take(opened(part)));
        reading.findings()
    })
}

/// Bytes of all parts decoded at once.
fn whole(slots: u32) -> i64 {
    let (_, sealed) = stored(slots);
    most(|| sealed.iter().map(|part| opened(part)).collect::<Vec<_>>())
}

#[test]
fn four_times_the_parts_hardly_need_more_room() {
    let (few, many) = (streamed(2), streamed(8));
    assert!(
        many < few + few / 4,
        "{few} bytes for 2 slots, {many} for 8"
    );
    assert!(
        whole(8) > 3 * whole(2),
        "held whole, parts would need room each: this can fail"
    );
    assert!(
        many < whole(8) / 2,
        "{many} bytes against {} of all parts",
        whole(8)
    );
}
