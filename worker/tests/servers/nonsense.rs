//! Invalid output of an exec engine: each kind is named, and memory stays bounded.

use worker::engine::{Ending, EngineEvent, ErrorKind};

use crate::rig::{Rig, refusal, script, spec};
use contract::spec::Protocol;

/// The last event, and the complaint, for a script that writes this when four tokens of request 1
/// are requested.
fn heard(said: &str) -> (EngineEvent, String) {
    let mut rig = Rig::open(&script(&format!("read submitted; {said}; read rest"))).unwrap();
    rig.ask(1, 4);
    rig.listen();
    let last = rig.heard.last().expect("it ended").event;
    (last, rig.engine.complaint().expect("it complains"))
}

#[test]
fn nonsense_brings_the_engine_down_and_is_named() {
    let cases = [
        (
            "echo 'Loading model'",
            "line 2 of its standard output is not what an engine says",
        ),
        (r"printf '\377\376{}\n'", "is not UTF-8"),
        (r#"echo '{"token": [[1, 5]]}'"#, "unknown field `token`"),
        (
            r#"echo '{"tokens": [[7, 5]]}'"#,
            "request 7, which it does not hold",
        ),
        (r#"echo '{"encoded": [1]}'"#, "was not requested"),
        (
            "head -c 1073741824 /dev/zero | tr '\\0' x",
            "is longer than 4194304 bytes",
        ),
        ("exec 1>&-", "closed its standard output"),
    ];
    for (said, named) in cases {
        let (last, complaint) = heard(said);
        assert_eq!(last, EngineEvent::Down, "{said}");
        assert!(complaint.contains(named), "{said}: {complaint}");
    }
}

#[test]
fn tokens_after_the_end_bring_it_down() {
    let said = r#"echo '{"tokens": [[1,5],[1,5],[1,5],[1,5]], "finished": [1]}'; echo '{"tokens": [[1, 5]]}'"#;
    let mut rig = Rig::open(&script(&format!("read submitted; {said}; read rest"))).unwrap();
    rig.ask(1, 4);
    while !rig
        .heard
        .iter()
        .any(|stamped| stamped.event == EngineEvent::Down)
    {
        rig.heard.retain(|stamped| !stamped.event.is_end());
        rig.listen();
    }
    let complaint = rig.engine.complaint().expect("it complains");
    assert!(
        complaint.contains("request 1, which it does not hold"),
        "{complaint}"
    );
}

#[test]
fn an_answer_of_another_length_fails_the_request_alone() {
    for (tokens, counted) in [
        ("[1,5],[1,5]", "2 tokens"),
        ("[1,5],[1,5],[1,5],[1,5],[1,5]", "5 tokens"),
    ] {
        let said = format!(r#"echo '{{"started": [1], "tokens": [{tokens}], "finished": [1]}}'"#);
        let (last, complaint) = heard(&said);
        let ending = Ending::Failed(ErrorKind::Internal);
        assert_eq!(last, EngineEvent::Ended { index: 1, ending });
        assert!(complaint.contains(counted), "{complaint}");
    }
}

#[test]
fn one_that_says_nonsense_instead_of_being_ready_is_named() {
    let failure = refusal(&spec(
        Protocol::Exec,
        &["sh", "-c", "echo hello; sleep 1000"],
    ));
    let said = "was not ready: it broke the protocol: line 1";
    assert!(failure.message.contains(said), "{failure}");
    let old = r#"read first; echo '{"ready": {"protocol": 9}}'; read rest"#;
    let failure = refusal(&spec(Protocol::Exec, &["sh", "-c", old]));
    assert!(failure.message.contains("version 9"), "{failure}");
}
