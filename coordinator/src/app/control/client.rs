//! The client of a server: finds it, introduces itself, and asks. Blocks.

use std::path::Path;
use std::time::Duration;

use contract::credentials::{Credentials, Token};
use contract::wire::control::ControlClient;
use contract::wire::control::generated as wire;
use tokio::runtime::Runtime;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use super::{access, address, convert};
use crate::error::{ExecuteError, ServeError};
use crate::serve::{JobView, Order, ScheduleView};

/// The environment variable with a token of a server. Never an argument, because arguments are
/// visible to every user of a host.
const TOKEN_VARIABLE: &str = "PGO_BENCH_CONTROL_TOKEN";
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// Greatest size of an answer, bytes: a report with all its requests.
const ANSWER: usize = 256 * 1024 * 1024;

/// A connection to a server.
pub(in crate::app) struct Client {
    runtime: Runtime,
    control: ControlClient<Channel>,
    authorization: AsciiMetadataValue,
}

/// Why a client has no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum ClientError {
    /// As any client may see it.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The runtime could not be started.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

impl From<ClientError> for crate::error::AppError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Serve(error) => error.into(),
            ClientError::Execute(error) => error.into(),
        }
    }
}

/// Where the server is.
pub(in crate::app) struct Where<'a> {
    /// The address, if it was given.
    pub(in crate::app) server: Option<&'a str>,
    /// A party's directory, for https.
    pub(in crate::app) credentials: Option<&'a Path>,
    /// The store that the server has open, if no address was given.
    pub(in crate::app) store: &'a Path,
}

impl Client {
    /// Connects and introduces itself.
    ///
    /// # Errors
    /// When there is no server, or it refuses.
    pub(in crate::app) fn connect(to: &Where<'_>) -> Result<Self, ClientError> {
        let given = Token::from_variable(std::env::var(TOKEN_VARIABLE).ok());
        let (url, token) = match to.server {
            Some(url) => (url.to_owned(), given),
            None => {
                let url = address::of_store(to.store).ok_or_else(|| ServeError::NoServer {
                    dir: to.store.to_owned(),
                })?;
                (url, given.or_else(|| access::strongest(to.store)))
            }
        };
        let token = token.ok_or_else(|| ServeError::NoToken {
            address: url.clone(),
        })?;
        let bearer = format!("Bearer {}", token.expose()).parse();
        let mut authorization: AsciiMetadataValue = bearer.map_err(|_| ServeError::Address {
            address: url.clone(),
            reason: "the token contains characters that no token has".to_owned(),
        })?;
        authorization.set_sensitive(true);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ExecuteError::Runtime)?;
        let endpoint = endpoint(&url, to.credentials)?;
        let channel = runtime.block_on(endpoint.connect());
        let channel = channel.map_err(|error| ServeError::Unreachable {
            address: url.clone(),
            reason: deepest(&error),
        })?;
        let mut client = Self {
            runtime,
            control: ControlClient::new(channel).max_decoding_message_size(ANSWER),
            authorization,
        };
        // With TLS 1.3, a client without a certificate learns of it from its first call.
        client.call(
            wire::DescribeRequest {},
            |mut control, request| async move { control.describe(request).await },
        )?;
        Ok(client)
    }

    pub(in crate::app) fn submit(&mut self, order: Order) -> Result<JobView, ServeError> {
        let order = Some(convert::order_message(order));
        let job = self.call(
            wire::SubmitRequest { order },
            |mut control, request| async move { control.submit(request).await },
        )?;
        Ok(convert::job(job))
    }

    pub(in crate::app) fn cancel(&mut self, id: u64) -> Result<JobView, ServeError> {
        let job = self.call(
            wire::CancelRequest { id },
            |mut control, request| async move { control.cancel(request).await },
        )?;
        Ok(convert::job(job))
    }

    pub(in crate::app) fn list(&mut self, open: bool) -> Result<Vec<JobView>, ServeError> {
        let reply = self.call(
            wire::ListRequest { open },
            |mut control, request| async move { control.list(request).await },
        )?;
        Ok(reply.jobs.into_iter().map(convert::job).collect())
    }

    /// Has a command that reads carried out. Returns its output and its exit code.
    pub(in crate::app) fn read(
        &mut self,
        arguments: Vec<String>,
        colour: bool,
    ) -> Result<(Vec<u8>, u8), ServeError> {
        let message = wire::ReadRequest { arguments, colour };
        let reply = self.call(message, |mut control, request| async move {
            control.read(request).await
        })?;
        let code = u8::try_from(reply.exit_code).unwrap_or(crate::error::exit::USAGE);
        match reply.error {
            error if error.is_empty() => Ok((reply.output, code)),
            sentence => Err(ServeError::Answered { code, sentence }),
        }
    }

    pub(in crate::app) fn schedules(&mut self) -> Result<Vec<ScheduleView>, ServeError> {
        let message = wire::ListSchedulesRequest {};
        let reply = self.call(message, |mut control, request| async move {
            control.list_schedules(request).await
        })?;
        Ok(reply.schedules.into_iter().map(convert::schedule).collect())
    }

    pub(in crate::app) fn add_schedule(
        &mut self,
        name: &str,
        cron: &str,
        zone: &str,
        order: Order,
    ) -> Result<ScheduleView, ServeError> {
        let message = wire::AddScheduleRequest {
            name: name.to_owned(),
            cron: cron.to_owned(),
            zone: zone.to_owned(),
            order: Some(convert::order_message(order)),
        };
        let added = self.call(message, |mut control, request| async move {
            control.add_schedule(request).await
        })?;
        Ok(convert::schedule(added))
    }

    pub(in crate::app) fn remove_schedule(&mut self, name: &str) -> Result<(), ServeError> {
        let name = name.to_owned();
        let message = wire::RemoveScheduleRequest { name };
        self.call(message, |mut control, request| async move {
            control.remove_schedule(request).await
        })?;
        Ok(())
    }

    /// Follows a job to its end. Returns its last state.
    pub(in crate::app) fn watch(
        &mut self,
        id: u64,
        mut job: impl FnMut(&JobView),
        mut line: impl FnMut(&str),
    ) -> Result<JobView, ServeError> {
        let request = self.request(wire::WatchRequest { id });
        let control = &mut self.control;
        self.runtime.block_on(async {
            let mut events = control
                .watch(request)
                .await
                .map_err(|s| refused(&s))?
                .into_inner();
            while let Some(event) = events.message().await.map_err(|s| refused(&s))? {
                match event.kind {
                    Some(wire::watch_event::Kind::Job(message)) => {
                        let view = convert::job(message);
                        job(&view);
                        if view.is_final() {
                            return Ok(view);
                        }
                    }
                    Some(wire::watch_event::Kind::Line(text)) => line(&text),
                    None => {}
                }
            }
            Err(ServeError::StreamEnded { id })
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let authorization = self.authorization.clone();
        request
            .metadata_mut()
            .insert("authorization", authorization);
        request
    }

    fn call<M, R, F>(
        &mut self,
        message: M,
        call: impl FnOnce(ControlClient<Channel>, Request<M>) -> F,
    ) -> Result<R, ServeError>
    where
        F: Future<Output = Result<tonic::Response<R>, Status>>,
    {
        let answer = call(self.control.clone(), self.request(message));
        let answer = self.runtime.block_on(answer);
        Ok(answer.map_err(|status| refused(&status))?.into_inner())
    }
}

fn endpoint(url: &str, credentials: Option<&Path>) -> Result<Endpoint, ServeError> {
    let wrong = |reason: String| ServeError::Address {
        address: url.to_owned(),
        reason,
    };
    let secure = url.starts_with("https://");
    if !secure && !url.starts_with("http://") {
        return Err(wrong("it has no scheme".to_owned()));
    }
    let endpoint =
        Endpoint::from_shared(url.to_owned()).map_err(|error| wrong(error.to_string()))?;
    let endpoint = endpoint.connect_timeout(CONNECT).tcp_nodelay(true);
    match (secure, credentials) {
        (true, Some(directory)) => {
            let own = Credentials::read(directory).map_err(|error| wrong(error.to_string()))?;
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(&own.authority))
                .identity(Identity::from_pem(&own.certificate, &own.key));
            endpoint
                .tls_config(tls)
                .map_err(|error| wrong(deepest(&error)))
        }
        (true, None) => Err(wrong("https needs --credentials".to_owned())),
        (false, _) => Ok(endpoint),
    }
}

/// What the server, or the connection to it, said.
fn refused(status: &Status) -> ServeError {
    let told = match status.message() {
        "" => status.code().description(),
        message => message,
    };
    ServeError::Refused(match status.code() {
        // These are sentences of this program.
        Code::FailedPrecondition | Code::NotFound | Code::InvalidArgument => told.to_owned(),
        _ => format!("the server refused: {told}"),
    })
}

/// The innermost cause, which says what happened.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
