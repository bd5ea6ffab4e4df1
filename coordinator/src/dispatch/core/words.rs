//! What workers say, and what follows while all goes well.

use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::part::vet;
use contract::run::NoticeKind;

use super::super::event::{Delivery, Effect, Order, Sight, Word};
use super::super::trial::Step;
use super::{Core, Phase};

impl Core {
    /// Who joins while every worker is let go has been told to leave, and changes nothing of when that must be done.
    pub(super) fn worker_joined(&mut self, now: Duration, ticket: Ticket, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Trial {
            return;
        }
        let limit = self.script.limits.load;
        if let Some(member) = self.crew.get_mut(ticket).filter(|m| m.step == Step::Spawning) {
            member.step = Step::Loading;
            let slot = member.slot;
            let order = self.load_order(slot);
            effects.push(Effect::Tell { ticket, order });
            self.deadline = now + limit;
        }
    }

    pub(super) fn said(
        &mut self,
        now: Duration,
        ticket: Ticket,
        attempt: Attempt,
        word: Word,
        effects: &mut Vec<Effect>,
    ) {
        // A flush is asked after the part and carries no attempt of its own; who is stopped says so in the old one.
        if attempt != self.attempt && !matches!(word, Word::Flushed | Word::Stopped) {
            let message =
                format!("a message of attempt {} came during attempt {}", attempt.0, self.attempt.0);
            return self.note(NoticeKind::Late, message, effects);
        }
        let Some(step) = self.crew.get_mut(ticket).map(|member| member.step) else { return };
        match (word, step) {
            (Word::Loaded(report), Step::Loading) => {
                if !self.greeted {
                    self.greeted = true;
                    effects.push(Effect::Show(Sight::Loaded(report)));
                }
                self.set(ticket, Step::Ready);
            }
            (Word::Armed, Step::Arming) => self.set(ticket, Step::Armed),
            (Word::Part(delivery), Step::Running) => self.delivered(now, ticket, delivery, effects),
            (Word::BadPart(message), Step::Running) => self.refuse_part(now, ticket, &message, effects),
            (Word::Part(_) | Word::BadPart(_), step) if step < Step::Running => {
                self.refuse_part(now, ticket, "accept a part: early: it came before the start", effects);
            }
            (Word::Flushed, Step::Flushing) => {
                self.set(ticket, Step::Leaving);
                effects.push(Effect::Tell { ticket, order: Order::Drain });
            }
            (Word::Failed(failure), step) if step != Step::Gone => self.failed(now, ticket, failure, effects),
            _ => {}
        }
    }

    /// What a worker sent cannot be what it measured: it is told so, and lost to the block as any other that fails.
    fn refuse_part(&mut self, now: Duration, ticket: Ticket, why: &str, effects: &mut Vec<Effect>) {
        let Some(member) = self.crew.get_mut(ticket).cloned() else { return };
        let order = Order::Refuse(format!("this side failed to {why}"));
        effects.push(Effect::Tell { ticket, order });
        let message = format!("{} sent what cannot be kept: failed to {why}", self.words_for(&member));
        self.lost(now, &[ticket], NoticeKind::BadPart, &message, effects);
    }

    fn delivered(&mut self, now: Duration, ticket: Ticket, delivery: Delivery, effects: &mut Vec<Effect>) {
        let attempt = self.attempt;
        let Some(slot) = self.crew.get_mut(ticket).map(|member| member.slot) else { return };
        let key = self.key_in(slot);
        let Some(member) = self.crew.get_mut(ticket) else { return };
        let place = &delivery.part.place;
        let fits = place.slot == member.slot && place.key == key && place.attempt == attempt;
        if !fits {
            let message = format!("accept a part: place: it is of {} slot {}", place.key, place.slot);
            return self.refuse_part(now, ticket, &message, effects);
        }
        if let Err(fault) = vet::took(&delivery.part, now.saturating_sub(self.begun)) {
            return self.refuse_part(now, ticket, &format!("accept a part: {fault}"), effects);
        }
        let Some(member) = self.crew.get_mut(ticket) else { return };
        member.step = Step::Reported;
        member.reported = true;
        self.issued += delivery.part.outcomes.planned;
        effects.push(Effect::Keep(delivery));
        effects.push(Effect::Tell { ticket, order: Order::PartStored(self.attempt) });
    }
}
