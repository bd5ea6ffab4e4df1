//! Any bytes as an export file. The hash at the end is made to match, because a wrong hash would
//! hide everything after its check.
#![no_main]

use coordinator::store::decode_archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_archive(bytes);
    let hash = blake3::hash(bytes);
    let _ = decode_archive(&[bytes, &hash.as_bytes()[..]].concat());
});
