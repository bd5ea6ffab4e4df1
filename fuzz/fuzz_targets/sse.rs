//! Any bytes as the stream of a server, in any pieces: either refused, or the same events for all
//! pieces, in bounded memory. The first byte sets the size of the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use worker::engine::server::openai::answer::Answer;
use worker::engine::server::openai::sse::{EVENT, LINE, Reader};

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let one = Reader::default().feed(bytes, &mut whole);
    let mut reader = Reader::default();
    let other = bytes.chunks(1 + usize::from(*size)).try_for_each(|piece| {
        let fed = reader.feed(piece, &mut pieces);
        assert!(reader.held() <= LINE + EVENT);
        fed
    });
    assert_eq!((one, &whole), (other, &pieces));
    let mut answer = Answer::new(8);
    if answer.take(bytes, &mut Vec::new()).is_ok() {
        let _ = answer.end();
    }
});
