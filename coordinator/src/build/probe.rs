//! Checks that a newly built program is a worker: it must connect to the given address and begin to
//! speak HTTP/2. Must not know messages.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{BuildError, WorkspaceError};

/// Time limit for a worker to connect.
const PATIENCE: Duration = Duration::from_secs(30);
const NAP: Duration = Duration::from_millis(20);
/// The preface of an HTTP/2 client.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Starts `program` once as a worker.
///
/// # Errors
/// [`WorkspaceError::NoWorker`] when it ends, does not connect, or sends something else.
pub(super) fn check(program: &Path, binary: &str) -> Result<(), BuildError> {
    let io = BuildError::io(program);
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    });
    let (address, listener) = listener.map_err(io)?;
    let mut child = Command::new(program)
        .arg("join")
        .env("PGO_BENCH_COORDINATOR", format!("http://{address}"))
        .env("PGO_BENCH_TOKEN", "is this a worker?")
        .env("PGO_BENCH_TICKET", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(BuildError::io(program))?;
    let did = dials(&listener, &mut child);
    // It may have ended already.
    drop(child.kill());
    child.wait().map_err(BuildError::io(program))?;
    did.map_err(|did| {
        let binary = binary.to_owned();
        WorkspaceError::NoWorker { binary, did }.into()
    })
}

/// Describes what the program did instead of connecting.
fn dials(listener: &TcpListener, child: &mut Child) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match listener.accept() {
            Ok((stream, _)) => {
                let waits = stream
                    .set_nonblocking(false)
                    .and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
                waits.map_err(|error| format!("could not be listened to: {error}"))?;
                return says_the_preface(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(format!("could not be listened to: {error}")),
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended without dialling ({status})"));
        }
        std::thread::sleep(NAP);
    }
    Err(format!("had not dialled after {} s", PATIENCE.as_secs()))
}

fn says_the_preface(mut stream: impl Read) -> Result<(), String> {
    let mut said = [0; PREFACE.len()];
    match stream.read_exact(&mut said) {
        Ok(()) if said == *PREFACE => Ok(()),
        _ => Err("dialled and did not speak HTTP/2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn verdict(script: &str) -> Result<(), String> {
        let dir = tempfile::tempdir().expect("temporary directory");
        let program = dir.path().join("program");
        fs::write(&program, format!("#!/bin/bash\n{script}\n")).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        check(&program, "app").map_err(|error| error.to_string())
    }

    const DIAL: &str = "address=${PGO_BENCH_COORDINATOR#http://}; port=${address##*:}\n\
                        [ $1 = join ] && exec 3<>/dev/tcp/127.0.0.1/$port && ";

    #[test]
    fn what_dials_and_speaks_is_a_worker_and_what_does_not_is_named() {
        let speaks =
            format!("{DIAL} printf 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' >&3 && sleep 9");
        assert_eq!(verdict(&speaks), Ok(()));
        let other = verdict(&format!(
            "{DIAL} printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' >&3"
        ));
        assert!(
            other
                .expect_err("no HTTP/2")
                .contains("did not speak HTTP/2")
        );
        let ends = verdict("exit 3").expect_err("it ends");
        assert!(
            ends.contains("`app` does not speak the protocol") && ends.contains("exit status: 3"),
            "{ends}"
        );
    }
}
