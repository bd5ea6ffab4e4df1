//! Arbitrary bytes: decoding returns a result, without a panic and without more memory than they
//! could justify. The same entry points as the fuzz targets under `fuzz/`, which run longer.

use contract::envelope::{self, Kind};
use contract::histogram::{Exact, HistogramError, LatencyHistogram};
use contract::id::Arm;
use contract::part::Part;
use contract::record::Record;
use coordinator::store::{Damage, Store, decode_archive};
use proptest::prelude::*;

use crate::sample::{part, place, run, store_with};

/// A real record, or part of it, or none, with bytes changed, cut off and added.
fn mangled(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = whole.len();
    let changes = prop::collection::vec((0..length, any::<u8>()), 0..6);
    (
        changes,
        0..=length,
        prop::collection::vec(any::<u8>(), 0..64),
    )
        .prop_map(move |(changes, cut, tail)| {
            let mut bytes = whole.clone();
            changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
            // Mostly whole, because truncated records are refused early.
            if cut % 3 == 0 {
                bytes.truncate(cut);
            }
            if cut % 5 == 0 {
                bytes.extend(tail);
            }
            bytes
        })
}

fn sealed_part() -> Vec<u8> {
    part(place(run(1), 0, 0, Arm::A, 0), 20).seal().unwrap()
}

fn archive() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let store = Store::open(dir.path()).unwrap();
    std::fs::read(store.export(run(1)).unwrap()).unwrap()
}

/// With a matching hash at its end, so that the code behind the hash check is reached.
fn rehashed(bytes: &[u8]) -> Vec<u8> {
    let body = &bytes[..bytes.len().saturating_sub(32)];
    [body, blake3::hash(body).as_bytes()].concat()
}

#[test]
fn an_envelope_is_refused_or_holds_what_was_sealed() {
    proptest!(|(bytes in mangled(sealed_part()))| {
        if let Ok(payload) = envelope::open(Kind::Part, &bytes) {
            prop_assert_eq!(envelope::seal(Kind::Part, payload), bytes);
        }
    });
}

#[test]
fn a_payload_in_a_sound_envelope_is_refused_or_reads_the_same_when_written_again() {
    let sealed = sealed_part();
    let payload = envelope::open(Kind::Part, &sealed).unwrap().to_vec();
    proptest!(|(payload in mangled(payload))| {
        if let Ok(part) = Part::open(&envelope::seal(Kind::Part, &payload)) {
            // Whatever the part contains, this returns.
            let _ = contract::part::vet::alone(&part);
            let again = Part::open(&part.seal().unwrap());
            prop_assert_eq!(again.unwrap(), part);
        }
    });
}

#[test]
fn a_histogram_is_refused_or_holds_as_many_values_as_counted() {
    let mut histogram = LatencyHistogram::default();
    (1..500).for_each(|n| histogram.record_ns(n * n * 1000));
    let (bytes, exact) = (histogram.to_v2_deflate().unwrap(), histogram.exact());
    proptest!(|(bytes in mangled(bytes), count in 0..1000_u64)| {
        let exact = Exact { count, ..exact };
        if let Ok(histogram) = LatencyHistogram::from_v2_deflate(&bytes, exact) {
            prop_assert_eq!(histogram.buckets().len(), count);
        }
    });
}

/// Five digits up to the greatest value would take hundreds of megabytes before the layout could be
/// checked.
#[test]
fn a_header_that_asks_for_much_memory_is_refused_before_it_gets_any() {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
    let small = Histogram::<u64>::new_with_bounds(1, 1000, 5).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&small, &mut bytes)
        .unwrap();
    let error = LatencyHistogram::from_v2_deflate(&bytes, Exact::default()).unwrap_err();
    assert!(
        matches!(
            error,
            HistogramError::Layout {
                high: 1000,
                digits: 5,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_export_file_is_refused_or_whole() {
    let whole = archive();
    assert!(decode_archive(&whole).is_ok() && decode_archive(&rehashed(&whole)).is_ok());
    let original = decode_archive(&whole).unwrap();
    proptest!(|(bytes in mangled(whole))| {
        if let Ok(record) = decode_archive(&bytes) {
            prop_assert_eq!(&record, &original);
        }
        // Behind a matching hash, the inner envelopes still protect every record.
        if let Ok(record) = decode_archive(&rehashed(&bytes)) {
            prop_assert_eq!(record.header.run, run(1));
        }
    });
    assert!(matches!(
        decode_archive(b"PGOBRUN\n"),
        Err(Damage::NotAnArchive)
    ));
}
