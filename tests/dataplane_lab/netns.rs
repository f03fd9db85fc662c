//! Network namespaces for tests: each is held open by a file and entered by a thread of its own.

use std::{
    fs::File,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, setns, unshare};
use pathlab::cluster::dataplane::calico::Sysctl;

/// How long a connection may take.
pub const LIMIT: Duration = Duration::from_millis(1500);

/// A network namespace without any link yet.
pub struct Netns(File);

/// What an echo server said: its name, and the address that it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The server's name.
    pub name: String,
    /// The client's address as the server saw it.
    pub source: IpAddr,
}

impl Netns {
    /// A fresh namespace.
    pub fn new() -> Self {
        let file = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            File::open("/proc/thread-self/ns/net").expect("the namespace's file")
        });
        Self(file.join().expect("the thread ends well"))
    }

    /// What `ip link … netns` takes for this namespace.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Runs `work` inside.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).expect("the namespace can be entered");
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs a program inside, with this on its standard input; panics with its words when it fails.
    pub fn program(&self, argv: &[&str], stdin: &str) -> String {
        let output = self.run(|| {
            let (program, arguments) = argv.split_first().expect("a program");
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect(program);
            child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("the program reads");
            child.wait_with_output().expect("the program ends")
        });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{argv:?}: {}\n{said}\n{stdin}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Starts a program inside that goes on until the test's PID namespace ends.
    #[expect(clippy::zombie_processes, reason = "the PID namespace ends them all")]
    pub fn start(&self, argv: &[&str]) {
        self.run(|| {
            let (program, arguments) = argv.split_first().expect("a program");
            Command::new(program).args(arguments).stdin(Stdio::null()).spawn().expect(program);
        });
    }

    /// Writes kernel settings.
    pub fn sysctls(&self, sysctls: &[Sysctl]) {
        self.run(|| {
            for Sysctl { path, value } in sysctls {
                std::fs::write(format!("/proc/sys/{path}"), value).expect(path);
            }
        });
    }

    /// Serves TCP and UDP on a port: every answer is the server's name and the source address.
    pub fn serve(&self, name: &str, port: u16) {
        let (tcp, udp) = self.run(|| {
            let address = SocketAddr::from(([0, 0, 0, 0], port));
            (TcpListener::bind(address).expect("the port is free"), UdpSocket::bind(address).expect("the port is free"))
        });
        let (tcp_name, udp_name) = (name.to_owned(), name.to_owned());
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let source = stream.peer_addr().expect("a peer").ip();
                answer_http(stream, &format!("{tcp_name} {source}"));
            }
        });
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, peer)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(format!("{udp_name} {}", peer.ip()).as_bytes(), peer);
            }
        });
    }

    /// Asks a TCP server, with the HTTP request of this path and host.
    pub fn http(&self, to: SocketAddr, path: &str, host: &str) -> io::Result<String> {
        self.run(|| {
            let mut stream = TcpStream::connect_timeout(&to, LIMIT)?;
            stream.set_read_timeout(Some(LIMIT * 3))?;
            // In one write: the server reads once.
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        })
    }

    /// Asks an echo server over TCP.
    pub fn tcp(&self, to: SocketAddr) -> io::Result<Answer> {
        self.http(to, "/", "test").map(|text| answer(text.lines().last().unwrap_or_default()))
    }

    /// Asks an echo server over UDP.
    pub fn udp(&self, to: SocketAddr) -> io::Result<Answer> {
        self.datagram(to, b"hello").map(|bytes| answer(&String::from_utf8_lossy(&bytes)))
    }

    /// Sends a DNS query over TCP and waits for the answer.
    pub fn dns_over_tcp(&self, to: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
        self.run(|| {
            let mut stream = TcpStream::connect_timeout(&to, LIMIT)?;
            stream.set_read_timeout(Some(LIMIT))?;
            let length = u16::try_from(query.len()).expect("a short query").to_be_bytes();
            stream.write_all(&[&length, query].concat())?;
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        })
    }

    /// Sends a datagram and waits for the answer.
    pub fn datagram(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.set_read_timeout(Some(LIMIT))?;
            socket.connect(to)?;
            socket.send(bytes)?;
            let mut buffer = vec![0; 1500];
            let length = socket.recv(&mut buffer)?;
            buffer.truncate(length);
            Ok(buffer)
        })
    }
}

fn answer_http(mut stream: TcpStream, body: &str) {
    let mut request = [0; 2048];
    // One read is enough for the short requests of these tests; a client that is gone is no concern.
    if stream.read(&mut request).is_ok() {
        let length = body.len();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let _ = stream.write_all(text.as_bytes());
    }
}

fn answer(text: &str) -> Answer {
    let (name, source) = text.split_once(' ').unwrap_or_else(|| panic!("no answer of an echo server: {text:?}"));
    Answer { name: name.to_owned(), source: source.trim().parse().expect("an address") }
}
