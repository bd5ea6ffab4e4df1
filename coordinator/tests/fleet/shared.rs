//! Sessions that share one HTTP/2 connection: each gets its welcome, however many are already open.

use std::time::Duration;

use contract::identity::{BuildInfo, HostFacts};
use contract::message::{FromPeer, Hello, Role, ToPeer};
use contract::wire::{BenchClient, FromPeerItem};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::transport::Endpoint;

use crate::sandbox::{Sandbox, eventually};
use crate::security::free;
use crate::tally::plan;

const SESSIONS: u32 = 40;
/// The longest wait for a welcome.
const PATIENCE: Duration = Duration::from_secs(25);

fn hello(index: u32) -> FromPeerItem {
    let role = Role::Agent {
        name: format!("agent-{index}"),
        slots: 1,
    };
    FromPeer::Hello(Box::new(Hello {
        protocol: contract::PROTOCOL,
        token: "shared".into(),
        pid: 1,
        build: BuildInfo::default(),
        host: HostFacts::default(),
        role,
    }))
    .into()
}

#[test]
fn sessions_that_share_a_connection_are_all_welcomed() {
    let sandbox = Sandbox::new();
    let address = free();
    let text = plan(1, 10, 30, 25).replace("start = 20", "start = 600");
    let path = sandbox.plan(&text);
    // More agents than will join, so the run does not begin.
    let arguments = [
        "run",
        &path,
        "--launcher",
        "attach",
        "--agents",
        "100",
        "--listen",
        &address.to_string(),
    ];
    let running = sandbox.start_with(&arguments, &[("PGO_BENCH_TOKEN", "shared")]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let welcomed = runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = loop {
            match endpoint.connect().await {
                Ok(channel) => break channel,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let mut open = Vec::new();
        for index in 0..SESSIONS {
            let outgoing = tokio_stream::once(hello(index)).chain(tokio_stream::pending());
            let mut client = BenchClient::new(channel.clone());
            let greeting = async {
                let mut down = client.session(outgoing).await.unwrap().into_inner();
                let first = down.message().await.unwrap().map(ToPeer::try_from);
                assert!(
                    matches!(first, Some(Ok(ToPeer::Welcome(_)))),
                    "session {index}: {first:?}"
                );
                down
            };
            match timeout(PATIENCE, greeting).await {
                Ok(down) => open.push(down),
                Err(_) => break,
            }
        }
        open.len()
    });
    assert_eq!(welcomed, SESSIONS as usize, "the next one waits for ever");
    eventually("all of them registered", || {
        running
            .progress()
            .contains(&format!("waiting for slots: {SESSIONS} of"))
            .then_some(())
    });
}
