//! The manifests of a Job of agents: a template with typed values. Owns which values are valid and
//! how they are quoted.

use contract::credentials::{Credentials, Token};
use contract::text;

const TEMPLATE: &str = include_str!("../../../deploy/kubernetes.yaml");

/// The values of the manifests.
#[derive(Clone, Debug)]
pub struct Agents {
    /// Namespace, a DNS label.
    pub namespace: String,
    /// Image with the worker as its entry point.
    pub image: String,
    /// Address of the coordinator.
    pub coordinator: Endpoint,
    /// Number of agents, one on each node.
    pub count: u32,
    /// Number of workers that each agent may run at a time.
    pub slots: u32,
    /// Number of whole processors of each agent.
    pub cpus: u32,
    /// Memory of each agent, as a Kubernetes quantity.
    pub memory: String,
    /// The claim that holds the models.
    pub model_claim: String,
    /// The token with which agents join.
    pub token: Token,
    /// The agents' certificate and key.
    pub credentials: Credentials,
}

/// An address to which agents connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// Why no manifests can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeployError {
    /// A name that Kubernetes would refuse.
    #[error(
        "`{0}` cannot be a {1} in Kubernetes: write lower-case letters, digits and inner hyphens, at most 63 of them"
    )]
    Label(String, &'static str),
    /// An address without TLS, port or host.
    #[error("agents in a cluster need the coordinator's address as https://HOST:PORT, not `{0}`")]
    Endpoint(String),
    /// Not a quantity.
    #[error("`{0}` is not an amount of memory in Kubernetes: write it like 8Gi or 512Mi")]
    Memory(String),
    /// An empty image, or one with blanks or characters that no registry allows.
    #[error("`{0}` is not an image: write it like registry.example/pgo-benchmarks-agent:1.0")]
    Image(String),
}

impl std::str::FromStr for Endpoint {
    type Err = DeployError;

    fn from_str(text: &str) -> Result<Self, DeployError> {
        let wrong = || DeployError::Endpoint(text.to_owned());
        let (host, port) = text
            .strip_prefix("https://")
            .and_then(|rest| rest.rsplit_once(':'))
            .ok_or_else(wrong)?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.[]:".contains(c);
        // Brackets belong to addresses with colons, which need them.
        let inner = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        if host.is_empty()
            || !host.chars().all(plain)
            || (host.contains(['[', ']', ':']) && !address)
        {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "https://{}:{}", self.host, self.port)
    }
}

/// The manifests as YAML: Namespace, Secret, NetworkPolicy, Job.
///
/// # Errors
/// When the cluster would refuse a value.
pub fn manifests(agents: &Agents) -> Result<String, DeployError> {
    label(&agents.namespace, "namespace")?;
    label(&agents.model_claim, "claim")?;
    let graphic = |c: char| c.is_ascii_graphic();
    if agents.image.is_empty() || !agents.image.chars().all(graphic) {
        return Err(DeployError::Image(agents.image.clone()));
    }
    if !quantity(&agents.memory) {
        return Err(DeployError::Memory(agents.memory.clone()));
    }
    Ok(filled(TEMPLATE, &values(agents)))
}

fn values(agents: &Agents) -> [(&'static str, String); 13] {
    [
        ("namespace", agents.namespace.clone()),
        ("token", quoted(agents.token.expose())),
        ("authority", quoted(&agents.credentials.authority)),
        ("certificate", quoted(&agents.credentials.certificate)),
        ("key", quoted(&agents.credentials.key)),
        ("port", agents.coordinator.port.to_string()),
        ("agents", agents.count.to_string()),
        ("image", quoted(&agents.image)),
        ("slots", agents.slots.to_string()),
        ("coordinator", quoted(&agents.coordinator.to_string())),
        ("cpus", quoted(&agents.cpus.to_string())),
        ("memory", quoted(&agents.memory)),
        ("model_claim", agents.model_claim.clone()),
    ]
}

/// The template with every `{{name}}` replaced.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(template.len() + 4096);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .expect("every {{ of the template closes");
        let (_, value) = values
            .iter()
            .find(|(known, _)| *known == name)
            .expect("every name has its value");
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A YAML scalar for exactly `text`: YAML's double quotes accept what JSON writes (YAML 1.2, 1.3).
fn quoted(text: &str) -> String {
    text::json(&serde_json::Value::from(text).to_string()).into_owned()
}

/// Checks an RFC 1123 label, the form of namespaces.
fn label(text: &str, what: &'static str) -> Result<(), DeployError> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    if (1..=63).contains(&text.len()) && text.chars().all(inner) && edges {
        return Ok(());
    }
    Err(DeployError::Label(text.to_owned(), what))
}

/// Whether it is a positive whole number with a binary or decimal suffix.
fn quantity(text: &str) -> bool {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    number.parse::<u64>().is_ok_and(|n| n > 0)
        && ["M", "G", "T", "Mi", "Gi", "Ti"].contains(&suffix)
}
