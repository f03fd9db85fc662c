//! The programs that a provider runs: the table that set-up installs from, looked up on this machine.

use std::{env, os::unix::fs::PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Check, Status};

const TABLE: &str = include_str!("../../../setup/programs.tsv");

/// Administrators' programs are not on everybody's `PATH`.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Who needs a program: the groups of the table that are providers, and the build of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Netns,
    Libvirt,
    Image,
    Multipass,
    Ssh,
}

impl Group {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Netns => "netns",
            Self::Libvirt => "libvirt",
            Self::Image => "image",
            Self::Multipass => "multipass",
            Self::Ssh => "ssh",
        }
    }
}

/// One line of the table.
#[derive(Debug)]
struct Program {
    group: &'static str,
    required: bool,
    name: &'static str,
    apt: &'static str,
    dnf: &'static str,
    why: &'static str,
}

/// Where a program is: looked for on `PATH` and in the administrators' folders.
#[must_use]
pub fn find_program(name: &str) -> Option<Utf8PathBuf> {
    let path = env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(SYSTEM_FOLDERS)
        .filter(|folder| !folder.is_empty())
        .map(|folder| Utf8Path::new(folder).join(name))
        .find(|file| is_executable(file))
}

/// `PATH` with the administrators' folders behind it.
pub(super) fn search_path() -> String {
    format!("{}:{}", env::var("PATH").unwrap_or_default(), SYSTEM_FOLDERS.join(":"))
}

/// Each program of the group: where it is, or which package holds it.
pub(super) fn check_programs(group: Group) -> Vec<Check> {
    let manager = Manager::of_this_machine();
    table()
        .filter(|program| program.group == group.as_str())
        .map(|program| check(&program, group, manager, find_program(program.name).as_deref()))
        .collect()
}

fn check(program: &Program, group: Group, manager: Manager, found: Option<&Utf8Path>) -> Check {
    if let Some(file) = found {
        return Check::ok(program.name, file.as_str());
    }
    let status = if program.required { Status::Missing } else { Status::Warning };
    Check::lacking(program.name, status, format!("not found; {}", program.why), how_to_get(program, group, manager))
}

/// Set-up installs what the default provider needs: by hand, a package might start a firewall on this machine.
fn how_to_get(program: &Program, group: Group, manager: Manager) -> String {
    let package = match manager {
        Manager::Apt => program.apt,
        Manager::Dnf => program.dnf,
        Manager::Other => return format!("install the package that holds {}", program.name),
    };
    if group == Group::Netns {
        return format!("just setup (package {})", package.replace('|', " or "));
    }
    match package.strip_prefix("snap:") {
        Some(snap) => format!("sudo snap install {snap}"),
        None => format!("sudo {} install {package}", manager.command()),
    }
}

fn table() -> impl Iterator<Item = Program> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        let (group, need, name, apt, dnf, _unit, why) = (next()?, next()?, next()?, next()?, next()?, next()?, next()?);
        Some(Program { group, required: need == "required", name, apt, dnf, why })
    })
}

/// What installs packages here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Other,
}

impl Manager {
    fn of_this_machine() -> Self {
        [Self::Apt, Self::Dnf].into_iter().find(|it| find_program(it.command()).is_some()).unwrap_or(Self::Other)
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Other => "",
        }
    }
}

fn is_executable(file: &Utf8Path) -> bool {
    fs_err::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::{Group, Manager, Program, TABLE, check, find_program, table};
    use crate::provider::needs::Status;

    fn program(name: &str) -> Program {
        table().find(|program| program.name == name).expect("in the table")
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(table().count(), lines.clone().count());
        for line in lines {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), 7, "{line}");
            assert!(columns.iter().all(|column| !column.is_empty()), "{line}: the shell would join empty columns");
            assert!(["required", "optional"].contains(&columns[1]), "{line}");
        }
    }

    #[test]
    fn what_is_there_is_ok_with_its_place() {
        let shell = find_program("sh").expect("every machine has a shell");
        let ok = check(&program("nft"), Group::Netns, Manager::Apt, Some(&shell));
        assert_eq!((ok.status, ok.detail, ok.fix), (Status::Ok, shell.to_string(), None));
        assert_eq!(find_program("no-such-program"), None);
    }

    #[test]
    fn what_is_missing_comes_with_the_package() {
        let cases = [
            ("dbus-send", Group::Netns, Manager::Apt, Status::Missing, "just setup (package dbus-bin or dbus)"),
            ("dbus-send", Group::Netns, Manager::Dnf, Status::Missing, "just setup (package dbus-tools)"),
            ("ufw", Group::Netns, Manager::Apt, Status::Warning, "just setup (package ufw)"),
            ("virsh", Group::Libvirt, Manager::Dnf, Status::Missing, "sudo dnf install libvirt-client"),
            ("multipass", Group::Multipass, Manager::Apt, Status::Missing, "sudo snap install multipass"),
            ("ssh", Group::Ssh, Manager::Other, Status::Missing, "install the package that holds ssh"),
        ];
        for (name, group, manager, status, fix) in cases {
            let lacking = check(&program(name), group, manager, None);
            assert_eq!((lacking.status, lacking.fix.as_deref()), (status, Some(fix)), "{name}");
        }
    }
}
