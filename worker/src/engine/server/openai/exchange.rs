//! One request and its answer over a connection. Owns how the parts of an HTTP answer are checked
//! against the request; must not know who asked or what is counted.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use super::answer::{Answer, Arrival, Whole};
use super::fault::{Fault, Kind};
use super::link::{Link, Links};

/// Maximum bytes of an error answer that are read, and the time for reading them.
const EXCUSE: (usize, Duration) = (4096, Duration::from_secs(2));
/// Maximum bytes of any other document.
const DOCUMENT: usize = 1 << 22;
/// Time within which a connection must become free after the stream has ended.
const CLOSING: Duration = Duration::from_millis(50);

/// The common part of all requests.
pub(super) struct Common {
    pub(super) host: HeaderValue,
    /// The path before `/v1`.
    pub(super) prefix: String,
    pub(super) key: Option<HeaderValue>,
    pub(super) close: bool,
}

/// Receives events while an answer arrives.
pub(super) trait Listener {
    /// A connection is open, and the request is sent on it.
    fn begins(&mut self, link: &Link);

    /// These chunks arrived at this instant.
    fn arrives(&mut self, at: Duration, arrivals: &[Arrival]);
}

/// A document of a server.
#[derive(Debug)]
pub(super) struct Document {
    /// Its content; `None` if the server has none of that name.
    pub(super) json: Option<serde_json::Value>,
    /// The header `server` of the answer.
    pub(super) server: Option<String>,
}

/// Requests one answer; returns the time of its end, and the answer.
///
/// # Errors
/// What is wrong with the answer.
pub(super) async fn ask(
    links: &Links,
    common: &Common,
    path: &str,
    body: Vec<u8>,
    asked: u32,
    listener: &mut dyn Listener,
) -> Result<(Duration, Whole), Fault> {
    let mut link = links.get().await?;
    listener.begins(&link);
    let request = common.request(Method::POST, path, body)?;
    let response = link.sender.send_request(request).await.map_err(headless)?;
    let mut body = stream(response).await?;
    let (mut answer, mut arrivals, mut at) = (Answer::new(asked), Vec::new(), link.arrived());
    while let Some(bytes) = next(&mut body).await? {
        at = link.arrived();
        let taken = answer.take(&bytes, &mut arrivals);
        if !arrivals.is_empty() {
            listener.arrives(at, &arrivals);
            arrivals.clear();
        }
        taken?;
        if answer.is_done() {
            break;
        }
    }
    let whole = answer.end()?;
    // Events after the end are ignored; a connection that does not become free soon is not used
    // again.
    let rest = async { while let Ok(Some(_)) = next(&mut body).await {} };
    if timeout(CLOSING, rest).await.is_ok() {
        links.put(link);
    }
    Ok((at, whole))
}

/// A whole document.
///
/// # Errors
/// What is wrong with the document.
pub(super) async fn document(
    links: &Links,
    common: &Common,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Document, Fault> {
    let mut link = links.get().await?;
    let method = if body.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let request = common.request(method, path, body.unwrap_or_default())?;
    let response = link.sender.send_request(request).await.map_err(headless)?;
    let status = response.status();
    let none = matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    );
    if !status.is_success() && !none {
        return Err(refusal(response).await);
    }
    let server = response.headers().get(hyper::header::SERVER).cloned();
    let server = server.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    let (mut body, mut read) = (response.into_body(), Vec::new());
    while let Some(bytes) = next(&mut body).await? {
        if read.len() + bytes.len() > DOCUMENT {
            return Err(Kind::TooLong.of(format!("{path} has more than {DOCUMENT} bytes")));
        }
        read.extend_from_slice(&bytes);
    }
    links.put(link);
    // Anything that is not JSON is not such a document.
    let json = serde_json::from_slice(&read).ok().filter(|_| !none);
    Ok(Document { json, server })
}

impl Common {
    fn request(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, self.host.clone())
            .header(ACCEPT, "text/event-stream, application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        if self.close {
            request = request.header(CONNECTION, "close");
        }
        request
            .body(Full::new(body.into()))
            .map_err(|error| Kind::Head.of(error.to_string()))
    }
}

/// The body of an answer that is a stream.
async fn stream(response: Response<Incoming>) -> Result<Incoming, Fault> {
    if response.status() != StatusCode::OK {
        return Err(refusal(response).await);
    }
    let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
    let encoding = header(CONTENT_ENCODING).filter(|of| !of.eq_ignore_ascii_case(b"identity"));
    if let Some(encoding) = encoding {
        return Err(Kind::Compressed.of(String::from_utf8_lossy(encoding)));
    }
    let kind = header(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind).into_owned());
    let other = kind.filter(|kind| {
        !kind
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("text/event-stream")
    });
    let body = response.into_body();
    let Some(kind) = other else { return Ok(body) };
    let said = excuse(body).await;
    match said.is_empty() {
        true => Err(Kind::NoBody.of("")),
        false => Err(Kind::NoStream.of(format!("{kind}: {said}"))),
    }
}

/// Why there is no answer, in the server's words.
async fn refusal(response: Response<Incoming>) -> Fault {
    let status = response.status();
    let kind = match status.as_u16() {
        429 | 503 => Kind::Busy,
        401 | 403 => Kind::Key,
        300..=399 => Kind::Redirect,
        400..=499 => Kind::Rejected,
        500..=599 => Kind::ServerError,
        _ => Kind::Status,
    };
    let location = response.headers().get(hyper::header::LOCATION).cloned();
    let said = match location {
        Some(to) => format!("to {}", String::from_utf8_lossy(to.as_bytes())),
        None => excuse(response.into_body()).await,
    };
    match said.is_empty() {
        true => kind.of(status.to_string()),
        false => kind.of(format!("{status}: {said}")),
    }
}

/// The beginning of a body, or the message in it.
async fn excuse(mut body: Incoming) -> String {
    let (most, patience) = EXCUSE;
    let mut read = Vec::new();
    let reading = async {
        while read.len() < most {
            match next(&mut body).await {
                Ok(Some(bytes)) => read.extend_from_slice(&bytes[..bytes.len().min(most)]),
                Ok(None) | Err(_) => break,
            }
        }
    };
    // What has arrived by then is enough.
    drop(timeout(patience, reading).await);
    let document = serde_json::from_slice::<serde_json::Value>(&read).ok();
    let message = document.as_ref().and_then(|document| {
        let error = &document["error"];
        [
            &error["message"],
            error,
            &document["message"],
            &document["detail"],
        ]
        .into_iter()
        .find_map(|text| text.as_str())
    });
    message.map_or_else(
        || String::from_utf8_lossy(&read).trim().to_owned(),
        str::to_owned,
    )
}

/// The next bytes of a body; `None` at its end.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            // Trailers are ignored.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(_) => continue,
            },
            Some(Err(error)) => return Err(broken(&error)),
        }
    }
}

/// The fault of an answer without a head.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn headless(error: hyper::Error) -> Fault {
    let kind = match error.is_parse() {
        true => Kind::Head,
        false => Kind::Cut,
    };
    kind.of(format!(
        "before an answer began: {}",
        crate::causes::with_causes(&error)
    ))
}

/// The fault of a body without an end.
fn broken(error: &hyper::Error) -> Fault {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    let malformed = io.is_some_and(|io| {
        matches!(
            io.kind(),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData
        )
    });
    let kind = match malformed {
        true => Kind::Body,
        false => Kind::Cut,
    };
    kind.of(crate::causes::with_causes(error))
}
