//! The worker program: parses, wires, prints, and turns the result into an exit code. The only
//! place of the worker that writes to standard output or standard error.
use std::error::Error;
use std::io::{Stdout, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use contract::credentials::{Credentials, Secrets, TOKEN_VARIABLE, Token, exposed};
use contract::output::Output;
use contract::text;
use inference::error::LoadError;
use inference::files::ModelFiles;
use inference::{import, synth};
use worker::causes::with_causes;
use worker::cli::{
    AgentArgs, BenchArgs, BenchOutput, Cli, Command, GeneratorLimitArgs, ModelCommand, RefereeArgs,
};
use worker::engine::linked::Engines;
use worker::engine::way_out;
use worker::error::WorkerError;
use worker::measure::{Clock, ColdStart};
use worker::program::{code, join, runtime, say};
use worker::referee::{Referee, write_log};
use worker::{agent, bench, generator_limit, model};

fn main() -> ExitCode {
    let cold = ColdStart::at_main(&Clock::monotonic());
    let mut out = Output::new(std::io::stdout());
    let outcome = match Cli::parse().command {
        Command::Agent(args) => run_agent(args),
        Command::Join => join(cold, Engines::default()),
        Command::Model { command } => on_model(command, &mut out),
        Command::Bench(args) => measure(args, &mut out),
        Command::GeneratorLimit(args) => calibrate(args, &mut out),
        Command::Referee(args) => referee(&args, &mut out),
        Command::Floor(args) => {
            say("`worker floor` is called `worker generator-limit` now: use that name");
            calibrate(args, &mut out)
        }
    };
    // Return, not exit: an instrumented build writes its profile on the way out of main.
    ExitCode::from(out.settle(code(outcome), |error| {
        say(&format!("error: failed to print the results: {error}"));
    }))
}

/// Errors are ignored here: [`Output`] keeps them for the end.
fn print(out: &mut Output<Stdout>, text: &str) {
    drop(out.write_all(text.as_bytes()));
}

fn run_agent(args: AgentArgs) -> Result<(), WorkerError> {
    let secrets = secrets(&args)?;
    let exposed = args.credentials.as_deref().map(exposed).unwrap_or_default();
    let settings = args.settings(secrets);
    settings.access.must_be_private()?;
    if !exposed.is_empty() {
        let error = WorkerError::Exposed { paths: exposed };
        if !settings.access.is_of_this_host() {
            return Err(error);
        }
        say(&format!("warning: failed to {error}"));
    }
    runtime()?.block_on(agent::run(&settings))
}

/// From standard input, a directory, or the environment; a token in the environment takes
/// precedence over one in a directory.
fn secrets(args: &AgentArgs) -> Result<Secrets, WorkerError> {
    if args.secrets_from_stdin {
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map_err(|_| WorkerError::NoHandover)?;
        return serde_json::from_str(&line).map_err(|_| WorkerError::NoHandover);
    }
    let Some(directory) = &args.credentials else {
        return Secrets::from_env(variable).map_err(|name| WorkerError::NoToken { name });
    };
    let token =
        Token::from_variable(variable(TOKEN_VARIABLE)).map_or_else(|| Token::read(directory), Ok);
    Ok(Secrets {
        token: token?,
        credentials: Some(Credentials::read(directory)?),
    })
}

fn on_model(command: ModelCommand, out: &mut Output<Stdout>) -> Result<(), WorkerError> {
    match command {
        ModelCommand::Import { file, dir } => {
            let made = import::gguf(&file, &dir).map_err(|error| unwritten(&dir, &error))?;
            let name = made.name.unwrap_or_else(|| file.display().to_string());
            let license = made.license.unwrap_or_else(|| "not stated".to_owned());
            let text = format!(
                "{}: {}, {} parameters, vocabulary {}, licence {}\n",
                dir.display(),
                text::line(&name, text::NAME),
                made.parameters,
                made.vocabulary,
                text::line(&license, text::NAME)
            );
            print(out, &text);
        }
        ModelCommand::Synth { preset, seed, dir } => {
            let made = synth::write(preset, seed, &dir).map_err(|error| unwritten(&dir, &error))?;
            let text = format!(
                "{}: {} seed {seed}, {} parameters, vocabulary {}\n",
                dir.display(),
                preset.name(),
                made.parameters,
                made.vocabulary
            );
            print(out, &text);
        }
        ModelCommand::Digest { path, full } => print(out, &format!("{}\n", digest(&path, full)?)),
    }
    Ok(())
}

fn digest(path: &Path, full: bool) -> Result<String, WorkerError> {
    let unread = |reason| WorkerError::ReadModel {
        path: path.to_owned(),
        reason,
    };
    let refused = |error: LoadError| unread(format!("{error}; {}", way_out(&error)));
    let files = ModelFiles::locate(path).map_err(refused)?;
    match full {
        true => model::sha256(&files)
            .map(|digest| digest.to_string())
            .map_err(|error| unread(with_causes(&error))),
        false => files.digest().map_err(refused),
    }
}

fn measure(args: BenchArgs, out: &mut Output<Stdout>) -> Result<(), WorkerError> {
    let (output, repeats, invariance) = (args.output, args.repeat, args.invariance);
    let model = bench::locate(args.model.as_deref())?;
    let settings = args.settings(model);
    if let Some(compositions) = invariance {
        return check_invariance(&settings, compositions, output, out);
    }
    let report = bench::run(&settings, &mut |repetition| {
        say(&format!("repetition {repetition} of {repeats}"));
    })?;
    match output {
        BenchOutput::Human => print(out, &report.to_string()),
        BenchOutput::Json => print(out, &format!("{:#}\n", report.json())),
    }
    Ok(())
}

fn check_invariance(
    settings: &bench::Settings,
    compositions: usize,
    output: BenchOutput,
    out: &mut Output<Stdout>,
) -> Result<(), WorkerError> {
    let progress =
        &mut |kernels: &'static str, threads| say(&format!("{kernels} kernels, {threads} threads"));
    let found = bench::invariance(settings, compositions, progress)?;
    match output {
        BenchOutput::Human => print(out, &found.to_string()),
        BenchOutput::Json => print(out, &format!("{:#}\n", found.json())),
    }
    match found.differing() {
        Some(differing) => Err(WorkerError::Variant {
            compositions,
            differing,
        }),
        None => Ok(()),
    }
}

fn calibrate(args: GeneratorLimitArgs, out: &mut Output<Stdout>) -> Result<(), WorkerError> {
    let limit = generator_limit::measure(args.repeat).ok_or(WorkerError::GeneratorLimit)?;
    let pace = |rate| {
        generator_limit::Pacing::measure(rate, args.seconds.as_secs_f64())
            .ok_or(WorkerError::GeneratorLimit)
    };
    let report = generator_limit::Report {
        limit,
        repeats: args.repeat,
        pacing: args.pace.map(pace).transpose()?,
    };
    match args.output {
        BenchOutput::Human => print(out, &report.to_string()),
        BenchOutput::Json => print(out, &format!("{:#}\n", report.json())),
    }
    Ok(())
}

/// Runs the referee until a signal ends it.
fn referee(args: &RefereeArgs, out: &mut Output<Stdout>) -> Result<(), WorkerError> {
    let referee = Referee::start(args.settings()).map_err(WorkerError::Referee)?;
    print(out, &format!("http://{}\n", referee.address()));
    let told = runtime()?.block_on(referee.until_told_to_end());
    let entries = told.map_err(WorkerError::Referee)?;
    match &args.log {
        Some(path) => write_log(path, &entries).map_err(WorkerError::Referee),
        None => Ok(()),
    }
}

fn unwritten(dir: &Path, error: &dyn Error) -> WorkerError {
    WorkerError::WriteModel {
        path: dir.to_owned(),
        reason: with_causes(error),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
