//! [`Sent`] to its stored message and back.

use super::{RecordError, pb};
use crate::part::{Lengths, Sent, Span};

pub(super) fn encode(sent: &Sent) -> pb::Sent {
    pb::Sent {
        requests: sent.requests,
        prompts: Some(encode_lengths(&sent.prompts)),
        answers: Some(encode_lengths(&sent.answers)),
    }
}

pub(super) fn decode(sent: &pb::Sent) -> Result<Sent, RecordError> {
    Ok(Sent {
        requests: sent.requests,
        prompts: decode_lengths(
            sent.prompts
                .as_ref()
                .ok_or(RecordError::Field("sent.prompts"))?,
        ),
        answers: decode_lengths(
            sent.answers
                .as_ref()
                .ok_or(RecordError::Field("sent.answers"))?,
        ),
    })
}

fn encode_lengths(lengths: &Lengths) -> pb::Lengths {
    let &Lengths {
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

fn decode_lengths(l: &pb::Lengths) -> Lengths {
    Lengths {
        asked: Span {
            least: l.asked_least,
            most: l.asked_most,
            sum: l.asked_sum,
        },
        sent: Span {
            least: l.sent_least,
            most: l.sent_most,
            sum: l.sent_sum,
        },
        cut: l.cut,
        cut_tokens: l.cut_tokens,
        raised: l.raised,
    }
}
