//! The part of HTTP/1.1 that a referee needs: requests with a length, and answers that it writes
//! byte by byte. Bounded. Must not know the content of requests.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Maximum bytes of a head.
const HEAD: usize = 64 << 10;
/// Maximum bytes of a body.
const BODY: usize = 64 << 20;

/// A request.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    /// Whether the connection ends with its answer.
    pub(super) close: bool,
}

/// A connection, with the bytes that were read beyond the last request.
pub(super) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The next request; `None` once the client has closed the connection.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.read.len() > HEAD || self.more().await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end);
        let mut lines = head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1));
        let path = path.unwrap_or_default().to_owned();
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_ascii_lowercase())
        };
        let length: usize = field("content-length")
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        if length > BODY {
            return Ok(None);
        }
        while self.read.len() < length {
            if self.more().await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Request {
            path,
            body: self.read.drain(..length).collect(),
            close: field("connection").is_some_and(|value| value == "close"),
        }))
    }

    /// A whole answer.
    pub(super) async fn whole(&mut self, status: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(text.as_bytes()).await
    }

    /// The head of a stream.
    pub(super) async fn begin(&mut self) -> io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await
    }

    /// One event of a stream, in its own chunk.
    pub(super) async fn event(&mut self, data: &str) -> io::Result<()> {
        let event = format!("data: {data}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        self.stream.write_all(chunk.as_bytes()).await
    }

    /// The end of a stream.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        let end = "data: [DONE]\n\n";
        let chunks = format!("{:x}\r\n{end}\r\n0\r\n\r\n", end.len());
        self.stream.write_all(chunks.as_bytes()).await
    }

    async fn more(&mut self) -> io::Result<usize> {
        let mut block = [0; 16 << 10];
        let read = self.stream.read(&mut block).await?;
        self.read.extend_from_slice(&block[..read]);
        Ok(read)
    }
}
