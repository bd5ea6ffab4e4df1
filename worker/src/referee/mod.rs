//! A server whose every token time is drawn from a seed before the load begins, and that logs when
//! it really sent what: the truth that a load generator's figures are held against. It speaks the
//! OpenAI interface with words as tokens. Must not know who measures it.

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
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How its tokens come.
    pub script: Script,
    /// Tokens in a chunk.
    pub chunk: u32,
    /// Where usage is told.
    pub usage: UsageAt,
    /// Whether the answers end before their length, as those of a model that stops.
    pub stops: bool,
}

/// Where a server tells its usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageAt {
    /// Behind the last chunk.
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
    /// In the order in which requests came, from zero.
    pub request: u64,
    /// When all of it was there.
    pub received_ns: u64,
    /// When its connection was accepted.
    pub accepted_ns: u64,
    /// Chunks with text: when each was handed to the kernel, and its tokens.
    pub sent: Vec<(u64, u32)>,
    /// Whether it was answered to its end.
    pub whole: bool,
    /// When the drawn script wanted each chunk.
    pub due_ns: Vec<u64>,
}

/// A referee at work.
pub struct Referee {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Vec<Entry>>>,
}

impl Referee {
    /// Begins to listen, on a thread of its own.
    ///
    /// # Errors
    /// When the address cannot be had.
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

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; what really happened, in order of requests.
    #[must_use]
    pub fn stop(mut self) -> Vec<Entry> {
        self.stop = None;
        let entries = self.thread.take().map(JoinHandle::join);
        entries.and_then(Result::ok).unwrap_or_default()
    }
}

impl Referee {
    /// What really happened until this process is told to end.
    ///
    /// # Errors
    /// When signals cannot be caught.
    pub async fn until_told_to_end(self) -> io::Result<Vec<Entry>> {
        crate::signals::Signals::catch()?.next().await;
        Ok(self.stop())
    }
}

/// One JSON document a request.
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
