//! The conformance suite on the examples, and a counter-check that loses a token.

use contract::spec::{Protocol, Reach, ServerSpec};
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

/// A Python with the modules that the gRPC example imports, if there is one.
fn python_of_grpc() -> Option<String> {
    let program = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut check = std::process::Command::new(&program);
    let has = check.args(["-c", "import grpc_tools"]).output();
    let has = has.is_ok_and(|output| output.status.success());
    let needed = std::env::var_os("REQUIRE_PYTHON").is_some();
    assert!(
        has || !needed,
        "{program} cannot import grpc_tools (BENCH_PYTHON names another)"
    );
    if !has {
        // The test reports this and passes.
        std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no grpc_tools\n").unwrap();
    }
    has.then_some(program)
}

#[test]
fn the_grpc_example_in_python_conforms() {
    if let Some(python) = python_of_grpc() {
        let line = [python.as_str(), "grpc/engine.py", "{port}", "10"];
        assert_eq!(failures(&spec(Protocol::Grpc, &line)), []);
    }
}

#[test]
fn a_grpc_engine_that_loses_a_token_does_not() {
    let Some(python) = python_of_grpc() else {
        return;
    };
    let twin = "import sys; sys.path[0] = 'grpc'; source = open('grpc/engine.py').read(); \
                whole = 'for index, (state, _) in running.items()]'; assert whole in source; \
                exec(source.replace(whole, whole[:-1] + ' if _ != 2]'))";
    let line = [python.as_str(), "-c", twin, "{port}", "10"];
    let failed = failures(&spec(Protocol::Grpc, &line));
    let names: Vec<_> = failed.iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"answered") && names.len() < 8, "{failed:?}");
    assert!(failed[0].1.contains("expected"), "{failed:?}");
}

/// The example in Rust, compiled into this test.
#[expect(
    dead_code,
    clippy::cast_possible_truncation,
    reason = "its main is for others; a token is below 1000"
)]
mod rust_example {
    include!("../../../docs/examples/grpc/engine.rs");

    /// Serves it on a free port while the test runs.
    pub(super) fn address(passes: u32) -> String {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let mut server = tonic::transport::Server::builder();
            let server = server
                .add_service(EngineServer::new(TwoLines(passes)))
                .serve(address);
            runtime.unwrap().block_on(server).unwrap();
        });
        format!("http://{address}")
    }
}

#[test]
fn the_grpc_example_in_rust_conforms_at_an_address_of_somebody_else() {
    let mut spec = spec(Protocol::Grpc, &["sh"]);
    spec.reach = Reach::Url(rust_example::address(100));
    spec.identity = contract::command::identify(&spec.reach, None)
        .unwrap()
        .identity;
    assert_eq!(failures(&spec), []);
}

#[test]
fn the_examples_stay_short() {
    for name in ["exec/engine.py", "grpc/engine.py", "grpc/engine.rs"] {
        let text = std::fs::read_to_string(crate::rig::examples().join(name)).unwrap();
        assert!(text.lines().count() < 60, "{name}");
    }
}
