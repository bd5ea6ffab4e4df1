//! The conformance suite, on the client with the referee behind it.

use std::time::Duration;

use contract::spec::{Endpoint, OpenAiSpec, PromptForm};
use worker::conformance::{PATIENCE, failures};
use worker::measure::Clock;
use worker::referee::{Referee, Script, Settings, UsageAt};

use super::rig::open;

fn script() -> Script {
    Script {
        ttft: Duration::from_millis(3),
        itl: Duration::from_millis(2),
        ..Script::default()
    }
}

fn failed(settings: Settings) -> Vec<(&'static str, String)> {
    let referee = Referee::start(settings).expect("it listens");
    let clock = Clock::monotonic();
    let spec = OpenAiSpec {
        endpoint: Endpoint::Completions,
        prompt: PromptForm::Ids,
        ..OpenAiSpec::default()
    };
    let engine = |_, sink| open(&spec, referee.address(), &clock, sink);
    failures(&engine, &clock, PATIENCE)
}

#[test]
fn the_client_passes() {
    let settings = Settings {
        script: script(),
        ..Settings::default()
    };
    assert_eq!(failed(settings), []);
}

#[test]
fn a_server_that_tells_every_token_passes() {
    let settings = Settings {
        script: script(),
        usage: UsageAt::EachChunk,
        ..Settings::default()
    };
    assert_eq!(failed(settings), []);
}

#[test]
fn the_twin_a_server_that_stops_early_fails() {
    let settings = Settings {
        script: script(),
        stops: true,
        ..Settings::default()
    };
    let failed: Vec<&str> = failed(settings).into_iter().map(|(name, _)| name).collect();
    assert!(failed.contains(&"answered"), "{failed:?}");
}
