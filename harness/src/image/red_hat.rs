//! Red Hat's API: from an offline token to the place and the sum of an image.
//!
//! Secrets here are the offline token, the access token and the address of the download, which is signed. None of them
//! is in any text of this module's errors.

use std::{fmt, time::Duration};

use fs_err as fs;
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, de::DeserializeOwned};

use super::error::ImageError;
use crate::{
    catalog::image::is_download_url,
    causes,
    download::{Sha256Digest, client},
};

/// The environment variable with the offline token.
pub const TOKEN_VARIABLE: &str = "PATHLAB_RHSM_OFFLINE_TOKEN";
/// The environment variable that names a file with the offline token.
pub const TOKEN_FILE_VARIABLE: &str = "PATHLAB_RHSM_OFFLINE_TOKEN_FILE";
/// One server in the place of Red Hat's two, on this machine: for tests.
const SERVER_VARIABLE: &str = "PATHLAB_RHSM_SERVER";
const SSO: &str = "https://sso.redhat.com";
const API: &str = "https://api.access.redhat.com";

/// What the API says of an image.
pub(super) struct Offer {
    pub url: Url,
    pub sum: Sha256Digest,
}

/// A text that is never shown.
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[derive(Deserialize)]
struct Access {
    access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

#[derive(Deserialize)]
struct Body<T> {
    body: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    filename: String,
    download_href: String,
    #[serde(default)]
    checksum: String,
}

#[derive(Deserialize)]
struct Place {
    href: String,
}

/// Asks for the image with this file name.
pub(super) async fn offer(distro: &str, release: &str, filename: &str, stall: Duration) -> Result<Offer, ImageError> {
    let failed = |problem: String| ImageError::Account {
        distro: distro.to_owned(),
        problem,
        help: format!(
            "an offline token comes from access.redhat.com/management/api and goes into {TOKEN_VARIABLE}, \
            or into a file that {TOKEN_FILE_VARIABLE} names"
        ),
    };
    let token = token().map_err(failed)?;
    let client = client::for_secrets(stall)?;
    find(&client, &token, release, filename).await.map_err(failed)
}

async fn find(client: &Client, token: &Secret, release: &str, filename: &str) -> Result<Offer, String> {
    let (sso, api) = servers()?;
    let access = access(client, &sso, token).await?;
    let list = address(&api, &format!("management/v1/images/rhel/{release}/x86_64"))?;
    let entries: Body<Vec<Entry>> = answer("the list of images", client.get(list).bearer_auth(&access.0)).await?;
    let entry = entries.body.into_iter().find(|entry| entry.filename == filename);
    let entry = entry.ok_or_else(|| format!("there is no {filename} among the images of release {release}"))?;
    let sum = entry.checksum.parse().map_err(|error| format!("the checksum of {filename} is {error}"))?;
    let ask = address(&api, &entry.download_href)?;
    // The token goes to the server that it is for, whatever the list says.
    if ask.origin() != api.origin() {
        return Err(format!("the list of images names another server for {filename}"));
    }
    let place: Body<Place> = answer("the place of the image", client.get(ask).bearer_auth(&access.0)).await?;
    match place.body.href.parse() {
        Ok(url) if is_download_url(&place.body.href) => Ok(Offer { url, sum }),
        _ => Err("the place of the image is no HTTPS URL".to_owned()),
    }
}

async fn access(client: &Client, sso: &Url, token: &Secret) -> Result<Secret, String> {
    let url = address(sso, "auth/realms/redhat-external/protocol/openid-connect/token")?;
    let form = form(&[("grant_type", "refresh_token"), ("client_id", "rhsm-api"), ("refresh_token", &token.0)]);
    let request = client.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let access: Access = answer("an access token", request).await?;
    Ok(Secret(access.access_token))
}

/// Sends a request and reads its answer. The answer's text is never shown: it may be a secret, or repeat one.
async fn answer<T: DeserializeOwned>(what: &str, request: RequestBuilder) -> Result<T, String> {
    let response = request.send().await.map_err(|error| format!("{what}: {}", causes::line(&error.without_url())))?;
    let status = response.status();
    let text = response.bytes().await.map_err(|error| format!("{what}: {}", causes::line(&error.without_url())))?;
    if !status.is_success() {
        let known = ["invalid_grant", "invalid_client", "invalid_request", "unauthorized_client"];
        let refusal = serde_json::from_slice(&text).map(|refusal: Refusal| refusal.error).unwrap_or_default();
        let reason = known.iter().find(|word| **word == refusal).map_or_else(String::new, |word| format!(", {word}"));
        let expired = if refusal == "invalid_grant" { ": the offline token is wrong or has expired" } else { "" };
        return Err(format!("{what}: status {}{reason}{expired}", status.as_u16()));
    }
    serde_json::from_slice(&text).map_err(|_| format!("{what}: the answer is of an unknown form"))
}

fn token() -> Result<Secret, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    if let Some(token) = variable(TOKEN_VARIABLE) {
        return Ok(Secret(token.trim().to_owned()));
    }
    let file = variable(TOKEN_FILE_VARIABLE)
        .ok_or_else(|| format!("neither {TOKEN_VARIABLE} nor {TOKEN_FILE_VARIABLE} is set"))?;
    match fs::read_to_string(&file) {
        Ok(token) if !token.trim().is_empty() => Ok(Secret(token.trim().to_owned())),
        Ok(_) => Err(format!("{file}, which {TOKEN_FILE_VARIABLE} names, is empty")),
        Err(error) => Err(format!("{file}, which {TOKEN_FILE_VARIABLE} names, cannot be read: {}", error.kind())),
    }
}

/// Where tokens are given and where images are. Nothing in the environment sends a token to another machine.
fn servers() -> Result<(Url, Url), String> {
    let url = |text: &str| text.parse::<Url>().map_err(|error| format!("{text}: {error}"));
    match std::env::var(SERVER_VARIABLE) {
        Ok(server) if server.starts_with("http://") && is_download_url(&server) => Ok((url(&server)?, url(&server)?)),
        Ok(_) => Err(format!("{SERVER_VARIABLE} names no server of this machine")),
        Err(_) => Ok((url(SSO)?, url(API)?)),
    }
}

fn address(server: &Url, path: &str) -> Result<Url, String> {
    server.join(path).map_err(|error| format!("an address that is none: {error}"))
}

/// The body of a form.
fn form(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://127.0.0.1/").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().extend_pairs(fields);
    }
    url.as_ref().and_then(Url::query).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Secret, form};

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret("word".to_owned())), "(secret)");
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form(&[("a", "b c&d"), ("e", "ü")]), "a=b+c%26d&e=%C3%BC");
    }
}
