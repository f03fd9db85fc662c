//! One cluster's API.

use std::{fmt, sync::Arc, time::Duration};

use kube::Client;
use tokio::time::{Instant, sleep, timeout};

use super::{
    access::KubeAccess,
    error::{KubeError, said},
    kinds::Kinds,
    patience::ANSWER,
    transport,
};

/// Between two looks at something that is waited for.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// The oldest minor version of Kubernetes 1 that this module is made for.
const OLDEST_MINOR: u32 = 20;

/// One cluster's API. Cheap to clone.
#[derive(Clone)]
pub struct KubeApi {
    pub(super) client: Client,
    pub(super) version: ServerVersion,
    pub(super) kinds: Arc<Kinds>,
    pub(super) answer: Duration,
}

/// What the server says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// As the server writes it: `v1.20.2`.
    pub git: String,
    /// The second number.
    pub minor: u32,
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.git)
    }
}

impl KubeApi {
    /// Connects, and waits until the server says that it is ready.
    pub async fn connect(access: KubeAccess, limit: Duration) -> Result<Self, KubeError> {
        let client = transport::client(&access.config, access.dial)
            .map_err(|error| KubeError::Kubeconfig { reason: said(&error) })?;
        let version = ready_within(&client, ANSWER, limit).await?;
        Self::with_client(client, version)
    }

    /// Waits until the server, which somebody may have restarted, says that it is ready.
    pub async fn ready_again(&self, limit: Duration) -> Result<(), KubeError> {
        ready_within(&self.client, self.answer, limit).await.map(drop)
    }

    pub(super) fn with_client(client: Client, version: ServerVersion) -> Result<Self, KubeError> {
        if version.minor < OLDEST_MINOR {
            return Err(KubeError::Missing(format!("the cluster is {version}; 1.{OLDEST_MINOR} or later is needed")));
        }
        let kinds = Arc::new(Kinds::new(client.clone()));
        Ok(Self { client, version, kinds, answer: ANSWER })
    }

    /// The same for a server that may take so long for one answer.
    #[must_use]
    pub const fn answering_within(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }

    /// The client, for what this module has no word for.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The server's version.
    #[must_use]
    pub const fn version(&self) -> &ServerVersion {
        &self.version
    }
}

/// The version of a server, once it is ready. One answer may take `answer`.
async fn ready_within(client: &Client, answer: Duration, limit: Duration) -> Result<ServerVersion, KubeError> {
    let end = Instant::now() + limit;
    loop {
        let last = match timeout(answer, ready(client)).await {
            Ok(Ok(version)) => return Ok(version),
            Ok(Err(last)) => last,
            Err(_) => "it takes connections, but does not answer".to_owned(),
        };
        if Instant::now() >= end {
            return Err(KubeError::NotReady { limit, last });
        }
        sleep(PAUSE).await;
    }
}

/// The version of a server that is ready, else why it is not.
async fn ready(client: &Client) -> Result<ServerVersion, String> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map_err(|error| said(&error))?;
    let info = client.apiserver_version().await.map_err(|error| said(&error))?;
    // Some builds write `20+`.
    let digits: String = info.minor.chars().take_while(char::is_ascii_digit).collect();
    let minor = digits.parse().map_err(|_| format!("it calls itself {}.{}", info.major, info.minor))?;
    Ok(ServerVersion { git: info.git_version, minor })
}
