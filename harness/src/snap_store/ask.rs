//! Questions with short answers.

use std::time::Duration;

use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE},
};

use serde::Deserialize;

use super::{error::SnapStoreError, options::StoreOptions};
use crate::{
    causes,
    download::{
        Kind,
        words::{place, size},
    },
};

/// How often a question is asked when the way to the store fails.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// No answer is longer. snapd takes assertions of 2 MiB (`asserts/asserts.go`, `MaxBodySize`).
const LONGEST: usize = 4 << 20;

/// Who asks the store, and about which snap.
pub(super) struct Asker<'a> {
    pub client: &'a Client,
    pub options: &'a StoreOptions,
    pub snap: &'a str,
}

/// What was answered.
pub(super) struct Answer {
    pub status: StatusCode,
    content_type: String,
    pub body: Vec<u8>,
}

/// How the store says no to a whole question (snapd: `store/store_asserts.go`, `assertionSvcError`).
#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "error-list")]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

impl Asker<'_> {
    /// A place of the store's API.
    pub fn url(&self, path: &str) -> Result<Url, SnapStoreError> {
        let store = &self.options.store;
        store.join(path).map_err(|error| self.failed(store, &error.to_string()))
    }

    /// Asks with the headers that every question to the store has (snapd: `store/store.go`, `newRequest`).
    pub async fn ask(&self, request: RequestBuilder, url: &Url, accept: &str) -> Result<Answer, SnapStoreError> {
        let request = request
            .header(ACCEPT, accept)
            .header("Snap-Device-Series", "16")
            .header("Snap-Device-Architecture", self.options.architecture)
            .header("Snap-Device-Capabilities", "default-tracks");
        let (mut tries, mut pause) = (0, FIRST_PAUSE);
        loop {
            tries += 1;
            // Bodies are bytes, so that there is a copy.
            let again = request.try_clone().ok_or_else(|| self.failed(url, "the question cannot be asked"))?;
            let problem = match answer(again).await {
                Ok(answer) if !passing(answer.status) => return Ok(answer),
                Ok(answer) => answer.refusal(),
                Err(problem) => problem,
            };
            if tries == TRIES {
                return Err(self.failed(url, &problem));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// There is no answer that can be used.
    pub fn failed(&self, url: &Url, problem: &str) -> SnapStoreError {
        SnapStoreError::Answer { snap: self.snap.to_owned(), place: place(url), problem: problem.to_owned() }
    }
}

impl Answer {
    /// That something else was sent than `expected`.
    pub fn is_not(&self, expected: &str) -> String {
        let kind = Kind::of(&self.body);
        let login = if kind == Kind::Html { "; does this network ask for a login in a browser?" } else { "" };
        let length = size(self.body.len() as u64);
        format!("sent {kind} ({}, {length}), expected {expected}{login}", self.content_type)
    }

    /// That the status says no, with what the store says to that.
    pub fn refusal(&self) -> String {
        let word = self.status.canonical_reason().unwrap_or("no known status");
        let said = serde_json::from_slice::<Refused>(&self.body).ok().and_then(|all| all.errors.into_iter().next());
        let said = said.map_or_else(|| format!(" ({})", self.content_type), |error| format!(": {}", error.message));
        format!("answered {} {word}{said}", self.status.as_u16())
    }
}

/// Whether the same question may be answered later.
fn passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

async fn answer(request: RequestBuilder) -> Result<Answer, String> {
    let said = |error: reqwest::Error| causes::line(&error.without_url());
    let mut response = request.send().await.map_err(said)?;
    let (status, content_type) = (response.status(), content_type(&response));
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(said)? {
        body.extend_from_slice(&bytes);
        if body.len() > LONGEST {
            return Err(format!("sent more than {}, which no answer of a store is", size(LONGEST as u64)));
        }
    }
    Ok(Answer { status, content_type, body })
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.map_or_else(|| "no content type".to_owned(), |value| value.chars().filter(|c| !c.is_control()).collect())
}
