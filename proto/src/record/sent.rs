//! [`Sent`] to its stored message and back.

use super::{RecordError, pb};
use crate::part::{Lengths, Sent, Span};

pub(super) fn encode(sent: &Sent) -> pb::Sent {
    pb::Sent {
        requests: sent.requests,
        prompts: Some(lengths_to(sent.prompts)),
        answers: Some(lengths_to(sent.answers)),
    }
}

pub(super) fn decode(sent: pb::Sent) -> Result<Sent, RecordError> {
    let lengths = |lengths: Option<pb::Lengths>, field| {
        lengths.map(lengths_from).ok_or(RecordError::Field(field))
    };
    Ok(Sent {
        requests: sent.requests,
        prompts: lengths(sent.prompts, "sent.prompts")?,
        answers: lengths(sent.answers, "sent.answers")?,
    })
}

fn lengths_to(lengths: Lengths) -> pb::Lengths {
    let Lengths {
        asked,
        sent,
        cut,
        cut_tokens,
        raised,
    } = lengths;
    pb::Lengths {
        asked_least: asked.least,
        asked_most: asked.most,
        asked_sum: asked.sum,
        sent_least: sent.least,
        sent_most: sent.most,
        sent_sum: sent.sum,
        cut,
        cut_tokens,
        raised,
    }
}

fn lengths_from(l: pb::Lengths) -> Lengths {
    let span = |least, most, sum| Span { least, most, sum };
    Lengths {
        asked: span(l.asked_least, l.asked_most, l.asked_sum),
        sent: span(l.sent_least, l.sent_most, l.sent_sum),
        cut: l.cut,
        cut_tokens: l.cut_tokens,
        raised: l.raised,
    }
}
