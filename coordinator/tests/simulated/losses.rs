//! Every way to lose a worker, an agent or a part, and the effect on its block.

use super::*;

#[tokio::test(start_paused = true)]
async fn every_way_to_lose_a_worker_has_its_name_and_its_block_is_run_again() {
    let cases = [
        (Manner::Dies, NoticeKind::WorkerLost),
        (Manner::Silent, NoticeKind::WorkerSilent),
        (Manner::Stuck, NoticeKind::Overdue),
        (Manner::Miscounts, NoticeKind::BadPart),
        (Manner::Strays, NoticeKind::BadPart),
        (Manner::Stretches, NoticeKind::BadPart),
        (Manner::Hurries, NoticeKind::BadPart),
    ];
    for (manner, kind) in cases {
        let run = carry_out(PLAIN, one(8, manner)).await;
        assert_eq!(
            (run.ending.state(), run.notebook.requests()),
            (RunState::Complete, REQUESTS),
            "{manner:?}"
        );
        let notices = run.notebook.notices();
        assert_eq!(
            notices
                .iter()
                .filter(|notice| **notice != NoticeKind::Late)
                .collect::<Vec<_>>(),
            [&kind]
        );
        let repeated = run
            .notebook
            .pages
            .lock()
            .unwrap()
            .committed
            .iter()
            .filter(|b| b.attempt > Attempt(1))
            .count();
        assert!(repeated > 0, "{manner:?}");
    }
}

/// The coordinator that saw the loss never commits its block.
#[tokio::test(start_paused = true)]
async fn a_coordinator_that_is_killed_leaves_the_evidence_of_losses() {
    let killed = Some(WINDOW + WINDOW / 2);
    let run = carry_out(Setting { killed, ..PLAIN }, one(3, Manner::Dies)).await;
    assert_eq!(
        (run.ending.reason.as_str(), run.notebook.blocks()),
        ("killed", 0)
    );
    let notices = run.notebook.notices();
    assert_eq!(
        notices.first(),
        Some(&NoticeKind::WorkerLost),
        "{notices:?}"
    );
    let twin = carry_out(Setting { killed, ..PLAIN }, |_| Manner::Good).await;
    assert_eq!(
        (twin.notebook.blocks(), twin.notebook.notices()),
        (0, vec![])
    );
}

#[tokio::test(start_paused = true)]
async fn the_silent_are_noticed_at_their_lease_and_the_stuck_at_their_limit() {
    let quiet = carry_out(PLAIN, |_| Manner::Good).await.took;
    let silent = carry_out(PLAIN, one(8, Manner::Silent)).await.took;
    let stuck = carry_out(PLAIN, one(8, Manner::Stuck)).await.took;
    // At most the block's trials so far are run again.
    let again = 2 * (WINDOW + Duration::from_secs(5)) + limits().leave;
    assert!(
        (LEASE..LEASE + again).contains(&(silent - quiet)),
        "{:?}",
        silent - quiet
    );
    assert!(
        (limits().load..limits().load + again).contains(&(stuck - quiet)),
        "{:?}",
        stuck - quiet
    );
}

#[tokio::test(start_paused = true)]
async fn what_never_works_ends_by_name_after_its_tries() {
    let run = carry_out(PLAIN, |_| Manner::Dies).await;
    assert_eq!(
        (run.ending.state(), run.notebook.blocks()),
        (RunState::Failed, 0)
    );
    assert!(
        run.ending
            .reason
            .contains("killed by signal 9); 3 of 3 attempts"),
        "{}",
        run.ending.reason
    );
    assert_eq!(run.started.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_cannot_be_kept_keeps_its_block_from_being_committed() {
    // Resident workers do not leave between the last part and the commit: both are decided at once.
    for (resident, fails) in [(true, "keep"), (false, "keep"), (false, "commit")] {
        let run = carry_out(
            Setting {
                resident,
                fails: Some(fails),
                ..PLAIN
            },
            |_| Manner::Good,
        )
        .await;
        assert_eq!(
            (run.ending.state(), run.notebook.blocks()),
            (RunState::Failed, 0),
            "{fails}"
        );
        assert!(run.ending.reason.contains(fails), "{}", run.ending.reason);
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_has_ended_is_not_waited_for() {
    let agent_ends = Some(5 * WINDOW);
    let run = carry_out(
        Setting {
            agent_ends,
            ..PLAIN
        },
        |_| Manner::Good,
    )
    .await;
    assert_eq!(
        (run.ending.state(), run.notebook.notices()),
        (RunState::Failed, vec![NoticeKind::AgentLost])
    );
    assert_eq!(
        run.ending.reason,
        "the agent of this host ended (killed by signal 9)"
    );
    assert!(run.took < 5 * WINDOW + limits().leave, "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_started_is_not_waited_for() {
    let run = carry_out(
        Setting {
            needs: Some("a-feature"),
            ..PLAIN
        },
        |_| Manner::Good,
    )
    .await;
    assert_eq!(
        (run.ending.state(), run.started.len()),
        (RunState::Failed, 0)
    );
    assert!(
        run.ending.reason.contains("its processor lacks a-feature"),
        "{}",
        run.ending.reason
    );
    // Every start order fails at once, including the last one of each attempt.
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn a_host_too_slow_for_a_phase_is_overdue_though_it_gives_signs_of_life() {
    let run = carry_out(PLAIN, one(8, Manner::Slow)).await;
    assert_eq!(
        (run.ending.state(), run.notebook.requests()),
        (RunState::Complete, REQUESTS)
    );
    let notices = run.notebook.notices();
    assert_eq!(notices.first(), Some(&NoticeKind::Overdue), "{notices:?}");
    assert!(run.took > limits().run, "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_under_a_worker_costs_its_block_an_attempt() {
    let run = carry_out(PLAIN, one(3, Manner::Jumps)).await;
    assert_eq!(
        (run.ending.state(), run.notebook.requests()),
        (RunState::Complete, REQUESTS)
    );
    assert_eq!(run.notebook.notices(), [NoticeKind::ClockJumped]);
}
