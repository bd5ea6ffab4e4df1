//! Connects the modules for each command: parsed arguments in, exit code out. Decides nothing about
//! measurements.

mod builds;
mod calibrate;
mod capacity;
mod certs;
mod clients;
mod control;
mod courtesy;
mod deploy;
mod entropy;
mod execute;
mod fleet_target;
mod forecast;
mod history;
mod init;
mod interim;
mod machines;
mod manual;
mod memory;
mod prepare;
mod run;
mod search;
mod serve;
mod server;
mod servers;
mod signals;
mod soak;
mod stage;
mod store_journal;
mod stored;
mod train;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stats::validity::Validity;

use crate::cli::{
    Cli, Command, DeployCommand, GateArgs, Inconclusive, InitCommand, PlanCommand, RunsCommand,
};
use crate::compare::{self, Findings};
use crate::error::{AppError, exit};
use crate::history::Across;
use crate::plan::{self, Overrides, Source};
use crate::report::{Reporter, answers};
use crate::store::{Store, StoreError};

/// How long a command that only reads waits for another one that has the store open, before it reads
/// a snapshot. Most commands take less.
const READERS_PATIENCE: Duration = Duration::from_millis(200);

/// The exit code of a command that has an answer.
type ExitCode = u8;

/// State shared by the commands.
struct App<'a> {
    reporter: Reporter<'a>,
    store_dir: Option<PathBuf>,
    store: Option<Arc<Store>>,
    /// The address of a server, if one was given.
    server: Option<String>,
    /// Whether this process is a server that reads for a client, which says so itself.
    for_client: bool,
}

/// Runs a command and returns its exit code.
///
/// # Errors
/// Any failure that prevents an answer; [`AppError::exit_code`] maps it to an exit code.
pub fn carry_out(cli: Cli, reporter: Reporter<'_>) -> Result<u8, AppError> {
    memory::keep_freed();
    let mut app = App {
        reporter,
        store_dir: cli.store,
        store: None,
        server: cli.server,
        for_client: false,
    };
    if app.server.is_some() && reads(&cli.command) {
        return clients::read(&mut app);
    }
    dispatch(&mut app, &cli.command)
}

/// Whether a command only reads stored runs, and writes nothing but its output.
fn reads(command: &Command) -> bool {
    match command {
        Command::Compare(_) | Command::Trend(_) => true,
        Command::Report(args) => args.html.is_none(),
        Command::Capacity(args) => {
            args.plan_for.is_some() || (args.show.is_some() && args.html.is_none())
        }
        Command::Soak(args) => args.show.is_some(),
        Command::Runs(RunsCommand::List(_) | RunsCommand::Show(_)) => true,
        Command::Runs(RunsCommand::Verify(args)) => args.run.is_some(),
        _ => false,
    }
}

fn dispatch(app: &mut App<'_>, command: &Command) -> Result<ExitCode, AppError> {
    match command {
        Command::Run(args) => run::run(app, args),
        Command::Build(args) => builds::build(app, args),
        Command::Compare(args) => stored::compare(app, args),
        Command::Report(args) => stored::report(app, args),
        Command::Trend(args) => history::trend(app, args),
        Command::Calibrate(args) => calibrate::calibrate(app, args),
        Command::Capacity(args) => capacity::capacity(app, args),
        Command::Soak(args) => soak::soak(app, args),
        Command::Runs(command) => stored::runs(app, command),
        Command::Serve(args) => server::serve(app, args),
        Command::Submit(args) => clients::submit(app, args),
        Command::Queue(args) => clients::queue(app, args),
        Command::Cancel(args) => clients::cancel(app, args),
        Command::Watch(args) => clients::watch(app, args),
        Command::Schedule(command) => clients::schedule(app, command),
        Command::Plan(PlanCommand::Show(args)) => {
            app.reporter
                .line(plan::preset::toml(&args.preset)?.trim_end())?;
            Ok(exit::OK)
        }
        Command::Plan(PlanCommand::Check(args)) => {
            let (plan, ahead) =
                plan::ahead(&Source::File(args.path.clone()), &Overrides::default(), 0)?;
            let servers: Vec<_> = servers::here(&plan)
                .into_iter()
                .map(|server| server.map_err(|error| error.to_string()))
                .collect();
            app.reporter.say(&answers::Checked {
                plan: &plan,
                ahead: &ahead,
                servers: &servers,
            })?;
            Ok(exit::OK)
        }
        Command::Certs(command) => certs::certs(app, command),
        Command::Init(InitCommand::Engine(args)) => init::engine(app, args),
        Command::Deploy(DeployCommand::Kubernetes(args)) => deploy::kubernetes(app, args),
        Command::Doctor(args) => builds::doctor(app, args),
        Command::Completions(args) => manual::completions(app, args),
        Command::Man(args) => manual::man(app, args),
    }
}

impl App<'_> {
    /// The store, opened on first use.
    fn store(&mut self) -> Result<Arc<Store>, AppError> {
        if let Some(store) = &self.store {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(Store::open(&self.store_dir()?)?);
        self.store = Some(Arc::clone(&store));
        Ok(store)
    }

    /// The store for a command that only reads: a snapshot of it if another process has it open,
    /// which a line on stderr says.
    fn reading(&mut self) -> Result<Arc<Store>, AppError> {
        if let Some(store) = &self.store {
            return Ok(Arc::clone(store));
        }
        let dir = self.store_dir()?;
        let store = match Store::open_within(&dir, READERS_PATIENCE) {
            Err(StoreError::InUse { .. }) => {
                courtesy::step_back();
                Store::open_snapshot(&dir)?
            }
            opened => opened?,
        };
        if let Some(snapshot) = store.snapshot().filter(|_| !self.for_client) {
            self.reporter.beside(snapshot);
        }
        let store = Arc::new(store);
        self.store = Some(Arc::clone(&store));
        Ok(store)
    }

    /// `--store`, or the user's data directory.
    fn store_dir(&self) -> Result<PathBuf, AppError> {
        use etcetera::BaseStrategy as _;
        if let Some(dir) = &self.store_dir {
            return Ok(dir.clone());
        }
        let base = etcetera::choose_base_strategy().map_err(|_| AppError::NoDataDirectory)?;
        Ok(base.data_dir().join("pgo-benchmarks"))
    }
}

/// Refuses flags that would have no effect: the user expects one.
///
/// # Errors
/// When there is such a flag.
fn all_used(unused: &[&str], by: impl FnOnce() -> String) -> Result<(), AppError> {
    if unused.is_empty() {
        Ok(())
    } else {
        Err(AppError::Unused {
            flags: unused.join(", "),
            by: by(),
        })
    }
}

/// Says where the noise of a run of several windows comes from.
///
/// # Errors
/// When its rounds have one window.
fn noise(app: &mut App<'_>, findings: &Findings) -> Result<ExitCode, AppError> {
    let cells = compare::noise(findings);
    if cells.iter().all(|cell| cell.measures.is_empty()) {
        return Err(AppError::NoWindows {
            run: findings.record.header.run.to_string(),
        });
    }
    app.reporter.say(&answers::Noise {
        findings,
        cells: &cells,
    })?;
    Ok(exit::OK)
}

/// The exit code for findings. Without a gate, any comparison that can be trusted is a success,
/// whatever its verdict.
///
/// # Errors
/// When a gate is to judge something that was not compared.
fn verdict(findings: &Findings, gate: GateArgs) -> Result<ExitCode, AppError> {
    let code = exit_code(&findings.validity, findings.verdict(), gate);
    if !gate.gate || code != exit::OK {
        return Ok(code);
    }
    let compared: Vec<_> = findings.compared().collect();
    if compared.is_empty() {
        return Err(AppError::NothingToGate);
    }
    let open = compared.iter().filter(|cell| !cell.is_answered());
    answered(open.map(|cell| cell.title.clone()).collect(), code)
}

/// The exit code for runs of different times, by the same rule.
///
/// # Errors
/// When a gate is to judge something that not all runs measured.
fn verdict_across(found: &Across, gate: GateArgs) -> Result<ExitCode, AppError> {
    let code = exit_code(&found.validity, Some(found.verdict()), gate);
    if gate.gate && code == exit::OK {
        answered(found.unanswered.clone(), code)
    } else {
        Ok(code)
    }
}

/// A gate accepts only what was compared.
fn answered(open: Vec<String>, code: ExitCode) -> Result<ExitCode, AppError> {
    if open.is_empty() {
        Ok(code)
    } else {
        Err(AppError::NotCompared(open))
    }
}

fn exit_code(
    validity: &Validity,
    found: Option<stats::compare::Verdict>,
    gate: GateArgs,
) -> ExitCode {
    use stats::compare::Verdict as Found;
    match validity {
        Validity::Invalid(_) => return exit::INVALID,
        Validity::Inconclusive(_) => return exit::INCONCLUSIVE,
        Validity::Valid => {}
    }
    match found {
        // The control differed, so the answer is invalid even without a gate.
        Some(Found::Invalid) => exit::INVALID,
        Some(Found::Slower) if gate.gate => exit::SLOWER,
        Some(Found::Undecided) if gate.gate && gate.inconclusive == Inconclusive::Fail => {
            exit::INCONCLUSIVE
        }
        _ => exit::OK,
    }
}
