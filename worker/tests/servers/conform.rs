//! The conformance suite on the examples, and a counter-check that loses a token.

use contract::spec::{Protocol, ServerSpec};
use worker::conformance;
use worker::measure::Clock;

use crate::rig::{PATIENCE, open, spec};

fn failures(spec: &ServerSpec) -> Vec<(&'static str, String)> {
    let opened = |demand, sink| open(spec, demand, sink).map(|opened| opened.engine);
    conformance::failures(&opened, &Clock::monotonic(), PATIENCE)
}

/// Slow enough that a cancellation arrives before a request ends.
fn python(more: &[&str]) -> ServerSpec {
    let line = ["python3", "exec/engine.py", "--passes", "10"];
    spec(Protocol::Exec, &[&line, more].concat())
}

#[test]
fn the_exec_example_conforms() {
    assert_eq!(failures(&python(&[])), []);
}

#[test]
fn an_exec_engine_that_loses_a_token_does_not() {
    // The example, without one token of its second step.
    let twin = "import sys; sys.argv[0:2] = ['engine']; source = open('exec/engine.py').read(); \
                whole = 'for index, (state, _) in running.items()]'; assert whole in source; \
                exec(source.replace(whole, whole[:-1] + ' if _ != 2]'))";
    let failed = failures(&spec(
        Protocol::Exec,
        &["python3", "-c", twin, "engine", "--passes", "10"],
    ));
    let names: Vec<_> = failed.iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"answered") && names.len() < 8, "{failed:?}");
    assert!(failed[0].1.contains("expected"), "{failed:?}");
}
