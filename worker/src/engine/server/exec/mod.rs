//! An engine behind standard input and output: two threads, one for each direction, so that neither
//! the load nor the engine ever waits for the other. Time stamps are those of the bytes' arrival.
//! Owns the threads; the lines on the pipes are in [`lines`].

mod lines;

use std::io::Write;
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use contract::engine::Said;
use contract::message::{Failure, FailureKind};

use super::process::Process;
use super::spoken::{self, Shared};
use super::{Setting, failure};
use crate::engine::{Opened, StepSink};
use lines::Lines;

/// Opens the engine that the process is.
pub(super) fn open(
    process: Option<&mut Process>,
    setting: &Setting<'_>,
    sink: Box<dyn StepSink>,
) -> Result<Opened, Failure> {
    let Some(process) = process else {
        let message = "an exec engine has no address: give a command instead of a url".to_owned();
        return Err(failure(FailureKind::BadAssignment, message));
    };
    let (stdin, stdout) = process.pipes().expect("they are piped, and taken once");
    let (shared, awaited) = Shared::new(sink, setting.time.clone());
    let (to, orders) = channel();
    drop(to.send(spoken::greeting(setting)));
    let (reading, writing) = (Arc::clone(&shared), Arc::clone(&shared));
    let threads = thread(move || read(&reading, stdout))
        .and_then(|()| thread(move || write(&writing, stdin, &orders)));
    threads.map_err(|error| {
        let message = format!("the engine's threads could not be started: {error}");
        failure(FailureKind::Engine, message)
    })?;
    let say = Box::new(move |said| drop(to.send(said)));
    spoken::opened(say, shared, awaited, Some(process), setting)
}

fn thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("engine".to_owned());
    thread.spawn(work).map(drop)
}

/// The reading thread, until the engine says nothing more or nonsense.
fn read(shared: &Shared, stdout: ChildStdout) {
    crate::os::sharpen_timers();
    shared.ends(listen(shared, Lines::new(stdout)));
}

/// Why it is over.
fn listen(shared: &Shared, mut lines: Lines<ChildStdout>) -> String {
    let (mut number, mut events) = (0_u64, Vec::with_capacity(1024));
    loop {
        let at = match lines.read() {
            Ok(true) => shared.now(),
            Ok(false) => return "closed its standard output".to_owned(),
            Err(error) => return format!("could not be read: {error}"),
        };
        let mut wrong = None;
        while let (None, Some(line)) = (&wrong, lines.next()) {
            number += 1;
            let heard = line.and_then(lines::parse).map_err(|wrong| {
                format!("broke the protocol: line {number} of its standard output {wrong}")
            });
            let done = heard.and_then(|heard| {
                let heard = shared.hear(heard, &mut events);
                heard.map_err(|nonsense| {
                    format!("broke the protocol in line {number}: it {nonsense}")
                })
            });
            wrong = done.err();
        }
        shared.tell(at, &mut events);
        if let Some(wrong) = wrong {
            return wrong;
        }
    }
}

/// The writing thread, until nobody has anything to say or nobody listens.
fn write(shared: &Shared, mut stdin: ChildStdin, orders: &Receiver<Said>) {
    let mut bytes = Vec::new();
    while let Ok(said) = orders.recv() {
        if let Some(said) = shared.sensible(said) {
            lines::write(&said, &mut bytes);
        }
        // That the engine is gone is seen where it is read.
        if stdin
            .write_all(&bytes)
            .and_then(|()| stdin.flush())
            .is_err()
        {
            return;
        }
        bytes.clear();
    }
}
