//! Servers that break every rule: each request ends once, with a failure that has a name, and
//! nothing is read without a bound.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use contract::spec::OpenAiSpec;
use worker::engine::{Ending, EngineEvent, ErrorKind};
use worker::stream::{Purpose, Stream};

use super::rig::{Bytes, Rig, THREE, headed, stays};

const FAILED: Ending = Ending::Failed(ErrorKind::Internal);
const STREAM: &str = "200 OK\r\ncontent-type: text/event-stream";

/// A server that answers with these bytes and closes.
fn says(bytes: Vec<u8>) -> Bytes {
    Bytes::serve(move |stream, _| {
        stream.write_all(&bytes)?;
        Err(std::io::ErrorKind::ConnectionAborted.into())
    })
}

/// How a request ends there, and the one failure that is told of it.
fn end(bytes: Vec<u8>) -> (Ending, String) {
    let server = says(bytes);
    let mut rig = Rig::new(server.address);
    let ending = rig.one();
    let failures = rig.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].count, 1);
    (ending, failures[0].to_string())
}

#[track_caller]
fn named(bytes: Vec<u8>, ending: Ending, words: &[&str]) {
    let (found, told) = end(bytes);
    assert_eq!(found, ending, "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told:?}");
    }
}

#[test]
fn the_twin_an_honest_answer_is_one() {
    let server = says(headed(STREAM, THREE));
    let mut rig = Rig::new(server.address);
    assert_eq!(rig.one(), Ending::Finished);
    assert!(rig.failures().is_empty());
    let facts = rig.facts();
    assert_eq!((facts.with_usage, facts.output_tokens), (1, 3));
}

#[test]
fn answers_that_are_none_are_named() {
    let refused = |kind| Ending::Refused(kind);
    let status = |status: &str, body: &str| {
        headed(&format!("{status}\r\ncontent-length: {}", body.len()), body)
    };
    named(
        status("429 Too Many Requests", r#"{"error":{"message":"full"}}"#),
        refused(ErrorKind::Overloaded),
        &["overloaded", "full"],
    );
    named(
        status("503 Busy", ""),
        refused(ErrorKind::Overloaded),
        &["overloaded", "503"],
    );
    named(
        status("401 Unauthorized", "{}"),
        refused(ErrorKind::Invalid),
        &["key"],
    );
    named(
        status("404 Not Found", r#"{"message":"no model x"}"#),
        refused(ErrorKind::Invalid),
        &["4xx", "no model x"],
    );
    named(status("500 Oh", "it broke"), FAILED, &["5xx", "it broke"]);
    named(status("204 No Content", ""), FAILED, &["unexpected status"]);
    named(
        headed(
            "302 Found\r\nlocation: http://127.0.0.1:1/v1/completions\r\ncontent-length: 0",
            "",
        ),
        refused(ErrorKind::Invalid),
        &["redirect", "127.0.0.1:1"],
    );
    named(
        headed(&format!("{STREAM}\r\ncontent-encoding: gzip"), THREE),
        FAILED,
        &["compressed", "gzip"],
    );
    named(
        status("200 OK\r\ncontent-type: text/event-stream", ""),
        FAILED,
        &["without a body"],
    );
    named(
        status("200 OK\r\ncontent-type: application/json", ""),
        FAILED,
        &["without a body"],
    );
    named(
        status("200 OK\r\ncontent-type: text/html", "<p>hello"),
        FAILED,
        &["event stream", "text/html", "hello"],
    );
    named(b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec(), FAILED, &["no HTTP"]);
    named(
        Vec::new(),
        Ending::Disconnected,
        &["broken", "before an answer began"],
    );
}

#[test]
fn streams_that_are_no_answer_are_named() {
    let stream = |body: &str| headed(STREAM, body);
    let without = |what: &str, instead: &str| stream(&THREE.replace(what, instead));
    named(
        without("data: [DONE]\n\n", ""),
        Ending::Disconnected,
        &["without an end"],
    );
    named(
        without("length", "stop"),
        FAILED,
        &["finish_reason", "stop", "ignore_eos"],
    );
    named(
        without("completion_tokens\":3", "completion_tokens\":2"),
        FAILED,
        &["as many tokens", "says 2"],
    );
    named(
        without("completion_tokens\":3", "completion_tokens\":\"3\""),
        FAILED,
        &["no chunk"],
    );
    named(
        without(
            "{\"choices\":[{\"text\":\" b\"}]}",
            "{\"error\":{\"message\":\"oom\"}}",
        ),
        FAILED,
        &["within the stream", "oom"],
    );
    named(without("choices", "chioces"), FAILED, &["no chunk"]);
    let mut bytes = stream(THREE);
    let at = bytes
        .windows(2)
        .position(|two| two == b" b")
        .expect("it is there");
    bytes[at] = 0xff;
    named(bytes, FAILED, &["UTF-8"]);
    let chunked = format!("{STREAM}\r\ntransfer-encoding: chunked");
    named(
        headed(&chunked, "zz\r\nhello\r\n"),
        FAILED,
        &["broken as HTTP"],
    );
    named(
        headed(&chunked, "20\r\ndata: "),
        Ending::Disconnected,
        &["broken in the middle"],
    );
    named(
        headed(
            &format!("{STREAM}\r\ncontent-length: 4096"),
            THREE.split("data: [").next().unwrap_or(""),
        ),
        Ending::Disconnected,
        &["broken in the middle"],
    );
}

/// Writes blocks until the other side has enough.
fn endless(head: &'static [u8], block: &'static [u8]) -> Bytes {
    Bytes::serve(move |stream, _| {
        stream.write_all(head)?;
        let mut written = 0_u64;
        while written < 1 << 30 && stream.write_all(block).is_ok() {
            written += block.len() as u64;
        }
        Ok(written)
    })
}

#[test]
fn a_head_or_a_line_without_an_end_is_read_to_a_bound() {
    let line = endless(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ",
        &[b'x'; 64 << 10],
    );
    let head = endless(
        b"HTTP/1.1 200 OK\r\n",
        b"x-more: and more and more and more\r\n",
    );
    let value = endless(b"HTTP/1.1 200 OK\r\nx-more: ", &[b'y'; 64 << 10]);
    for (server, name) in [
        (line, "too long"),
        (head, "no HTTP, or too long"),
        (value, "no HTTP, or too long"),
    ] {
        let mut rig = Rig::new(server.address);
        assert_eq!(rig.one(), FAILED);
        let told = rig.failures()[0].to_string();
        assert!(told.contains(name), "{told}");
        drop(rig);
        let began = Instant::now();
        while server.written.load(Ordering::Relaxed) == 0 && began.elapsed().as_secs() < 20 {
            std::thread::sleep(Duration::from_millis(10));
        }
        // What the system's buffers took, at most.
        let written = server.written.load(Ordering::Relaxed);
        assert!(
            (1..64 << 20).contains(&written),
            "{written} bytes of a GiB were written"
        );
    }
}

#[test]
fn a_byte_at_a_time_ends_when_it_is_cancelled() {
    let server = Bytes::serve(|stream, _| {
        for byte in headed(STREAM, THREE) {
            stream.write_all(&[byte])?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(0)
    });
    let mut rig = Rig::new(server.address);
    rig.ask(&[3]);
    std::thread::sleep(Duration::from_millis(200));
    rig.engine.cancel(0);
    let last = rig.until_ended(1).last().map(|last| last.event);
    let cancelled = EngineEvent::Ended {
        index: 0,
        ending: Ending::Cancelled,
    };
    assert_eq!(last, Some(cancelled));
}

#[test]
fn a_reset_in_the_middle_is_told_with_what_came_before_it() {
    let half = THREE
        .split("data: {\"choices\":[{\"text\":\" c")
        .next()
        .expect("it has a half");
    let chunked = format!("{:x}\r\n{half}\r\n", half.len());
    let server = says(headed(
        &format!("{STREAM}\r\ntransfer-encoding: chunked"),
        &chunked,
    ));
    let mut rig = Rig::new(server.address);
    assert_eq!(rig.one(), Ending::Disconnected);
    let chunks = rig
        .until_ended(1)
        .iter()
        .filter(|s| matches!(s.event, EngineEvent::Chunk { .. }));
    assert_eq!(chunks.count(), 2);
}

#[test]
fn connections_are_used_again_and_opened_when_the_server_closed_them() {
    let server = Bytes::serve(|stream, number| {
        stream.write_all(&stays(THREE))?;
        match number {
            2 => Err(std::io::ErrorKind::ConnectionAborted.into()),
            _ => Ok(0),
        }
    });
    let mut rig = Rig::new(server.address);
    for _ in 0..5 {
        assert_eq!(rig.one(), Ending::Finished);
        // The end of a connection takes its way through the system.
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
    let facts = rig.facts();
    assert_eq!(
        (facts.connections + facts.reused, facts.connections),
        (5, 1),
        "{facts:?}"
    );

    // Also without a rest in between.
    let opened = server.connections.load(Ordering::Relaxed);
    let mut rig = Rig::new(server.address);
    (0..20).for_each(|_| assert_eq!(rig.one(), Ending::Finished));
    assert_eq!(server.connections.load(Ordering::Relaxed), opened + 1);

    let close = OpenAiSpec {
        close: true,
        ..OpenAiSpec::default()
    };
    let mut rig = Rig::with(&close, server.address);
    assert_eq!((rig.one(), rig.one()), (Ending::Finished, Ending::Finished));
    assert_eq!(rig.facts().reused, 0);
}

#[test]
fn nobody_there_is_a_sentence() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let address = free.expect("a port is free");
    let clock = worker::measure::Clock::monotonic();
    let sink = worker::load::inbox::Inbox::default().sink(&clock);
    let refused = super::rig::open(&OpenAiSpec::default(), address, &clock, sink);
    let message = refused.err().expect("nobody listens").message;
    assert!(message.contains("nobody listens"), "{message}");
}

/// A server that ends while it answers takes the engine with it: what follows would measure nothing.
#[test]
fn a_server_that_ends_in_the_middle_is_down() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let server = std::thread::spawn(move || {
        for _ in 0..8 {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            let path = super::rig::request(&mut stream).expect("it is a request");
            if path == "/v1/completions" {
                return;
            }
            let none = b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(none).expect("it listens");
        }
    });
    let mut rig = Rig::new(address);
    rig.ask(&[3, 3, 3]);
    let down = |stamped: &worker::load::inbox::Stamped| stamped.event == EngineEvent::Down;
    assert!(rig.until_ended(1).iter().any(down));
    server.join().expect("it ends");
    let complaint = rig.engine.complaint().expect("it can say");
    assert!(
        complaint.contains("does not listen any more"),
        "{complaint}"
    );
    let again = rig.engine.submit(&mut Vec::new());
    assert!(again.is_err(), "nothing is taken any more");
}

/// Answers with bytes changed, cut and doubled at random: every request ends once, and the client
/// goes on.
#[test]
fn mutated_answers_end_every_request_once() {
    const REQUESTS: u64 = 300;
    let server = Bytes::serve(|stream, number| {
        let mut random = Stream::new(3, Purpose::File, number);
        let mut bytes = match random.below(2) {
            0 => stays(THREE),
            _ => {
                let body = format!("{:x}\r\n{THREE}\r\n0\r\n\r\n", THREE.len());
                headed(&format!("{STREAM}\r\ntransfer-encoding: chunked"), &body)
            }
        };
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.bits() as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.extend_from_within(at..),
            }
        }
        stream.write_all(&bytes)?;
        Err(std::io::ErrorKind::ConnectionAborted.into())
    });
    let mut rig = Rig::new(server.address);
    let (mut finished, mut failed) = (0, 0);
    for _ in 0..REQUESTS {
        match rig.one() {
            Ending::Finished => finished += 1,
            _ => failed += 1,
        }
    }
    let told: u64 = rig.failures().iter().map(|failure| failure.count).sum();
    assert_eq!(told, failed);
    assert!(
        finished > 20 && failed > 20,
        "{finished} finished, {failed} failed"
    );
}
