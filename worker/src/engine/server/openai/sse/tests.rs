//! The reader compared with the standard, with a second implementation, and on millions of mutated
//! streams.

use super::*;
use crate::stream::{Purpose, Stream};

fn read(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), SseError>) {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    let outcome = pieces
        .iter()
        .try_for_each(|piece| reader.feed(piece, &mut events));
    (events, outcome)
}

fn data(text: &str) -> Event {
    Event {
        data: text.to_owned(),
        is_error: false,
    }
}

#[test]
fn events_are_read_whatever_ends_their_lines_and_wherever_they_are_cut() {
    let stream =
        "\u{feff}data: a\r\n\r\n: a comment\ndata:b\ndata: ü\n\nid: 7\n\rdata\r\rdata:  c\n\n";
    let expected = [data("a"), data("b\nü"), data(""), data(" c")];
    let bytes = stream.as_bytes();
    assert_eq!(read(&[bytes]), (expected.to_vec(), Ok(())));
    for at in 0..bytes.len() {
        let (one, other) = bytes.split_at(at);
        assert_eq!(read(&[one, other]).0, expected, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single).0, expected);
}

#[test]
fn what_is_not_ended_is_no_event() {
    assert_eq!(read(&[b"data: a\n"]), (vec![], Ok(())));
    assert_eq!(read(&[b"data: a\n\ndata: b"]), (vec![data("a")], Ok(())));
    assert_eq!(read(&[b"event: ping\n\n\n\n"]), (vec![], Ok(())));
}

#[test]
fn failures_that_a_server_names_are_told_as_such() {
    let error = |text: &str| Event {
        is_error: true,
        ..data(text)
    };
    assert_eq!(read(&[b"error: x\n\n"]).0, [error("x")]);
    assert_eq!(
        read(&[b"event: error\ndata: x\n\ndata: y\n\n"]).0,
        [error("x"), data("y")]
    );
}

#[test]
fn lines_events_and_bytes_without_sense_are_refused_in_bounded_memory() {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    let block = [b'x'; 4096];
    let mut fed = 0;
    let refused = loop {
        match reader.feed(&block, &mut events) {
            Ok(()) => fed += block.len(),
            Err(error) => break error,
        }
        assert!(reader.held() <= LINE, "{} bytes are held", reader.held());
    };
    assert_eq!((refused, fed), (SseError::Line, LINE));

    let line = [b"data: ".as_slice(), &vec![b'y'; LINE / 2], b"\n"].concat();
    let lines: Vec<&[u8]> = vec![&line; 20];
    assert_eq!(read(&lines), (vec![], Err(SseError::Event)));
    assert_eq!(
        read(&[b"data: a\n\ndata: \xff\xfe\n\n"]),
        (vec![data("a")], Err(SseError::Utf8))
    );
}

/// A second implementation of the standard: the whole stream at once, line by line.
fn by_lines(bytes: &[u8]) -> Option<Vec<Event>> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let whole = text.rfind('\n').map_or("", |at| &text[..at]);
    let (mut events, mut lines, mut is_error) = (Vec::new(), Vec::new(), false);
    for line in whole.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                let error = std::mem::take(&mut is_error);
                if !lines.is_empty() {
                    let data = std::mem::take(&mut lines).join("\n");
                    events.push(Event {
                        data,
                        is_error: error,
                    });
                }
            }
            "data" | "error" => {
                is_error |= field == "error";
                lines.push(value.to_owned());
            }
            "event" => is_error |= value == "error",
            _ => {}
        }
    }
    Some(events)
}

/// Streams as servers write them, and invalid ones.
const SEEDS: [&[u8]; 5] = [
    b"data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: [DONE]\n\n",
    b"\xef\xbb\xbfevent: error\r\ndata: x\r\n\r\n: hm\r\rdata:\xc3\xbc\n\n",
    b"data\ndata:\ndata: \n\n\n\nid: 1\nretry: 5\n\n",
    b"error: {\"code\":500}\n\ndata: [DONE]\n\n",
    b"\r\n\r\r\n\n\rdata: a\r\n\r\n",
];

/// Feeds mutated streams in random pieces; both implementations agree on every one.
fn mutated(inputs: u64) {
    let mut random = Stream::new(7, Purpose::File, 0);
    let (mut bytes, mut events, mut refused) = (Vec::new(), Vec::new(), 0_u64);
    for input in 0..inputs {
        bytes.clear();
        bytes.extend_from_slice(SEEDS[random.below(SEEDS.len())]);
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.bits() as u8,
                1 => bytes.insert(at, b"\r\n: \xefad"[random.below(7)]),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.extend_from_within(at..),
            }
        }
        let (mut reader, mut rest) = (Reader::default(), &bytes[..]);
        events.clear();
        let mut outcome = Ok(());
        while !rest.is_empty() && outcome.is_ok() {
            let (piece, after) = rest.split_at(1 + random.below(rest.len()));
            outcome = reader.feed(piece, &mut events);
            rest = after;
        }
        match (outcome, by_lines(&bytes)) {
            (Ok(()), Some(expected)) => assert_eq!(events, expected, "input {input}: {bytes:?}"),
            // The bytes after the last line's end have not been examined yet.
            (Ok(()), None) => {}
            (Err(SseError::Utf8), None) => refused += 1,
            (outcome, expected) => panic!("{outcome:?}, not {expected:?}: {bytes:?}"),
        }
    }
    assert!(refused > inputs / 100, "the twin: some streams are refused");
}

#[test]
fn mutated_streams_are_read_alike_by_two_readers() {
    mutated(20_000);
}

/// `cargo test --release -p worker --lib sse -- --ignored`
#[test]
#[ignore = "ten million inputs take a minute in release"]
fn ten_million_mutated_streams_are_read_alike_by_two_readers() {
    mutated(10_000_000);
}
