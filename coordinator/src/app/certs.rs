//! `certs`.

use super::serve::fresh_token;
use super::{App, ExitCode};
use crate::certs::{AGENT, Authority, COORDINATOR};
use crate::cli::CertsCommand;
use crate::error::{AppError, exit};

pub(super) fn certs(app: &mut App<'_>, command: &CertsCommand) -> Result<ExitCode, AppError> {
    match command {
        CertsCommand::Init(args) => {
            Authority::init(&args.dir, &args.names, fresh_token().expose())?;
            let dir = args.dir.display();
            app.reporter.line(&format!(
                "{dir}/{COORDINATOR}: for `coordinator run --credentials`; keep it here"
            ))?;
            app.reporter.line(&format!(
                "{dir}/{AGENT}: for `worker agent --credentials`; copy it to every host"
            ))?;
        }
        CertsCommand::Issue(args) => {
            let home = Authority::open(&args.dir)?.issue(&args.party, &args.names)?;
            app.reporter.line(&home.display().to_string())?;
        }
        CertsCommand::Rotate(args) => {
            let authority = Authority::open(&args.dir)?.rotate(fresh_token().expose())?;
            let names = if args.names.is_empty() {
                authority.names()
            } else {
                args.names.clone()
            };
            let next = "from the next run on, for agents with old and new credentials";
            for (party, names, when) in [
                (COORDINATOR, &names[..], next),
                (AGENT, &[], "then on every host, one at a time"),
            ] {
                let home = authority.issue(party, names)?;
                app.reporter.line(&format!("{}: {when}", home.display()))?;
            }
        }
    }
    Ok(exit::OK)
}
