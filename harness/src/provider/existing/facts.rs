//! What a host is, asked without changing anything.

use std::net::IpAddr;

use super::os_release::OsRelease;
use crate::provider::{
    Command, Machine as _, MachineError,
    command_log::{CommandLog, now},
    ssh::SshMachine,
};

/// Asks everything at once. Each answer stands behind a line of its own name.
const QUESTIONS: &str = r#"echo @hostname; uname -n
echo @arch; uname -m
echo @systemd; if [ -d /run/systemd/system ]; then echo yes; fi
echo @addresses; hostname -I 2>/dev/null || ip -o addr show scope global | awk '{ sub("/.*", "", $4); print $4 }'
echo @claim; cat "$1" 2>/dev/null
echo @folders; ls -d /var/lib/pathlab /run/pathlab 2>/dev/null
echo @os; cat /etc/os-release 2>/dev/null || cat /usr/lib/os-release 2>/dev/null
true"#;

/// What a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its host name.
    pub hostname: String,
    /// Its own address, by which others reach it.
    pub address: IpAddr,
    /// Its processor's architecture, as `uname -m` says it.
    pub architecture: String,
    /// Whether systemd runs it.
    pub systemd: bool,
    /// What system it is.
    pub os: OsRelease,
    /// Id of the lab that has something on it, or had.
    pub claim: Option<String>,
    /// Folders of Pathlab that are there.
    pub folders: Vec<String>,
}

impl Facts {
    /// Asks the host.
    pub(super) async fn ask(machine: &SshMachine, log: Option<&CommandLog>) -> Result<Self, MachineError> {
        let command = Command::new(["sh", "-c", QUESTIONS, "sh", super::CLAIM]);
        let (began, ended) = (now(), machine.run(&command).await);
        if let Some(log) = log {
            log.ran(began, machine.name(), &command, &ended);
        }
        let output = ended?.success(machine.name(), &command)?;
        let text = output.text();
        let answers = Answers(&text);
        let address = match Self::connected(machine, log).await? {
            Some(address) if !address.is_loopback() => address,
            reached => answers.addresses().or(reached).unwrap_or(IpAddr::from([0, 0, 0, 0])),
        };
        Ok(Self {
            // As Kubernetes names the node.
            hostname: answers.line("hostname").to_lowercase(),
            address,
            architecture: answers.line("arch"),
            systemd: answers.line("systemd") == "yes",
            os: OsRelease::parse(&answers.all("os").join("\n")),
            claim: Some(answers.line("claim")).filter(|claim| !claim.is_empty()),
            folders: answers.all("folders").into_iter().map(str::to_owned).collect(),
        })
    }

    /// The host's own address of the connection by which it is reached; sshd tells its user only, not root.
    async fn connected(machine: &SshMachine, log: Option<&CommandLog>) -> Result<Option<IpAddr>, MachineError> {
        let command = Command::new(["sh", "-c", "echo \"$SSH_CONNECTION\""]);
        let (began, ended) = (now(), machine.run_as_login(&command).await);
        if let Some(log) = log {
            log.ran(began, machine.name(), &command, &ended);
        }
        Ok(ended?.text().split_whitespace().nth(2).and_then(|address| address.parse().ok()))
    }
}

/// The answers to the questions.
struct Answers<'a>(&'a str);

impl<'a> Answers<'a> {
    fn all(&self, name: &str) -> Vec<&'a str> {
        let after = self.0.lines().skip_while(|line| line.strip_prefix('@') != Some(name)).skip(1);
        let lines: Vec<&str> = after.collect();
        // The last answer is a file, which may hold anything.
        let end = if name == "os" { None } else { lines.iter().position(|line| line.starts_with('@')) };
        lines[..end.unwrap_or(lines.len())].to_vec()
    }

    fn line(&self, name: &str) -> String {
        self.all(name).first().map(|line| line.trim().to_owned()).unwrap_or_default()
    }

    fn addresses(&self) -> Option<IpAddr> {
        let all = self.all("addresses").join(" ");
        all.split_whitespace().filter_map(|word| word.parse().ok()).find(IpAddr::is_ipv4)
    }
}

#[cfg(test)]
mod tests {
    use super::Answers;

    #[test]
    fn each_answer_is_its_own() {
        let answers = Answers("@hostname\nRHEL-1\n@systemd\n@addresses\n2001:db8::1 192.0.2.7 \n@os\nID=x\n@y\n");
        assert_eq!((answers.line("hostname"), answers.line("systemd")), ("RHEL-1".to_owned(), String::new()));
        assert_eq!(answers.addresses(), Some([192, 0, 2, 7].into()));
        assert_eq!(answers.all("os"), ["ID=x", "@y"]);
        assert_eq!(answers.line("arch"), "");
    }
}
