//! Any bytes: either refused, or identical to what was sealed.
#![no_main]

use contract::envelope::{Kind, open, seal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(payload) = open(Kind::Part, bytes) {
        assert_eq!(seal(Kind::Part, payload), bytes);
    }
});
