//! Starting agents elsewhere. The output of `deploy` is quoted so that no value can add a line, and
//! is valid against the Kubernetes schema if Python has `kubernetes-validate` (`scripts/test.sh`
//! installs it). The image and the compose file under `deploy/` use valid arguments of these
//! programs; running them needs Docker.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Parser;
use contract::credentials::{Credentials, Token};
use coordinator::cli::Cli;
use coordinator::deploy::kubernetes::{Agents, DeployError, manifests};
use serde_json::Value;

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

/// The Python interpreter, or a message that there is none; `REQUIRE_PYTHON` makes it mandatory.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("BENCH_PYTHON").map(PathBuf::from);
    assert!(
        python.is_some() || std::env::var_os("REQUIRE_PYTHON").is_none(),
        "BENCH_PYTHON is not set"
    );
    python
}

/// The schema check of a stream of documents.
fn validated(text: &str) -> Option<Output> {
    let tool = python()?.with_file_name("kubernetes-validate");
    assert!(
        tool.exists() || std::env::var_os("REQUIRE_PYTHON").is_none(),
        "{} is missing",
        tool.display()
    );
    if !tool.exists() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("agents.yaml");
    std::fs::write(&file, text).unwrap();
    Some(
        Command::new(tool)
            .arg("--strict")
            .arg(file)
            .output()
            .unwrap(),
    )
}

/// The documents of a YAML stream.
fn read(text: &str) -> Option<Vec<Value>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("text.yaml");
    std::fs::write(&file, text).unwrap();
    let script =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = Command::new(python()?)
        .args(["-c", script])
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn ours(name: &str) -> String {
    std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../deploy")
            .join(name),
    )
    .unwrap()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

/// Whether an agent accepts these arguments.
fn agent_takes(arguments: &[String]) -> Result<(), String> {
    let line = std::iter::once("worker").chain(arguments.iter().map(String::as_str));
    worker::cli::Cli::try_parse_from(line)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[test]
fn an_agent_understands_the_words_of_its_pod_and_finds_its_files() {
    let Some(documents) = read(&manifests(&agents()).unwrap()) else {
        return;
    };
    let pod = &documents[3]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments = words(&container["args"]);
    let variable = |name: &str| {
        let all = container["env"].as_array().unwrap();
        all.iter()
            .find(|v| v["name"] == name)
            .map(|v| v["value"].clone())
            .unwrap()
    };
    let address = format!(
        "--coordinator={}",
        variable("PGO_BENCH_COORDINATOR").as_str().unwrap()
    );
    agent_takes(&[&arguments[..], &[address]].concat()).unwrap();
    let ready = arguments
        .iter()
        .find_map(|word| word.strip_prefix("--ready-file="))
        .unwrap();
    for probe in ["startupProbe", "readinessProbe"] {
        assert_eq!(container[probe]["exec"]["command"][1], ready, "{probe}");
    }
    let mounts: Vec<Value> = container["volumeMounts"].as_array().unwrap().clone();
    for (file, mount) in [
        (ready, "run"),
        (
            variable("PGO_BENCH_CREDENTIALS").as_str().unwrap(),
            "credentials",
        ),
    ] {
        let place = mounts.iter().find(|m| m["name"] == mount).unwrap()["mountPath"]
            .as_str()
            .unwrap();
        assert!(file.starts_with(place), "{file} is not below {place}");
    }
    let secret = &documents[1]["stringData"];
    assert_eq!(secret["ca.pem"], agents().credentials.authority);
    assert_eq!(secret["key.pem"], agents().credentials.key);
    assert_eq!(secret["token"], agents().token.expose());
}

/// Checks the services' arguments, and that the files are consistent.
fn composed(text: &str, dockerfile: &str) -> Option<Result<(), String>> {
    let document = read(text)?.remove(0);
    let stage = |name: &Value| dockerfile.contains(&format!(" AS {}\n", name.as_str().unwrap()));
    for (name, service) in document["services"].as_object().unwrap() {
        let known = [
            "build",
            "cap_drop",
            "command",
            "depends_on",
            "deploy",
            "image",
            "read_only",
            "security_opt",
            "tmpfs",
            "user",
            "volumes",
        ];
        if let Some(key) = service
            .as_object()
            .unwrap()
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            return Some(Err(format!(
                "{name}: {key} is not among the keys that are used here"
            )));
        }
        if !stage(&service["build"]["target"]) {
            return Some(Err(format!("{name}: the Dockerfile has no such stage")));
        }
        let arguments: Vec<String> = words(&service["command"])
            .iter()
            .map(|word| word.replace("${AGENTS:-2}", "2"))
            .collect();
        let understood = match name.as_str() {
            "agent" => agent_takes(&arguments),
            _ => Cli::try_parse_from(std::iter::once("coordinator".to_owned()).chain(arguments))
                .map(drop)
                .map_err(|error| error.to_string()),
        };
        if let Err(error) = understood {
            return Some(Err(error));
        }
    }
    Some(Ok(()))
}

#[test]
fn the_composition_says_what_these_programs_understand() {
    let (compose, dockerfile) = (ours("compose.yaml"), ours("Dockerfile"));
    let Some(good) = composed(&compose, &dockerfile) else {
        return;
    };
    assert_eq!(good, Ok(()));
    for (right, wrong) in [
        ("--launcher", "--launchr"),
        ("target: agent", "target: agnt"),
        ("read_only", "readonly"),
        ("--patience", "--patient"),
    ] {
        let spoilt = compose.replace(right, wrong);
        assert_ne!(spoilt, compose);
        assert!(
            composed(&spoilt, &dockerfile).unwrap().is_err(),
            "{wrong} was accepted"
        );
    }
}

#[test]
fn the_schema_accepts_them() {
    let Some(output) = validated(&manifests(&agents()).unwrap()) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for kind in ["Namespace", "Secret", "NetworkPolicy", "Job"] {
        assert!(
            said.to_lowercase().contains(&kind.to_lowercase()),
            "{kind} was not looked at: {said}"
        );
    }
}

#[test]
fn the_schema_refuses_a_misspelt_field_and_a_wrong_type() {
    let text = manifests(&agents()).unwrap();
    for (right, wrong) in [
        ("imagePullPolicy", "imagePulPolicy"),
        ("backoffLimit: 0", "backoffLimit: none"),
    ] {
        let spoilt = text.replacen(right, wrong, 1);
        assert_ne!(spoilt, text);
        let Some(output) = validated(&spoilt) else {
            return;
        };
        assert!(!output.status.success(), "{wrong} was accepted");
    }
}

#[test]
fn no_value_can_add_a_document() {
    let text = manifests(&agents()).unwrap();
    assert_eq!(text.matches("\n---\n").count(), 3, "{text}");
    assert!(!text.contains("\nkind: Intruder"));
    assert!(
        text.contains(r#"token: "secret: \"{{namespace}}\" # \\ \u0001""#),
        "{text}"
    );
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
    assert!(matches!(
        with(|a| a.namespace = "Bench_Workers".into()),
        Err(DeployError::Label(..))
    ));
    assert!(matches!(
        with(|a| a.model_claim = String::new()),
        Err(DeployError::Label(..))
    ));
    assert!(matches!(
        with(|a| a.memory = "8 GB".into()),
        Err(DeployError::Memory(_))
    ));
    assert!(matches!(
        with(|a| a.image = "two words".into()),
        Err(DeployError::Image(_))
    ));
    for address in [
        "http://h:1",
        "https://h",
        "https://:1",
        "https://h:0",
        "https://a b:1",
        "h:1",
    ] {
        assert!(
            address
                .parse::<coordinator::deploy::kubernetes::Endpoint>()
                .is_err(),
            "{address}"
        );
    }
}
