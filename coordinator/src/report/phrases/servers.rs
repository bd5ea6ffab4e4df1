//! Notes about engines that are separate programs: their failures, and the meaning of the time
//! between tokens if only chunks are visible. No layout.

use contract::part::{Itl, ServerFacts};

use crate::compare::{ArmSummary, Cell};

/// Every kind of failure of every arm, with its remedy.
pub(crate) fn failures(cell: &Cell) -> Vec<String> {
    let of = |(arm, server): (&ArmSummary, &ServerFacts)| -> Vec<String> {
        let (variant, arm) = (&arm.variant, arm.arm);
        let told = server.failures.iter();
        told.map(|failure| format!("{variant} {arm}: {failure}"))
            .collect()
    };
    servers(cell).flat_map(of).collect()
}

/// The meaning of ITL if it is not the time between tokens.
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
