//! The figures as text and tables for an 80-column terminal: cold start, each request's wait and
//! inference, completions, rates, processor, and what they mean for PGO. Computes only shares;
//! prints nothing itself.

use std::fmt::Write;
use std::time::Duration;

use inference::tokenizer::Tokenizer;

use super::burst::{Burst, Fate};
use super::figures::{Figures, Spread, Times};

/// Number of characters shown of an answer.
const SHOWN: usize = 72;

/// The whole report, with every single request if `answers` are given.
pub(crate) fn all(figures: &Figures, answers: Option<(&Burst, &Tokenizer)>) -> String {
    let mut out = String::new();
    let parts = [
        heading(figures),
        cold(figures),
        requests(figures),
        rates(figures),
        insight(figures),
    ];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        out.push_str(part);
        out.push('\n');
    }
    if let Some((burst, tokenizer)) = answers {
        out.push_str(&each(burst, tokenizer));
    }
    out
}

fn heading(figures: &Figures) -> String {
    format!(
        "concurrent_inference: {} requests at once, {} prompt tokens, {} output tokens each\n\
         model {} ({:.0} M parameters), {} kernels, {} threads\n",
        figures.requests.asked,
        figures.prompt_tokens,
        figures.max_tokens,
        figures.model_digest,
        figures.parameters as f64 / 1e6,
        figures.kernels,
        figures.threads,
    )
}

fn cold(figures: &Figures) -> String {
    let cold = &figures.cold_start;
    let rows = [
        ("runtime", cold.runtime_ns),
        ("engine", cold.engine_ns),
        ("model", cold.model_ns),
        ("total", cold.total_ns),
    ];
    rows.iter()
        .fold("Cold start\n".to_owned(), |mut out, (name, nanos)| {
            row(&mut out, name, &time(*nanos));
            out
        })
}

fn requests(figures: &Figures) -> String {
    let requests = &figures.requests;
    let mut out = format!("Requests: {} of {} answered\n", requests.ok, requests.asked);
    for (reason, count) in &requests.failed {
        row(&mut out, &format!("❌ failed: {count}"), reason);
    }
    let Some(times) = &figures.times else {
        return out;
    };
    let head = ["", "mean", "median", "min", "max", "share"];
    line(&mut out, &head.map(str::to_owned));
    spread(&mut out, "wait", &times.wait, times.wait_share());
    spread(
        &mut out,
        "inference",
        &times.inference,
        1.0 - times.wait_share(),
    );
    spread(&mut out, "total", &times.total, 1.0);
    row(
        &mut out,
        "first completion after",
        &time(times.first_completion_ns),
    );
    row(
        &mut out,
        "last completion after",
        &time(times.last_completion_ns),
    );
    out
}

fn rates(figures: &Figures) -> String {
    let mut out = String::from("Throughput and processor\n");
    row(&mut out, "wall", &time(figures.wall_ns));
    row(
        &mut out,
        "tokens/s",
        &format!("{:.1}", figures.tokens_per_second),
    );
    row(
        &mut out,
        "requests/s",
        &format!("{:.2}", figures.requests_per_second),
    );
    if let Some(cpu) = figures.cpu_ns {
        let cores = ratio(cpu, figures.wall_ns);
        row(
            &mut out,
            "CPU time",
            &format!("{} ({cores:.2} × wall)", time(cpu)),
        );
    }
    if let Some(Times {
        inference_sum_ns, ..
    }) = figures.times
    {
        let overlap = ratio(inference_sum_ns, figures.wall_ns);
        row(
            &mut out,
            "inference, all requests",
            &format!("{} ({overlap:.2} × wall)", time(inference_sum_ns)),
        );
    }
    if let Some(efficiency) = figures.parallel_efficiency {
        let text = format!("{:.1} % (CPU time ÷ wall × threads)", 100.0 * efficiency);
        row(&mut out, "parallel efficiency", &text);
    }
    out
}

/// The share of time that better compiled code could improve, and which build this is.
fn insight(figures: &Figures) -> String {
    let mut out = String::from("PGO insight\n");
    let (wait, busy) = (
        figures.times.as_ref().map(Times::wait_share),
        figures.parallel_efficiency,
    );
    if let (Some(wait), Some(busy)) = (wait, busy) {
        let _infallible = writeln!(
            out,
            "  The processors computed {:.0} % of the window: that time is what a better\n  \
             compiled build can shorten, and the {:.0} % that requests waited with it.",
            100.0 * busy,
            100.0 * wait,
        );
    }
    let kind = match figures.instrumented {
        true => "instrumented: it collects a profile, its times are no measurement",
        false => "not instrumented",
    };
    row(&mut out, "this build", kind);
    row(
        &mut out,
        "its SHA-256",
        figures
            .sha256
            .as_deref()
            .unwrap_or("unknown: its file cannot be read"),
    );
    out.push_str("  Two builds are compared by: cargo bench --package pgo-benchmarks\n");
    out
}

fn each(burst: &Burst, tokenizer: &Tokenizer) -> String {
    let mut out = String::from("Each request\n");
    line(
        &mut out,
        &["request", "wait", "inference", "total", "tokens", ""].map(str::to_owned),
    );
    for (number, fate) in burst.requests.iter().enumerate() {
        let name = format!("{}", number + 1);
        match fate {
            Fate::Failed(reason) => row(&mut out, &name, &format!("❌ failed: {reason}")),
            Fate::Answered(answer) => {
                let [wait, inference, total] =
                    [answer.wait, answer.inference, answer.total()].map(exact);
                let tokens = answer.tokens.len().to_string();
                line(
                    &mut out,
                    &[name, wait, inference, total, tokens, String::new()],
                );
            }
        }
    }
    if let Some(answer) = burst.answers().next() {
        let text: String = tokenizer
            .decode(&answer.tokens)
            .escape_debug()
            .take(SHOWN)
            .collect();
        let _infallible = writeln!(out, "First answer:\n  {text}");
    }
    out
}

fn spread(out: &mut String, name: &str, spread: &Spread, share: f64) {
    let times = [
        spread.mean_ns,
        spread.median_ns,
        spread.min_ns,
        spread.max_ns,
    ]
    .map(time);
    let [mean, median, min, max] = times;
    line(
        out,
        &[
            name.to_owned(),
            mean,
            median,
            min,
            max,
            format!("{:.1} %", 100.0 * share),
        ],
    );
}

fn row(out: &mut String, name: &str, value: &str) {
    let _infallible = writeln!(out, "  {name:<24} {value}");
}

fn line(out: &mut String, cells: &[String; 6]) {
    let [name, rest @ ..] = cells;
    let rest: String = rest.iter().map(|cell| format!(" {cell:>10}")).collect();
    let _infallible = writeln!(out, "{}", format!("  {name:<12}{rest}").trim_end());
}

fn exact(time_taken: Duration) -> String {
    time(u64::try_from(time_taken.as_nanos()).unwrap_or(u64::MAX))
}

/// At least three significant digits, in the unit that fits.
fn time(nanos: u64) -> String {
    match nanos {
        0..1_000_000 => format!("{:.1} µs", nanos as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        _ => format!("{:.3} s", nanos as f64 / 1e9),
    }
}

fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / (b as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_unit_that_suits() {
        assert_eq!(
            [950, 1_500_000, 2_000_000_000].map(time),
            ["0.9 µs", "1.5 ms", "2.000 s"].map(str::to_owned)
        );
    }
}
