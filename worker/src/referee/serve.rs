//! Answers requests according to the script, and logs when it did. Must not know the bytes of HTTP.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use super::http::{Connection, Request};
use super::script::{Drawn, Fate};
use super::{Entry, Settings, UsageAt, nanos};

/// Words of the answers.
const WORDS: [&str; 8] = ["so", "it", "was", "that", "they", "came", "and", "went"];
/// Default length of an answer.
const LENGTH: u64 = 16;

struct Server {
    settings: Settings,
    drawn: Drawn,
    began: Instant,
    log: RefCell<Vec<Entry>>,
    first: RefCell<Option<Duration>>,
}

/// Serves until it is stopped; returns what really happened.
pub(super) async fn serve(
    settings: Settings,
    listener: TcpListener,
    stopped: oneshot::Receiver<()>,
) -> Vec<Entry> {
    let drawn = Drawn::new(settings.script.clone());
    let server = Rc::new(Server {
        settings,
        drawn,
        began: Instant::now(),
        log: RefCell::default(),
        first: RefCell::default(),
    });
    let tasks = LocalSet::new();
    let accept = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            // Sends tokens at once; otherwise the kernel would delay and combine them.
            drop(stream.set_nodelay(true));
            let serving = server.clone().connection(Connection::new(stream));
            tokio::task::spawn_local(async { drop(serving.await) });
        }
    };
    tasks
        .run_until(async {
            tokio::select! {
                () = accept => {}
                // Dropping the sender also stops it.
                _ = stopped => {}
            }
        })
        .await;
    drop(tasks);
    server.log.take()
}

impl Server {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn connection(self: Rc<Self>, mut connection: Connection) -> io::Result<()> {
        let accepted = self.now();
        while let Some(request) = connection.request().await? {
            let close = request.close;
            self.request(&mut connection, &request, accepted).await?;
            if close {
                break;
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        connection: &mut Connection,
        request: &Request,
        accepted: Duration,
    ) -> io::Result<()> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match request.path.as_str() {
            "/health" => connection.whole("200 OK", r#"{"status":"ok"}"#).await,
            "/v1/models" => {
                let models =
                    json!({"object": "list", "data": [{"id": "referee", "object": "model"}]});
                connection.whole("200 OK", &models.to_string()).await
            }
            "/tokenize" => {
                let words = body["content"]
                    .as_str()
                    .unwrap_or_default()
                    .split_whitespace();
                let tokens: Vec<u64> = words.map(|word| hash(word) % 50_000).collect();
                connection
                    .whole("200 OK", &json!({ "tokens": tokens }).to_string())
                    .await
            }
            "/v1/completions" => self.answer(connection, &body, accepted, false).await,
            "/v1/chat/completions" => self.answer(connection, &body, accepted, true).await,
            _ => {
                connection
                    .whole("404 Not Found", r#"{"error":{"message":"no such path"}}"#)
                    .await
            }
        }
    }

    async fn answer(
        &self,
        connection: &mut Connection,
        body: &Value,
        accepted: Duration,
        chat: bool,
    ) -> io::Result<()> {
        let received = self.now();
        let first = *self.first.borrow_mut().get_or_insert(received);
        let number = self.enter(received, accepted);
        let fate = self.drawn.fate(number);
        if fate == Fate::Error {
            let error = r#"{"error":{"message":"an error by the script"}}"#;
            return connection.whole("500 Internal Server Error", error).await;
        }
        let asked = body["max_tokens"].as_u64().unwrap_or(LENGTH).max(1);
        let asked = u32::try_from(asked).unwrap_or(u32::MAX);
        let tokens = if self.settings.stops {
            asked.div_ceil(2)
        } else {
            asked
        };
        let prompt = if chat {
            &body["messages"]
        } else {
            &body["prompt"]
        };
        let (seed, prompt) = (hash(&prompt.to_string()), count(prompt));
        connection.begin().await?;
        let (mut due, mut sent) = (received, 0);
        while sent < tokens {
            let more = self.settings.chunk.clamp(1, tokens - sent);
            due += (sent..sent + more)
                .map(|token| self.drawn.gap(number, token))
                .sum::<Duration>();
            if fate == Fate::Cut && sent >= tokens / 2 {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let at = first + self.drawn.outside_of_stalls(due.saturating_sub(first));
            sleep_until(self.began + at).await;
            let text: String = (sent..sent + more).map(|token| word(seed, token)).collect();
            sent += more;
            let chunk = chunk(
                chat,
                &text,
                None,
                &self.usage(prompt, sent, UsageAt::EachChunk),
            );
            connection.event(&chunk.to_string()).await?;
            self.log.borrow_mut()[number as usize]
                .sent
                .push((nanos(self.now()), more));
            self.log.borrow_mut()[number as usize]
                .due_ns
                .push(nanos(at));
        }
        let finish = if tokens < asked { "stop" } else { "length" };
        connection
            .event(&chunk(chat, "", Some(finish), &Value::Null).to_string())
            .await?;
        let usage = self.usage(prompt, sent, UsageAt::End);
        if !usage.is_null() {
            connection
                .event(&json!({"choices": [], "usage": usage}).to_string())
                .await?;
        }
        self.log.borrow_mut()[number as usize].whole = true;
        connection.end().await
    }

    fn enter(&self, received: Duration, accepted: Duration) -> u64 {
        let mut log = self.log.borrow_mut();
        let request = log.len() as u64;
        log.push(Entry {
            request,
            received_ns: nanos(received),
            accepted_ns: nanos(accepted),
            ..Entry::default()
        });
        request
    }

    fn usage(&self, prompt: u64, tokens: u32, at: UsageAt) -> Value {
        if self.settings.usage != at {
            return Value::Null;
        }
        json!({"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + u64::from(tokens)})
    }
}

fn chunk(chat: bool, text: &str, finish: Option<&str>, usage: &Value) -> Value {
    let mut choice = json!({"index": 0, "finish_reason": finish});
    match chat {
        true => choice["delta"] = json!({ "content": text }),
        false => choice["text"] = text.into(),
    }
    json!({"object": "chunk", "model": "referee", "choices": [choice], "usage": usage})
}

/// Number of tokens of a prompt: ids, or words of all its texts.
fn count(prompt: &Value) -> u64 {
    match prompt {
        Value::String(text) => text.split_whitespace().count() as u64,
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(message) => message.get("content").map_or(0, count),
        Value::Number(_) => 1,
        Value::Null | Value::Bool(_) => 0,
    }
}

/// A token of the answer to a prompt, independent of other requests.
fn word(seed: u64, token: u32) -> String {
    let at = hash(&format!("{seed} {token}")) as usize % WORDS.len();
    format!(" {}", WORDS[at])
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
