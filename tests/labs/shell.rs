//! `lab shell` on a real terminal: size, job control, keys, exit status.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::Child,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use nix::pty::{Winsize, openpty};

use crate::{support::Home, trials};

/// How long the shell may take to say what is waited for.
const LIMIT: Duration = Duration::from_secs(20);

/// A program that says when it is there, and when it goes on after a stop; what the terminal shows of this line is neither.
const PROGRAM: &str = "sh -c 'trap \"echo ag\"\"ain\" CONT; echo he\"\"re; while :; do sleep 0.1; done'\n";

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![a_shell_has_a_terminal_of_its_own, without_a_terminal_a_shell_reads_its_input]
}

/// A `lab shell` with somebody at its terminal.
struct Shell {
    child: Child,
    terminal: File,
    said: String,
    more: Receiver<Vec<u8>>,
}

impl Shell {
    fn open(home: &Home, machine: &str) -> Self {
        let pty = openpty(Some(&size(30, 100)), None).expect("a terminal");
        let mut command = home.command(&["shell", "demo", machine]);
        let end = || std::process::Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        // SAFETY: only system calls between fork and exec.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                nix::errno::Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        let child = command.spawn().expect("lab starts");
        drop(command);
        drop(pty.slave);
        let terminal = File::from(pty.master);
        let mut reading = terminal.try_clone().expect("a descriptor");
        let (sender, more) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match reading.read(&mut buffer) {
                    Ok(length @ 1..) if sender.send(buffer[..length].to_vec()).is_ok() => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => return,
                }
            }
        });
        Self { child, terminal, said: String::new(), more }
    }

    fn type_in(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("somebody reads");
    }

    /// Waits until it has said this since the last call, and returns all that it said until then.
    fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.said.find(text) {
                return self.said.drain(..at + text.len()).collect();
            }
            match self.more.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("waited for {text:?}, heard {:?}", self.said)
                }
            }
        }
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = size(rows, columns);
        // SAFETY: the descriptor is open, and the structure lives through the call.
        let resized = unsafe { libc::ioctl(self.terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(resized, 0);
    }

    fn ended(mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }
}

const fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn a_shell_has_a_terminal_of_its_own() {
    let home = Home::new();
    home.ok(&["up", "demo", "rhel"]);
    let mut shell = Shell::open(&home, "rhel/node-1");
    shell.wait_for("demo:rhel-9.5/node-1# ");
    shell.type_in("stty size; tty; echo $TERM-$(hostname)\n");
    shell.wait_for("30 100\r\n/dev/pts/");
    shell.wait_for("xterm-node-1\r\n");
    // A window of another size, and who hears of it.
    shell.resize(20, 80);
    shell.type_in("sleep 0.3; stty size\n");
    shell.wait_for("20 80\r\n");
    // Job control: stop, look, and go on with something else; then a key that ends it.
    shell.type_in(PROGRAM);
    shell.wait_for("here\r\n");
    shell.type_in("\u{1a}");
    shell.wait_for("Stopped");
    shell.type_in("jobs; fg\n");
    shell.wait_for("[1]+  Stopped");
    shell.wait_for("again\r\n");
    shell.type_in("\u{3}");
    shell.wait_for("# ");
    shell.type_in("echo status $?; firewall-cmd --state\n");
    shell.wait_for("status 130\r\nrunning\r\n");
    shell.type_in("exit 9\n");
    assert_eq!(shell.ended(), Some(9));
    // A terminal that closes ends what runs on it.
    let mut shell = Shell::open(&home, "rhel/node-1");
    shell.wait_for("# ");
    shell.type_in("sh -c 'echo he\"\"re; exec sleep 602'\n");
    shell.wait_for("here\r\n");
    let Shell { mut child, terminal, .. } = shell;
    drop(terminal);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let left = home.ok(&["exec", "demo", "node-1", "--", "sh", "-c", "sleep 3; pgrep -fx 'sleep 602' || echo none"]);
    assert_eq!(left, "none\n");
    home.ok(&["down", "demo"]);
    home.is_empty("ended");
}

fn without_a_terminal_a_shell_reads_its_input() {
    let home = Home::new();
    home.up("demo");
    let ended = home.lab_with(&["shell", "demo", "outside"], b"hostname\necho $((6 * 7)) >&2\nexit 5\n");
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (5, "outside\n", "42\n"));
}
