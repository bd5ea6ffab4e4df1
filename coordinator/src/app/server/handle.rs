//! The way to the desk for clients and attempts: events with their answers, the state, and lines of
//! progress. Must not know what an event does.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::error::ServeError;
use crate::serve::{Event, JobId, JobView, ScheduleView};

/// Requests that may wait.
const REQUESTS: usize = 256;
/// Lines of progress that a reader may be behind.
const LINES: usize = 256;

/// State of the server, as clients see it.
#[derive(Debug, Default)]
pub(in crate::app) struct View {
    pub(in crate::app) jobs: Vec<JobView>,
    pub(in crate::app) schedules: Vec<ScheduleView>,
    pub(in crate::app) draining: bool,
}

/// A line of progress.
#[derive(Clone, Debug)]
pub(in crate::app) struct Line {
    pub(in crate::app) job: u64,
    pub(in crate::app) text: Arc<str>,
}

/// An event and the way back.
pub(super) struct Request {
    pub(super) event: Event,
    pub(super) reply: oneshot::Sender<Result<Option<JobId>, ServeError>>,
}

/// The other ends of a [`Handle`].
pub(super) struct Ends {
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) view: watch::Sender<Arc<View>>,
}

/// The way to the desk.
#[derive(Clone)]
pub(in crate::app) struct Handle {
    requests: mpsc::Sender<Request>,
    view: watch::Receiver<Arc<View>>,
    lines: broadcast::Sender<Line>,
}

impl Handle {
    /// A way, and its other ends.
    pub(super) fn new() -> (Self, Ends) {
        let (sender, requests) = mpsc::channel(REQUESTS);
        let (view, viewed) = watch::channel(Arc::default());
        let (lines, _) = broadcast::channel(LINES);
        let handle = Self {
            requests: sender,
            view: viewed,
            lines,
        };
        (handle, Ends { requests, view })
    }

    /// Tells an event, and waits until it is handled. Returns the submitted job, if it was one.
    pub(in crate::app) async fn tell(&self, event: Event) -> Result<Option<JobId>, ServeError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request { event, reply }).await;
        sent.map_err(|_| ServeError::Ending)?;
        answer.await.map_err(|_| ServeError::Ending)?
    }

    /// The same from a thread outside the runtime.
    pub(super) fn tell_blocking(&self, event: Event) -> Result<Option<JobId>, ServeError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.blocking_send(Request { event, reply });
        sent.map_err(|_| ServeError::Ending)?;
        answer.blocking_recv().map_err(|_| ServeError::Ending)?
    }

    /// The current state, and its changes.
    pub(in crate::app) fn view(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// Lines of progress from here on.
    pub(in crate::app) fn lines(&self) -> broadcast::Receiver<Line> {
        self.lines.subscribe()
    }

    pub(super) fn say(&self, job: JobId, text: String) {
        // Without readers it is dropped.
        let text = text.into();
        drop(self.lines.send(Line { job: job.0, text }));
    }
}
