//! Prepares a start order: finds its binary, fetches missing ones one piece at a time, hashes its
//! model if requested, and returns the order with the binary's path and the model's digest. Must
//! not start anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::id::Ticket;
use contract::identity::Sha256;
use contract::message::{BuildChunk, FromPeer, Spawn};
use tokio::sync::mpsc::UnboundedSender;

use super::builds::{BuildError, Builds, Download, Found, Received};
use super::child;
use crate::model::{Digests, Unreadable};
use crate::session::join;

/// Result of the search for a build, and the digest of its model.
#[derive(Debug)]
pub(super) struct Searched {
    ticket: Ticket,
    found: Result<Found, BuildError>,
    model: Result<Option<Sha256>, Unreadable>,
}

/// Start orders that wait for their binaries.
#[derive(Debug)]
pub(super) struct Fetching {
    builds: Builds,
    waiting: BTreeMap<Ticket, Spawn>,
    downloads: BTreeMap<Sha256, Download>,
    /// For one session: an agent that joins another run reads the files again.
    models: Arc<Digests>,
    searched: UnboundedSender<Searched>,
}

/// Next action of an agent.
#[derive(Debug)]
pub(super) enum Next {
    /// Send this message.
    Say(FromPeer),
    /// Start this process; the order has the path of the binary.
    Start(Spawn),
}

impl Fetching {
    pub(super) fn new(builds: Builds, searched: UnboundedSender<Searched>) -> Self {
        let (waiting, downloads) = (BTreeMap::new(), BTreeMap::new());
        Self {
            builds,
            waiting,
            downloads,
            models: Arc::default(),
            searched,
        }
    }

    pub(super) fn is_waiting(&self, ticket: Ticket) -> bool {
        self.waiting.contains_key(&ticket)
    }

    /// Takes an order. The search for its binary reads whole files and runs on another thread.
    pub(super) fn take(&mut self, order: Spawn) {
        let (ticket, sha256, told) = (order.ticket, order.sha256, PathBuf::from(&order.binary));
        let model = order.model.clone().map(PathBuf::from);
        self.waiting.insert(ticket, order);
        let (builds, searched) = (self.builds.clone(), self.searched.clone());
        let models = Arc::clone(&self.models);
        tokio::task::spawn_blocking(move || {
            let found = builds.find(sha256, &told);
            let model = model.map_or(Ok(None), |model| models.of(&model));
            // Without a receiver the agent is gone.
            let _ = searched.send(Searched {
                ticket,
                found,
                model,
            });
        });
    }

    /// Forgets an order that was withdrawn.
    pub(super) fn stop(&mut self, ticket: Ticket) -> Option<FromPeer> {
        let order = self.waiting.remove(&ticket)?;
        if !self
            .waiting
            .values()
            .any(|other| other.sha256 == order.sha256)
        {
            self.downloads.remove(&order.sha256);
        }
        Some(child::failed(
            ticket,
            &format!(
                "start {}: it was to be stopped before it was started",
                order.binary
            ),
        ))
    }

    /// The search for an order's binary has ended, and its model is hashed.
    pub(super) fn searched(
        &mut self,
        Searched {
            ticket,
            found,
            model,
        }: Searched,
    ) -> Vec<Next> {
        let Some(order) = self.waiting.get_mut(&ticket) else {
            return Vec::new();
        };
        let sha256 = order.sha256;
        match model {
            Ok(model) => order.env.extend(model.map(join::verified)),
            Err(error) => {
                self.waiting.remove(&ticket);
                return vec![Next::Say(child::failed(ticket, &error.to_string()))];
            }
        }
        match found {
            Ok(Found::At(path)) => self.start(ticket, &path).into_iter().collect(),
            Ok(Found::Missing { .. }) if self.downloads.contains_key(&sha256) => Vec::new(),
            Ok(Found::Missing { damaged }) => match self.builds.download(sha256, damaged) {
                Ok(download) => {
                    self.downloads.insert(sha256, download);
                    vec![Next::Say(FromPeer::FetchBuild { sha256, offset: 0 })]
                }
                Err(error) => self.give_up(sha256, &error),
            },
            Err(error) => self.give_up(sha256, &error),
        }
    }

    /// A piece has arrived.
    pub(super) fn chunk(&mut self, chunk: &BuildChunk) -> Vec<Next> {
        let sha256 = chunk.sha256;
        let kept = self.builds.kept(sha256);
        let Some(download) = self.downloads.get_mut(&sha256) else {
            return Vec::new();
        };
        match download.take(chunk, &kept) {
            Ok(Received::Next(offset)) => vec![Next::Say(FromPeer::FetchBuild { sha256, offset })],
            Ok(Received::Whole { size, replaced }) => {
                self.downloads.remove(&sha256);
                let tickets = self.tickets(sha256);
                let starts = tickets
                    .into_iter()
                    .filter_map(|ticket| self.start(ticket, &kept));
                let told = Next::Say(FromPeer::FetchedBuild {
                    sha256,
                    size,
                    replaced,
                });
                std::iter::once(told)
                    .chain(starts.collect::<Vec<_>>())
                    .collect()
            }
            Err(error) => self.give_up(sha256, &error),
        }
    }

    fn start(&mut self, ticket: Ticket, path: &Path) -> Option<Next> {
        let order = self.waiting.remove(&ticket)?;
        Some(Next::Start(Spawn {
            binary: path.display().to_string(),
            ..order
        }))
    }

    /// Fails every order that waits for this build.
    fn give_up(&mut self, sha256: Sha256, error: &BuildError) -> Vec<Next> {
        self.downloads.remove(&sha256);
        let tickets = self.tickets(sha256);
        let fail = |ticket| {
            self.waiting.remove(&ticket);
            Next::Say(child::failed(ticket, &error.to_string()))
        };
        tickets.into_iter().map(fail).collect()
    }

    fn tickets(&self, sha256: Sha256) -> Vec<Ticket> {
        self.waiting
            .values()
            .filter(|order| order.sha256 == sha256)
            .map(|order| order.ticket)
            .collect()
    }
}
