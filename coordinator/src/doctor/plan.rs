//! What a plan needs whose variants are not built: the worker program, and the servers with all that
//! the plan names for them.

use std::path::Path;

use contract::run::VariantRecord;

use super::Check;
use crate::plan::{EnginePlan, Need};

/// The checks for this engine.
pub(super) fn checks(engine: &EnginePlan, servers: &[Result<VariantRecord, String>]) -> Vec<Check> {
    let here = std::env::current_exe().unwrap_or_default();
    let beside = here.parent().unwrap_or(Path::new(".")).join("worker");
    let servers = servers.iter().map(server);
    let needs = engine.needs().into_iter().map(need);
    [worker(&beside)]
        .into_iter()
        .chain(servers)
        .chain(needs)
        .collect()
}

fn worker(path: &Path) -> Check {
    let shown = path.display().to_string();
    match path.is_file() {
        true => Check::found("worker", shown),
        false => Check::missing(
            "worker",
            format!("nothing at {shown}"),
            "cargo build --release",
        ),
    }
}

fn server(server: &Result<VariantRecord, String>) -> Check {
    match server {
        Ok(found) => {
            let (name, command) = (&found.name, &found.command);
            let detail = format!("{name}: `{command}`, identity {}", found.identity.short());
            Check::found("server", detail)
        }
        // The sentence ends with the way out.
        Err(wrong) => match wrong.rsplit_once("; ") {
            Some((what, way)) => Check::missing("server", what, way),
            None => Check::missing("server", wrong, "correct the plan"),
        },
    }
}

fn need(need: Need) -> Check {
    match need {
        Need::Path { key, path } if Path::new(&path).exists() => {
            Check::found("server", format!("{key}: {path}"))
        }
        Need::Path { key, path } => Check::missing(
            "server",
            format!("{key}: nothing at {path}"),
            format!("correct `{key}` in the plan"),
        ),
        Need::Variable { key, name } if std::env::var_os(&name).is_some() => {
            Check::found("server", format!("{key}: {name} is set"))
        }
        Need::Variable { key, name } => Check::missing(
            "server",
            format!("{key}: {name} is not set"),
            format!("set {name} where the worker runs"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn what_a_plan_names_is_looked_for_and_named_with_the_way_out() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| Need::Path {
            key: "server.model",
            path: dir.path().join(name).display().to_string(),
        };
        assert_eq!(need(path("")).state, State::Found);
        let missing = need(path("none"));
        assert_eq!(missing.state, State::Missing);
        assert_eq!(
            missing.remedy.as_deref(),
            Some("correct `server.model` in the plan")
        );
        let variable = |name: &str| Need::Variable {
            key: "server.openai.key_variable",
            name: name.to_owned(),
        };
        assert_eq!(need(variable("PATH")).state, State::Found);
        assert_eq!(need(variable("NO_SUCH_KEY")).state, State::Missing);
        assert_eq!(worker(&dir.path().join("worker")).state, State::Missing);
    }

    #[test]
    fn a_server_that_cannot_be_used_says_why_and_what_to_do() {
        let wrong = server(&Err(
            "failed to find `x`: no directory has it; install it".to_owned()
        ));
        assert_eq!(
            (wrong.detail.as_str(), wrong.remedy.as_deref()),
            (
                "failed to find `x`: no directory has it",
                Some("install it")
            )
        );
        let found = server(&Ok(VariantRecord {
            name: "one".to_owned(),
            command: "serve 1".to_owned(),
            ..VariantRecord::default()
        }));
        assert!(found.detail.starts_with("one: `serve 1`"), "{found:?}");
    }
}
