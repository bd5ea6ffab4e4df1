//! The results, as a table for people and as JSON of a stable shape for programs. Must not know how
//! they were measured; prints nothing.

use std::fmt::{self, Display, Formatter};
use std::fs;

use contract::identity::VERSION;
use inference::files::WeightFacts;
use serde_json::{Value, json};

use super::Settings;
use super::accuracy::Accuracy;
use super::shares::Spread;

/// Version of the JSON's shape; another shape gets another number.
const FORMAT: &str = "worker-bench/2";

/// All results. Read rates are in GB/s (10⁹ bytes), operations in GFLOP/s, tokens per second.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) settings: Settings,
    pub(super) kernels: &'static str,
    pub(super) facts: WeightFacts,
    /// Loss of accuracy of the weight format, unless it is the file's.
    pub(super) accuracy: Option<Accuracy>,
    pub(super) step_bytes: usize,
    pub(super) memory_bytes: usize,
    pub(super) machine: Machine,
    pub(super) read_weights: Spread,
    pub(super) read_memory: Spread,
    pub(super) multiply_add: Spread,
    pub(super) prefill: Prefill,
    pub(super) decode: Vec<Decode>,
}

/// Load of the processors, without which no figure can be judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Machine {
    /// Load average of the last minute; `None` if the system does not report it.
    before: Option<f64>,
    after: Option<f64>,
    /// Number of involuntary context switches of this process.
    switches: u64,
}

/// A single prompt.
#[derive(Clone, Debug)]
pub(super) struct Prefill {
    pub(super) tokens: usize,
    pub(super) rate: Spread,
    pub(super) multiply_add_share: f64,
}

/// A batch that decodes.
#[derive(Clone, Debug)]
pub(super) struct Decode {
    pub(super) batch: usize,
    pub(super) rate: Spread,
    pub(super) read_share: f64,
    pub(super) multiply_add_share: f64,
    pub(super) scheduling_share: f64,
}

impl Machine {
    pub(super) fn before(switches: u64) -> Self {
        Self {
            before: load_average(),
            after: None,
            switches,
        }
    }

    pub(super) fn after(&mut self, switches: u64) {
        self.after = load_average();
        self.switches = switches.saturating_sub(self.switches);
    }
}

fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg")
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}

impl Report {
    /// The report for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Settings {
            model,
            threads,
            prompt,
            decode_prompt,
            decode_steps,
            repeats,
            ..
        } = &self.settings;
        let decode = self.decode.iter().map(|line| {
            json!({
                "batch": line.batch, "prompt": decode_prompt, "steps": decode_steps,
                "tokens_per_second": spread(&line.rate), "read_share": line.read_share,
                "multiply_add_share": line.multiply_add_share, "scheduling_share": line.scheduling_share,
            })
        });
        let mut document = json!({
            "format": FORMAT, "version": VERSION, "kernels": self.kernels, "threads": threads, "repeats": repeats,
            "model": {
                "path": model, "digest": self.facts.digest, "parameters": self.facts.parameters,
                "bytes": self.facts.bytes, "weights": self.settings.form.name(), "bytes_per_step": self.step_bytes,
            },
            "machine": {
                "load_before": self.machine.before, "load_after": self.machine.after,
                "involuntary_switches": self.machine.switches,
            },
            "floors": {
                "read_weights": { "bytes": self.step_bytes, "gigabytes_per_second": spread(&self.read_weights) },
                "read_memory": { "bytes": self.memory_bytes, "gigabytes_per_second": spread(&self.read_memory) },
                "multiply_add": { "gigaflops": spread(&self.multiply_add) },
            },
            "prefill": {
                "prompt": prompt, "tokens_per_second": spread(&self.prefill.rate),
                "multiply_add_share": self.prefill.multiply_add_share,
            },
            "decode": decode.collect::<Vec<_>>(),
        });
        if let Some(accuracy) = &self.accuracy {
            document["accuracy"] = accuracy.json();
        }
        document
    }

    fn heading(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (settings, facts) = (&self.settings, &self.facts);
        writeln!(
            f,
            "{}: {} parameters {}, {:.1} MB a decode step; {} kernels, {} threads, {} repetitions",
            settings.model.display(),
            facts.parameters,
            settings.form.name(),
            self.step_bytes as f64 / 1e6,
            self.kernels,
            settings.threads,
            settings.repeats
        )?;
        let load = |value: Option<f64>| {
            value.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"))
        };
        let Machine {
            before,
            after,
            switches,
        } = self.machine;
        writeln!(
            f,
            "load average {} before and {} after, with this process in it; processors taken away {switches} times\n",
            load(before),
            load(after)
        )
    }

    fn floors(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28}{:>10}{:>22}", "floor", "median", "min – max")?;
        let megabytes = |bytes: usize| format!("read {:.0} MB, GB/s", bytes as f64 / 1e6);
        for (name, spread) in [
            (megabytes(self.step_bytes), &self.read_weights),
            (megabytes(self.memory_bytes), &self.read_memory),
            ("multiply-add, GFLOP/s".to_owned(), &self.multiply_add),
        ] {
            writeln!(f, "{name:<28}{}", figures(spread))?;
        }
        writeln!(f)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        if let Some(accuracy) = &self.accuracy {
            writeln!(f, "{accuracy}\n")?;
        }
        self.floors(f)?;
        let columns = (
            "tokens/s",
            "median",
            "min – max",
            "of reading",
            "of FMA",
            "scheduling",
        );
        let (name, median, range, read, peak, scheduling) = columns;
        writeln!(
            f,
            "{name:<28}{median:>10}{range:>22}{read:>12}{peak:>10}{scheduling:>12}"
        )?;
        let Prefill {
            tokens,
            rate,
            multiply_add_share,
        } = &self.prefill;
        let name = format!("prefill {tokens}");
        writeln!(
            f,
            "{name:<28}{}{:>12}{:>10}",
            figures(rate),
            "",
            percent(*multiply_add_share, 1)
        )?;
        for line in &self.decode {
            writeln!(
                f,
                "{:<28}{}{:>12}{:>10}{:>12}",
                format!("decode, batch {}", line.batch),
                figures(&line.rate),
                percent(line.read_share, 1),
                percent(line.multiply_add_share, 1),
                percent(line.scheduling_share, 2)
            )?;
        }
        Ok(())
    }
}

fn figures(spread: &Spread) -> String {
    format!(
        "{:>10.1}{:>22}",
        spread.median,
        format!("{:.1} – {:.1}", spread.min, spread.max)
    )
}

fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$} %", share * 100.0)
}

fn spread(spread: &Spread) -> Value {
    json!({ "median": spread.median, "min": spread.min, "max": spread.max, "samples": spread.samples })
}
