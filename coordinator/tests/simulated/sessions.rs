//! Which peers are admitted, and the three limits of every session: first message, silence, size.

use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::message::{
    BuildChunk, Failure, FailureKind, FromPeer, PART_CHUNK, PartChunk, Role, ToPeer,
};
use contract::wire::MESSAGE_LIMIT;
use coordinator::fleet::session::{Incoming, SessionEvent};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Code;

use crate::peer::{BEAT, Caller, HELLO, LEASE, SHA, hello, served, worker};

/// The next event, except refusals.
async fn next(incoming: &mut mpsc::Receiver<Incoming>) -> SessionEvent {
    loop {
        match incoming.recv().await.unwrap().what {
            SessionEvent::Refused(_) => {}
            what => return what,
        }
    }
}

/// A message of this many bytes.
fn long(attempt: u32, bytes: usize) -> FromPeer {
    let failure = Failure {
        kind: FailureKind::Engine,
        message: "x".repeat(bytes),
    };
    let attempt = Attempt(attempt);
    FromPeer::Failed { attempt, failure }
}

#[tokio::test(start_paused = true)]
async fn who_says_no_hello_is_dropped_when_its_time_is_up() {
    let (door, _incoming, _) = served(8);
    let before = Instant::now();
    let Err(status) = door.call(None).await else {
        panic!("it must be dropped")
    };
    assert_eq!(
        (status.code(), before.elapsed().as_secs()),
        (Code::DeadlineExceeded, HELLO.as_secs())
    );
}

#[tokio::test(start_paused = true)]
async fn who_begins_with_anything_else_is_told_so_for_good() {
    let (door, _incoming, _) = served(8);
    let Err(status) = door.call(Some(FromPeer::Beat(None))).await else {
        panic!("it must be refused")
    };
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("hello"), "{status}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_or_protocol_is_refused_with_a_sentence_and_nobody_hears_of_it() {
    let (door, mut incoming, _) = served(8);
    let mut wrong = [worker(), worker(), worker()];
    wrong[0].token = "another".into();
    wrong[1].protocol += 1;
    wrong[2].protocol -= 1;
    for (hello, says) in
        wrong
            .into_iter()
            .zip(["token", "coordinator is too old", "worker is too old"])
    {
        let mut caller = door
            .call(Some(FromPeer::Hello(Box::new(hello))))
            .await
            .unwrap();
        let heard = caller.rest().await;
        let [
            ToPeer::Refused {
                message,
                last: true,
            },
        ] = &heard[..]
        else {
            panic!("{heard:?}")
        };
        assert!(message.contains(says), "{message}");
    }
    door.join(worker()).await;
    assert!(
        matches!(next(&mut incoming).await, SessionEvent::Opened(..)),
        "the first admitted peer"
    );
}

#[tokio::test(start_paused = true)]
async fn the_silent_are_given_up_after_their_lease_and_no_sooner() {
    let (door, mut incoming, _) = served(8);
    let before = Instant::now();
    let mut caller = door.join(worker()).await;
    assert!(matches!(
        next(&mut incoming).await,
        SessionEvent::Opened(..)
    ));
    let heard = caller.rest().await;
    let silence = before.elapsed();
    assert!(
        LEASE <= silence && silence <= LEASE + 2 * BEAT,
        "{silence:?}"
    );
    let (last, pings) = heard.split_last().unwrap();
    assert!(matches!(last, ToPeer::Refused { .. }), "{last:?}");
    assert!(
        pings.iter().all(|down| matches!(down, ToPeer::Ping { .. })) && pings.len() > 8,
        "{heard:?}"
    );
    assert!(matches!(next(&mut incoming).await, SessionEvent::Silent));
}

#[tokio::test(start_paused = true)]
async fn who_gives_signs_of_life_stays() {
    let (door, mut incoming, _) = served(64);
    let mut caller = door.join(worker()).await;
    let before = Instant::now();
    let mut beat = tokio::time::interval(BEAT);
    while before.elapsed() < 10 * LEASE {
        tokio::select! {
            down = caller.hear() => assert!(matches!(down, Some(ToPeer::Ping { .. }))),
            _ = beat.tick() => caller.say(FromPeer::Beat(None)).await,
            what = incoming.recv() => assert!(!matches!(what.unwrap().what, SessionEvent::Closed)),
        }
    }
    // The end of its stream ends the session, at once towards the peer.
    let Caller { up, mut down } = caller;
    drop(up);
    let before = Instant::now();
    while down.message().await.unwrap().is_some() {}
    assert!(
        before.elapsed() < Duration::from_millis(10),
        "{:?}",
        before.elapsed()
    );
    while !matches!(next(&mut incoming).await, SessionEvent::Closed) {}
}

#[tokio::test(start_paused = true)]
async fn pings_tell_how_a_peers_clock_stands() {
    const AHEAD: Duration = Duration::from_secs(5);
    let (door, mut incoming, epoch) = served(8);
    let mut caller = door.join(worker()).await;
    let SessionEvent::Opened(_, peer) = next(&mut incoming).await else {
        panic!("opened")
    };
    assert_eq!(
        peer.clock(),
        None,
        "nothing is known before the first answer"
    );
    for _ in 0..8 {
        let Some(ToPeer::Ping { seq }) = caller.hear().await else {
            panic!("a ping")
        };
        // A late answer is recognised as uncertain, and another answer is used instead.
        tokio::time::sleep(Duration::from_millis(u64::from(seq % 3))).await;
        caller
            .say(FromPeer::Pong {
                seq,
                mono: epoch.elapsed() + AHEAD,
            })
            .await;
    }
    caller.say(FromPeer::Beat(None)).await;
    assert!(
        matches!(next(&mut incoming).await, SessionEvent::ClockKnown),
        "once, with the first answer"
    );
    assert!(matches!(
        next(&mut incoming).await,
        SessionEvent::Said(FromPeer::Beat(None))
    ));
    let clock = peer.clock().unwrap();
    let off = clock
        .on_peer(Duration::from_secs(100))
        .abs_diff(Duration::from_secs(105));
    assert!(
        off <= clock.uncertainty && clock.uncertainty <= Duration::from_millis(1),
        "{clock:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_costs_a_bounded_queue_and_keeps_nobody_waiting() {
    const SENT: usize = 20_000;
    let (door, mut incoming, _) = served(8);
    let mut caller = door.join(worker()).await;
    let SessionEvent::Opened(_, peer) = next(&mut incoming).await else {
        panic!("opened")
    };
    let before = Instant::now();
    for _ in 0..SENT {
        peer.send(ToPeer::Refused {
            message: "x".repeat(1000),
            last: false,
        });
        tokio::task::yield_now().await;
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    let heard = caller.rest().await.len();
    // The capacity of the reader's window of 2 MiB and of the queue.
    assert!((64..3000).contains(&heard), "{heard} of {SENT}");
    assert!(
        matches!(next(&mut incoming).await, SessionEvent::Unread),
        "what it was not told is not missing in silence"
    );
    assert_eq!(before.elapsed(), Duration::ZERO, "and at once");
}

#[tokio::test(start_paused = true)]
async fn nothing_said_is_lost_while_nobody_listens() {
    const SAID: u32 = 5000;
    let (door, mut incoming, _) = served(2);
    let caller = door.join(worker()).await;
    let talk = tokio::spawn(async move {
        for attempt in 0..SAID {
            caller.say(long(attempt, 1000)).await;
        }
        caller
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!talk.is_finished(), "it is made to wait");
    assert!(matches!(
        next(&mut incoming).await,
        SessionEvent::Opened(..)
    ));
    for attempt in 0..SAID {
        let SessionEvent::Said(said) = next(&mut incoming).await else {
            panic!("{attempt}")
        };
        assert_eq!(said, long(attempt, 1000));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_listened_to_is_pinged_all_the_same_and_not_taken_for_silent() {
    const CALLERS: u32 = 20;
    let (door, mut incoming, _) = served(1);
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let (caller, opened) = tokio::join!(door.join(worker()), next(&mut incoming));
        assert!(matches!(opened, SessionEvent::Opened(..)));
        callers.push(caller);
    }
    let callers = callers.into_iter().map(|mut caller| {
        tokio::spawn(async move {
            for attempt in 0..3 {
                caller.say(FromPeer::Armed(Attempt(attempt))).await;
            }
            // The receiver is busy for much longer than the lease.
            let until = Instant::now() + 3 * LEASE;
            let mut pings = Vec::new();
            while let Ok(Some(down)) = tokio::time::timeout_at(until, caller.hear()).await {
                assert!(matches!(down, ToPeer::Ping { .. }), "{down:?}");
                pings.push(Instant::now());
            }
            (pings, caller)
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut kept = Vec::new();
    for caller in callers {
        let (pings, caller) = caller.await.unwrap();
        assert!(
            pings.windows(2).all(|two| two[1] - two[0] <= 2 * BEAT),
            "it would have ended by its lease"
        );
        kept.push(caller);
    }
    for _ in 0..3 * CALLERS {
        let what = next(&mut incoming).await;
        assert!(
            matches!(what, SessionEvent::Said(FromPeer::Armed(_))),
            "{what:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn pieces_that_are_not_taken_are_not_piled_up() {
    let (door, mut incoming, _) = served(8);
    let mut caller = door
        .join(hello(Role::Agent {
            name: "greedy".into(),
            slots: 1000,
        }))
        .await;
    let SessionEvent::Opened(_, peer) = next(&mut incoming).await else {
        panic!("opened")
    };
    let piece = || BuildChunk {
        sha256: SHA,
        offset: 0,
        bytes: Ok(vec![1; PART_CHUNK]),
        last: false,
    };
    let mut sent = 0;
    while peer.takes_pieces() {
        peer.send_piece(piece());
        sent += 1;
        assert!(sent < 100, "a bound");
    }
    // Counter-check: a peer that reads gets more.
    let mut taken = 0;
    while taken < sent {
        taken += u32::from(matches!(caller.hear().await, Some(ToPeer::BuildChunk(_))));
    }
    assert!(peer.takes_pieces());
}

#[tokio::test(start_paused = true)]
async fn an_agent_of_many_slots_gets_every_order_of_a_trial() {
    const SLOTS: u32 = 200;
    let (door, mut incoming, _) = served(8);
    let mut caller = door
        .join(hello(Role::Agent {
            name: "big".into(),
            slots: SLOTS,
        }))
        .await;
    let SessionEvent::Opened(_, peer) = next(&mut incoming).await else {
        panic!("opened")
    };
    for slot in 0..SLOTS {
        peer.send(ToPeer::Stop {
            ticket: Ticket(slot.into()),
            grace: Duration::ZERO,
        });
    }
    let heard = caller.rest().await;
    assert_eq!(
        heard
            .iter()
            .filter(|down| matches!(down, ToPeer::Stop { .. }))
            .count(),
        SLOTS as usize
    );
}

#[tokio::test(start_paused = true)]
async fn who_was_given_up_is_told_so_and_the_part_it_still_sends_is_counted() {
    let (door, mut incoming, _) = served(64);
    let mut caller = door.join(worker()).await;
    assert!(matches!(
        next(&mut incoming).await,
        SessionEvent::Opened(..)
    ));
    // Disconnected for longer than the lease, with a part on the way.
    assert!(matches!(next(&mut incoming).await, SessionEvent::Silent));
    let heard = caller.rest().await;
    let Some(ToPeer::Refused {
        message,
        last: false,
    }) = heard.last()
    else {
        panic!("{heard:?}")
    };
    assert!(message.contains("given up"), "{message}");
    let chunk = PartChunk {
        attempt: Attempt(1),
        seq: 0,
        last: true,
        bytes: vec![1],
    };
    caller.say(FromPeer::Part(chunk)).await;
    assert!(matches!(next(&mut incoming).await, SessionEvent::LatePart));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_ends_its_session_and_no_other() {
    let (door, mut incoming, _) = served(64);
    let mut caller = door.join(worker()).await;
    let other = door.join(worker()).await;
    caller.say(long(1, MESSAGE_LIMIT / 2)).await;
    caller.say(long(1, 2 * MESSAGE_LIMIT)).await;
    let heard = caller.rest().await;
    assert!(
        matches!(heard.last(), Some(ToPeer::Refused { message, .. }) if message.contains("larger than")),
        "{heard:?}"
    );
    other.say(FromPeer::Armed(Attempt(4))).await;
    let mut seen = Vec::new();
    let last =
        |what: &SessionEvent| matches!(what, SessionEvent::Said(FromPeer::Armed(Attempt(4))));
    while !seen.last().is_some_and(last) {
        seen.push(incoming.recv().await.unwrap().what);
    }
    assert!(
        seen.iter()
            .any(|what| matches!(what, SessionEvent::Refused(line) if line.contains("larger"))),
        "{seen:?}"
    );
}
