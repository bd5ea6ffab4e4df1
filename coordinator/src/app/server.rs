//! `serve`: opens the store for as long as the process lives, listens for clients, and runs the desk.
//! Decides nothing about measurements.

mod attempt;
mod desk;
mod handle;
mod observed;
mod reader;
mod records;

use std::sync::Arc;
use std::time::Duration;

use contract::wire::control::ControlServer;
use tokio::sync::mpsc;

use super::control::{About, Access, ControlService, Published};
use super::serve::{ListenArgs, ListenConfig, QUESTION, open, server};
use super::signals::interrupts;
use super::{App, ExitCode};
use crate::cli::ServeArgs;
use crate::error::{AppError, ExecuteError, exit};
use crate::fleet::session::{Incoming, Refusals, SessionEvent};
use crate::report;
use crate::store::Store;
use desk::DeskLoop;

pub(super) use handle::{Handle, Line};
pub(super) use reader::Reader;

/// Lines about refused callers that may wait.
const REFUSALS: usize = 64;
/// Clients that are connected at the same time.
const CLIENTS: usize = 256;
/// Greatest size of a request, bytes: an order with its plan.
const REQUEST: usize = 4 * 1024 * 1024;
/// Time for clients to receive their last answer.
const CLOSE: Duration = Duration::from_secs(3);

pub(super) fn serve(app: &mut App<'_>, args: &ServeArgs) -> Result<ExitCode, AppError> {
    // A mistake in the flags of the fleet is reported now, not with the first job.
    let unused = args.fleet.unused();
    super::all_used(&unused, || {
        format!("`--launcher {}`", args.fleet.launcher.name())
    })?;
    let door = ListenConfig::new(&ListenArgs {
        listen: args.control,
        advertise: args.fleet.advertise.as_deref(),
        credentials: args.fleet.credentials.as_deref(),
        token: None,
        insecure: args.fleet.insecure,
    })?;
    if let Some(warning) = &door.warning {
        app.reporter.warn(warning);
    }
    let store = app.store()?;
    let access = Access::of_store(store.dir())?;
    let (desk, restored) = DeskLoop::new(Arc::clone(&store), args.fleet.clone())?;
    let about = About {
        launcher: args.fleet.launcher.name(),
        agents: args.fleet.agents.unwrap_or(1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExecuteError::Runtime)?;
    runtime.block_on(async {
        let signals = interrupts();
        let (events, refused) = mpsc::channel(REFUSALS);
        tokio::spawn(show_refusals(refused));
        let refusals = Refusals::new(events);
        let reader = Reader::new(store.dir().to_owned());
        let service = ControlService::new(desk.handle(), reader, access, refusals.clone(), about);
        let control = ControlServer::new(service).max_decoding_message_size(REQUEST);
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<ControlServer<ControlService>>().await;
        let router = server()
            .add_service(control)
            .add_service(health_service.max_decoding_message_size(QUESTION));
        let (port, service) = open(router, &door, CLIENTS, refusals).await?;
        let url = door.url(port);
        let published = Published::new(store.dir(), &url)?;
        report::tell(&format!(
            "serving the store {} at {url}",
            store.dir().display()
        ));
        let ended = desk.run(restored, signals).await;
        drop(published);
        service.close(CLOSE).await;
        ended
    })?;
    drop(runtime);
    close(app, store)?;
    Ok(exit::OK)
}

/// Closes the store, so that errors of its last writes are reported.
fn close(app: &mut App<'_>, store: Arc<Store>) -> Result<(), AppError> {
    app.store = None;
    // An attempt's thread may hold it for a moment longer; then its drop closes it.
    Ok(Arc::into_inner(store).map_or(Ok(()), Store::close)?)
}

async fn show_refusals(mut refused: mpsc::Receiver<Incoming>) {
    while let Some(incoming) = refused.recv().await {
        if let SessionEvent::Refused(line) = incoming.what {
            report::tell(&line);
        }
    }
}
