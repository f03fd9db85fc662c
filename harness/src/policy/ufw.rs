//! ufw switched on, with its own program.

use super::must_run;
use crate::provider::{Machine, MachineError};

/// Adds the rules, then switches ufw on.
pub(super) async fn enable(machine: &dyn Machine, rules: &[String]) -> Result<(), MachineError> {
    for rule in rules {
        let words = ["ufw"].into_iter().chain(rule.split_whitespace());
        must_run(machine, &words.collect::<Vec<_>>()).await?;
    }
    must_run(machine, &["ufw", "--force", "enable"]).await?;
    must_run(machine, &["systemctl", "enable", "--now", "ufw"]).await
}
