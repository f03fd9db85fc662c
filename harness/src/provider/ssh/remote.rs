//! What runs on the machine around each program: it says how the program started and ended, and ends it in time.
//!
//! The exit status of `ssh` cannot tell a command's 255 from a lost connection, and ending `ssh` leaves the command
//! running. So the program's standard error carries [marks](super::marks), and the program has a watcher beside it.
//! The last mark stands on standard output, too: the two streams come each at its own pace, and neither need close at
//! the program's end, for what it started in the background may hold them.
//! The script itself travels on standard input, ahead of what the program reads: the login shell, whatever it is,
//! sees no word of it and the length of a line is no limit.

use std::{fmt::Write as _, time::Duration};

/// The search path of root, which is what `sudo`, a login and a systemd unit agree on, and snaps.
pub(super) const PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:/var/lib/snapd/snap/bin";

/// Status by which the watcher says that the time was over.
const OVERDUE: u8 = 42;

/// Who runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As<'a> {
    /// Root, for this login user.
    Root(&'a str),
    /// The login user.
    Login,
}

/// The line for the login shell: it reads so many bytes of script from standard input and runs them.
///
/// It holds nothing that the shells in use (POSIX ones, csh, fish) would read differently.
pub(super) fn line(runs_as: As<'_>, script: &str) -> String {
    let length = script.len();
    match runs_as {
        As::Root(user) if user != "root" => {
            format!(r#"exec sh -c 'exec sudo -n -H sh -c "sshd=$PPID; eval \"\$(head -c {length})\""'"#)
        }
        As::Root(_) | As::Login => format!(r#"exec sh -c 'sshd=$PPID; eval "$(head -c {length})"'"#),
    }
}

/// The line that kills a program and all that it started.
pub(super) fn kill_line(runs_as: As<'_>, process: u32) -> String {
    let kill = format!("kill -KILL -{process} || kill -KILL {process}");
    match runs_as {
        As::Root(user) if user != "root" => format!("exec sudo -n sh -c '{kill}'"),
        As::Root(_) | As::Login => format!("exec sh -c '{kill}'"),
    }
}

/// The line and the script, which goes first on standard input, that run a program as root for this login user.
pub(in crate::provider) fn run_as_root(
    user: &str,
    argv: &[String],
    token: &str,
    limit: Option<Duration>,
) -> (String, Vec<u8>) {
    let script = script(argv, token, limit);
    (line(As::Root(user), &script), script.into_bytes())
}

/// The line that kills a program of root's and all that it started, for a login user who may become root.
pub(in crate::provider) fn kill_as_root(process: u32) -> String {
    kill_line(As::Root(""), process)
}

/// The script that runs a program. Every mark of its begins with `token`.
pub(super) fn script(argv: &[String], token: &str, limit: Option<Duration>) -> String {
    let words = argv.iter().fold(String::new(), |mut words, word| {
        write!(words, " {}", quoted(word)).expect("a String takes everything");
        words
    });
    let (seconds, rest) = limit.map_or((u64::MAX >> 2, 0), |limit| (limit.as_secs(), limit.subsec_millis()));
    // A stream may be full for a moment: a program can have made it non-blocking, for all that write to it.
    format!(
        r#"say() {{
    tries=0
    until printf '\000%s %s\n' {token} "$*" >&4 || [ $tries -ge 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}}
end() {{ say "$@"; say "$@" 4>&5; }}
exec 3<&0 4>&2 5>&1 </dev/null 2>/dev/null
umask 022
cd /
export PATH={PATH} LC_ALL=C.UTF-8
set --{words}
case $1 in
*/*) [ -e "$1" ] || {{ end refused no such file; exit 0; }}
    if [ -d "$1" ] || [ ! -x "$1" ]; then end refused it may not be executed; exit 0; fi ;;
*) command -v "$1" >/dev/null || {{ end refused no such program in the search path; exit 0; }} ;;
esac
setsid -- "$@" <&3 2>&4 3<&- 4>&- 5>&- &
p=$!
exec 3<&- >/dev/null
(
    sleep 0.{rest:03}
    n={seconds}
    while [ $n -gt 0 ] && kill -0 $sshd; do sleep 1; n=$((n - 1)); done
    trap '' TERM
    kill -KILL -$p || kill -KILL $p
    exit {OVERDUE}
) 4>&- 5>&- &
w=$!
say started $p
wait $p
s=$?
kill $w
wait $w
if [ $? = {OVERDUE} ]; then end overdue; else end ended $s; fi"#
    )
}

/// A word that any POSIX shell takes as it is.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{As, line, quoted};

    #[test]
    fn words_are_taken_as_they_are() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's $(x)\n"), "'it'\\''s $(x)\n'");
    }

    #[test]
    fn the_line_is_the_same_for_every_program() {
        assert_eq!(line(As::Root("root"), "abc"), r#"exec sh -c 'sshd=$PPID; eval "$(head -c 3)"'"#);
        assert_eq!(
            line(As::Root("rocky"), "abc"),
            r#"exec sh -c 'exec sudo -n -H sh -c "sshd=$PPID; eval \"\$(head -c 3)\""'"#
        );
    }
}
