//! One request to one place: takes what arrives up to the end of the file, from where the last one was cut off.

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE},
};

use super::{
    error::DownloadError,
    kind::Kind,
    part::Part,
    progress::Progress,
    sum::Sum,
    turn::need_room,
    words::{place, size},
};
use crate::causes;

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub client: &'a Client,
    /// How lines of progress begin: the distro's id, the snap's name.
    pub label: &'a str,
    /// What it is, in an error: `the image of rhel-9.5`.
    pub what: &'a str,
    /// What else the user can do when no place has it.
    pub otherwise: Option<&'a str>,
    /// Where the finished file will be; the part is beside it.
    pub file: &'a camino::Utf8Path,
    /// What its sum must be.
    pub sum: Sum,
    /// What the file must be.
    pub kind: Kind,
    /// Bytes that it must have, when that is known.
    pub size: Option<u64>,
    /// Seconds after which a silent server has failed.
    pub stall: std::time::Duration,
    pub progress: &'a Progress,
}

/// Why a request did not bring the end of the file.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The transfer failed on its way: the same again may go well, and goes on where this one ended.
    Transport(String),
    /// The place does not have what is wanted.
    Refused(String),
    /// This machine cannot take it.
    Here(DownloadError),
}

impl From<DownloadError> for Stop {
    fn from(error: DownloadError) -> Self {
        Self::Here(error)
    }
}

/// Brings the part to its end, or as far as it goes.
pub(crate) async fn transfer(wanted: &Wanted<'_>, url: &Url, part: &mut Part) -> Result<(), Stop> {
    let mut response = ask(wanted, url, part).await?;
    let status = response.status();
    let rest = response.content_length();
    match status {
        StatusCode::OK => part.restart(url, &response)?,
        StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(part.length()) => {}
        StatusCode::PARTIAL_CONTENT => {
            part.empty()?;
            return Err(Stop::Transport("the server sent another range than it was asked for".to_owned()));
        }
        StatusCode::RANGE_NOT_SATISFIABLE if full_size(&response) == Some(part.length()) => return Ok(()),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            part.empty()?;
            return Err(Stop::Transport("the server's file is shorter than what arrived before".to_owned()));
        }
        _ => return Err(Stop::Refused(refusal(&response))),
    }
    let total = rest.map(|rest| part.length() + rest);
    if let (Some(total), Some(size_wanted)) = (total, wanted.size)
        && total != size_wanted
    {
        let page = if is_text(&response) { "; is that a login page?" } else { "" };
        let kind = content_type(&response);
        return Err(Stop::Refused(format!("offers {total} bytes ({kind}), expected {size_wanted}{page}")));
    }
    if let Some(rest) = rest {
        need_room(wanted.file.parent().unwrap_or(wanted.file), rest)?;
    }
    announce(wanted, url, part.length(), total);
    let kind = content_type(&response);
    receive(wanted, &mut response, part, &kind, total).await
}

async fn ask(wanted: &Wanted<'_>, url: &Url, part: &Part) -> Result<Response, Stop> {
    let mut request = wanted.client.get(url.clone());
    if part.length() > 0 {
        request = request.header(RANGE, format!("bytes={}-", part.length()));
        if let Some(validator) = part.validator(url) {
            request = request.header(IF_RANGE, validator);
        }
    }
    request.send().await.map_err(|error| {
        if error.is_redirect() { Stop::Refused(causes::line(&error.without_url())) } else { broken(wanted, error) }
    })
}

async fn receive(
    wanted: &Wanted<'_>,
    response: &mut Response,
    part: &mut Part,
    content_type: &str,
    total: Option<u64>,
) -> Result<(), Stop> {
    let wrong = |part: &Part| (part.kind() != wanted.kind).then(|| wrong_kind(wanted, part, content_type, total));
    let mut judged = false;
    loop {
        match response.chunk().await.map_err(|error| broken(wanted, error))? {
            Some(bytes) => {
                part.add(&bytes)?;
                wanted.progress.add(bytes.len() as u64);
            }
            None if part.length() < total.unwrap_or(0).max(wanted.size.unwrap_or(0)) => {
                return Err(Stop::Transport(format!("ended after {}", size(part.length()))));
            }
            None => {
                return wrong(part).map_or(Ok(()), Err);
            }
        }
        if !judged && part.has_sample() {
            judged = true;
            if let Some(stop) = wrong(part) {
                return Err(stop);
            }
        }
    }
}

/// Says what arrived, and that it is not what was asked for.
fn wrong_kind(wanted: &Wanted<'_>, part: &Part, content_type: &str, total: Option<u64>) -> Stop {
    let bytes = size(total.unwrap_or(part.length()));
    let login = match part.kind() {
        Kind::Html => "; does this network ask for a login in a browser?",
        _ => "",
    };
    Stop::Refused(format!("sent {} ({content_type}, {bytes}), expected {}{login}", part.kind(), wanted.kind))
}

fn announce(wanted: &Wanted<'_>, url: &Url, done: u64, total: Option<u64>) {
    let what = match (done, total) {
        (0, Some(total)) => format!("{}: downloading {} from {}", wanted.label, size(total), place(url)),
        (0, None) => format!("{}: downloading from {}", wanted.label, place(url)),
        (done, Some(total)) => {
            format!("{}: going on at {} of {} from {}", wanted.label, size(done), size(total), place(url))
        }
        (done, None) => format!("{}: going on at {} from {}", wanted.label, size(done), place(url)),
    };
    wanted.progress.start(&what, done, total);
}

fn broken(wanted: &Wanted<'_>, error: reqwest::Error) -> Stop {
    if error.is_timeout() && !error.is_connect() {
        return Stop::Transport(format!("nothing arrived for {} s", wanted.stall.as_secs()));
    }
    Stop::Transport(causes::line(&error.without_url()))
}

fn refusal(response: &Response) -> String {
    let status = response.status();
    let word = status.canonical_reason().unwrap_or("no known status");
    format!("answered {} {word} ({})", status.as_u16(), content_type(response))
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.map_or_else(|| "no content type".to_owned(), |value| value.chars().filter(|c| !c.is_control()).collect())
}

fn is_text(response: &Response) -> bool {
    content_type(response).starts_with("text/")
}

fn range(response: &Response) -> Option<(&str, &str)> {
    const NAME: HeaderName = CONTENT_RANGE;
    response.headers().get(NAME)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')
}

fn starts_at(response: &Response) -> Option<u64> {
    range(response)?.0.split_once('-')?.0.parse().ok()
}

fn full_size(response: &Response) -> Option<u64> {
    range(response)?.1.parse().ok()
}
