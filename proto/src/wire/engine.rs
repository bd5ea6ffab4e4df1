//! The messages of [`crate::engine`] as those of `bench.engine.v1`, and the service that an engine
//! in Rust can implement with the generated types.

use crate::engine::{Heard, Ready, Said, Why};

pub use generated::engine_client::EngineClient;
pub use generated::{FromEngine as FromEngineItem, ToEngine as ToEngineItem};

/// Generated from `proto/bench/engine/v1/engine.proto`.
pub mod generated {
    #![expect(
        missing_docs,
        reason = "generated code; the proto file carries the documentation"
    )]
    #![expect(unused_qualifications, reason = "generated code")]
    #![expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    tonic::include_proto!("bench.engine.v1");
}

use generated::to_engine::Kind;

/// Converts a message to the engine.
#[must_use]
pub fn said(said: Said) -> ToEngineItem {
    let kind = match said {
        Said::Open(open) => Kind::Open(generated::Open {
            protocol: open.protocol,
            concurrency: open.concurrency,
            tokens_per_request: open.tokens_per_request,
            model: open.model,
            threads: open.threads,
        }),
        Said::Submit(requests) => {
            let requests = requests.into_iter().map(|asked| generated::Request {
                index: asked.index,
                prompt: asked.prompt.to_vec(),
                max_new_tokens: asked.max_new_tokens,
            });
            Kind::Submit(generated::Submit {
                requests: requests.collect(),
            })
        }
        Said::Cancel(index) => Kind::Cancel(index),
        Said::Window {} => Kind::Window(generated::Window {}),
        Said::Encode(text) => Kind::Encode(text),
    };
    ToEngineItem { kind: Some(kind) }
}

/// Converts a message of the engine.
#[must_use]
pub fn heard(item: FromEngineItem) -> Heard {
    let unanswered = |all: Vec<generated::Unanswered>| {
        let each = all.into_iter().map(|one| (one.index, why(one.reason())));
        each.collect()
    };
    Heard {
        ready: item.ready.map(ready),
        started: item.started,
        tokens: item.tokens.iter().map(|t| (t.index, t.token)).collect(),
        finished: item.finished,
        cancelled: item.cancelled,
        refused: unanswered(item.refused),
        failed: unanswered(item.failed),
        encoded: item.encoded.map(|encoded| encoded.tokens),
    }
}

fn ready(ready: generated::Ready) -> Ready {
    let usual = Ready::default();
    Ready {
        protocol: ready.protocol,
        engine: ready.engine,
        model_digest: ready.model_digest,
        parameters: ready.parameters,
        weight_bytes: ready.weight_bytes,
        max_context: ready.max_context.unwrap_or(usual.max_context),
        threads: ready.threads,
        encodes: ready.encodes,
        vocabulary: ready.vocabulary.unwrap_or(usual.vocabulary),
    }
}

fn why(reason: generated::Reason) -> Why {
    match reason {
        generated::Reason::Overloaded => Why::Overloaded,
        generated::Reason::TooLong => Why::TooLong,
        generated::Reason::Invalid => Why::Invalid,
        generated::Reason::NotFinite => Why::NotFinite,
        generated::Reason::Unspecified => Why::Internal,
    }
}
