//! `lab doctor`: what each provider lacks on this machine and how to get it.

use std::io::{self, Write};

use camino::Utf8PathBuf;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{
    args::{DoctorArgs, Format},
    exit::Exit,
};
use crate::cluster::kubernetes::programs;
use crate::provider::needs::{Check, Status, check_libvirt, check_multipass, check_netns, check_ssh, is_ready};

#[derive(Debug, Serialize)]
struct Diagnosis {
    /// The default one first.
    providers: Vec<Provider>,
}

#[derive(Debug, Serialize)]
struct Provider {
    name: &'static str,
    default: bool,
    ready: bool,
    checks: Vec<Check>,
}

/// Examines this machine and prints what was found. A default provider that cannot run is a lab that could not
/// be built.
pub fn run(args: &DoctorArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let diagnosis = Diagnosis {
        providers: vec![
            provider("netns", true, check_netns().into_iter().chain([real_kubernetes()]).collect()),
            provider("libvirt", false, check_libvirt(&args.libvirt_uri)),
            provider("multipass", false, check_multipass()),
            provider("ssh", false, check_ssh()),
        ],
    };
    match args.format {
        Format::Text => out.write_all(text(&diagnosis).as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &diagnosis)?;
            writeln!(out)?;
        }
    }
    let ready = diagnosis.providers.iter().any(|provider| provider.default && provider.ready);
    Ok(if ready { Exit::AsExpected } else { Exit::LabBroken })
}

/// Whether the namespace hosts can run `--cluster kubernetes`; the default cluster does without.
fn real_kubernetes() -> Check {
    let name = "--cluster kubernetes".to_owned();
    let named = std::env::var("PATHLAB_KUBE_BIN").ok().filter(|folder| !folder.is_empty()).map(Utf8PathBuf::from);
    match programs::find(named.as_deref()) {
        Ok(folder) => Check { name, status: Status::Ok, detail: folder.into_string(), fix: None },
        Err(lacking) => {
            let fix = lacking.help.replace('\n', "; ");
            Check { name, status: Status::Warning, detail: lacking.to_string(), fix: Some(fix) }
        }
    }
}

fn provider(name: &'static str, default: bool, checks: Vec<Check>) -> Provider {
    Provider { name, default, ready: is_ready(&checks), checks }
}

fn text(diagnosis: &Diagnosis) -> String {
    let mut lines = Vec::new();
    for provider in &diagnosis.providers {
        let verdict = if provider.ready { "can run" } else { "cannot run" };
        let default = if provider.default { " (the default)" } else { "" };
        lines.push(format!("{}{default}: {verdict}", provider.name));
        let width = provider.checks.iter().map(|check| check.name.width()).max().unwrap_or_default();
        for check in &provider.checks {
            let pad = " ".repeat(width - check.name.width());
            lines.push(format!("  {:<7}  {}{pad}  {}", check.status.as_str(), check.name, check.detail));
            if let Some(fix) = &check.fix {
                lines.push(format!("  {:<7}  {:width$}  → {fix}", "", ""));
            }
        }
        lines.push(String::new());
    }
    lines.push(conclusion(diagnosis));
    lines.join("\n") + "\n"
}

fn conclusion(diagnosis: &Diagnosis) -> String {
    let count = |provider: &Provider| provider.checks.iter().filter(|check| check.status == Status::Missing).count();
    let missing: usize = diagnosis.providers.iter().filter(|provider| provider.default).map(count).sum();
    match missing {
        0 => "This machine can run labs.".to_owned(),
        1 => "This machine cannot run labs yet: 1 thing is missing for the default provider.".to_owned(),
        _ => format!("This machine cannot run labs yet: {missing} things are missing for the default provider."),
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, Diagnosis, DoctorArgs, Exit, Format, Status, provider, run, text};

    fn check(name: &str, status: Status, detail: &str, fix: Option<&str>) -> Check {
        Check { name: name.to_owned(), status, detail: detail.to_owned(), fix: fix.map(str::to_owned) }
    }

    #[test]
    fn the_text_is_aligned_and_says_what_to_do() {
        let diagnosis = Diagnosis {
            providers: vec![
                provider(
                    "netns",
                    true,
                    vec![
                        check("firewalld", Status::Ok, "/usr/sbin/firewalld", None),
                        check("nft", Status::Missing, "not found", Some("just setup (package nftables)")),
                        check("ufw", Status::Warning, "not found", Some("just setup (package ufw)")),
                    ],
                ),
                provider("ssh", false, vec![check("ssh", Status::Ok, "/usr/bin/ssh", None)]),
            ],
        };
        insta::assert_snapshot!(text(&diagnosis), @r"
        netns (the default): cannot run
          ok       firewalld  /usr/sbin/firewalld
          missing  nft        not found
                              → just setup (package nftables)
          warning  ufw        not found
                              → just setup (package ufw)

        ssh: can run
          ok       ssh  /usr/bin/ssh

        This machine cannot run labs yet: 1 thing is missing for the default provider.
        ");
    }

    #[test]
    fn json_status_and_machine_agree() {
        let mut out = Vec::new();
        let exit = run(&DoctorArgs { format: Format::Json, libvirt_uri: "test:///default".to_owned() }, &mut out)
            .expect("a vector takes everything");
        let json: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        let netns = &json["providers"][0];
        assert_eq!(netns["name"], "netns");
        assert_eq!(exit == Exit::AsExpected, netns["ready"].as_bool().expect("a boolean"));
        let none_missing =
            netns["checks"].as_array().expect("a list").iter().all(|check| check["status"] != Status::Missing.as_str());
        assert_eq!(netns["ready"], none_missing);
    }
}
