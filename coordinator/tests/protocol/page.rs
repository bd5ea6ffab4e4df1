//! The page itself: it lists every fault, variable, stream, number and example of the sources.

use worker::stream::{Purpose, Stream};

const PAGE: &str = include_str!("../../../docs/protocol.md");

/// Quoted strings in a piece of Rust.
fn quoted(rust: &str) -> impl Iterator<Item = &str> {
    rust.split('"').skip(1).step_by(2)
}

/// Items of the sources that a page lacks: kinds of faults, variables, purposes of streams,
/// numbers, examples.
fn unsaid(page: &str) -> Vec<String> {
    let vet = include_str!("../../../proto/src/part/vet.rs");
    let names = vet
        .split("pub fn name(&self)")
        .nth(1)
        .unwrap()
        .split("impl ")
        .next()
        .unwrap();
    let faults = quoted(names).map(|fault| format!("`{fault}"));
    let sources = [
        include_str!("../../../proto/src/credentials.rs"),
        include_str!("../../../proto/src/message.rs"),
        include_str!("../../../worker/src/session/access.rs"),
        include_str!("../../../worker/src/session/join.rs"),
    ];
    let variables = sources
        .into_iter()
        .flat_map(|source| source.lines().filter(|line| line.contains("const ")));
    let variables = variables
        .flat_map(quoted)
        .filter(|word| word.starts_with("PGO_BENCH_"));
    let streams = include_str!("../../../worker/src/stream.rs")
        .lines()
        .filter_map(|line| {
            let number = line
                .trim()
                .strip_suffix(',')?
                .split_once(" = ")?
                .1
                .parse::<u32>()
                .ok()?;
            // Only the generator's pacing uses this number.
            (number < 60).then(|| format!("| {number} | "))
        });
    let numbers = [
        format!("**{}** (`Hello.protocol`)", contract::PROTOCOL),
        format!("| version: {} |", contract::envelope::VERSION),
        format!("| {} | | payload |", contract::envelope::HEADER),
        grouped(contract::message::PART_CHUNK),
        grouped(contract::part::REQUESTS_KEPT),
        grouped(contract::part::STEPS_KEPT),
        grouped(usize::try_from(contract::histogram::HIGHEST).unwrap()),
    ];
    let mut stream = Stream::new(7, Purpose::Kind, 0);
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    let examples = [
        hex(&contract::envelope::seal(
            contract::envelope::Kind::Part,
            &[],
        )),
        format!("{:016X}", coordinator::schedule::request_seed(7, 0, 0)),
        [(); 3]
            .map(|()| format!("`{:016X}`", stream.bits()))
            .join(", "),
    ];
    let all = faults
        .chain(variables.map(|name| format!("`{name}`")))
        .chain(streams)
        .chain(numbers)
        .chain(examples);
    all.filter(|word| !page.contains(word.as_str())).collect()
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let mut groups: Vec<&str> = (0..tail.len() / 3)
        .map(|at| &tail[3 * at..3 * at + 3])
        .collect();
    groups.splice(0..0, Some(head).filter(|head| !head.is_empty()));
    groups.join(",")
}

#[test]
fn the_page_names_every_fault_variable_and_stream_and_a_row_that_is_lost_is_noticed() {
    assert_eq!(unsaid(PAGE), Vec::<String>::new());
    for (row, word) in [
        ("| `finite` |", "`finite"),
        ("| `PGO_BENCH_TICKET` |", "`PGO_BENCH_TICKET`"),
        ("| 9 | arrivals of the run-in", "| 9 | "),
        ("The protocol has the number", "**3** (`Hello.protocol`)"),
        (
            "Seed 7, purpose 7",
            "`9378F118635A7CEF`, `2D74A1292A9247EE`, `3425CC0FE5EBA24E`",
        ),
    ] {
        let without: Vec<&str> = PAGE.lines().filter(|line| !line.starts_with(row)).collect();
        assert_eq!(unsaid(&without.join("\n")), [word], "{row}");
    }
}
