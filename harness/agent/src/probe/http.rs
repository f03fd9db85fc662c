//! The HTTP probe: one HTTP/1.1 request on a connection of its own.

use std::{error::Error, io, net::SocketAddr};

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{CONNECTION, HOST, SERVER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use lab_agent::{outcome::Outcome, protocol::Endpoint};
use tokio::task::JoinSet;

use super::{Failure, attempt::Attempt, failure::before, tcp};
use crate::{
    echo::{BYTES_HEADER, Echo},
    frame::{PAYLOAD_LIMIT, filler, is_filler},
};

/// The line of JSON before the filler is shorter than this, in bytes.
const LINE_LIMIT: usize = 64 << 10;

/// What is asked.
pub struct Asked<'a> {
    /// Path of the request.
    pub path: &'a str,
    /// `Host` header, when it is not the endpoint.
    pub host: Option<&'a str>,
    /// The endpoint as it was named.
    pub to: &'a Endpoint,
    /// Bytes of body, there and back.
    pub bytes: usize,
}

/// Sends the request and judges the answer.
pub async fn exchange(to: SocketAddr, asked: &Asked<'_>, attempt: &mut Attempt<'_>) -> Result<String, Failure> {
    let request = asked.request()?;
    let stream = tcp::connect(to, attempt).await?;
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| Failure::ours("set up HTTP", &error))?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = talk(sender, request, asked.bytes, attempt).await;
    // The connection is really closed before the next exchange may want its source port.
    driver.shutdown().await;
    let content = answer?;
    let (line, rest) = split_line(&content);
    let echo: Echo = serde_json::from_slice(line).map_err(|_| wrong("status 200, but not the answer of an echo"))?;
    if rest.len() != asked.bytes || !is_filler(rest) {
        return Err(wrong("the answer's bytes are not those that were asked for"));
    }
    attempt.judge(&echo, asked.bytes)
}

impl Asked<'_> {
    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        if self.bytes > PAYLOAD_LIMIT {
            let detail = format!("the echo takes up to {PAYLOAD_LIMIT} bytes, not {}", self.bytes);
            return Err(Failure::new(Outcome::Error, detail));
        }
        let host = self.host.map_or_else(|| host_header(self.to), ToOwned::to_owned);
        Request::builder()
            .method(if self.bytes == 0 { Method::GET } else { Method::POST })
            .uri(self.path)
            .header(HOST, host)
            .header(USER_AGENT, concat!("lab-agent/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .header(BYTES_HEADER, self.bytes)
            .body(Full::from(filler(self.bytes)))
            .map_err(|error| Failure::ours("write the request", &error))
    }
}

/// RFC 9110: the port is left out when it is the scheme's own; IPv6 addresses stand in brackets.
fn host_header(to: &Endpoint) -> String {
    let host =
        if to.host.contains(':') && !to.host.starts_with('[') { format!("[{}]", to.host) } else { to.host.clone() };
    if to.port == 80 { host } else { format!("{host}:{}", to.port) }
}

/// The body of an answer with status 200.
async fn talk(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    bytes: usize,
    attempt: &Attempt<'_>,
) -> Result<Vec<u8>, Failure> {
    let late = || Failure::new(Outcome::Stalled, "connected, then no answer to the HTTP request in time");
    let response = before(attempt.deadline, sender.send_request(request), late)
        .await?
        .map_err(|error| broken("HTTP request", &error))?;
    if response.status() != StatusCode::OK {
        return Err(status(&response));
    }
    let mut body = response.into_body();
    let mut content = Vec::new();
    loop {
        let late = || {
            let detail = format!("connected, then the HTTP answer stopped after {} bytes of its body", content.len());
            Failure::new(Outcome::Stalled, detail)
        };
        let Some(frame) = before(attempt.deadline, body.frame(), late).await? else { return Ok(content) };
        let frame = frame.map_err(|error| broken(&format!("HTTP answer, after {} bytes", content.len()), &error))?;
        content.extend(frame.data_ref().into_iter().flatten());
        if content.len() > bytes + LINE_LIMIT {
            return Err(wrong("status 200, but more bytes than an echo would send"));
        }
    }
}

fn wrong(detail: &str) -> Failure {
    Failure::new(Outcome::WrongBackend, detail)
}

fn status(response: &Response<Incoming>) -> Failure {
    let status = response.status();
    let server = response.headers().get(SERVER).map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    let detail = format!("HTTP {status}{}", server.map(|name| format!(" from {name}")).unwrap_or_default());
    if (100..600).contains(&status.as_u16()) {
        Failure::new(Outcome::Http(status.as_u16()), detail)
    } else {
        wrong(&format!("{detail}: no status of HTTP"))
    }
}

/// What hyper says, down to the kernel's word if there is one.
fn broken(phase: &str, error: &hyper::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Failure::exchanging(phase, io);
        }
        cause = inner.source();
    }
    if error.is_parse() {
        return wrong(&format!("{phase}: the answer is not HTTP: {error}"));
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Failure::new(Outcome::Reset, format!("{phase}: the connection was closed before the whole answer"));
    }
    Failure::ours(phase, error)
}

fn split_line(content: &[u8]) -> (&[u8], &[u8]) {
    match content.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&content[..end], &content[end + 1..]),
        None => (content, &[]),
    }
}

#[cfg(test)]
mod tests {
    use lab_agent::protocol::Endpoint;

    use super::{host_header, split_line};

    #[test]
    fn hosts_are_written_as_http_wants_them() {
        let header = |host: &str, port| host_header(&Endpoint { host: host.into(), port });
        assert_eq!(header("zeus", 80), "zeus");
        assert_eq!(header("10.1.0.5", 8080), "10.1.0.5:8080");
        assert_eq!(header("2001:db8::1", 8080), "[2001:db8::1]:8080");
        assert_eq!(header("[2001:db8::1]", 80), "[2001:db8::1]");
    }

    #[test]
    fn the_line_ends_at_its_newline() {
        assert_eq!(split_line(b"{}\n\n1"), (&b"{}"[..], &b"\n1"[..]));
        assert_eq!(split_line(b"{}"), (&b"{}"[..], &b""[..]));
    }
}
