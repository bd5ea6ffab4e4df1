//! Reports on engines that are servers: failures by kind, and the meaning of ITL.

use contract::part::{FailureCount, Itl, ServerFacts};

use coordinator::cli::Format;
use coordinator::report::answers;

use super::people::{fits, short};
use super::sample::{Story, print, says, silent};

fn server(itl: Itl, failures: Vec<FailureCount>) -> Story {
    Story {
        failures: failures.iter().map(|failure| failure.count).sum(),
        server: Some(ServerFacts {
            itl,
            moments: 100,
            with_usage: 50,
            output_tokens: 400,
            connections: 7,
            failures,
            ..ServerFacts::default()
        }),
        ..Story::default()
    }
}

#[test]
fn the_time_between_chunks_is_not_called_that_between_tokens() {
    let text = short(server(Itl::PerChunk, Vec::new()));
    says(
        &text,
        "ITL per-chunk: the time between chunks of text (4.00 tokens each",
    );
    silent(&short(server(Itl::Exact, Vec::new())), "per-chunk");
    let full = server(Itl::PerChunk, Vec::new()).reported();
    fits(&full);
    says(&full, "connections opened");
    says(&full, "per-chunk");
    // Counter-check: other engines have no such table.
    silent(&Story::default().reported(), "connections opened");
}

#[test]
fn an_explanation_of_itl_says_what_it_is_between() {
    let explained = |metric: &str| {
        let findings = server(Itl::PerChunk, Vec::new()).findings();
        let explanations = coordinator::compare::explain(&findings, metric).unwrap();
        print(Format::Human, |reporter| {
            let answer = answers::Explained {
                findings: &findings,
                explanations: &explanations,
            };
            reporter.say(&answer).unwrap();
        })
    };
    says(&explained("itl-p50"), "ITL per-chunk: the time between");
    silent(&explained("e2e-p50"), "per-chunk");
}

#[test]
fn a_run_full_of_failures_says_which_they_are_and_what_to_do() {
    let failure = FailureCount {
        kind: "not as many tokens as asked for".to_owned(),
        count: 3,
        example: "usage says 2, asked for were 8".to_owned(),
        way_out: "make it ignore the end of sequence".to_owned(),
    };
    let text = short(server(Itl::Exact, vec![failure]));
    says(&text, "pgo B: ");
    says(&text, "× not as many tokens as asked for");
    says(&text, "usage says 2");
    says(&text, "make it ignore the end of");
    silent(&text, "baseline A: ");
}
