//! Turns flags into a runnable job: plan, lineup, binaries, model, script.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::id::{Arm, Attempt, RunId};
use contract::identity::Sha256;
use contract::message::OWN_PROCESSORS;
use contract::run::{Role, RunHeader, VariantRecord};
use contract::spec::EngineSpec;

use super::entropy::entropy;
use super::execute::{FleetTarget, sibling_worker};
use super::servers;
use crate::build::{self, BuildOptions, BuiltSet, Variant, microarchitecture};
use crate::dispatch::driver::unix_ms;
use crate::dispatch::job::{Binary, Job, Limits, Script};
use crate::dispatch::orders::Orders;
use crate::error::{AppError, ExecuteError};
use crate::fleet::launch::LaunchError;
use crate::plan::{ModelPlace, OnLoss, Plan, Stop, VariantsAre, model};
use crate::schedule::{Block, Lineup};

/// The commit that this program was built from, as its build script found it.
const GIT_SHA: &str = env!("BENCH_GIT_SHA");

/// The builds of a run: their paths and their records.
pub(super) struct Builds {
    /// Binaries by variant.
    pub binaries: BTreeMap<String, Binary>,
    /// Records, baseline first.
    pub records: Vec<VariantRecord>,
    /// Labels that appear beside every number.
    pub labels: Vec<String>,
}

/// Finds and checks the builds that a lineup names. Simulated variants are labels on the plain
/// worker.
///
/// # Errors
/// When a variant is not built, has changed since, or two are the same code.
pub(super) fn builds(plan: &Plan, lineup: &Lineup) -> Result<Builds, AppError> {
    match plan.engine.variants_are() {
        VariantsAre::Names => named(plan, lineup),
        VariantsAre::Builds => built(lineup, &BuildOptions::made_in()),
    }
}

/// The plain worker measures every variant: a simulated variant is only a name, and a server is
/// identified by its command.
fn named(plan: &Plan, lineup: &Lineup) -> Result<Builds, AppError> {
    let path = sibling_worker();
    if !path.is_file() {
        return Err(ExecuteError::Launch(LaunchError::NoProgram { path }).into());
    }
    let sha256 = build::file_sha256(&path)?;
    let mut builds = Builds {
        binaries: BTreeMap::new(),
        records: Vec::new(),
        labels: Vec::new(),
    };
    for name in lineup.variants() {
        builds.binaries.insert(
            name.to_owned(),
            Binary {
                path: path.clone(),
                sha256,
                needs: Vec::new(),
            },
        );
        let record = VariantRecord {
            name: name.to_owned(),
            sha256,
            git_sha: GIT_SHA.to_owned(),
            ..VariantRecord::default()
        };
        let (record, label) = match plan.engine.spec("", name, Arm::A) {
            EngineSpec::Server(server) => servers::record(record, &server.reach)?,
            _ => (record, None),
        };
        builds.records.push(record);
        let label = label.filter(|label| !builds.labels.contains(label));
        builds.labels.extend(label);
    }
    servers::differ(&builds.records)?;
    Ok(builds)
}

fn built(lineup: &Lineup, dir: &Path) -> Result<Builds, AppError> {
    let baseline: Variant = lineup.baseline().parse()?;
    let variants = lineup
        .variants()
        .into_iter()
        .map(str::parse)
        .collect::<Result<Vec<Variant>, _>>()?;
    let built = BuiltSet::read(dir, &variants)?;
    let here = own_features();
    let mut builds = Builds {
        binaries: BTreeMap::new(),
        records: Vec::new(),
        labels: Vec::new(),
    };
    for variant in &variants {
        let path = built.verified_binary(variant)?;
        if *variant != baseline {
            built.check_distinct(&baseline, variant)?;
        }
        let record = record(&built, variant)?;
        let path = path
            .canonicalize()
            .map_err(|source| AppError::Io { path, source })?;
        let needs = microarchitecture::needs(&record.flags, &here);
        builds.binaries.insert(
            record.name.clone(),
            Binary {
                path,
                sha256: record.sha256,
                needs,
            },
        );
        builds.records.push(record);
    }
    Ok(builds)
}

/// Features of this host's processor.
fn own_features() -> Vec<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu
        .lines()
        .find_map(|line| line.strip_prefix("flags"))
        .and_then(|line| line.split_once(':'));
    flags.map_or_else(Vec::new, |(_, flags)| {
        flags.split_ascii_whitespace().map(str::to_owned).collect()
    })
}

fn record(built: &BuiltSet, variant: &Variant) -> Result<VariantRecord, AppError> {
    let (profile, git) = (built.profile_of(variant), &built.manifest(variant)?.git);
    let built = built.variant(variant)?;
    let hash = |hex: &str| {
        Sha256::from_hex(hex).ok_or(AppError::ManifestHash {
            variant: variant.to_string(),
        })
    };
    Ok(VariantRecord {
        name: variant.to_string(),
        sha256: hash(&built.artifact.sha256)?,
        text_sha256: hash(&built.artifact.text_sha256)?,
        git_sha: git
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), ToString::to_string),
        flags: built.flags.join(" "),
        profile_sha256: profile.map_or(Ok(Sha256::default()), |profile| hash(&profile.sha256))?,
        ..VariantRecord::default()
    })
}

/// The path of the model on this host; empty if the plan needs none.
///
/// # Errors
/// When it is not found; the message lists the places tried and the way out.
pub(super) fn model(plan: &Plan) -> Result<String, AppError> {
    let wanted = match plan.engine.model() {
        ModelPlace::Nowhere => return Ok(String::new()),
        ModelPlace::AsTold(place) => return Ok(place.to_owned()),
        ModelPlace::ToFind(place) => place.map(Path::new),
    };
    // An empty variable counts as unset.
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let (environment, home) = (variable(model::ENVIRONMENT), variable("HOME"));
    let found = model::locate(
        wanted,
        environment.as_deref(),
        Path::new(""),
        home.as_deref(),
        Path::exists,
    )?;
    let absolute = found.canonicalize().map_err(|source| AppError::Io {
        path: found,
        source,
    })?;
    Ok(absolute.display().to_string())
}

/// A run that is about to begin: its id, the header that is stored once its first engine is open,
/// and the job.
pub(super) struct Prepared {
    /// The run.
    pub run: RunId,
    /// The job to run.
    pub job: Job,
    /// The hosts and agents to run on.
    pub target: FleetTarget,
}

/// Prepares a new run.
///
/// # Errors
/// When the plan's search has more than two variants.
pub(super) fn new_run(
    plan: Plan,
    lineup: &Lineup,
    builds: Builds,
    model: String,
    target: FleetTarget,
) -> Result<Prepared, AppError> {
    let slots = target.all_slots();
    let run = RunId::new(unix_ms(), entropy());
    let plan_json = plan.to_json();
    let header = RunHeader {
        run,
        tool_version: contract::identity::VERSION.to_owned(),
        tool_git_sha: GIT_SHA.to_owned(),
        plan_digest: build::sha256(plan_json.as_bytes()),
        plan_json,
        seed: plan.seed,
        variants: builds.records.clone(),
        hosts: Vec::new(),
        slots,
        simulated: plan.engine.is_simulated(),
        model_digest: String::new(),
        model_sha256: None,
        labels: [run_labels(&plan, lineup), builds.labels.clone()].concat(),
        sequence: None,
    };
    let blocks = crate::capacity::first_blocks(&plan, lineup)?;
    let job = job(run, plan, blocks, builds, model, Attempt(1), slots);
    Ok(Prepared {
        run,
        job: Job {
            header: Some(header),
            ..job
        },
        target,
    })
}

/// Labels that must be shown beside every number.
fn run_labels(plan: &Plan, lineup: &Lineup) -> Vec<String> {
    let labels = [
        (lineup.is_a_a(), Role::SameBuild.label()),
        (plan.duet, Role::AtOnce.label()),
        (plan.resident, "resident"),
    ];
    let labels = labels
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, label)| label.to_owned());
    let look = match plan.stop {
        Stop::AtEnd => None,
        Stop::Once { at } => Some(format!(
            "interim analysis planned after {at} of {} rounds",
            plan.rounds
        )),
        Stop::Decided { .. } => Some("ends when decided".to_owned()),
    };
    labels.chain(plan.engine.label()).chain(look).collect()
}

/// The job for these blocks of a plan.
#[must_use]
pub(super) fn job(
    run: RunId,
    plan: Plan,
    blocks: Vec<Block>,
    builds: Builds,
    model: String,
    first_attempt: Attempt,
    slots: u32,
) -> Job {
    let script = Script {
        blocks,
        slots,
        requests: plan
            .scenarios
            .iter()
            .map(contract::spec::Scenario::planned)
            .collect(),
        max_attempts: if plan.on_loss == OnLoss::Fail {
            1
        } else {
            plan.max_attempts
        },
        shrink: plan.on_loss == OnLoss::Shrink,
        first_attempt,
        resident: plan.resident,
        flush: false,
        limits: limits(&plan),
    };
    let apart = plan
        .duet
        .then(|| (OWN_PROCESSORS.to_owned(), "1".to_owned()));
    let env = apart.into_iter().collect();
    let identities = servers::identities(&builds.records);
    let orders = Orders {
        run,
        plan: Arc::new(plan),
        slots,
        model,
        identities,
    };
    Job {
        script,
        orders,
        header: None,
        identity: None,
        binaries: builds.binaries,
        env,
        instrumented: false,
    }
}

fn limits(plan: &Plan) -> Limits {
    let longest = plan
        .scenarios
        .iter()
        .map(|scenario| plan.trial_limit(scenario))
        .max();
    // The agent reads the whole model, as the worker does, and may take as long.
    let hashing = if plan.verifies_model() {
        plan.timeouts.load
    } else {
        Duration::ZERO
    };
    Limits {
        gather: plan.timeouts.start,
        spawn: plan.timeouts.start + hashing,
        load: plan.timeouts.load,
        warm_up: plan.timeouts.warmup,
        run: longest.unwrap_or(Duration::ZERO),
        leave: plan.timeouts.stop,
    }
}
