//! When a machine started, from what its kernel counts. Pure.

use jiff::Timestamp;

/// Clock ticks of `/proc/PID/stat` in a second: on Linux the same on every machine.
const TICKS: i64 = 100;

/// When process 1 started, by `/proc/stat` and `/proc/1/stat`. A machine that is a container is younger than its kernel.
pub(super) fn booted(text: &str) -> Option<Timestamp> {
    let kernel: i64 = text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())?;
    // The name of the process is in parentheses, and may hold anything; field 22 is the twentieth after it.
    let process = text.lines().rfind(|line| line.starts_with("1 ("))?;
    let (_, fields) = process.rsplit_once(") ")?;
    let ticks: i64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    Timestamp::from_second(kernel + ticks / TICKS).ok()
}

#[cfg(test)]
mod tests {
    use super::booted;

    #[test]
    fn the_start_of_process_1_counts() {
        let stat = |ticks: u32| {
            format!(
                "cpu  1 2 3\nbtime 1700000000\nprocesses 4\n\
                 1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {ticks} 9 10 11\n"
            )
        };
        assert_eq!(booted(&stat(2)).map(jiff::Timestamp::as_second), Some(1_700_000_000));
        assert_eq!(booted(&stat(12_345)).map(jiff::Timestamp::as_second), Some(1_700_000_123));
        assert_eq!(booted("btime 1700000000\n"), None);
    }
}
