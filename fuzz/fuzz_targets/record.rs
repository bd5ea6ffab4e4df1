//! Any payload in a valid envelope, as a part: either refused, or it can be checked and is
//! re-encoded with the same result.
#![no_main]

use contract::envelope::{Kind, seal};
use contract::part::{Part, vet};
use contract::record::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok(part) = Part::open(&seal(Kind::Part, payload)) {
        let _ = vet::alone(&part);
        let again = part.seal().expect("what was read can be written");
        assert_eq!(Part::open(&again).expect("what was written can be read"), part);
    }
});
