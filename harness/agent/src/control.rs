//! The control socket: one request per connection, replies as they come, closing it cancels.

use std::{io, path::Path, time::Duration};

use lab_agent::protocol::{Identity, Reply, Request};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    select,
};

use crate::{batch::Batch, socket};

/// Longest request, in bytes: some hundred thousand probes.
const REQUEST_LIMIT: u64 = 64 << 20;

/// A control socket that listens.
pub struct Control {
    listener: UnixListener,
}

impl Control {
    /// Listens at `path`, which any user may connect to.
    pub fn bind(path: &Path) -> io::Result<Self> {
        socket::bind(path).map(|listener| Self { listener })
    }

    /// Serves in the background.
    pub fn start(self, identity: Identity) {
        tokio::spawn(async move {
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let identity = identity.clone();
                        // Whoever closes the connection early has cancelled: nobody is left to tell.
                        tokio::spawn(async move { drop(serve(stream, identity).await) });
                    }
                    Err(error) => {
                        eprintln!("lab-agent: failed to accept a control connection: {error}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: UnixStream, identity: Identity) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader.take(REQUEST_LIMIT));
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).await?;
    let request = match serde_json::from_slice(&line) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("not a request of this protocol: {error}");
            return reply(&mut writer, &Reply::Failed { message }).await;
        }
    };
    match request {
        Request::Hello => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            reply(&mut writer, &Reply::Hello { identity, version }).await?;
        }
        Request::Probe { probes, concurrency } => {
            let mut reader = reader.into_inner().into_inner();
            select! {
                () = closed(&mut reader) => return Ok(()),
                result = stream_results(&mut writer, Batch::new(probes, concurrency)) => result?,
            }
        }
    }
    reply(&mut writer, &Reply::Done).await
}

async fn stream_results(writer: &mut OwnedWriteHalf, mut batch: Batch) -> io::Result<()> {
    while let Some(result) = batch.next().await {
        reply(writer, &Reply::Result(result)).await?;
    }
    Ok(())
}

async fn reply(writer: &mut OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Waits for the end of the client's side. What it says after its request is not heard.
async fn closed(reader: &mut OwnedReadHalf) {
    let mut rest = [0; 256];
    while !matches!(reader.read(&mut rest).await, Ok(0) | Err(_)) {}
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

    use lab_agent::protocol::{Endpoint, Identity, Probe, ProbeKind, Reply, Request};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, UnixStream},
    };

    use super::Control;

    /// A folder of this test that goes away with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lab-agent-{name}-{}", std::process::id()));
            fs::create_dir(&path).expect("a fresh folder");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    async fn ask(path: &PathBuf, request: &[u8]) -> Vec<Reply> {
        let mut stream = UnixStream::connect(path).await.expect("listens");
        stream.write_all(request).await.expect("takes the request");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("answers");
        text.lines().map(|line| serde_json::from_str(line).expect("a reply")).collect()
    }

    #[tokio::test]
    async fn parents_are_made_and_stale_sockets_replaced() {
        let folder = Folder::new("stale");
        let path = folder.0.join("a/b/agent.sock");
        drop(Control::bind(&path).expect("listens"));
        let control = Control::bind(&path).expect("replaces the stale socket");
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o666);
        let error = Control::bind(&path).err().expect("a live socket stays");
        assert!(error.to_string().ends_with("another agent listens here"), "{error}");
        control.start(Identity { pod: "zeus".into(), ..Identity::default() });
        let replies = ask(&path, b"\"hello\"\n").await;
        assert!(matches!(&*replies, [Reply::Hello { identity, .. }, Reply::Done] if identity.pod == "zeus"));
    }

    #[tokio::test]
    async fn other_files_stay() {
        let folder = Folder::new("file");
        let path = folder.0.join("agent.sock");
        fs::write(&path, "precious").expect("writes");
        assert!(Control::bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).expect("reads"), "precious");
    }

    #[tokio::test]
    async fn closing_the_connection_ends_the_probes() {
        let folder = Folder::new("cancel");
        let path = folder.0.join("agent.sock");
        Control::bind(&path).expect("listens").start(Identity::default());
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let to = Endpoint { host: "127.0.0.1".into(), port: silent.local_addr().expect("bound").port() };
        let kind = ProbeKind::Tcp { to, bytes: 0 };
        let probe = Probe {
            id: 1,
            kind,
            timeout_ms: 3_600_000,
            expected_pods: vec![],
            repeat: 0,
            ipv6: false,
            source_port: None,
        };
        let request = Request::Probe { probes: vec![probe], concurrency: 1 };
        let mut line = serde_json::to_vec(&request).expect("serializes");
        line.push(b'\n');
        let mut client = UnixStream::connect(&path).await.expect("listens");
        client.write_all(&line).await.expect("takes the request");
        let (mut server, _) = silent.accept().await.expect("the probe comes");
        drop(client);
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.expect("the probe goes");
    }

    #[tokio::test]
    async fn nonsense_is_answered() {
        let folder = Folder::new("nonsense");
        let path = folder.0.join("agent.sock");
        Control::bind(&path).expect("listens").start(Identity::default());
        for request in [&b"\n"[..], b"{\"probe\":{}}\n", b"GET / HTTP/1.1\r\n\r\n"] {
            let replies = ask(&path, request).await;
            assert!(matches!(&*replies, [Reply::Failed { .. }]), "{replies:?}");
        }
    }
}
