//! A server at an address that is replaced by another during a run. Only its own account shows it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sandbox::{Ended, Sandbox};

/// An answer of three tokens.
const THREE: &str = "data: {\"choices\":[{\"text\":\" a\"}]}\n\n\
     data: {\"choices\":[{\"text\":\" b\"}]}\n\n\
     data: {\"choices\":[{\"text\":\" c\",\"finish_reason\":\"length\"}]}\n\n\
     data: [DONE]\n\n";

/// Serves on a free port for as long as the test runs. After `same` lists of its models it is
/// another server: with `model`, one of another model; without, one of another size.
fn serve(same: u64, model: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let lists = Arc::<AtomicU64>::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let lists = lists.clone();
            std::thread::spawn(move || connection(stream, &lists, same, model));
        }
    });
    format!("http://{address}")
}

fn connection(mut stream: impl Read + Write, lists: &AtomicU64, same: u64, model: &str) {
    while let Some(path) = request(&mut stream) {
        let (kind, body) = match path.as_str() {
            "/v1/models" => {
                let is_first = lists.fetch_add(1, Ordering::Relaxed) < same;
                let id = if is_first { "small" } else { model };
                let size = if is_first { 7 } else { 8 };
                let body = format!(r#"{{"data":[{{"id":"{id}","meta":{{"size":{size}}}}}]}}"#);
                ("application/json", body)
            }
            "/v1/completions" => ("text/event-stream", THREE.to_owned()),
            _ => ("text/plain", String::new()),
        };
        let status = if body.is_empty() {
            "404 Not Found"
        } else {
            "200 OK"
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nserver: test\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a whole request; returns its path.
fn request(stream: &mut impl Read) -> Option<String> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        read.push(byte[0]);
    }
    let head = String::from_utf8(read).ok()?.to_ascii_lowercase();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    stream.read_exact(&mut vec![0; length]).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// A run of three rounds at an address; the words of its report and its errors.
fn run(url: &str) -> (Ended, String) {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&format!(
        r#"
name = "elsewhere"
engine = "openai"
rounds = 3
seed = 7
on_loss = "fail"
[server]
url = "{url}"
[[server.variant]]
name = "running"
[[scenario]]
name = "burst"
shape = {{ kind = "burst", requests = 4 }}
prompt = {{ tokens = 4 }}
output_tokens = 3
warmup = {{ output_tokens = 3 }}
"#
    ));
    let ended = sandbox.run(&["run", &path, "-q"]);
    let report = sandbox.run(&["report", "latest"]);
    let said = format!("{} {}", ended.stderr, report.stdout);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    (ended, said)
}

#[test]
fn a_server_that_is_replaced_makes_the_run_invalid() {
    let (ended, said) = run(&serve(1, "small"));
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let told = "the server was replaced during the run: it was `test, model small (";
    assert!(said.contains(told), "{said}");
    assert!(said.contains("from round 2 on"), "{said}");
}

/// The twin.
#[test]
fn a_server_that_stays_raises_no_doubt_of_this_kind() {
    let (ended, said) = run(&serve(u64::MAX, "small"));
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{ended:?}");
    assert!(!said.contains("is not done"), "{said}");
    assert!(!said.contains("was replaced"), "{said}");
}

#[test]
fn a_server_with_another_model_ends_the_run_in_one_sentence() {
    let (ended, said) = run(&serve(1, "large"));
    assert!(matches!(ended.code, Some(2 | 4)), "{ended:?}");
    let told = "says that it serves `large`, and this run began with `small`";
    assert!(said.contains(told), "{said}");
}
