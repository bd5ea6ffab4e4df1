//! An engine behind the OpenAI HTTP interface. The client reports what it sees: when it had a
//! connection (`Started`), when text arrived (`Chunk`), and how many tokens it was according to the
//! server (`Told`). Owns opening; must not know how the server was started, nor loads.

pub mod answer;
mod body;
pub mod chunk;
mod counts;
mod exchange;
pub mod fault;
mod link;
mod prompts;
mod room;
mod sentinel;
pub mod sse;
mod thread;

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use contract::message::{Failure, FailureKind, LoadReport};
use contract::part::EngineFacts;
use contract::spec::{Demand, OpenAiSpec};
use hyper::Uri;
use hyper::header::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::body::Bodies;
use self::exchange::{Common, Document};
use self::fault::Fault;
use self::prompts::{Ask, Prompts};
use self::sentinel::Account;
use self::thread::{Command, Desk, Fetch, Form, Mark, Parts, Shared, lock};
use crate::engine::{
    Counters, Engine, EngineError, EngineRequest, Opened, StepSink, Time, WindowStart,
};

/// A text that every tokenizer turns into tokens.
const SAMPLE: &str = "the quick brown fox";

/// An open client.
struct Client {
    shared: Arc<Shared>,
    commands: Option<UnboundedSender<Command>>,
    form: Form,
    thread: Option<JoinHandle<()>>,
}

/// Address of a server.
struct Place {
    host: HeaderValue,
    addresses: Vec<std::net::SocketAddr>,
    prefix: String,
}

/// Opens a client of the server at `base`, such as `http://127.0.0.1:8080`, which is ready.
///
/// # Errors
/// When the server cannot be reached, or does not support what the plan requires; the message says
/// what to do.
pub fn open(
    spec: &OpenAiSpec,
    base: &str,
    demand: Demand,
    time: Arc<dyn Time>,
    sink: Box<dyn StepSink>,
    wait: &mut dyn FnMut(&Fault) -> Result<(), Failure>,
    phase: &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure> {
    room::allow(demand.concurrency).map_err(failure)?;
    let place = Place::find(base).map_err(failure)?;
    let common = Common {
        host: place.host,
        prefix: place.prefix,
        key: key(spec).map_err(failure)?,
        close: spec.close,
    };
    let shared = Arc::new(Shared::default());
    let (commands, thread) = start(Parts {
        addresses: place.addresses,
        time,
        common,
        shared: shared.clone(),
        sink,
    })?;
    let models = loop {
        match models(spec, &commands) {
            Ok(models) => break models,
            Err(fault) => wait(&fault)?,
        }
    };
    let model = entry(spec, models.json.as_ref());
    let name = match spec.model.as_str() {
        "" => model["id"].as_str().unwrap_or_default().to_owned(),
        name => name.to_owned(),
    };
    let max_context = context(spec, &model);
    if demand.tokens_per_request > max_context {
        return Err(failure(format!(
            "the server's model takes {max_context} tokens and the plan asks for {} in one \
             request: ask for less, or start the server with a longer context",
            demand.tokens_per_request
        )));
    }
    phase("connect");
    let account = Account {
        header: models.server,
        model,
        version: told(&commands, "/version"),
        props: told(&commands, "/props"),
    };
    let ask = tokenize(&commands, &name);
    let ask = ask(SAMPLE)
        .is_ok_and(|tokens| !tokens.is_empty())
        .then_some(ask);
    let prompts = Prompts::new(spec, ask).map_err(failure)?;
    phase("tokenizer");
    let form = Arc::new((Bodies::new(spec, &name), prompts));
    // The thread exists, because it has just answered.
    drop(commands.send(Command::Use(form.clone())));
    let report = LoadReport {
        model_digest: format!(
            "server:{}",
            contract::text::line(&name, contract::text::NAME)
        ),
        max_context,
        ..LoadReport::default()
    };
    Ok(Opened {
        engine: Box::new(Client {
            shared,
            commands: Some(commands),
            form,
            thread: Some(thread),
        }),
        report,
        kernels: account.line(),
        processors: Vec::new(),
        family: None,
    })
}

impl Place {
    /// Resolves its name, once.
    fn find(base: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("{base} is no address of a server: {what}; write http://HOST:PORT")
        };
        let uri: Uri = base.parse().map_err(|error| wrong(&format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong(
                "only http is spoken (put a TLS proxy before it, or tunnel)",
            ));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(80);
        let addresses: Vec<_> = (host, port)
            .to_socket_addrs()
            .map_err(|error| wrong(&error.to_string()))?
            .collect();
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            host: HeaderValue::from_str(authority.as_str())
                .map_err(|error| wrong(&error.to_string()))?,
            addresses,
            prefix: path.trim_end_matches("/v1").to_owned(),
        })
    }
}

/// The key, from the place that the plan names; it is stored nowhere else.
fn key(spec: &OpenAiSpec) -> Result<Option<HeaderValue>, String> {
    let key = match (spec.key_file.as_str(), spec.key_variable.as_str()) {
        ("", "") => return Ok(None),
        ("", variable) => std::env::var(variable).map_err(|_| {
            format!(
                "the environment variable {variable} holds no key: set it where the worker runs"
            )
        })?,
        (file, _) => std::fs::read_to_string(file)
            .map_err(|error| format!("the key cannot be read from {file}: {error}"))?,
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
        .map_err(|_| "the key has characters that no header may have".to_owned())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn start(parts: Parts) -> Result<(UnboundedSender<Command>, JoinHandle<()>), Failure> {
    let refused = |error: std::io::Error| {
        failure(format!("the engine's thread could not be started: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(refused)?;
    let (commands, received) = unbounded_channel();
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            crate::os::sharpen_timers();
            runtime.block_on(Desk::new(parts).run(received));
        })
        .map_err(refused)?;
    Ok((commands, thread))
}

/// A document of the server.
fn fetch(
    commands: &UnboundedSender<Command>,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Document, Fault> {
    let (reply, replied) = sync_channel(1);
    let fetch = Fetch {
        path: path.to_owned(),
        body,
        reply,
    };
    let gone = || fault::Kind::NoConnection.of("the client's thread is over");
    commands.send(Command::Fetch(fetch)).map_err(|_| gone())?;
    replied.recv().unwrap_or_else(|_| Err(gone()))
}

/// A document that a server may have.
fn told(commands: &UnboundedSender<Command>, path: &str) -> Option<Value> {
    fetch(commands, path, None).ok()?.json
}

/// The models of a server that reports itself as ready.
fn models(spec: &OpenAiSpec, commands: &UnboundedSender<Command>) -> Result<Document, Fault> {
    let health = match spec.health.as_str() {
        "" => "/health",
        path => path,
    };
    // A server without this path is ready when it lists its models.
    fetch(commands, health, None)?;
    fetch(commands, "/v1/models", None)
}

/// The server's tokenizer, with the keys of llama.cpp and of vLLM: each ignores the other's key.
fn tokenize(commands: &UnboundedSender<Command>, model: &str) -> Ask {
    let (commands, model) = (commands.downgrade(), model.to_owned());
    Box::new(move |text| {
        let body = json!({
            "model": model, "content": text, "prompt": text,
            "add_special": true, "add_special_tokens": true,
        });
        let encode = |reason: String| EngineError::Encode { reason };
        let commands = commands.upgrade().ok_or(EngineError::Down)?;
        let document = fetch(&commands, "/tokenize", Some(body.to_string().into_bytes()))
            .map_err(|fault| encode(fault.to_string()))?;
        let tokens = document.json.and_then(|mut document| {
            serde_json::from_value::<Vec<u32>>(document["tokens"].take()).ok()
        });
        tokens.ok_or_else(|| encode("the server's /tokenize gives no tokens".to_owned()))
    })
}

/// The entry of the plan's model in the list of models, or else the first.
fn entry(spec: &OpenAiSpec, models: Option<&Value>) -> Value {
    let listed = models.and_then(|models| models["data"].as_array());
    let of_plan = |model: &&Value| model["id"] == spec.model.as_str();
    let found = listed.and_then(|all| all.iter().find(of_plan).or_else(|| all.first()));
    found.cloned().unwrap_or_default()
}

/// Maximum tokens of one request: from the plan, from vLLM's list of models, or unknown.
fn context(spec: &OpenAiSpec, model: &Value) -> u32 {
    let said = model["max_model_len"].as_u64();
    match spec.max_context {
        0 => said
            .and_then(|said| u32::try_from(said).ok())
            .unwrap_or(u32::MAX),
        most => most,
    }
}

fn failure(message: String) -> Failure {
    Failure {
        kind: FailureKind::Engine,
        message,
    }
}

impl Engine for Client {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        let commands = self.commands.as_ref().ok_or(EngineError::Down)?;
        if self.shared.down.load(Ordering::Acquire) || commands.is_closed() {
            return Err(EngineError::Down);
        }
        let mut held = lock(&self.shared.held);
        for request in &*batch {
            held.insert(request.index, Arc::default());
        }
        lock(&self.shared.counts).running(held.len());
        drop(held);
        // If the engine is already down, it has reported so.
        drop(commands.send(Command::Submit(std::mem::take(batch))));
        Ok(())
    }

    fn cancel(&mut self, index: u32) {
        let held = lock(&self.shared.held);
        if let Some(mark) = held.get(&index) {
            let Mark { cancelled, bell } = &**mark;
            cancelled.store(true, Ordering::Release);
            bell.notify_one();
        }
    }

    fn begin_window(&mut self, _: WindowStart) {
        *lock(&self.shared.counts) = counts::Counts::default();
    }

    fn counters(&self) -> Counters {
        lock(&self.shared.counts).counters
    }

    fn facts(&self) -> EngineFacts {
        let (_, prompts) = &*self.form;
        let counts = lock(&self.shared.counts);
        EngineFacts {
            server: Some(counts.facts(prompts.described())),
            ..counts.counters.facts()
        }
    }

    fn complaint(&self) -> Option<String> {
        if self.shared.down.load(Ordering::Acquire) {
            return Some("does not listen any more".to_owned());
        }
        let failures = lock(&self.shared.counts).failures.counts();
        let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
        (!told.is_empty()).then(|| format!("gave other than answers: {}", told.join("; ")))
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.form.1.encode(text)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic was already told as `Down`.
            let _ = thread.join();
        }
    }
}
