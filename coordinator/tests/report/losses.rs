//! Every kind of loss raises a doubt.

use contract::run::{Notice, NoticeKind, RunState};
use coordinator::cli::Format;

use super::sample::{Story, loss};

/// Every kind of notice, and whether a worker's part is lost by it.
const KINDS: [(&str, bool); 16] = [
    ("worker_lost", true),
    ("worker_silent", true),
    ("worker_unread", true),
    ("spawn_failed", true),
    ("agent_lost", true),
    ("worker_failed", true),
    ("overdue", true),
    ("bad_part", true),
    ("clock_jumped", true),
    ("late", false),
    ("resumed", false),
    ("interrupted", false),
    ("shrunk", false),
    ("host_refused", false),
    ("host_waits", false),
    ("host_placed", false),
];

fn printed(notice: Notice, story: Story) -> String {
    Story {
        rounds: 3,
        notices: vec![notice],
        ..story
    }
    .printed(Format::Json)
}

#[test]
fn every_kind_of_loss_is_a_reason_to_doubt_and_no_other_notice_is() {
    for (name, lost) in KINDS {
        let kind = NoticeKind::from_name(name).unwrap();
        // Older records without the number of workers are judged by kind.
        for workers in [None, Some(u32::from(lost))] {
            let text = printed(
                Notice {
                    kind,
                    workers,
                    ..loss()
                },
                Story::default(),
            );
            assert_eq!(text.contains("blocks-repeated"), lost, "{name} {workers:?}");
        }
    }
}

#[test]
fn workers_are_counted_and_an_agent_that_took_none_along_costs_nothing() {
    let agent = |workers| Notice {
        kind: NoticeKind::AgentLost,
        workers,
        ..loss()
    };
    assert!(
        printed(agent(Some(4)), Story::default())
            .contains("4 workers lost, their blocks were repeated")
    );
    assert!(!printed(agent(Some(0)), Story::default()).contains("blocks-repeated"));
    let given_up = || Story {
        state: Some(RunState::Failed),
        blocks: Some(3),
        ..Story::default()
    };
    let text = printed(agent(Some(2)), given_up());
    assert!(
        text.contains("2 workers lost, their blocks were never completed"),
        "{text}"
    );
    assert!(!printed(agent(Some(0)), given_up()).contains("workers-lost"));
}
