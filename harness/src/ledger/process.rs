//! Processes, told apart from later ones that got the same number.

use std::fs;

use serde::{Deserialize, Serialize};

/// Identity of a process: number, start time, and the boot in which both mean something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since the machine's start (field 22 of `/proc/PID/stat`).
    pub started: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
}

impl ProcessId {
    /// This process.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(i32::try_from(std::process::id()).ok()?)
    }

    /// The process that has this number now; none when there is none.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let (state, started) = state_and_start(&stat)?;
        // A zombie has ended: only its number is still taken.
        (!matches!(state, 'Z' | 'X')).then(|| Self { pid, started, boot: boot.trim().to_owned() })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn lives(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }
}

/// The name in the middle may hold spaces and parentheses, so fields are counted from its end.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{ProcessId, state_and_start};

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(state_and_start(stat), Some(('S', 4711)));
        assert_eq!(state_and_start("7 (a"), None);
    }

    #[test]
    fn a_process_lives_until_it_ends_and_no_other_is_taken_for_it() {
        let own = ProcessId::own().expect("this process");
        assert!(own.lives());
        assert!(!ProcessId { started: own.started + 1, ..own.clone() }.lives());
        assert!(!ProcessId { boot: "another".to_owned(), ..own }.lives());
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat");
        let id = ProcessId::of(child.id().cast_signed()).expect("lives");
        child.kill().expect("a kill");
        // Not waited for yet: it is a zombie soon, and then counts as ended.
        while id.lives() {
            std::thread::yield_now();
        }
        child.wait().expect("an end");
        assert!(!id.lives());
    }
}
