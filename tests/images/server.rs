//! An HTTP server of the test's own on 127.0.0.1: answers each path as it is told, and notes what it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// How a path is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub etag: Option<&'static str>,
    pub location: Option<String>,
    pub body: Vec<u8>,
    /// Whether `Range` is obeyed.
    pub ranges: bool,
    /// Whether the length is told.
    pub length: bool,
    /// The connection ends after this many bytes of the body.
    pub cut: Option<usize>,
    /// Nothing more comes for so long after this many bytes of the body.
    pub pause: Option<(usize, Duration)>,
}

impl Reply {
    /// A file, from a server that can do everything.
    pub fn file(body: &[u8]) -> Self {
        Self {
            status: 200,
            content_type: "application/octet-stream",
            etag: Some("\"one\""),
            location: None,
            body: body.to_vec(),
            ranges: true,
            length: true,
            cut: None,
            pause: None,
        }
    }

    /// Another status, with a page.
    pub fn status(status: u16) -> Self {
        Self { status, content_type: "text/html", ranges: false, ..Self::file(b"<html>not here</html>") }
    }

    /// JSON.
    pub fn json(body: &str) -> Self {
        Self { content_type: "application/json", ranges: false, ..Self::file(body.as_bytes()) }
    }
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET /path`; with a proxy, `GET http://host/path`.
    pub line: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Replies by path, one after the other; the last one stays.
type Replies = BTreeMap<String, Vec<Reply>>;

pub struct Server {
    address: SocketAddr,
    replies: Arc<Mutex<Replies>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let replies = Arc::new(Mutex::new(Replies::new()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (known, noted) = (Arc::clone(&replies), Arc::clone(&requests));
        // Ends with the process of the test.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, noted) = (Arc::clone(&known), Arc::clone(&noted));
                // A client that goes away is what some tests are about.
                thread::spawn(move || drop(serve(stream, &known, &noted)));
            }
        });
        Self { address, replies, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on, a path is answered so; with a space and a text behind it, where the request's body has that text.
    pub fn answer(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().expect("no panic").insert(path.to_owned(), replies.into_iter().collect());
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// The `Range` of each request, `-` where there was none.
    pub fn ranges(&self) -> Vec<String> {
        let range = |request: &Request| request.headers.get("range").cloned().unwrap_or_else(|| "-".to_owned());
        self.requests().iter().map(range).collect()
    }
}

fn serve(mut stream: TcpStream, replies: &Mutex<Replies>, requests: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let request = read(&stream)?;
    let target = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
    let path = target.strip_prefix("http://").and_then(|rest| Some(&rest[rest.find('/')?..])).unwrap_or(&target);
    let range =
        request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let if_range = request.headers.get("if-range").cloned();
    let body = request.body.clone();
    requests.lock().expect("no panic").push(request);
    let reply = {
        let mut replies = replies.lock().expect("no panic");
        let is_asked = |key: &&String| key.split_once(' ').is_some_and(|(of, part)| of == path && body.contains(part));
        let key = replies.keys().find(is_asked).cloned().unwrap_or_else(|| path.to_owned());
        match replies.get_mut(&key) {
            Some(left) if left.len() > 1 => left.remove(0),
            Some(left) => left[0].clone(),
            None => Reply::status(404),
        }
    };
    let range: Option<usize> = range.filter(|_| reply.ranges && if_range.is_none_or(|tag| reply.etag == Some(&tag)));
    send(&mut stream, &reply, range)
}

fn send(stream: &mut TcpStream, reply: &Reply, range: Option<usize>) -> std::io::Result<()> {
    let total = reply.body.len();
    let (status, start, content_range) = match range {
        Some(start) if start >= total => (416, total, format!("content-range: bytes */{total}\r\n")),
        Some(start) => (206, start, format!("content-range: bytes {start}-{}/{total}\r\n", total - 1)),
        None => (reply.status, 0, String::new()),
    };
    let body = &reply.body[start..];
    let mut head =
        format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: {}\r\n{content_range}", reply.content_type);
    if reply.length {
        head.push_str(&["content-length: ", &body.len().to_string(), "\r\n"].concat());
    }
    if let Some(etag) = reply.etag {
        head.push_str(&["etag: ", etag, "\r\n"].concat());
    }
    if let Some(location) = &reply.location {
        head.push_str(&["location: ", location, "\r\n"].concat());
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let end = reply.cut.unwrap_or(total).clamp(start, total) - start;
    match reply.pause {
        Some((at, pause)) => {
            let at = at.clamp(start, total) - start;
            stream.write_all(&body[..at.min(end)])?;
            stream.flush()?;
            thread::sleep(pause);
            stream.write_all(&body[at.min(end)..end])
        }
        None => stream.write_all(&body[..end]),
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { line: line.trim_end().to_owned(), headers, body: String::from_utf8_lossy(&body).into_owned() })
}
