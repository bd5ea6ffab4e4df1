//! Commands that read, carried out for clients of a server: each on a thread of its own with the lowest
//! priority, from a snapshot. Must not know the clients.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tokio::sync::{Semaphore, oneshot};

use super::super::{App, courtesy, dispatch, reads};
use crate::cli::Cli;
use crate::error::{AppError, ServeError, exit};
use crate::report::{Reporter, Streams};

/// Commands that read at the same time: each needs a copy of the database, and takes processor time
/// from a measurement on this host.
const AT_ONCE: usize = 1;

/// Carries out commands that read.
#[derive(Clone)]
pub(in crate::app) struct Reader {
    store: PathBuf,
    seats: Arc<Semaphore>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(in crate::app) struct Answered {
    pub(in crate::app) output: Vec<u8>,
    pub(in crate::app) code: u8,
    pub(in crate::app) error: String,
}

impl Reader {
    /// For the store in this directory.
    pub(super) fn new(store: PathBuf) -> Self {
        Self {
            store,
            seats: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Carries out a command, after those that came before.
    pub(in crate::app) async fn read(
        &self,
        words: Vec<String>,
        colour: bool,
    ) -> Result<Answered, ServeError> {
        let seat = Arc::clone(&self.seats).acquire_owned().await;
        let (answer, answered) = oneshot::channel();
        let store = self.store.clone();
        let thread = std::thread::Builder::new().name("reader".to_owned());
        let started = thread.spawn(move || {
            let _seat = seat;
            courtesy::step_back();
            // The client may have left.
            drop(answer.send(answered_by(store, &words, colour)));
        });
        started.map_err(|_| ServeError::Ending)?;
        answered.await.map_err(|_| ServeError::Ending)
    }
}

fn answered_by(store: PathBuf, words: &[String], colour: bool) -> Answered {
    let mut output = Vec::new();
    let (code, error) = match carried_out(store, words, colour, &mut output) {
        Ok(code) => (code, String::new()),
        Err((code, error)) => (code, error),
    };
    Answered {
        output,
        code,
        error,
    }
}

fn carried_out(
    store: PathBuf,
    words: &[String],
    colour: bool,
    output: &mut Vec<u8>,
) -> Result<u8, (u8, String)> {
    let words = std::iter::once("coordinator").chain(words.iter().map(String::as_str));
    let cli = Cli::try_parse_from(words).map_err(|error| (exit::USAGE, error.to_string()))?;
    if !reads(&cli.command) {
        let told = "failed to read: a server carries out only commands that read stored runs";
        return Err((exit::USAGE, told.to_owned()));
    }
    let streams = Streams {
        out: output,
        colour,
        terminal: false,
        quiet: true,
    };
    let mut app = App {
        reporter: Reporter::new(cli.format(), streams),
        store_dir: Some(store),
        store: None,
        server: None,
        for_client: true,
    };
    let answer = dispatch(&mut app, &cli.command);
    answer.map_err(|error: AppError| (error.exit_code(), error.to_string()))
}
