//! The HTTP client: time limits, proxies from the environment, and no way from https to anything less.

use std::{sync::Once, time::Duration};

use reqwest::{Client, ClientBuilder, redirect::Policy};

use super::error::DownloadError;
use crate::{catalog::image::is_download_url, causes};

const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const MOST_REDIRECTS: usize = 10;

/// A client for downloads. When nothing arrives for `stall`, the transfer has failed.
pub(crate) fn for_downloads(stall: Duration) -> Result<Client, DownloadError> {
    let redirects = Policy::custom(|attempt| {
        if attempt.previous().len() > MOST_REDIRECTS {
            attempt.error("too many redirects")
        } else if is_download_url(attempt.url().as_str()) {
            attempt.follow()
        } else {
            attempt.error("redirected to a place that is not encrypted")
        }
    });
    finish(builder(stall).redirect(redirects))
}

/// A client for requests that carry secrets: it goes where it is sent and nowhere else.
pub(crate) fn for_secrets(stall: Duration) -> Result<Client, DownloadError> {
    finish(builder(stall).redirect(Policy::none()))
}

fn builder(stall: Duration) -> ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another part of the program may have been first, with the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    Client::builder()
        .user_agent(concat!("pathlab/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(stall.min(CONNECT_LIMIT))
        .read_timeout(stall)
}

fn finish(builder: ClientBuilder) -> Result<Client, DownloadError> {
    builder.build().map_err(|error| DownloadError::Client(causes::line(&error.without_url())))
}
