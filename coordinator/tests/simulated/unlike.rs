//! Hosts that do not match those of the run.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_unlike_host_that_nobody_needs_is_turned_away_at_the_door_and_the_run_goes_on() {
    for (cores, welcome) in [(8, false), (2, true)] {
        let run = carry_out(
            Setting {
                newcomer: Some((4 * WINDOW, cores)),
                ..PLAIN
            },
            |_| Manner::Good,
        )
        .await;
        assert_eq!(
            (run.ending.state(), run.notebook.requests()),
            (RunState::Complete, REQUESTS)
        );
        let notices = [if welcome {
            NoticeKind::HostWaits
        } else {
            NoticeKind::HostRefused
        }];
        assert_eq!(run.notebook.notices(), notices);
        match &run.newcomer[..] {
            [ToPeer::Drain] if welcome => {}
            [
                ToPeer::Refused {
                    message,
                    last: true,
                },
            ] if !welcome => {
                assert!(message.contains("cores: 2 then, 8 now"), "{message}");
            }
            heard => panic!("{heard:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_slots_cannot_be_filled_without_it_the_run_ends_in_time_and_names_the_unlike_host()
 {
    let run = carry_out(
        Setting {
            begun_on: Some(4),
            ..PLAIN
        },
        |_| Manner::Good,
    )
    .await;
    assert_eq!(
        (run.ending.state(), run.started.len()),
        (RunState::Failed, 0)
    );
    let reason = &run.ending.reason;
    assert!(
        reason.starts_with("0 of 2 slots registered within 60 s"),
        "{reason}"
    );
    assert!(
        reason.contains("the host of agent host (cores: 4 then, 2 now)"),
        "{reason}"
    );
    assert_eq!(run.notebook.notices(), [NoticeKind::HostRefused]);
    assert!(
        (limits().gather..limits().gather + limits().leave).contains(&run.took),
        "{:?}",
        run.took
    );
    let run = carry_out(
        Setting {
            begun_on: Some(2),
            ..PLAIN
        },
        |_| Manner::Good,
    )
    .await;
    assert_eq!(
        (run.ending.state(), run.notebook.requests()),
        (RunState::Complete, REQUESTS),
        "counter-check"
    );
}
