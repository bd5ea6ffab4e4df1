//! A server that draws all token times from a seed before the load begins, and logs when it really
//! sent each token: the reference with which a load generator's figures are compared. It speaks the
//! OpenAI interface, with words as tokens. Must not know who measures it.

mod http;
mod script;
mod serve;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use script::{Script, Stall};

/// What it does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The times of its tokens.
    pub script: Script,
    /// Number of tokens in a chunk.
    pub chunk: u32,
    /// Where the usage is reported.
    pub usage: UsageAt,
    /// Whether answers end before the requested length, like those of a model that stops by itself.
    pub stops: bool,
}

/// Where a server reports its usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageAt {
    /// After the last chunk.
    #[default]
    End,
    /// In every chunk.
    EachChunk,
    /// Nowhere.
    Nowhere,
}

/// What really happened to one request. Times in nanoseconds since the referee began.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Entry {
    /// Number of the request, in order of arrival, from zero.
    pub request: u64,
    /// When the request was complete.
    pub received_ns: u64,
    /// When its connection was accepted.
    pub accepted_ns: u64,
    /// Chunks with text: the time at which each was handed to the kernel, and its tokens.
    pub sent: Vec<(u64, u32)>,
    /// Whether it was answered to its end.
    pub whole: bool,
    /// When each chunk was due according to the drawn script.
    pub due_ns: Vec<u64>,
}

/// A running referee.
pub struct Referee {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Vec<Entry>>>,
}

impl Referee {
    /// Begins to listen, on its own thread.
    ///
    /// # Errors
    /// When the address is not available.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(settings.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("referee".to_owned())
            .spawn(move || {
                crate::os::sharpen_timers();
                runtime.block_on(serve::serve(settings, listener, stopped))
            })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; returns what really happened, in order of requests.
    #[must_use]
    pub fn stop(mut self) -> Vec<Entry> {
        self.stop = None;
        let entries = self.thread.take().map(JoinHandle::join);
        entries.and_then(Result::ok).unwrap_or_default()
    }
}

impl Referee {
    /// Runs until a signal ends this process; returns what really happened.
    ///
    /// # Errors
    /// When signals cannot be caught.
    pub async fn until_told_to_end(self) -> io::Result<Vec<Entry>> {
        crate::signals::Signals::catch()?.next().await;
        Ok(self.stop())
    }
}

/// Writes one JSON document for each request.
///
/// # Errors
/// When the file cannot be written.
pub fn write_log(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for entry in entries {
        serde_json::to_writer(&mut file, entry)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            script: Script::default(),
            chunk: 1,
            usage: UsageAt::End,
            stops: false,
        }
    }
}

/// Nanoseconds of a time.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
