//! Whether Multipass can work here, before anything is made.

use super::{client::Multipass, error::MultipassError};
use crate::provider::needs::{Check, Status, check_multipass};

impl Multipass {
    /// Refuses, with what can be done, where no instance could ever run: without the command, or KVM.
    pub fn possible() -> Result<(), MultipassError> {
        refuse(&check_multipass())
    }

    /// The same, and that its daemon answers.
    pub async fn able(&self) -> Result<(), MultipassError> {
        Self::possible()?;
        self.version().await.map(drop)
    }
}

/// The refusal that missing needs amount to.
fn refuse(checks: &[Check]) -> Result<(), MultipassError> {
    let missing: Vec<&Check> = checks.iter().filter(|check| check.status == Status::Missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reason: Vec<String> = missing.iter().map(|check| format!("{}: {}", check.name, check.detail)).collect();
    let mut help: Vec<String> = missing.iter().filter_map(|check| check.fix.clone()).collect();
    help.push(
        "`--provider libvirt` emulates where there is no KVM; `--provider netns` needs no virtual machine".to_owned(),
    );
    Err(MultipassError::Unable { reason: reason.join("; "), help: help.join("\n") })
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic as _;

    use super::refuse;
    use crate::provider::needs::{Check, Status};

    #[test]
    fn the_refusal_says_what_to_do() {
        let check = |status, fix: Option<&str>| Check {
            name: "KVM".to_owned(),
            status,
            detail: "the processor offers no virtualisation".to_owned(),
            fix: fix.map(str::to_owned),
        };
        assert!(refuse(&[check(Status::Ok, None), check(Status::Warning, None)]).is_ok());
        let error = refuse(&[check(Status::Missing, Some("switch it on"))]).expect_err("no KVM");
        assert!(error.to_string().contains("KVM: the processor offers no virtualisation"), "{error}");
        let help = error.help().expect("what to do").to_string();
        assert!(help.contains("switch it on") && help.contains("--provider netns"), "{help}");
    }
}
