//! The HTTP echo: 200 to any method and path, with a line of JSON and then as much filler as was asked for.

use std::{net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HOST},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use lab_agent::protocol::Identity;
use tokio::net::TcpListener;

use super::{BYTES_HEADER, Echo};
use crate::{
    frame::{PAYLOAD_LIMIT, filler},
    listen,
};

/// Answers every connection, until the process ends.
pub async fn serve(listener: TcpListener, identity: Arc<Identity>) {
    loop {
        let (stream, from) = listen::accept(&listener).await;
        let identity = Arc::clone(&identity);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, from, &identity));
            // A client that goes away is its own business.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    from: SocketAddr,
    identity: &Identity,
) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, mut body) = request.into_parts();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame?.data_ref().map_or(0, Bytes::len);
    }
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let wanted = head.headers.get(BYTES_HEADER).map_or_else(|| "0".to_owned(), text);
    let Some(bytes) = wanted.parse().ok().filter(|bytes| *bytes <= PAYLOAD_LIMIT) else {
        let reason = format!("{BYTES_HEADER} must be a number up to {PAYLOAD_LIMIT}\n");
        return Ok(response(StatusCode::BAD_REQUEST, "text/plain", reason.into_bytes()));
    };
    let echo = Echo {
        path: Some(head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)),
        host: head.headers.get(HOST).map(text),
        ..Echo::new(identity, from, received)
    };
    let mut content = echo.json();
    content.push(b'\n');
    content.extend(filler(bytes));
    let kind = if bytes == 0 { "application/json" } else { "application/octet-stream" };
    Ok(response(StatusCode::OK, kind, content))
}

fn response(status: StatusCode, kind: &'static str, content: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(content));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
