//! Random orders of messages: one command at a time, every cancellation answered, always an end.

use super::*;

/// The measuring thread, and the invariants to check, for inputs in any order.
#[derive(Default)]
struct World {
    machine: Machine,
    command: Option<State>,
    interrupted: bool,
    left: bool,
}

impl World {
    fn feed(&mut self, input: Input) {
        for action in self.machine.on(input) {
            assert!(!self.left, "something happens after it left");
            match action {
                Action::Command(_) => {
                    assert!(self.command.is_none(), "two commands at a time");
                    self.command = Some(self.machine.state);
                    self.interrupted = false;
                }
                Action::Interrupt => {
                    assert!(self.command.is_some(), "an interrupt without a command");
                    self.interrupted = true;
                }
                Action::Flush(_) => assert!(self.command.is_none(), "a flush while something runs"),
                Action::Send(_) => {}
                Action::Leave => {
                    assert!(self.command.is_none(), "left while something runs");
                    self.left = true;
                }
            }
        }
        let busy = BUSY.contains(&self.machine.state) || self.machine.state == State::Stopping;
        assert_eq!(busy, self.command.is_some(), "{:?}", self.machine);
    }

    /// Ends the current command in one of the possible ways.
    fn finish(&mut self, way: usize) {
        let Some(command) = self.command.take() else {
            return;
        };
        let done = match (command, way % 3) {
            (State::Loading, 0) => Done::Failed(failure()),
            (State::Loading, _) => Done::Opened(LoadReport::default()),
            (_, 0) => Done::Failed(failure()),
            _ if self.interrupted && way % 3 == 1 => Done::Cancelled,
            (State::Arming, _) => Done::Warm,
            _ => Done::Sealed(vec![1]),
        };
        self.feed(Input::Did(done));
    }

    fn step(&mut self, stream: &mut Stream) {
        // Attempts near the current one, so that old, equal and new ones all occur.
        let attempt = Attempt((self.machine.attempt.0 + stream.below(3) as u32).saturating_sub(1));
        match stream.below(24) {
            0..3 => self.feed(load(attempt)),
            3..7 => self.feed(arm(attempt)),
            7..11 => self.feed(start(attempt)),
            11..14 => self.feed(said(ToPeer::PartStored(attempt))),
            14 => self.feed(said(ToPeer::Flush)),
            15 if stream.below(8) == 0 => self.feed(said(ToPeer::Drain)),
            _ => self.finish(stream.below(9)),
        }
    }
}

#[test]
fn in_any_order_there_is_one_command_at_a_time_and_it_always_ends() {
    let mut reached = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let mut world = World::default();
        let mut stream = Stream::new(seed, Purpose::Fate, 0);
        for _ in 0..200 {
            world.step(&mut stream);
            reached.insert(format!("{:?}", world.machine.state));
        }
        world.finish(2);
        world.feed(Input::Terminate);
        world.finish(1);
        assert!(
            world.left && world.machine.state() == State::Left,
            "seed {seed}: {:?}",
            world.machine
        );
    }
    assert_eq!(reached.len(), 9, "{reached:?}");
}
