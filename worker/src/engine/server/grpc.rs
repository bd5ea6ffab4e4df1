//! An engine behind `bench.engine.v1`: one stream for its whole life, on one thread with its own
//! runtime. Owns the connection; the messages are in `contract::engine`.

use std::sync::Arc;

use contract::engine::Said;
use contract::message::{Failure, FailureKind};
use contract::wire::engine::{self as wire, EngineClient, FromEngineItem};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use super::process::Process;
use super::spoken::{self, Shared};
use super::{Setting, failure, until_ready};
use crate::engine::{Opened, StepSink};

/// Opens the engine that listens at the address.
pub(super) fn open(
    address: &str,
    process: Option<&mut Process>,
    setting: &Setting<'_>,
    sink: Box<dyn StepSink>,
) -> Result<Opened, Failure> {
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| {
        let message = format!("failed to use the url `{address}`: {error}; correct it in the plan");
        failure(FailureKind::BadAssignment, message)
    })?;
    let endpoint = endpoint.tcp_nodelay(true);
    let unstarted = |error: std::io::Error| {
        let message = format!("the engine's thread could not be started: {error}");
        failure(FailureKind::Engine, message)
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(unstarted)?;
    let mut process = process;
    let channel = until_ready(process.as_deref_mut(), setting, || {
        runtime.block_on(endpoint.connect()).ok()
    })?;
    let (shared, awaited) = Shared::new(sink, setting.time.clone());
    let (to, orders) = unbounded_channel();
    drop(to.send(spoken::greeting(setting)));
    let serving = Arc::clone(&shared);
    let thread = std::thread::Builder::new().name("engine".to_owned());
    let spawned = thread.spawn(move || serve(&runtime, channel, orders, &serving));
    spawned.map_err(unstarted)?;
    let say = Box::new(move |said| drop(to.send(said)));
    spoken::opened(say, shared, awaited, process, setting)
}

/// The engine's thread, until there is nothing more to send or the engine has ended the stream.
fn serve(
    runtime: &Runtime,
    channel: Channel,
    orders: UnboundedReceiver<Said>,
    shared: &Arc<Shared>,
) {
    crate::os::sharpen_timers();
    let sensible = Arc::clone(shared);
    let orders = UnboundedReceiverStream::new(orders);
    let said = orders.filter_map(move |said| sensible.sensible(said).map(wire::said));
    let mut client = EngineClient::new(channel);
    let why = runtime.block_on(async {
        match client.serve(said).await {
            Ok(stream) => listen(shared, stream.into_inner()).await,
            Err(status) => refused(&status),
        }
    });
    shared.ends(why);
}

/// Why it is over.
async fn listen(shared: &Shared, mut stream: Streaming<FromEngineItem>) -> String {
    let mut events = Vec::with_capacity(1024);
    loop {
        let item = match stream.message().await {
            Ok(Some(item)) => item,
            Ok(None) => return "ended its stream".to_owned(),
            Err(status) => return refused(&status),
        };
        let at = shared.now();
        let heard = shared.hear(wire::heard(item), &mut events);
        shared.tell(at, &mut events);
        if let Err(nonsense) = heard {
            return format!("broke the protocol: it {nonsense}");
        }
    }
}

fn refused(status: &Status) -> String {
    format!(
        "broke off its stream: {} ({:?})",
        status.message(),
        status.code()
    )
}
