//! A client of a server, and a server that writes given bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contract::message::{Failure, FailureKind};
use contract::part::{FailureCount, ServerFacts};
use contract::spec::{Demand, OpenAiSpec};
use worker::engine::server::openai;
use worker::engine::{Ending, Engine, EngineEvent, EngineRequest, StepSink};
use worker::load::inbox::{Inbox, Stamped};
use worker::measure::Clock;

pub(super) const DEMAND: Demand = Demand {
    concurrency: 40,
    tokens_per_request: 64,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn open(
    spec: &OpenAiSpec,
    address: SocketAddr,
    clock: &Clock,
    sink: Box<dyn StepSink>,
) -> Result<Box<dyn Engine>, Failure> {
    let base = format!("http://{address}");
    let time = Arc::new(clock.clone());
    let wait = &mut |fault: &openai::fault::Fault| {
        Err(Failure {
            kind: FailureKind::Engine,
            message: fault.to_string(),
        })
    };
    let opened = openai::open(spec, &base, DEMAND, time, sink, wait, &mut |_| ())?;
    Ok(opened.engine)
}

/// A client with its events so far.
pub(super) struct Rig {
    pub(super) engine: Box<dyn Engine>,
    inbox: Inbox,
    heard: Vec<Stamped>,
}

impl Rig {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self::with(&OpenAiSpec::default(), address)
    }

    pub(super) fn with(spec: &OpenAiSpec, address: SocketAddr) -> Self {
        let (inbox, clock) = (Inbox::default(), Clock::monotonic());
        inbox.attach(1 << 12);
        let engine = open(spec, address, &clock, inbox.sink(&clock)).expect("it opens");
        Self {
            engine,
            inbox,
            heard: Vec::new(),
        }
    }

    /// Requests answers of these lengths, with indices from zero.
    pub(super) fn ask(&mut self, lengths: &[u32]) {
        self.heard.clear();
        let prompt = self.engine.encode("one two three").expect("it is text");
        let request = |(index, tokens): (usize, &u32)| EngineRequest {
            index: index as u32,
            prompt: prompt.clone().into(),
            max_new_tokens: *tokens,
        };
        let mut batch = lengths.iter().enumerate().map(request).collect();
        self.engine.submit(&mut batch).expect("it takes them");
    }

    /// The events until this number of requests have ended.
    pub(super) fn until_ended(&mut self, ends: usize) -> &[Stamped] {
        let (began, mut news) = (Instant::now(), Vec::new());
        loop {
            self.inbox.take(&mut news);
            self.heard.append(&mut news);
            if self.heard.iter().filter(|s| s.event.is_end()).count() >= ends {
                return &self.heard;
            }
            assert!(began.elapsed() < PATIENCE, "it tells {:?}", self.heard);
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// How one request for three tokens ends.
    pub(super) fn one(&mut self) -> Ending {
        self.ask(&[3]);
        match self.until_ended(1).last().map(|last| last.event) {
            Some(EngineEvent::Ended { ending, .. }) => ending,
            other => panic!("no end: {other:?}"),
        }
    }

    pub(super) fn facts(&self) -> ServerFacts {
        self.engine.facts().server.expect("it is a server")
    }

    pub(super) fn failures(&self) -> Vec<FailureCount> {
        self.facts().failures
    }
}

/// A server that reads a request and answers with given bytes.
pub(super) struct Bytes {
    pub(super) address: SocketAddr,
    /// Number of bytes of answers that were written.
    pub(super) written: Arc<AtomicU64>,
    pub(super) connections: Arc<AtomicU64>,
}

impl Bytes {
    /// `answer` writes the response to the n-th request for an answer; other documents do not
    /// exist.
    pub(super) fn serve(
        answer: impl Fn(&mut TcpStream, u64) -> std::io::Result<u64> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (written, connections) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (sum, count) = (written.clone(), connections.clone());
        let (answer, asked) = (Arc::new(answer), Arc::<AtomicU64>::default());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                let (answer, asked, sum) = (answer.clone(), asked.clone(), sum.clone());
                std::thread::spawn(move || connection(stream, &*answer, &asked, &sum));
            }
        });
        Self {
            address,
            written,
            connections,
        }
    }
}

fn connection(
    mut stream: TcpStream,
    answer: &(dyn Fn(&mut TcpStream, u64) -> std::io::Result<u64> + Send + Sync),
    asked: &AtomicU64,
    written: &AtomicU64,
) {
    while let Some(path) = request(&mut stream) {
        if path != "/v1/completions" {
            let none = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(none).is_err() {
                return;
            }
            continue;
        }
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let done = answer(&mut stream, number);
        written.fetch_add(done.as_ref().copied().unwrap_or(0), Ordering::Relaxed);
        if done.is_err() {
            return;
        }
    }
}

/// Reads a whole request; returns its path.
pub(super) fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        read.push(byte[0]);
    }
    let head = String::from_utf8(read).ok()?.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    stream.read_exact(&mut vec![0; length]).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// The events of an answer of three tokens.
pub(super) const THREE: &str = "data: {\"choices\":[{\"text\":\" a\"}]}\n\n\
     data: {\"choices\":[{\"text\":\" b\"}]}\n\n\
     data: {\"choices\":[{\"text\":\" c\",\"finish_reason\":\"length\"}]}\n\n\
     data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":3}}\n\n\
     data: [DONE]\n\n";

/// A head, and a body until the connection ends.
pub(super) fn headed(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes()
}

/// An answer with a length, after which the connection stays open.
pub(super) fn stays(body: &str) -> Vec<u8> {
    let length = body.len();
    headed(
        &format!("200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}"),
        body,
    )
}
