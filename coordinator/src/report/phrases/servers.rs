//! What must be said of engines that are programs of their own: which failures there were, and what
//! the time between tokens is where only chunks are seen. No layout.

use contract::part::{Itl, ServerFacts};

use crate::compare::{ArmSummary, Cell};

/// Every kind of failure of every arm, with what can be done about it.
pub(crate) fn failures(cell: &Cell) -> Vec<String> {
    let of = |(arm, server): (&ArmSummary, &ServerFacts)| -> Vec<String> {
        let (variant, arm) = (&arm.variant, arm.arm);
        let told = server.failures.iter();
        told.map(|failure| format!("{variant} {arm}: {failure}"))
            .collect()
    };
    servers(cell).flat_map(of).collect()
}

/// What ITL is, where it is not between tokens.
pub(crate) fn chunks(cell: &Cell) -> Option<String> {
    let per_chunk = servers(cell).filter(|(_, server)| server.itl == Itl::PerChunk);
    let (moments, tokens) = per_chunk.fold((0, 0), |(moments, tokens), (_, server)| {
        (moments + server.moments, tokens + server.output_tokens)
    });
    let each = match tokens {
        0 => "how many tokens each has is not known".to_owned(),
        tokens => format!(
            "{:.2} tokens each by the server's usage",
            tokens as f64 / moments as f64
        ),
    };
    (moments > 0).then(|| {
        format!("ITL per-chunk: the time between chunks of text ({each}), not between tokens")
    })
}

fn servers(cell: &Cell) -> impl Iterator<Item = (&ArmSummary, &ServerFacts)> {
    cell.arms
        .iter()
        .filter_map(|arm| arm.server.as_ref().map(|server| (arm, server)))
}
