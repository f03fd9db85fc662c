//! Set-up on real, fresh systems: everything gets installed, no service gets started or enabled, and the
//! machine's own firewall stays as it was.
//!
//! Tier `setup`: needs root, mmdebstrap and the machine's package sources. Where it cannot run the tests are
//! listed as ignored, with the reason, and fail if `PATHLAB_REQUIRE` names the tier.

#[path = "setup_host/base.rs"]
mod base;
#[path = "setup_host/system.rs"]
mod system;

use std::{os::unix::fs::MetadataExt, process::ExitCode};

use fs_err as fs;
use libtest_mimic::{Arguments, Failed, Trial};

use self::system::{SET_UP, System, said};

const POLICY: &str = "/usr/sbin/policy-rc.d";
const PLAIN_INSTALL: &str =
    "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install";

type Test = fn(&System) -> Result<(), Failed>;

fn main() -> ExitCode {
    let tests: [(&str, Test); 9] = [
        ("plain_installation_starts_and_enables", plain_installation_starts_and_enables),
        ("all_is_installed_and_nothing_enabled", all_is_installed_and_nothing_enabled),
        ("a_policy_of_the_machine_survives", a_policy_of_the_machine_survives),
        ("an_enabled_firewall_stays_enabled", an_enabled_firewall_stays_enabled),
        ("saved_rules_of_the_machine_survive", saved_rules_of_the_machine_survive),
        ("a_terminated_run_cleans_up", a_terminated_run_cleans_up),
        ("a_killed_run_is_cleaned_up_by_the_next", a_killed_run_is_cleaned_up_by_the_next),
        ("a_preset_of_dnf_systems_enables_nothing", a_preset_of_dnf_systems_enables_nothing),
        ("without_root_and_sudo_it_says_what_to_do", without_root_and_sudo_it_says_what_to_do),
    ];
    let required =
        std::env::var("PATHLAB_REQUIRE").is_ok_and(|tiers| tiers.split(',').any(|tier| tier.trim() == "setup"));
    let trials = tests.map(|(name, test)| match base::missing() {
        None => Trial::test(name, move || test(&System::fresh()?)),
        Some(reason) if required => Trial::test(name, move || Err(reason.into())),
        Some(reason) => Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true),
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// What the set-up protects from, so that the other tests are known to be able to fail.
fn plain_installation_starts_and_enables(system: &System) -> Result<(), Failed> {
    system.run(&format!("{PLAIN_INSTALL} firewalld ufw nginx"))?;
    let (starts, links) = (system.starts().join("\n"), system.links_of_services()?.join("\n"));
    for service in ["firewalld", "nginx"] {
        ensure(starts.contains(service), || format!("no start of {service}: {starts}"))?;
    }
    for link in
        ["dbus-org.fedoraproject.FirewallD1.service", "wants/firewalld.service", "wants/ufw.service", "S01nginx"]
    {
        ensure(links.contains(link), || format!("no {link}: {links}"))?;
    }
    Ok(())
}

fn all_is_installed_and_nothing_enabled(system: &System) -> Result<(), Failed> {
    let processes = system.run(&format!("{SET_UP}; exec ls /proc"))?;
    let running = processes.lines().filter(|line| line.parse::<u32>().is_ok()).count();
    ensure(running == 1, || format!("something still runs after the set-up: {processes}"))?;
    nothing_enabled(system)?;
    system.is_tidy()?;

    let again = system.run(SET_UP)?;
    ensure(again.is_empty(), || format!("nothing was missing the second time, but: {again}"))?;
    system.run(
        "ufw --version; firewall-offline-cmd --version; nginx -v; dnsmasq --version; nft --version; conntrack --version",
    )?;

    // Debian would enable a service without a record of its own when its package comes the next time.
    system.run(&format!("{PLAIN_INSTALL} --reinstall firewalld ufw nginx nginx-common"))?;
    nothing_enabled(system)
}

fn a_policy_of_the_machine_survives(system: &System) -> Result<(), Failed> {
    let own = "#!/bin/sh\n# the administrator's own\nexit 104\n";
    fs::write(system.path(POLICY), own)?;
    system.run(&format!("chmod 750 {POLICY}"))?;
    let before = fs::metadata(system.path(POLICY))?;
    system.run(SET_UP)?;
    let after = fs::metadata(system.path(POLICY))?;
    ensure(system.text(POLICY) == own, || system.text(POLICY))?;
    ensure((before.ino(), before.mode()) == (after.ino(), after.mode()), || "another file is there now".to_owned())?;
    nothing_enabled(system)?;
    fs::remove_file(system.path(POLICY))?;
    system.is_tidy()
}

fn an_enabled_firewall_stays_enabled(system: &System) -> Result<(), Failed> {
    system.run(&format!("{PLAIN_INSTALL} firewalld; ln -s /dev/null /etc/systemd/system/nginx.service"))?;
    fs::remove_file(system.path("/srv/log/systemctl"))?;
    let before = system.links_of_services()?;
    ensure(before.iter().any(|link| link.contains("wants/firewalld.service")), || format!("{before:?}"))?;
    system.run(SET_UP)?;
    ensure(system.links_of_services()? == before, || format!("{before:?} became {:?}", system.links_of_services()))?;
    let touched = system.text("/srv/log/systemctl");
    ensure(!touched.contains("firewalld"), || format!("firewalld was touched: {touched}"))
}

fn saved_rules_of_the_machine_survive(system: &System) -> Result<(), Failed> {
    system.run(&format!("{PLAIN_INSTALL} iptables-persistent; echo '# mine' >/etc/iptables/rules.v4"))?;
    let said = system.run(SET_UP)?;
    ensure(said.contains("warning: ufw could not be installed"), || said.clone())?;
    system.run("dpkg-query -W -f '${db:Status-Abbrev}' iptables-persistent netfilter-persistent | grep -x 'ii ii '")?;
    ensure(system.text("/etc/iptables/rules.v4") == "# mine\n", || system.text("/etc/iptables/rules.v4"))?;
    system.is_tidy()
}

/// The signal comes while the package manager works: it finishes, then the set-up ends with the signal's status.
fn a_terminated_run_cleans_up(system: &System) -> Result<(), Failed> {
    let script = "sh /pathlab/setup/packages.sh netns & \
        until [ -e /usr/sbin/firewalld ]; do sleep 0.02; done; kill -TERM $!; wait $!";
    let output = system.try_run(script)?;
    ensure(output.status.code() == Some(143), || format!("{}: {}", output.status, said(&output)))?;
    system.is_tidy()?;
    nothing_enabled(system)?;
    system.run("dpkg --audit | wc -c | grep -x 0")?;
    system.run(SET_UP)?;
    nothing_enabled(system)
}

fn a_killed_run_is_cleaned_up_by_the_next(system: &System) -> Result<(), Failed> {
    // From PID 1 of the system, this reaches every other process of it.
    system.try_run(&format!("{SET_UP} & until [ -e /usr/sbin/firewalld ]; do sleep 0.02; done; kill -KILL -1"))?;
    let guarded = system.run(&format!("{POLICY} firewalld start; echo $?"));
    ensure(guarded.is_err() || guarded.is_ok_and(|said| said.contains("101")), || {
        "unguarded after the kill".to_owned()
    })?;
    let links = system.links_of_services()?;
    ensure(links.iter().any(|link| link.contains("firewalld.service -> /dev/null")), || format!("no mask: {links:?}"))?;

    let said = system.run(SET_UP)?;
    ensure(said.contains("Cleaning up behind a set-up that did not end."), || said.clone())?;
    system.is_tidy()?;
    nothing_enabled(system)?;
    system.run("dpkg --audit | wc -c | grep -x 0; ufw --version; nginx -v")?;
    Ok(())
}

/// A stand-in for dnf installs as an RPM's scriptlet does: it asks the real `systemctl preset`, which enables.
fn a_preset_of_dnf_systems_enables_nothing(system: &System) -> Result<(), Failed> {
    let dnf = r#"#!/bin/sh
echo "$*" >>/srv/log/dnf
for program in firewalld firewall-cmd dbus-daemon dbus-send nft iptables iptables-restore nginx dnsmasq ip ethtool sysctl ufw conntrack; do
    ln -sf /bin/true /usr/bin/$program
done
printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/firewalld.service
systemctl preset firewalld.service || true
"#;
    fs::write(system.path("/usr/bin/dnf"), dnf)?;
    system.run("chmod 755 /usr/bin/dnf; mv /usr/bin/apt-get /usr/bin/apt-get.away")?;
    system.run("mkdir -p /etc/systemd/system-preset; echo 'enable firewalld.service' >/etc/systemd/system-preset/90-default.preset")?;
    system.run(SET_UP)?;
    let asked = system.text("/srv/log/dnf");
    ensure(asked.starts_with("install --assumeyes") && asked.contains(" iptables-nft "), || asked.clone())?;
    nothing_enabled(system)?;
    system.is_tidy()?;
    system.run("systemctl preset firewalld.service")?;
    ensure(!system.links_of_services()?.is_empty(), || {
        "the preset enables nothing: this test proves nothing".to_owned()
    })
}

fn without_root_and_sudo_it_says_what_to_do(system: &System) -> Result<(), Failed> {
    let output =
        system.try_run("setpriv --reuid 65534 --regid 65534 --clear-groups sh /pathlab/setup/packages.sh netns")?;
    let said = said(&output);
    ensure(output.status.code() == Some(1), || said.clone())?;
    for words in ["firewalld (required, package firewalld): the firewall of RHEL-like hosts", "as root run: sh "] {
        ensure(said.contains(words), || said.clone())?;
    }
    system.is_tidy()
}

fn nothing_enabled(system: &System) -> Result<(), Failed> {
    let (starts, links) = (system.starts(), system.links_of_services()?);
    ensure(starts.is_empty(), || format!("started: {starts:?}"))?;
    ensure(links.is_empty(), || format!("enabled: {links:?}"))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
