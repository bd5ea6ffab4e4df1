//! The loop around the desk: events come from clients, attempts, signals and the clock, one at a time,
//! and their effects are performed before the next. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::attempt::Attempt;
use super::handle::{Ends, Handle, Request, View};
use super::records;
use crate::cli::FleetArgs;
use crate::dispatch::driver::unix_ms;
use crate::error::{AppError, ServeError};
use crate::report;
use crate::serve::{Desk, Effect, Event, JobId, JobView, ScheduleView};
use crate::store::Store;

/// The wall clock may be set at any time, so the schedules are looked at this often.
const LOOK: Duration = Duration::from_secs(20);

/// Everything that the loop owns.
pub(super) struct DeskLoop {
    desk: Desk,
    store: Arc<Store>,
    fleet: FleetArgs,
    handle: Handle,
    requests: mpsc::Receiver<Request>,
    view: watch::Sender<Arc<View>>,
    /// Stops the attempt under way.
    stop: Option<watch::Sender<bool>>,
    /// Why the server must end.
    broken: Option<AppError>,
}

impl DeskLoop {
    /// The desk as the store has it. Nothing is started yet; the returned effects do that.
    pub(super) fn new(
        store: Arc<Store>,
        fleet: FleetArgs,
    ) -> Result<(Self, Vec<Effect>), AppError> {
        let kept = records::begin(&store)?;
        let (desk, effects) = Desk::restored(kept.jobs, kept.schedules, kept.boot, unix_ms());
        let (handle, Ends { requests, view }) = Handle::new();
        let desk_loop = Self {
            desk,
            store,
            fleet,
            handle,
            requests,
            view,
            stop: None,
            broken: None,
        };
        // Before any client is answered.
        desk_loop.show();
        Ok((desk_loop, effects))
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until a drain is complete.
    ///
    /// # Errors
    /// When the queue could not be made durable.
    pub(super) async fn run(
        mut self,
        restored: Vec<Effect>,
        mut signals: mpsc::Receiver<()>,
    ) -> Result<(), AppError> {
        self.perform(restored).await;
        while !(self.desk.is_draining() && self.stop.is_none()) {
            let pause = self.pause();
            tokio::select! {
                Some(request) = self.requests.recv() => {
                    let answer = self.on_event(request.event).await;
                    // The caller may have left.
                    drop(request.reply.send(answer));
                }
                Some(()) = signals.recv() => drop(self.on_event(Event::Drain).await),
                () = tokio::time::sleep(pause) => drop(self.on_event(Event::Tick).await),
            }
            if self.broken.is_some() && !self.desk.is_draining() {
                drop(self.on_event(Event::Drain).await);
            }
        }
        self.broken.map_or(Ok(()), Err)
    }

    fn pause(&self) -> Duration {
        let next = self.desk.next_ms().unwrap_or(u64::MAX);
        Duration::from_millis(next.saturating_sub(unix_ms())).min(LOOK)
    }

    async fn on_event(&mut self, event: Event) -> Result<Option<JobId>, ServeError> {
        if matches!(event, Event::Ended { .. }) {
            self.stop = None;
        }
        let effects = self.desk.on_event(unix_ms(), event);
        let effects = effects.map_err(|why| ServeError::Refused(why.to_string()))?;
        let accepted = self.perform(effects).await;
        self.show();
        match &self.broken {
            None => Ok(accepted),
            Some(error) => Err(ServeError::Refused(error.to_string())),
        }
    }

    async fn perform(&mut self, effects: Vec<Effect>) -> Option<JobId> {
        let mut accepted = None;
        for effect in effects {
            match effect {
                Effect::Write(changes) => {
                    let store = Arc::clone(&self.store);
                    let written =
                        tokio::task::spawn_blocking(move || records::write(&store, &changes)).await;
                    // What follows may rely on it.
                    if let Ok(Err(error)) = written {
                        self.broken.get_or_insert(error);
                        return None;
                    }
                }
                Effect::Accepted(id) => accepted = Some(id),
                Effect::Start(job) => self.start(*job),
                Effect::Stop(_) => {
                    if let Some(stop) = &self.stop {
                        stop.send_replace(true);
                    }
                }
            }
        }
        accepted
    }

    fn start(&mut self, job: crate::serve::Job) {
        let (stop, stopped) = watch::channel(false);
        self.stop = Some(stop);
        let attempt = Attempt {
            job,
            store: Arc::clone(&self.store),
            fleet: self.fleet.clone(),
            handle: self.handle.clone(),
            stop: stopped,
        };
        let thread = std::thread::Builder::new().name("attempt".to_owned());
        if let Err(source) = thread.spawn(move || attempt.carry_out()) {
            let error = crate::store::StoreError::Threads { source };
            self.broken.get_or_insert(error.into());
            self.stop = None;
        }
    }

    /// Publishes the state, and says on stderr what became of jobs.
    fn show(&self) {
        let view = View {
            jobs: self.desk.jobs().map(JobView::from).collect(),
            schedules: self
                .desk
                .schedules()
                .map(|(schedule, times)| ScheduleView::new(schedule, times))
                .collect(),
            draining: self.desk.is_draining(),
        };
        let old = self.view.send_replace(Arc::new(view));
        report::changed_jobs(&old.jobs, &self.view.borrow().jobs);
    }
}
