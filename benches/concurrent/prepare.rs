//! Prerequisites of the benchmarks: a model and the built programs, two of which must differ.
//! Reports what is missing and the command that makes it. Must not build anything.

use std::path::{Path, PathBuf};

use super::program::{Demand, Program, Report, RunError};

/// Below the target directory; built with [`BUILD`].
const BASELINE: &str = "release/examples/concurrent_inference";
/// Below the target directory; built as docs/seed.md says.
const PGO: &str = "pgo/release/examples/concurrent_inference";
const BASELINE_VARIABLE: &str = "BENCH_BASELINE_BINARY";
const PGO_VARIABLE: &str = "BENCH_PGO_BINARY";
const MODEL_VARIABLE: &str = "BENCH_MODEL_PATH";
const MODELS: [&str; 2] = [
    "models/default",
    ".inferno/models/TinyLlama_TinyLlama-1.1B-Chat-v1.0",
];
const BUILD: &str =
    "cargo build --release --package inference --example concurrent_inference --features examples";

/// A small run: enough to see that a program works and which build it is.
const TRIAL: Demand = Demand {
    concurrent: 2,
    prompt_tokens: 8,
    output_tokens: 2,
};

/// Everything the benchmarks need.
pub(crate) struct Prepared {
    pub(crate) model: PathBuf,
    pub(crate) programs: Vec<Program>,
}

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error(
        "❌ Model not found at: {}\nSolution: run scripts/fetch-model.sh to get a small free one, or set \
         {MODEL_VARIABLE} to a safetensors directory or file.",
        .tried.display()
    )]
    Model { tried: PathBuf },
    #[error("❌ concurrent_inference binary not found at {}\nSolution: {solution}", .tried.display())]
    Binary { tried: PathBuf, solution: String },
    #[error(
        "❌ baseline and pgo are the same program (SHA-256 {sha256})\nSolution: build the second with a profile, as docs/seed.md says."
    )]
    Identical { sha256: String },
    #[error(
        "❌ {name} is instrumented to collect a profile; its times would be no measurement\nSolution: build it without -Cprofile-generate."
    )]
    Instrumented { name: &'static str },
    #[error("❌ {name} does not work: {error}")]
    Broken { name: &'static str, error: RunError },
}

/// Checks everything, tries each program once and reports on stderr what is measured.
pub(crate) fn prepare() -> Result<Prepared, PrepareError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = target(root);
    let mut programs = vec![baseline(&target)?];
    programs.extend(pgo(&target)?);
    let prepared = Prepared {
        model: model(root)?,
        programs,
    };
    eprintln!("model     {}", prepared.model.display());
    let reports = prepared
        .programs
        .iter()
        .map(|program| tried(program, &prepared.model));
    let reports = reports.collect::<Result<Vec<Report>, PrepareError>>()?;
    if let [first, second] = reports.as_slice()
        && first.sha256 == second.sha256
    {
        return Err(PrepareError::Identical {
            sha256: first.sha256.clone(),
        });
    }
    if prepared.programs.len() == 1 {
        let place = target.join(PGO);
        eprintln!(
            "pgo       none at {} nor in {PGO_VARIABLE}: see docs/seed.md\n",
            place.display()
        );
    } else {
        eprintln!(
            "The programs run in turns; the time that Criterion estimates leaves their runs out.\n"
        );
    }
    Ok(prepared)
}

/// The target directory; this program is in `TARGET/PROFILE/deps`. Shown as the user would type it
/// if it is below the workspace.
fn target(root: &Path) -> PathBuf {
    let own = std::env::current_exe().ok();
    let target = own
        .as_deref()
        .and_then(|own| own.ancestors().nth(3))
        .map_or_else(|| root.join("target"), Path::to_owned);
    target
        .strip_prefix(root)
        .map_or(target.clone(), |below| Path::new(".").join(below))
}

fn tried(program: &Program, model: &Path) -> Result<Report, PrepareError> {
    let name = program.name;
    let report = program
        .run(model, TRIAL)
        .map_err(|error| PrepareError::Broken { name, error })?;
    if report.instrumented {
        return Err(PrepareError::Instrumented { name });
    }
    eprintln!(
        "{name:<9} {} (SHA-256 {})",
        program.path.display(),
        report.sha256
    );
    Ok(report)
}

fn baseline(target: &Path) -> Result<Program, PrepareError> {
    let named = variable(BASELINE_VARIABLE);
    let solution = match named {
        Some(_) => format!("correct {BASELINE_VARIABLE}, or leave it unset and build: {BUILD}"),
        None => BUILD.to_owned(),
    };
    let path = named.unwrap_or_else(|| target.join(BASELINE));
    match path.is_file() {
        true => Ok(Program {
            name: "baseline",
            path,
        }),
        false => Err(PrepareError::Binary {
            tried: path,
            solution,
        }),
    }
}

/// The PGO program. It is optional, unless the user named one.
fn pgo(target: &Path) -> Result<Option<Program>, PrepareError> {
    let named = variable(PGO_VARIABLE);
    let wanted = named.is_some();
    let path = named.unwrap_or_else(|| target.join(PGO));
    match (path.is_file(), wanted) {
        (true, _) => Ok(Some(Program { name: "pgo", path })),
        (false, false) => Ok(None),
        (false, true) => {
            let solution =
                format!("correct {PGO_VARIABLE}, or leave it unset to measure baseline alone.");
            Err(PrepareError::Binary {
                tried: path,
                solution,
            })
        }
    }
}

fn model(root: &Path) -> Result<PathBuf, PrepareError> {
    let places = variable(MODEL_VARIABLE).map_or_else(
        || {
            let upstream = std::env::home_dir().map(|home| home.join(MODELS[1]));
            std::iter::once(root.join(MODELS[0]))
                .chain(upstream)
                .collect()
        },
        |named| vec![named],
    );
    let found = places.iter().find(|place| place.exists()).cloned();
    found.ok_or_else(|| PrepareError::Model {
        tried: places[0].clone(),
    })
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
