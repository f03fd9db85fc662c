//! What decided the result: versions, manifests, the command, and the collected evidence.

use camino::{Utf8Component, Utf8Path};

use crate::{
    model::report::{MachineReport, Report},
    report::{
        text::{clean, shell_word, size},
        versions,
    },
};

/// The end of the page.
pub(super) struct About {
    pub(super) host: Vec<(&'static str, String)>,
    pub(super) machines: Vec<Machine>,
    pub(super) manifests: Vec<(String, String)>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) command: String,
    pub(super) pathlab: String,
}

/// What a distro's machines were.
pub(super) struct Machine {
    pub(super) distro: String,
    pub(super) versions: Vec<String>,
    pub(super) drift: Vec<String>,
    pub(super) not_covered: Vec<String>,
}

/// A collected file.
pub(super) struct Evidence {
    pub(super) machine: String,
    pub(super) name: String,
    pub(super) link: Option<String>,
    pub(super) size: String,
}

impl About {
    pub(super) fn of(report: &Report) -> Self {
        let run = &report.run;
        let host = versions::of_host(&run.host).into_iter();
        let words: Vec<_> = run.command.iter().map(|word| shell_word(word)).collect();
        Self {
            host: host.map(|(name, version)| (name, clean(version).into_owned())).collect(),
            machines: report.machines().into_iter().map(machine).collect(),
            manifests: report
                .manifests
                .iter()
                .map(|one| (clean(one.path.as_str()).into(), clean(&one.sha256).into()))
                .collect(),
            evidence: report.evidence.iter().map(evidence).collect(),
            command: clean(&words.join(" ")).into_owned(),
            pathlab: clean(&run.pathlab).into_owned(),
        }
    }
}

fn machine((distro, machine): (&str, &MachineReport)) -> Machine {
    let clean_all = |texts: &[String]| texts.iter().map(|text| clean(text).into_owned()).collect();
    Machine {
        distro: clean(distro).into_owned(),
        versions: clean_all(&versions::of_machine(machine)),
        drift: clean_all(&machine.drift),
        not_covered: clean_all(&machine.not_covered),
    }
}

fn evidence(file: &crate::model::EvidenceFile) -> Evidence {
    Evidence {
        machine: clean(&file.machine).into_owned(),
        name: clean(file.path.as_str()).into_owned(),
        link: link(&file.path),
        size: size(file.bytes),
    }
}

/// A link to a file in the report's folder; none for a path that leads anywhere else.
fn link(path: &Utf8Path) -> Option<String> {
    let mut link = String::from(".");
    for component in path.components() {
        let Utf8Component::Normal(name) = component else { return None };
        link.push('/');
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                link.push(char::from(byte));
            } else {
                link.push('%');
                link.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
            }
        }
    }
    (link.len() > 1).then_some(link)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::link;

    #[test]
    fn links_stay_in_the_folder() {
        let link = |path| link(Utf8Path::new(path));
        assert_eq!(link("evidence/rhel-9.5.tar.gz").as_deref(), Some("./evidence/rhel-9.5.tar.gz"));
        assert_eq!(link("javascript:alert(1)").as_deref(), Some("./javascript%3Aalert%281%29"));
        assert_eq!(link("a b/\"<ä").as_deref(), Some("./a%20b/%22%3C%C3%A4"));
        for path in ["", "..", "a/../../b", "/etc/passwd", "//host/x"] {
            assert_eq!(link(path), None, "{path}");
        }
    }
}
