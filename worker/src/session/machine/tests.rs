//! One test for each edge of the diagram, and one that checks the invariants under any order of
//! inputs.

use contract::id::{Arm, RunId, TrialKey};
use contract::spec::{
    Objectives, PromptSet, PromptSpec, Scenario, Shape, Share, SimSpec, StopSpec, Warmup,
};

use super::*;
use crate::stream::{Purpose, Stream};

mod orders;

const ONE: Attempt = Attempt(1);
const TWO: Attempt = Attempt(2);

fn load(attempt: Attempt) -> Input {
    let demand = Demand {
        concurrency: 1,
        tokens_per_request: 2,
    };
    Input::Said(ToPeer::Load {
        attempt,
        engine: EngineSpec::Sim(SimSpec::default()),
        demand,
    })
}

fn arm(attempt: Attempt) -> Input {
    let scenario = Scenario {
        name: "s".into(),
        shape: Shape::Burst { requests: 1 },
        prompt: PromptSpec::of(PromptSet::Evaluation, 1),
        output_tokens: 1.into(),
        mix: Vec::new(),
        stop: StopSpec::default(),
        max_in_flight: None,
        objectives: Objectives::default(),
        warmup: Warmup::default(),
        timeout: Duration::from_secs(1),
    };
    let assignment = Box::new(Assignment {
        run: RunId::new(1, [0; 10]),
        key: TrialKey {
            cell: 0,
            round: 0,
            arm: Arm::A,
        },
        variant: "baseline".into(),
        slot: 0,
        scenario,
        share: Share { index: 0, of: 1 },
        seed: 1,
    });
    Input::Said(ToPeer::Arm {
        attempt,
        assignment,
    })
}

fn start(attempt: Attempt) -> Input {
    let at = Duration::from_secs(1);
    Input::Said(ToPeer::Start {
        attempt,
        at,
        uncertainty: Duration::ZERO,
    })
}

fn said(down: ToPeer) -> Input {
    Input::Said(down)
}

fn opened() -> Input {
    Input::Did(Done::Opened(LoadReport::default()))
}

fn sealed() -> Input {
    Input::Did(Done::Sealed(vec![7]))
}

fn failure() -> Failure {
    Failure {
        kind: FailureKind::Engine,
        message: "broken".into(),
    }
}

/// A machine that followed the main path with attempt 1 to this state.
fn at(state: State) -> Machine {
    let mut machine = Machine::default();
    let path = [
        (State::Loading, load(ONE)),
        (State::Ready, opened()),
        (State::Arming, arm(ONE)),
        (State::Armed, Input::Did(Done::Warm)),
        (State::Running, start(ONE)),
        (State::Reporting, sealed()),
    ];
    for (reached, input) in path {
        if machine.state == state {
            break;
        }
        machine.on(input);
        assert_eq!(machine.state, reached);
    }
    if state == State::Stopping {
        machine = at(State::Running);
        machine.on(arm(ONE));
    }
    assert_eq!(machine.state, state);
    machine
}

const BUSY: [State; 3] = [State::Loading, State::Arming, State::Running];
const FREE: [State; 4] = [State::Idle, State::Ready, State::Armed, State::Reporting];

fn sends(actions: &[Action]) -> Vec<&FromPeer> {
    actions
        .iter()
        .filter_map(|a| {
            if let Action::Send(up) = a {
                Some(up)
            } else {
                None
            }
        })
        .collect()
}

fn is_protocol_failure(action: &Action, of: Attempt) -> bool {
    matches!(action, Action::Send(FromPeer::Failed { attempt, failure })
        if *attempt == of && failure.kind == FailureKind::Protocol)
}

#[test]
fn the_main_path_gives_each_command_once_and_tells_each_step() {
    let mut machine = Machine::default();
    assert!(matches!(
        machine.on(load(ONE))[..],
        [Action::Command(Command::Load { .. })]
    ));
    assert!(matches!(
        machine.on(opened())[..],
        [Action::Send(FromPeer::Loaded { attempt: ONE, .. })]
    ));
    assert!(matches!(
        machine.on(arm(ONE))[..],
        [Action::Command(Command::Arm { attempt: ONE, .. })]
    ));
    assert_eq!(
        machine.on(Input::Did(Done::Warm)),
        [Action::Send(FromPeer::Armed(ONE))]
    );
    assert!(matches!(
        machine.on(start(ONE))[..],
        [Action::Command(Command::Run { .. })]
    ));
    assert!(matches!(
        machine.on(sealed())[..],
        [Action::Send(FromPeer::Part(_))]
    ));
    assert_eq!(machine.on(said(ToPeer::PartStored(ONE))), []);
    assert_eq!((machine.state(), machine.attempt()), (State::Ready, None));
    assert!(matches!(
        machine.on(arm(TWO))[..],
        [Action::Command(Command::Arm { attempt: TWO, .. })]
    ));
}

#[test]
fn a_part_travels_in_pieces_without_gaps_and_only_the_last_is_the_last() {
    let bytes: Vec<u8> = (0..PART_CHUNK * 2 + 1).map(|i| i as u8).collect();
    let mut joined: Vec<u8> = Vec::new();
    let actions = at(State::Running).on(Input::Did(Done::Sealed(bytes.clone())));
    for (i, up) in sends(&actions).into_iter().enumerate() {
        let FromPeer::Part(chunk) = up else {
            panic!("{up:?}")
        };
        assert_eq!((chunk.seq as usize, chunk.last), (i, i == 2));
        assert!(chunk.bytes.len() <= PART_CHUNK);
        joined.extend(&chunk.bytes);
    }
    assert_eq!(joined, bytes);
}

#[test]
fn a_failure_ends_the_attempt_and_keeps_the_engine_if_there_is_one() {
    for (state, after) in [
        (State::Loading, State::Idle),
        (State::Arming, State::Ready),
        (State::Running, State::Ready),
    ] {
        let mut machine = at(state);
        let told = machine.on(Input::Did(Done::Failed(failure())));
        assert_eq!(
            told,
            [Action::Send(FromPeer::Failed {
                attempt: ONE,
                failure: failure()
            })]
        );
        assert_eq!((machine.state(), machine.attempt()), (after, None));
    }
}

#[test]
fn what_stops_leaves_the_engine_if_it_was_opened_and_tells_nothing_more() {
    let ends = [opened(), Input::Did(Done::Cancelled), sealed()];
    for (state, end) in BUSY.into_iter().zip(ends) {
        let mut machine = at(state);
        machine.on(said(ToPeer::Flush));
        assert_eq!(machine.state(), State::Stopping, "{state:?}");
        assert_eq!(machine.on(end), []);
        assert_eq!(machine.state(), State::Ready);
    }
    let mut machine = at(State::Loading);
    machine.on(said(ToPeer::Flush));
    assert_eq!(machine.on(Input::Did(Done::Failed(failure()))), []);
    assert_eq!(machine.state(), State::Idle);
}

#[test]
fn what_belongs_to_an_older_or_finished_attempt_is_ignored_and_counted() {
    let mut machine = at(State::Ready);
    machine.on(arm(TWO));
    for late in [
        load(ONE),
        arm(ONE),
        start(ONE),
        said(ToPeer::PartStored(ONE)),
    ] {
        assert_eq!(machine.on(late), []);
    }
    assert_eq!((machine.state(), machine.ignored()), (State::Arming, 4));
    machine.on(load(TWO));
    machine.on(Input::Did(Done::Cancelled));
    assert_eq!(machine.on(start(TWO)), []);
    assert_eq!((machine.state(), machine.ignored()), (State::Ready, 5));
    // Counter-check: a new attempt is never late.
    assert!(!machine.on(arm(TWO)).is_empty());
}

#[test]
fn an_illegal_message_fails_the_attempt_and_frees_the_thread() {
    for state in [State::Loading, State::Arming, State::Running] {
        let mut machine = at(state);
        let actions = machine.on(load(TWO));
        assert!(
            is_protocol_failure(&actions[0], TWO),
            "{state:?}: {actions:?}"
        );
        assert_eq!(actions[1..], [Action::Interrupt]);
        assert_eq!(
            machine.on(Input::Did(Done::Cancelled)),
            [],
            "the failure was told already"
        );
        assert_ne!(machine.state(), State::Stopping);
    }
    for (state, down) in [
        (State::Idle, arm(ONE)),
        (State::Ready, load(ONE)),
        (State::Armed, arm(ONE)),
        (State::Armed, start(TWO)),
        (State::Reporting, arm(ONE)),
    ] {
        let mut machine = at(state);
        let actions = machine.on(down);
        assert!(
            matches!(&actions[..], [only] if is_protocol_failure(only, ONE) || is_protocol_failure(only, TWO))
        );
    }
    for state in BUSY {
        assert!(
            is_protocol_failure(&at(state).on(said(ToPeer::Flush))[0], ONE),
            "{state:?}"
        );
    }
    assert!(is_protocol_failure(
        &at(State::Ready).on(said(ToPeer::Ping { seq: 1 }))[0],
        ONE
    ));
}

#[test]
fn a_profile_is_written_only_while_nothing_runs() {
    for state in FREE {
        let actions = at(state).on(said(ToPeer::Flush));
        assert!(matches!(actions[..], [Action::Flush(_)]), "{state:?}");
    }
}

#[test]
fn drain_finishes_what_is_measured_and_nothing_else() {
    for state in [State::Idle, State::Ready] {
        let mut machine = at(state);
        assert_eq!(machine.on(said(ToPeer::Drain)), [Action::Leave]);
        assert_eq!(machine.state(), State::Left);
        assert_eq!(machine.on(load(TWO)), []);
    }
    let armed = at(State::Armed).on(said(ToPeer::Drain));
    assert_eq!(armed, [Action::Leave]);
    for state in [State::Loading, State::Arming] {
        let mut machine = at(state);
        assert_eq!(machine.on(said(ToPeer::Drain)), [Action::Interrupt]);
        assert_eq!(machine.on(Input::Did(Done::Cancelled)), [Action::Leave]);
    }
    let mut running = at(State::Running);
    assert_eq!(running.on(said(ToPeer::Drain)), []);
    assert!(matches!(
        running.on(sealed())[..],
        [Action::Send(FromPeer::Part(_))]
    ));
    assert_eq!(running.on(said(ToPeer::PartStored(ONE))), [Action::Leave]);
}

#[test]
fn a_signal_ends_every_state_as_soon_as_the_thread_is_free() {
    for state in [State::Idle, State::Ready, State::Reporting] {
        assert_eq!(at(state).on(Input::Terminate), [Action::Leave], "{state:?}");
    }
    assert_eq!(at(State::Armed).on(Input::Terminate), [Action::Leave]);
    for state in BUSY {
        let mut machine = at(state);
        assert_eq!(
            machine.on(Input::Terminate),
            [Action::Interrupt],
            "{state:?}"
        );
        assert_eq!(machine.on(Input::Did(Done::Cancelled)), [Action::Leave]);
    }
    let mut stopping = at(State::Stopping);
    assert_eq!(stopping.on(Input::Terminate), []);
    assert_eq!(stopping.on(Input::Did(Done::Cancelled)), [Action::Leave]);
}
