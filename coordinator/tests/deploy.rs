//! What `deploy` prints: quoted so that no value can add a line, and accepted by the schema of Kubernetes, which is
//! asked where Python has `kubernetes-validate` (`scripts/test.sh` brings it).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::process::{Command, Output};

use contract::credentials::{Credentials, Token};
use coordinator::deploy::kubernetes::{Agents, DeployError, manifests};

fn agents() -> Agents {
    Agents {
        namespace: "pgo".into(),
        image: "registry.example/agent:1".into(),
        coordinator: "https://bench.example:4100".parse().unwrap(),
        count: 4,
        slots: 2,
        cpus: 8,
        memory: "8Gi".into(),
        model_claim: "models".into(),
        token: Token::new("secret: \"{{namespace}}\" # \\ \u{1}"),
        credentials: Credentials {
            authority: "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n".into(),
            certificate: "certificate\n".into(),
            key: "key\n---\nkind: Intruder\n".into(),
        },
    }
}

/// A document of the stream, as the cluster would read it.
fn validated(text: &str) -> Option<Output> {
    let python = PathBuf::from(std::env::var_os("BENCH_PYTHON")?);
    let tool = python.with_file_name("kubernetes-validate");
    assert!(tool.exists() || std::env::var_os("REQUIRE_PYTHON").is_none(), "{} is missing", tool.display());
    if !tool.exists() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agents.yaml");
    std::fs::write(&file, text).unwrap();
    Some(Command::new(tool).arg("--strict").arg(file).output().unwrap())
}

#[test]
fn the_schema_accepts_them() {
    let Some(output) = validated(&manifests(&agents()).unwrap()) else { return };
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for kind in ["Namespace", "Secret", "NetworkPolicy", "Job"] {
        assert!(said.to_lowercase().contains(&kind.to_lowercase()), "{kind} was not looked at: {said}");
    }
}

#[test]
fn the_schema_refuses_a_misspelt_field_and_a_wrong_type() {
    let text = manifests(&agents()).unwrap();
    for (right, wrong) in [("imagePullPolicy", "imagePulPolicy"), ("backoffLimit: 0", "backoffLimit: none")] {
        let spoilt = text.replacen(right, wrong, 1);
        assert_ne!(spoilt, text);
        let Some(output) = validated(&spoilt) else { return };
        assert!(!output.status.success(), "{wrong} was accepted");
    }
}

#[test]
fn no_value_can_add_a_document() {
    let text = manifests(&agents()).unwrap();
    assert_eq!(text.matches("\n---\n").count(), 3, "{text}");
    assert!(!text.contains("\nkind: Intruder"));
    assert!(text.contains(r#"token: "secret: \"{{namespace}}\" # \\ \u0001""#), "{text}");
}

#[test]
fn secrets_are_not_shown_by_debug() {
    assert!(!format!("{:?}", agents()).contains("secret"));
}

#[test]
fn what_a_cluster_would_refuse_is_refused_here() {
    let with = |change: fn(&mut Agents)| {
        let mut agents = agents();
        change(&mut agents);
        manifests(&agents).map(drop)
    };
    assert_eq!(with(|_| ()), Ok(()));
    assert!(matches!(with(|a| a.namespace = "Bench_Workers".into()), Err(DeployError::Label(..))));
    assert!(matches!(with(|a| a.model_claim = String::new()), Err(DeployError::Label(..))));
    assert!(matches!(with(|a| a.memory = "8 GB".into()), Err(DeployError::Memory(_))));
    assert!(matches!(with(|a| a.image = "two words".into()), Err(DeployError::Image(_))));
    for address in ["http://h:1", "https://h", "https://:1", "https://h:0", "https://a b:1", "h:1"] {
        assert!(address.parse::<coordinator::deploy::kubernetes::Endpoint>().is_err(), "{address}");
    }
}
