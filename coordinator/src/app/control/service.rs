//! The gRPC service: checks the token of every call, passes events to the desk, and streams what
//! becomes of a job. Decides nothing.

use std::pin::Pin;
use std::sync::Arc;

use contract::text;
use contract::wire::control::Control;
use contract::wire::control::generated as wire;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::super::server::{Handle, Line, Reader};
use super::access::{Access, Role};
use super::convert;
use crate::error::ServeError;
use crate::fleet::session::{Admission, Refusal, Refusals};
use crate::serve::{Event, JobId, JobView};

/// Readers of streams at the same time.
const WATCHERS: usize = 64;
/// Events that a reader of a stream may be behind before it is disconnected.
const BEHIND: usize = 64;
/// Beginning of the value of `authorization`.
const BEARER: &str = "Bearer ";

/// Facts about the server.
#[derive(Clone, Debug)]
pub(in crate::app) struct About {
    pub(in crate::app) launcher: &'static str,
    pub(in crate::app) agents: u32,
}

/// The service.
#[derive(Clone)]
pub(in crate::app) struct ControlService {
    handle: Handle,
    reader: Reader,
    access: Access,
    refusals: Refusals,
    about: About,
    watchers: Arc<Semaphore>,
}

impl ControlService {
    pub(in crate::app) fn new(
        handle: Handle,
        reader: Reader,
        access: Access,
        refusals: Refusals,
        about: About,
    ) -> Self {
        Self {
            handle,
            reader,
            access,
            refusals,
            about,
            watchers: Arc::new(Semaphore::new(WATCHERS)),
        }
    }

    /// The role of a call's token, if it is enough. The connection is admitted.
    fn allow<T>(&self, request: &Request<T>, needed: Role) -> Result<Role, Status> {
        let admission = request.extensions().get::<Admission>();
        let header = request.metadata().get("authorization");
        let token = header.and_then(|value| value.to_str().ok()?.strip_prefix(BEARER));
        let Some(role) = token.and_then(|token| self.access.role(token)) else {
            self.refusals
                .count(Refusal::Token, admission.map(Admission::from));
            return Err(Status::unauthenticated(
                "the token is not one of this server's",
            ));
        };
        if let Some(admission) = admission {
            admission.admit();
        }
        if role < needed {
            return Err(Status::permission_denied(format!(
                "this needs a token of the role `{}`, and this one has `{}`",
                needed.name(),
                role.name()
            )));
        }
        Ok(role)
    }

    async fn tell(&self, event: Event) -> Result<Option<JobId>, Status> {
        self.handle.tell(event).await.map_err(|error| match error {
            ServeError::Ending => Status::unavailable("the server is ending"),
            other => Status::failed_precondition(format!("failed to {other}")),
        })
    }

    fn job(&self, id: u64) -> Result<JobView, Status> {
        let view = self.handle.view();
        let job = view.borrow().jobs.iter().find(|job| job.id == id).cloned();
        job.ok_or_else(|| {
            let error = crate::serve::QueueError::NoSuchJob(JobId(id));
            Status::not_found(format!("failed to {error}"))
        })
    }
}

fn invalid(reason: impl AsRef<str>) -> Status {
    Status::invalid_argument(format!("failed to read the order: {}", reason.as_ref()))
}

/// Texts of clients are shown to others.
fn short(name: &str) -> String {
    text::line(name, text::NAME).into_owned()
}

#[tonic::async_trait]
impl Control for ControlService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<wire::WatchEvent, Status>> + Send>>;

    async fn describe(
        &self,
        request: Request<wire::DescribeRequest>,
    ) -> Result<Response<wire::Server>, Status> {
        let role = self.allow(&request, Role::Read)?;
        let draining = self.handle.view().borrow().draining;
        Ok(Response::new(wire::Server {
            version: contract::identity::VERSION.to_owned(),
            pid: std::process::id(),
            role: role.name().to_owned(),
            launcher: self.about.launcher.to_owned(),
            agents: self.about.agents,
            draining,
        }))
    }

    async fn submit(
        &self,
        request: Request<wire::SubmitRequest>,
    ) -> Result<Response<wire::Job>, Status> {
        self.allow(&request, Role::Submit)?;
        let order = convert::order(request.into_inner().order).map_err(invalid)?;
        let id = self.tell(Event::Submitted(order)).await?;
        let id = id.ok_or_else(|| Status::internal("the desk accepted nothing"))?;
        Ok(Response::new(convert::job_message(&self.job(id.0)?)))
    }

    async fn cancel(
        &self,
        request: Request<wire::CancelRequest>,
    ) -> Result<Response<wire::Job>, Status> {
        self.allow(&request, Role::Submit)?;
        let id = request.into_inner().id;
        self.job(id)?;
        self.tell(Event::Cancelled(JobId(id))).await?;
        Ok(Response::new(convert::job_message(&self.job(id)?)))
    }

    async fn list(
        &self,
        request: Request<wire::ListRequest>,
    ) -> Result<Response<wire::ListReply>, Status> {
        self.allow(&request, Role::Read)?;
        let open = request.into_inner().open;
        let view = self.handle.view();
        let view = Arc::clone(&view.borrow());
        let jobs = view.jobs.iter().filter(|job| !(open && job.is_final()));
        let jobs = jobs.map(convert::job_message).collect();
        Ok(Response::new(wire::ListReply { jobs }))
    }

    async fn watch(
        &self,
        request: Request<wire::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.allow(&request, Role::Read)?;
        let id = request.into_inner().id;
        // Subscribed first, so that nothing is lost between the first look and the stream.
        let lines = self.handle.lines();
        let first = self.job(id)?;
        let watchers = Arc::clone(&self.watchers).try_acquire_owned();
        let permit = watchers.map_err(|_| {
            Status::resource_exhausted(format!("{WATCHERS} readers watch already; try again later"))
        })?;
        let (events, stream) = mpsc::channel(BEHIND);
        let follower = Follower {
            handle: self.handle.clone(),
            events,
            _permit: permit,
        };
        tokio::spawn(follower.follow(first, lines));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn read(
        &self,
        request: Request<wire::ReadRequest>,
    ) -> Result<Response<wire::ReadReply>, Status> {
        self.allow(&request, Role::Read)?;
        let wire::ReadRequest { arguments, colour } = request.into_inner();
        let answered = self.reader.read(arguments, colour).await;
        let answered =
            answered.map_err(|error| Status::unavailable(format!("failed to {error}")))?;
        Ok(Response::new(wire::ReadReply {
            output: answered.output,
            exit_code: answered.code.into(),
            error: answered.error,
        }))
    }

    async fn list_schedules(
        &self,
        request: Request<wire::ListSchedulesRequest>,
    ) -> Result<Response<wire::ListSchedulesReply>, Status> {
        self.allow(&request, Role::Read)?;
        let view = self.handle.view();
        let view = Arc::clone(&view.borrow());
        let schedules = view.schedules.iter().map(convert::schedule_message);
        Ok(Response::new(wire::ListSchedulesReply {
            schedules: schedules.collect(),
        }))
    }

    async fn add_schedule(
        &self,
        request: Request<wire::AddScheduleRequest>,
    ) -> Result<Response<wire::Schedule>, Status> {
        self.allow(&request, Role::Administer)?;
        let wire::AddScheduleRequest {
            name,
            cron,
            zone,
            order,
        } = request.into_inner();
        let order = convert::order(order).map_err(invalid)?;
        let event = Event::Scheduled {
            name: name.clone(),
            cron,
            zone,
            order,
        };
        self.tell(event).await?;
        let view = self.handle.view();
        let view = Arc::clone(&view.borrow());
        let added = view.schedules.iter().find(|schedule| schedule.name == name);
        let added = added.ok_or_else(|| Status::not_found("it was removed again"))?;
        Ok(Response::new(convert::schedule_message(added)))
    }

    async fn remove_schedule(
        &self,
        request: Request<wire::RemoveScheduleRequest>,
    ) -> Result<Response<wire::RemoveScheduleReply>, Status> {
        self.allow(&request, Role::Administer)?;
        let name = short(&request.into_inner().name);
        self.tell(Event::Unscheduled(name)).await?;
        Ok(Response::new(wire::RemoveScheduleReply {}))
    }
}

/// Streams what becomes of one job to one reader.
struct Follower {
    handle: Handle,
    events: mpsc::Sender<Result<wire::WatchEvent, Status>>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// Ends with the job, with its reader, or when the reader is too slow.
    async fn follow(self, first: JobView, mut lines: tokio::sync::broadcast::Receiver<Line>) {
        let mut view = self.handle.view();
        let id = first.id;
        let mut last = first;
        if !self.send(wire::watch_event::Kind::Job(convert::job_message(&last))) {
            return;
        }
        while !last.is_final() {
            let kind = tokio::select! {
                line = lines.recv() => match line {
                    Ok(line) if line.job == id => {
                        wire::watch_event::Kind::Line(line.text.to_string())
                    }
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                },
                changed = view.changed() => {
                    let job = view.borrow_and_update().jobs.iter().find(|job| job.id == id).cloned();
                    match job {
                        Some(job) if job != last => last = job,
                        // It was forgotten, or the server has ended.
                        None => return,
                        Some(_) if changed.is_err() => return,
                        Some(_) => continue,
                    }
                    wire::watch_event::Kind::Job(convert::job_message(&last))
                }
                () = self.events.closed() => return,
            };
            if !self.send(kind) {
                return;
            }
        }
    }

    /// Whether the reader keeps up.
    fn send(&self, kind: wire::watch_event::Kind) -> bool {
        let event = wire::WatchEvent { kind: Some(kind) };
        self.events.try_send(Ok(event)).is_ok()
    }
}
