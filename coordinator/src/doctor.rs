//! Checks every prerequisite of building, running and storing: found, or how to get it. Leaves
//! nothing changed; must not print, and must not decide what a missing prerequisite means for a
//! command.

mod machine;
mod plan;

use std::path::{Path, PathBuf};
use std::process::Command;

use contract::run::VariantRecord;

use crate::build::{
    BuildError, BuildOptions, Manifest, Profdata, Revisions, Rustc, VariantName, cargo_version,
};
use crate::layout::Layout;
use crate::plan::{EnginePlan, ModelPlace, Plan, VariantsAre, model};

/// Places to check.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The workspace.
    pub root: PathBuf,
    /// Directory of built variants.
    pub out: PathBuf,
    /// Directory of the store.
    pub store: PathBuf,
    /// Model to check; without one, the default places are searched.
    pub model: Option<PathBuf>,
}

/// One prerequisite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Name of the prerequisite.
    pub name: &'static str,
    /// Result.
    pub state: State,
    /// What was found, or what is wrong; one line.
    pub detail: String,
    /// The command or step that helps; `None` if nothing has to be done.
    pub remedy: Option<String>,
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Present and usable.
    Found,
    /// Absent, but required.
    Missing,
    /// Usable, with a warning.
    Warning,
}

/// Checks everything from the working directory, in the order in which a newcomer needs it.
#[must_use]
pub fn examine(store: &Path) -> Vec<Check> {
    examine_at(&Surroundings::here(store))
}

/// As [`examine`], for other places.
#[must_use]
pub fn examine_at(place: &Surroundings) -> Vec<Check> {
    let mut checks = tools(place);
    checks.extend([the_model(place), variants(&place.out)]);
    checks.extend(machine(place));
    checks.push(optional(
        "bolt",
        &["llvm-bolt", "llvm-bolt-19"],
        "the variant pgo+bolt cannot be built",
        "Debian: apt install bolt-19",
    ));
    checks
}

/// Checks what a run of this plan needs. `servers` are those of its variants on this host, or why
/// one cannot be used.
#[must_use]
pub fn examine_for(
    plan: &Plan,
    servers: &[Result<VariantRecord, String>],
    store: &Path,
) -> Vec<Check> {
    let mut place = Surroundings::here(store);
    let mut checks = Vec::new();
    if let ModelPlace::ToFind(named) = plan.engine.model() {
        place.model = named.map(PathBuf::from).or(place.model);
        checks.push(the_model(&place));
    }
    checks.extend(match plan.engine.variants_are() {
        VariantsAre::Builds => vec![of_engine(plan, variants(&place.out))],
        VariantsAre::Names => plan::checks(&plan.engine, servers),
    });
    checks.extend(machine(&place));
    checks
}

/// The check of the variants, with the command that builds this plan's engine: a linked one lies in
/// a package of the user's.
fn of_engine(plan: &Plan, check: Check) -> Check {
    let (ours, theirs) = (
        "coordinator build",
        "coordinator build --manifest-path PATH --package NAME",
    );
    let is_linked = matches!(plan.engine, EnginePlan::Linked(_));
    let remedy = check.remedy.map(|remedy| match is_linked {
        true => remedy.replace(ours, theirs),
        false => remedy,
    });
    Check { remedy, ..check }
}

/// What builds need.
fn tools(place: &Surroundings) -> Vec<Check> {
    let rustc = Rustc::discover(&place.root);
    vec![
        compiler(&rustc),
        from_result(
            "cargo",
            cargo_version(&place.root),
            "install Rust with rustup (https://rustup.rs)",
        ),
        linker(),
        profile_tool(&place.root, &rustc),
    ]
}

/// What every run needs.
fn machine(place: &Surroundings) -> Vec<Check> {
    vec![
        machine::memory(),
        machine::disk(&place.out),
        machine::cores(),
        machine::governor(),
        machine::writable(&place.store),
        optional(
            "perf",
            &["perf"],
            "hardware counters are not shown",
            "Debian: apt install linux-perf",
        ),
    ]
}

impl Surroundings {
    /// The working directory as the workspace, and the model that the environment names.
    #[must_use]
    pub fn here(store: &Path) -> Self {
        let root = PathBuf::from(".");
        // Where a run would look for them.
        let out = BuildOptions::made_in();
        let model = std::env::var_os(model::ENVIRONMENT)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        Self {
            root,
            out,
            store: store.to_owned(),
            model,
        }
    }
}

impl Check {
    fn found(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Found,
            detail: detail.into(),
            remedy: None,
        }
    }

    fn missing(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Missing,
            detail: detail.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Missing for this reason. Advice in the reason itself takes precedence over `remedy`.
    fn failed(name: &'static str, error: &BuildError, remedy: &str) -> Self {
        let (what, way) = error.apart();
        Self::missing(name, what, way.unwrap_or_else(|| remedy.to_owned()))
    }

    fn warning(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Warning,
            detail: detail.into(),
            remedy: Some(remedy.into()),
        }
    }
}

fn from_result(name: &'static str, result: Result<String, BuildError>, remedy: &str) -> Check {
    match result {
        Ok(detail) => Check::found(name, detail),
        Err(error) => Check::failed(name, &error, remedy),
    }
}

fn compiler(rustc: &Result<Rustc, BuildError>) -> Check {
    match rustc {
        Ok(rustc) => Check::found(
            "rustc",
            format!("{}, LLVM {}, {}", rustc.version, rustc.llvm, rustc.host),
        ),
        Err(error) => Check::failed(
            "rustc",
            error,
            "install Rust with rustup (https://rustup.rs)",
        ),
    }
}

fn profile_tool(root: &Path, rustc: &Result<Rustc, BuildError>) -> Check {
    let Ok(rustc) = rustc else {
        return Check::missing(
            "llvm-profdata",
            "needs rustc first",
            "rustup component add llvm-tools",
        );
    };
    let found = Profdata::discover(root, rustc)
        .map(|tool| format!("{} (LLVM {})", tool.path.display(), tool.major));
    from_result(
        "llvm-profdata",
        found,
        "rustup component add llvm-tools (or Debian: apt install llvm-19)",
    )
}

fn linker() -> Check {
    match first_line(Command::new("cc").arg("--version")) {
        Some(version) => Check::found("linker", version),
        None => Check::missing("linker", "`cc` is not in PATH", "Debian: apt install gcc"),
    }
}

fn the_model(place: &Surroundings) -> Check {
    const REMEDY: &str = "scripts/fetch-model.sh, or set BENCH_MODEL_PATH to a model directory";
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let root = if place.root == Path::new(".") {
        Path::new("")
    } else {
        place.root.as_path()
    };
    let found = model::locate(
        None,
        place.model.as_deref(),
        root,
        home.as_deref(),
        Path::exists,
    );
    match found.map(|path| (lacking(&path), path)) {
        Ok((None, path)) => Check::found("model", path.display().to_string()),
        Ok((Some(wrong), path)) => {
            Check::missing("model", format!("{} {wrong}", path.display()), REMEDY)
        }
        Err(error) => {
            let tried: Vec<_> = std::iter::once(&error.tried).chain(&error.others).collect();
            let tried: Vec<_> = tried
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Check::missing(
                "model",
                format!("nothing at {}", tried.join(" nor ")),
                REMEDY,
            )
        }
    }
}

/// Why a worker would not accept this as a model, judged by file names only.
fn lacking(path: &Path) -> Option<String> {
    let (is_file, is_dir) = (path.is_file(), path.is_dir());
    if !is_file && !is_dir {
        return Some("is neither a directory nor a file".to_owned());
    }
    if is_file
        && path
            .extension()
            .is_none_or(|extension| extension != "safetensors")
    {
        return Some("is no .safetensors file".to_owned());
    }
    let dir = if is_file { path.parent()? } else { path };
    let names = ["model.safetensors", "model.safetensors.index.json"];
    if is_dir && !names.iter().any(|name| dir.join(name).is_file()) {
        return Some("has no model.safetensors".to_owned());
    }
    let missing = ["config.json", "tokenizer.json"]
        .into_iter()
        .find(|name| !dir.join(name).is_file())?;
    Some(if is_file {
        format!("has no {missing} beside it")
    } else {
        format!("has no {missing}")
    })
}

fn variants(out: &Path) -> Check {
    const REMEDY: &str = "coordinator build --variants baseline,pgo";
    let manifest = match Manifest::read(out) {
        Ok(manifest) => manifest,
        Err(error) => {
            return revisions(out).unwrap_or_else(|| Check::failed("variants", &error, REMEDY));
        }
    };
    let built = |variant: &VariantName| manifest.variants.contains_key(variant.as_str());
    let usual = [VariantName::Baseline, VariantName::Pgo];
    let all = VariantName::ALL
        .into_iter()
        .chain(Layout::all().map(VariantName::Layout));
    for variant in all.filter(|variant| usual.contains(variant) || built(variant)) {
        if let Err(error) = manifest.verified_binary(out, variant) {
            return Check::failed("variants", &error, REMEDY);
        }
    }
    match manifest.check_distinct(VariantName::Baseline, VariantName::Pgo) {
        Ok(()) => Check::found("variants", "baseline and pgo are built and differ"),
        Err(error) => Check::failed(
            "variants",
            &error,
            "coordinator build --variants baseline,pgo --retrain",
        ),
    }
}

/// Builds of revisions, if nothing of the working tree is built.
fn revisions(out: &Path) -> Option<Check> {
    let built = Revisions::read(out).ok()??;
    let names: Vec<String> = built
        .iter()
        .map(|(name, _)| format!("baseline@{name}"))
        .collect();
    (!names.is_empty()).then(|| {
        Check::found(
            "variants",
            format!("built of revisions: {}", names.join(", ")),
        )
    })
}

fn optional(name: &'static str, programs: &[&str], without: &str, remedy: &str) -> Check {
    match programs
        .iter()
        .find_map(|program| first_line(Command::new(program).arg("--version")))
    {
        Some(version) => Check::found(name, version),
        None => Check::warning(name, format!("not found; optional: {without}"), remedy),
    }
}

fn first_line(command: &mut Command) -> Option<String> {
    let out = command.output().ok().filter(|out| out.status.success())?;
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .find(|line| !line.trim().is_empty())
        .map(|l| l.trim().to_owned())
}

#[cfg(test)]
mod tests;
