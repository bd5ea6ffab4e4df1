//! An agent and those who would misuse it: a coordinator that sends orders that are not allowed, a
//! listener that is not a coordinator, and secrets that other users can read.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use contract::credentials::{AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, TOKEN_FILE};
use contract::message::{FromPeer, Spawn, ToPeer};
use tokio::process::Command;

use crate::coordinator::{Coordinator, within};
use crate::programs::{WORKER, agent, agent_at, ended, signal, spawn, until};

/// Sends an agent an order that it must refuse; returns its sentence.
async fn refused(flags: &[&str], name: &str, value: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut coordinator = Coordinator::start();
    let _process = agent_at(&coordinator, home.path(), flags);
    let mut session = coordinator.session().await;
    let env = vec![
        ("PGO_BENCH_OWN_PROCESSORS".into(), "1".into()),
        (name.into(), value.into()),
    ];
    session.say(ToPeer::Spawn(Spawn { env, ..spawn(1) }));
    let Some(FromPeer::SpawnFailed { message, .. }) = session.hear().await else {
        panic!("{name} was set")
    };
    message
}

#[tokio::test]
async fn a_coordinator_sets_no_variable_that_is_not_of_the_list() {
    for name in [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PATH",
        "MALLOC_CONF",
        "RUST_LOG",
    ] {
        for flags in [&[][..], &["--no-upload"]] {
            let message = refused(flags, name, "/tmp/evil.so").await;
            assert!(
                message.contains(&format!("the variable {name} ")),
                "{message}"
            );
        }
    }
    let message = refused(&[], "LLVM_PROFILE_FILE", "/home/bench/.bashrc").await;
    assert!(message.contains(".profraw"), "{message}");
}

/// A directory of credentials whose key has this mode.
fn credentials(dir: &Path, mode: u32) {
    for name in [AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, TOKEN_FILE] {
        std::fs::write(dir.join(name), "fleet's own").unwrap();
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::set_permissions(dir.join(KEY_FILE), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Exit code and standard error of an agent with credentials that cannot connect.
async fn dialled(address: &str, dir: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(WORKER);
    command
        .args([
            "agent",
            "--coordinator",
            address,
            "--patience",
            "0.2",
            "--credentials",
        ])
        .arg(dir)
        .args(flags);
    let output = within(command.env_remove("PGO_BENCH_TOKEN").output())
        .await
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_fleets_token_is_not_sent_to_whoever_listens_on_loopback() {
    let dir = tempfile::tempdir().unwrap();
    credentials(dir.path(), 0o600);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (code, said) = dialled(&address, dir.path(), &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("https://") && said.contains("--insecure"),
        "{said}"
    );
    assert!(listener.accept().is_err(), "no process connected");
    let (code, said) = dialled(&address, dir.path(), &["--insecure"]).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(listener.accept().is_ok(), "it was asked for: {said}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_warned_about_here_and_refused_on_a_network() {
    let dir = tempfile::tempdir().unwrap();
    credentials(dir.path(), 0o644);
    let key = dir.path().join(KEY_FILE).display().to_string();
    let (code, said) = dialled("https://192.0.2.1:1", dir.path(), &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.starts_with("error: ") && said.contains(&key) && said.contains("chmod go-rwx"),
        "{said}"
    );
    let (_, said) = dialled("https://127.0.0.1:1", dir.path(), &[]).await;
    assert!(
        said.starts_with("warning: ") && said.contains(&key),
        "{said}"
    );
    credentials(dir.path(), 0o600);
    let (_, said) = dialled("https://127.0.0.1:1", dir.path(), &[]).await;
    assert!(!said.contains("warning"), "{said}");
}

#[tokio::test]
async fn a_certificate_that_is_a_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    credentials(dir.path(), 0o600);
    let pipe = dir.path().join(AUTHORITY_FILE);
    std::fs::remove_file(&pipe).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let (code, said) = dialled("https://127.0.0.1:1", dir.path(), &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("it is a pipe"), "{said}");
}

#[tokio::test]
async fn a_hangup_ends_an_agent_as_any_signal_does_unless_it_is_to_be_ignored() {
    let mut coordinator = Coordinator::start();
    let process = agent(&coordinator, &[]);
    let session = coordinator.session().await;
    signal(process.id().unwrap(), "HUP");
    assert_eq!(session.rest().await, []);
    assert_eq!(ended(process).await.0, Some(0));

    let mut command = Command::new("nohup");
    command.args([WORKER, "agent", "--coordinator", &coordinator.address]);
    command
        .env("PGO_BENCH_TOKEN", crate::coordinator::TOKEN)
        .kill_on_drop(true);
    let process = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut session = coordinator.session().await;
    let pid = process.id().unwrap();
    signal(pid, "HUP");
    tokio::time::sleep(Duration::from_millis(100)).await;
    session.beat().await;
    signal(pid, "TERM");
    assert_eq!(session.rest().await, []);
    until(|| !crate::programs::runs(pid)).await;
}
