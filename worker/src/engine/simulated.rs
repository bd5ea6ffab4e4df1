//! Opens a simulated engine: on a thread in real time, within the caller in virtual time.

use std::sync::Arc;
use std::time::Duration;

use contract::message::{Failure, FailureKind, LoadReport};
use contract::spec::{Demand, SimSpec};

use super::inline::Inline;
use super::sim::{Core, Timed, check, encode};
use super::threaded::Threaded;
use super::{Engine, Opened, StepSink, Time};

/// Opens a simulated engine on the given time.
///
/// # Errors
/// When its parameters are invalid.
pub(super) fn open(
    spec: &SimSpec,
    demand: Demand,
    time: Arc<dyn Time>,
    sink: Box<dyn StepSink>,
    phase: &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure> {
    check(spec)?;
    time.pass(Duration::from_nanos(spec.load_ns));
    phase("weights");
    let core = Core::new(spec.clone());
    let engine: Box<dyn Engine> = if time.is_virtual() {
        Box::new(Inline::new(core, time, sink))
    } else {
        let timed = Timed::new(core, time);
        let threaded = Threaded::start(
            move || timed,
            Box::new(|text| Ok(encode(text))),
            sink,
            demand.concurrency as usize,
        );
        Box::new(threaded.map_err(|error| Failure {
            kind: FailureKind::Engine,
            message: format!("the engine's thread could not be started: {error}"),
        })?)
    };
    phase("engine");
    let report = LoadReport {
        model_digest: "simulated".to_owned(),
        max_context: u32::MAX,
        threads: 1,
        ..LoadReport::default()
    };
    Ok(Opened {
        engine,
        report,
        kernels: "simulated".to_owned(),
        processors: Vec::new(),
        family: None,
    })
}
