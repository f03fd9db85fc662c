//! The command line of `lab-agent`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};
use lab_agent::{DEFAULT_HTTP_PORT, DEFAULT_STREAM_PORT};

/// Echo server in the pods and prober at every vantage of a Pathlab lab.
#[derive(Debug, Parser)]
#[command(name = "lab-agent", version)]
pub struct Arguments {
    /// What to do; without it, `echo` with its default ports.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer HTTP, TCP and UDP with who is here and which source address was seen.
    Echo {
        /// Serve HTTP on this port (repeatable). Without any port argument: HTTP on 8080, TCP and UDP on 8081.
        #[arg(long, value_name = "PORT")]
        http: Vec<u16>,
        /// Serve the TCP and UDP echo on this port (repeatable).
        #[arg(long, value_name = "PORT")]
        stream: Vec<u16>,
        /// Take probes from this unix socket, too.
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
    },
    /// Take probes from a unix socket.
    Serve {
        /// Where to listen. A socket that nobody listens on any more is replaced.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
    },
    /// Pass connections to a unix socket on to an address, such as the Kubernetes API's.
    Relay {
        /// Where to listen. A socket that nobody listens on any more is replaced.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// Address and port to connect to.
        #[arg(long, value_name = "ADDRESS:PORT")]
        to: SocketAddr,
    },
    /// Connect standard input and output to a unix socket.
    Pipe {
        /// The socket.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
    },
    /// Do nothing until told to end: holds a pod's namespaces.
    Pause,
}

/// Ports of the echo servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EchoPorts {
    /// HTTP.
    pub http: Vec<u16>,
    /// TCP and UDP.
    pub stream: Vec<u16>,
}

impl Default for EchoPorts {
    fn default() -> Self {
        Self { http: vec![DEFAULT_HTTP_PORT], stream: vec![DEFAULT_STREAM_PORT] }
    }
}

/// What the arguments ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Echo servers, if any.
    pub echo: Option<EchoPorts>,
    /// The control socket, if any.
    pub socket: Option<PathBuf>,
    /// Where to listen for connections to relay, and where they go.
    pub relay: Option<(PathBuf, SocketAddr)>,
    /// The socket that standard input and output lead to, and nothing else is done.
    pub pipe: Option<PathBuf>,
}

impl Arguments {
    /// What to do, with the defaults filled in.
    pub fn work(&self) -> Work {
        match &self.command {
            None => Work { echo: Some(EchoPorts::default()), ..Work::default() },
            Some(Command::Pause) => Work::default(),
            Some(Command::Serve { socket }) => Work { socket: Some(socket.clone()), ..Work::default() },
            Some(Command::Pipe { socket }) => Work { pipe: Some(socket.clone()), ..Work::default() },
            Some(Command::Relay { socket, to }) => Work { relay: Some((socket.clone(), *to)), ..Work::default() },
            Some(Command::Echo { http, stream, socket }) => {
                let ports = if http.is_empty() && stream.is_empty() {
                    EchoPorts::default()
                } else {
                    EchoPorts { http: http.clone(), stream: stream.clone() }
                };
                Work { echo: Some(ports), socket: socket.clone(), ..Work::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, EchoPorts, Work};

    fn work(arguments: &[&str]) -> Work {
        Arguments::try_parse_from([&["lab-agent"], arguments].concat()).expect("valid arguments").work()
    }

    /// HTTP and stream ports of the echo.
    fn ports(arguments: &[&str]) -> (Vec<u16>, Vec<u16>) {
        let EchoPorts { http, stream } = work(arguments).echo.expect("an echo");
        (http, stream)
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn given_ports_replace_the_defaults() {
        assert_eq!(ports(&[]), (vec![8080], vec![8081]));
        assert_eq!(ports(&["echo"]), (vec![8080], vec![8081]));
        assert_eq!(ports(&["echo", "--socket", "/run/a"]), (vec![8080], vec![8081]));
        assert_eq!(ports(&["echo", "--http=9090"]), (vec![9090], vec![]));
        assert_eq!(ports(&["echo", "--stream=1", "--stream", "2"]), (vec![], vec![1, 2]));
    }

    #[test]
    fn pause_has_no_work() {
        assert_eq!(work(&["pause"]), Work::default());
    }

    #[test]
    fn serve_has_no_echo_and_needs_a_socket() {
        let serve = work(&["serve", "--socket", "/run/a"]);
        assert_eq!((serve.echo, serve.socket), (None, Some("/run/a".into())));
        assert!(Arguments::try_parse_from(["lab-agent", "serve"]).is_err());
    }

    #[test]
    fn relay_needs_both_ends() {
        let relay = work(&["relay", "--socket", "/run/a", "--to", "127.0.0.1:16443"]);
        let to = "127.0.0.1:16443".parse().expect("an address");
        assert_eq!(relay, Work { relay: Some(("/run/a".into(), to)), ..Work::default() });
        assert!(Arguments::try_parse_from(["lab-agent", "relay", "--socket", "/run/a"]).is_err());
        assert!(Arguments::try_parse_from(["lab-agent", "relay", "--socket", "/run/a", "--to", "host:1"]).is_err());
    }

    #[test]
    fn pipe_needs_a_socket() {
        assert_eq!(work(&["pipe", "--socket", "/run/a"]), Work { pipe: Some("/run/a".into()), ..Work::default() });
        assert!(Arguments::try_parse_from(["lab-agent", "pipe"]).is_err());
    }

    #[test]
    fn unknown_arguments_are_refused() {
        for arguments in [&["ping"][..], &["echo", "--http=70000"], &["echo", "80"], &["--http=1"]] {
            assert!(Arguments::try_parse_from([&["lab-agent"], arguments].concat()).is_err(), "{arguments:?}");
        }
    }
}
