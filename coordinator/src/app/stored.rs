//! Commands that read stored runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use contract::addendum::{Annotation, AnnotationKind};
use contract::files;
use contract::id::{RunId, TrialKey};
use contract::part::Part;

use super::{App, ExitCode};
use crate::cli::{
    CompareArgs, FilterArgs, Format, ReportArgs, RunRef, RunsCommand, RunsExport, RunsImport,
    RunsPrune, RunsRm, RunsVerify, SelectionArgs,
};
use crate::compare::{self, Findings, FindingsBuilder};
use crate::dispatch::driver::unix_ms;
use crate::error::{AppError, exit};
use crate::history::{self, Filter, Retention, RetentionDecision, RunMeans};
use crate::plan::{Plan, PlanError};
use crate::report::export::{self, Selection};
use crate::report::{self, answers};
use crate::store::{Imported, RunRecord, Store, StoreError, check_archive, is_archive};

pub(super) fn compare(app: &mut App<'_>, args: &CompareArgs) -> Result<ExitCode, AppError> {
    if (args.explain.is_some() || args.components)
        && matches!(args.output.format, Format::Markdown | Format::Junit)
    {
        return Err(AppError::NoSuchForm);
    }
    if !args.against.is_empty() {
        return across(app, args);
    }
    let findings = findings(app, &args.run)?;
    if args.components {
        return super::noise(app, &findings);
    }
    match &args.explain {
        Some(metric) => app.reporter.say(&answers::Explained {
            findings: &findings,
            explanations: &compare::explain(&findings, metric)?,
        })?,
        None => app.reporter.say(&answers::Short(&findings))?,
    }
    super::verdict(&findings, args.gate)
}

/// Compares runs of different times. They are read one after the other, because only little of each
/// is kept.
fn across(app: &mut App<'_>, args: &CompareArgs) -> Result<ExitCode, AppError> {
    let mut group = |wanted: &mut dyn Iterator<Item = &str>| -> Result<Vec<RunMeans>, AppError> {
        wanted
            .map(|run| {
                Ok(RunMeans::of(&findings(
                    app,
                    &RunRef {
                        run: run.to_owned(),
                    },
                )?))
            })
            .collect()
    };
    let new = group(&mut args.run.run.split(','))?;
    let old = group(&mut args.against.iter().map(String::as_str))?;
    let found = history::across(&old, &new, args.unlike)?;
    match &args.explain {
        Some(metric) => app.reporter.say(&answers::AcrossExplained {
            across: &found,
            lines: &found.explain(metric)?,
        })?,
        None => app.reporter.say(&found)?,
    }
    super::verdict_across(&found, args.gate)
}

pub(super) fn report(app: &mut App<'_>, args: &ReportArgs) -> Result<ExitCode, AppError> {
    let findings = findings(app, &args.run)?;
    let SelectionArgs {
        scenario,
        candidate,
        arm,
        round,
        metric,
    } = args.selection.clone();
    let selection = Selection {
        scenario,
        candidate,
        arm,
        round,
        metric,
    };
    if let Some(path) = &args.html {
        write_page(path, args.force, &report::page(&findings))?;
        app.reporter.line(&path.display().to_string())?;
        return Ok(exit::OK);
    }
    match export::Kind::of(args.output.format) {
        Some(kind) => {
            let (store, run) = (app.reading()?, findings.record.header.run);
            let whole = |trial| whole_parts(&store, run, trial);
            app.reporter
                .bytes(&export::render(kind, &findings, &selection, &whole)?)?;
        }
        None if selection != Selection::default() => return Err(AppError::NothingToSelect),
        None => app.reporter.say(&answers::Full(&findings))?,
    }
    Ok(exit::OK)
}

/// Writes a page, in place of none or of another page of this program.
pub(super) fn write_page(path: &Path, force: bool, page: &str) -> Result<(), AppError> {
    free(path, force, report::is_page)?;
    std::fs::write(path, page).map_err(|source| AppError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Allows a file to be written if none exists, or one of the same kind.
fn free(path: &Path, force: bool, is_ours: impl FnOnce(&[u8]) -> bool) -> Result<(), AppError> {
    let occupied = |source| AppError::Occupied {
        path: path.to_owned(),
        source,
    };
    if force {
        Ok(())
    } else {
        files::replaceable(path, is_ours).map_err(occupied)
    }
}

fn findings(app: &mut App<'_>, wanted: &RunRef) -> Result<Findings, AppError> {
    let store = app.reading()?;
    let outline = store.read_outline(store.find(&wanted.run)?)?;
    derived(&store, outline)
}

/// The findings of a run whose parts are in the store. Parts are read one at a time, so the run is
/// never in memory as a whole.
pub(super) fn derived(store: &Store, outline: RunRecord) -> Result<Findings, AppError> {
    let run = outline.header.run;
    let mut reading = FindingsBuilder::of(outline)?;
    store.visit_parts(run, |part| reading.take(part))?;
    Ok(reading.findings())
}

/// The whole parts of one trial.
fn whole_parts(store: &Store, run: RunId, trial: TrialKey) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    store.visit_parts(run, |part| {
        parts.extend((part.place.key == trial).then_some(part));
    })?;
    Ok(parts)
}

pub(super) fn runs(app: &mut App<'_>, command: &RunsCommand) -> Result<ExitCode, AppError> {
    match command {
        RunsCommand::List(args) => {
            let mut runs = app.reading()?.runs()?;
            let filter = filter(&args.filter);
            runs.retain(|run| filter.takes(run));
            runs.reverse();
            runs.truncate(args.limit.unwrap_or(usize::MAX));
            app.reporter.say(&answers::Runs(&runs))?;
        }
        RunsCommand::Show(args) => {
            let store = app.reading()?;
            let run = store.find(&args.run.run)?;
            // Without the parts: they are large, and only reports need them.
            let (record, summary) = (store.read_outline(run)?, store.summary(run)?);
            app.reporter.say(&answers::Shown(&record, &summary))?;
        }
        RunsCommand::Tag(args) => {
            let kind = if args.remove {
                AnnotationKind::Untag
            } else {
                AnnotationKind::Tag
            };
            annotate(app, &args.run, kind, &args.tag)?;
        }
        RunsCommand::Note(args) => {
            let kind = if args.expected {
                AnnotationKind::Expected
            } else {
                AnnotationKind::Note
            };
            annotate(app, &args.run, kind, &args.text)?;
        }
        RunsCommand::Export(args) => export(app, args)?,
        RunsCommand::Import(args) => return import(app, args),
        RunsCommand::Verify(args) => return verify(app, args),
        RunsCommand::Prune(args) => prune(app, args)?,
        RunsCommand::Rm(args) => remove(app, args)?,
        RunsCommand::Compact => {
            let compacted = Store::compact(&app.store_dir()?)?;
            app.reporter.say(&compacted)?;
        }
    }
    Ok(exit::OK)
}

fn filter(args: &FilterArgs) -> Filter {
    let FilterArgs {
        plan,
        variant,
        host_class,
        tag,
        since,
        before,
        verdict,
    } = args.clone();
    Filter {
        plan,
        variant,
        host_class,
        tags: tag,
        since,
        before,
        verdict,
    }
}

fn prune(app: &mut App<'_>, args: &RunsPrune) -> Result<(), AppError> {
    let store = if args.yes {
        app.store()?
    } else {
        app.reading()?
    };
    let runs = store.runs()?;
    let retention = Retention {
        newest: args.keep,
        days: args.days,
    };
    let fates = history::judge(&runs, &store.calibrated_runs()?, retention, unix_ms());
    if args.yes {
        let going = runs
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| **fate == RetentionDecision::Goes);
        for (run, _) in going {
            store.remove_run(run.run)?;
        }
    }
    app.reporter.say(&answers::Pruned {
        runs: &runs,
        fates: &fates,
        gone: args.yes,
    })?;
    Ok(())
}

/// Removes single runs. All are checked before the first is removed.
fn remove(app: &mut App<'_>, args: &RunsRm) -> Result<(), AppError> {
    let store = app.store()?;
    let runs = args
        .runs
        .iter()
        .map(|wanted| store.find(wanted))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let mut runs = runs
        .into_iter()
        .map(|run| store.summary(run))
        .collect::<Result<Vec<_>, _>>()?;
    let fates = history::held(&runs, &store.calibrated_runs()?);
    if let Some((run, why)) = fates.first().filter(|_| !args.force) {
        return Err(AppError::Held {
            run: run.to_string(),
            why,
        });
    }
    if args.yes {
        for run in &runs {
            store.remove_run(run.run)?;
        }
    }
    runs.sort_by_key(|run| run.run);
    app.reporter.say(&answers::Pruned {
        fates: &vec![RetentionDecision::Goes; runs.len()],
        runs: &runs,
        gone: args.yes,
    })?;
    Ok(())
}

fn annotate(
    app: &mut App<'_>,
    wanted: &str,
    kind: AnnotationKind,
    text: &str,
) -> Result<(), AppError> {
    let store = app.store()?;
    let run = store.find(wanted)?;
    store.annotate(
        run,
        &Annotation {
            unix_ms: unix_ms(),
            kind,
            text: text.to_owned(),
        },
    )?;
    app.reporter.line(run.as_str())?;
    Ok(())
}

fn export(app: &mut App<'_>, args: &RunsExport) -> Result<(), AppError> {
    let store = app.reading()?;
    let run = store.find(&args.run.run)?;
    let path = args
        .to
        .clone()
        .unwrap_or_else(|| format!("{run}.bench").into());
    free(&path, args.force, is_archive)?;
    store.export_to(run, &path)?;
    app.reporter.line(&path.display().to_string())?;
    Ok(())
}

fn import(app: &mut App<'_>, args: &RunsImport) -> Result<ExitCode, AppError> {
    let mut code = exit::OK;
    if args.rebuild {
        let rebuilt = Store::rebuild(&app.store_dir()?)?;
        code = if rebuilt.is_whole() {
            exit::OK
        } else {
            exit::INVALID
        };
        app.reporter.say(&rebuilt)?;
        app.store = Some(Arc::new(rebuilt.store));
    }
    // Every file is read completely before the first is imported, so that a bad file leaves the
    // store unchanged.
    let headers: Vec<_> = args
        .files
        .iter()
        .map(|path| check_archive(path))
        .collect::<Result<_, _>>()?;
    let store = app.store()?;
    for (path, header) in args.files.iter().zip(headers) {
        let line = match store.import(path)? {
            Imported::New(run) => run.to_string(),
            Imported::Known(run) => format!("{run} (was already there)"),
            Imported::Joined(run) => {
                format!("{run} (was already there; its tags and remarks were merged)")
            }
        };
        app.reporter.line(&line)?;
        if let Err(error) = Plan::from_json(&header.plan_json) {
            app.reporter.line(&not_understood(&error))?;
        }
    }
    Ok(code)
}

/// The run is of another version of the program, or the file was made by hand.
fn not_understood(error: &PlanError) -> String {
    format!(
        "  its plan is not understood here: the run can be listed and exported, and nothing can be \
         concluded from it; the program that made it can (failed to {error})"
    )
}

fn verify(app: &mut App<'_>, args: &RunsVerify) -> Result<ExitCode, AppError> {
    if let Some(wanted) = &args.run {
        let store = app.reading()?;
        let run = store.find(wanted)?;
        store.prove(run)?;
        app.reporter.line(&format!("{run} sound"))?;
        return Ok(exit::OK);
    }
    // The copies beside the database go on during a run, so they are compared with the database
    // itself, not with a snapshot.
    let verified = app.store()?.verify()?;
    app.reporter.say(&verified)?;
    Ok(if verified.is_sound() {
        exit::OK
    } else {
        exit::INVALID
    })
}
