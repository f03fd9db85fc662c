//! What does not work says what to do, and leaves nothing.

use std::sync::Arc;

use libtest_mimic::Failed;
use miette::Diagnostic as _;
use pathlab::provider::{Provider, ProviderError, Wanted, libvirt::LibvirtOptions};

use super::{
    ensure,
    lab::{Lab, sh, wanted},
};

/// Creates, expects an error whose text and advice hold these words, and takes the lab down.
async fn fails(lab: Lab, wanted: &[Wanted], words: &[&str]) -> Result<ProviderError, Failed> {
    let created = lab.libvirt.create(Arc::clone(&lab.entry), wanted).await;
    let Err(error) = created else { return Err("it was created".into()) };
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    let text = format!("{error}\n{help}");
    for word in words {
        ensure(text.contains(word), || format!("no `{word}` in: {text}"))?;
    }
    ensure(!help.is_empty(), || format!("no advice: {text}"))?;
    lab.end().await?;
    Ok(error)
}

pub async fn an_image_that_was_changed_makes_no_machine() -> Result<(), Failed> {
    let changed = Wanted { sha256: Some("0".repeat(64)), ..wanted("rhel") };
    let lab = Lab::new("changed")?;
    let resources = Arc::clone(&lab.entry);
    let error = lab.libvirt.create(resources, &[wanted("ubuntu"), changed]).await.err().ok_or("it was created")?;
    ensure(matches!(error, ProviderError::Image { .. }), || error.to_string())?;
    ensure(lab.entry.remaining().is_empty(), || "something was to be created".to_owned())?;
    lab.end().await?;
    let absent = Wanted { image: "/nowhere/image.qcow2".into(), ..wanted("rhel") };
    fails(Lab::new("absent")?, &[absent], &["/nowhere/image.qcow2", "lab image"]).await.map(drop)
}

pub async fn names_of_others_are_left_alone() -> Result<(), Failed> {
    sh("cat >/run/domain.xml <<'E'
<domain type='qemu'><name>pathlab-taken-rhel</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>
E
virsh define /run/domain.xml")?;
    fails(Lab::new("taken")?, &[wanted("rhel")], &["machine pathlab-taken-rhel is taken", "another name"]).await?;
    sh("virsh dominfo pathlab-taken-rhel && virsh undefine pathlab-taken-rhel")?;

    sh("cat >/run/net.xml <<'E'
<network><name>pathlab-taken</name><bridge name='taken0'/></network>
E
virsh net-define /run/net.xml")?;
    fails(Lab::new("taken")?, &[wanted("rhel")], &["network pathlab-taken is taken", "another name"]).await?;
    sh("virsh net-info pathlab-taken && virsh net-undefine pathlab-taken")?;

    sh("mkdir /run/pool && touch /run/pool/precious && virsh pool-define-as pathlab-taken dir --target /run/pool")?;
    fails(Lab::new("taken")?, &[wanted("rhel")], &["storage pool pathlab-taken is taken", "another name"]).await?;
    sh("test -e /run/pool/precious && virsh pool-undefine pathlab-taken").map(drop)
}

pub async fn a_full_disk_is_said_before_anything_is_copied() -> Result<(), Failed> {
    sh("mkdir /run/small && mount -t tmpfs -o size=100m none /run/small")?;
    let options = LibvirtOptions { storage: Some("/run/small".into()), ..LibvirtOptions::default() };
    let words = ["no space left", "/run/small", "MiB are free", "--libvirt-storage"];
    fails(Lab::with("full", options)?, &[wanted("rhel")], &words).await?;
    sh("umount /run/small").map(drop)
}

pub async fn no_libvirt_and_no_network_are_explained() -> Result<(), Failed> {
    let with = |uri: &str| LibvirtOptions { uri: uri.to_owned(), ..LibvirtOptions::default() };
    let nobody = with("qemu:///system?socket=/run/nobody/listens");
    fails(Lab::with("nobody", nobody)?, &[wanted("rhel")], &["failed to connect", "systemctl enable --now libvirtd"])
        .await?;
    let network = |name: &str| LibvirtOptions { network: Some(name.to_owned()), ..LibvirtOptions::default() };
    fails(Lab::with("none", network("none"))?, &[wanted("rhel")], &["no network none", "virsh net-list"]).await?;
    sh("cat >/run/net.xml <<'E'
<network><name>asleep</name><bridge name='asleep0'/></network>
E
virsh net-define /run/net.xml")?;
    fails(Lab::with("asleep", network("asleep"))?, &[wanted("rhel")], &["not started", "virsh net-start"]).await?;
    sh("virsh net-undefine asleep").map(drop)
}

/// Addresses of this host that a lab's network would have, except one of them.
fn take_networks(free: Option<u8>) -> Result<(), Failed> {
    let taken = (130..=249).filter(|network| Some(*network) != free);
    let lines: Vec<String> = taken.map(|network| format!("address add 192.168.{network}.1/24 dev busy")).collect();
    std::fs::write("/run/taken.ip", lines.join("\n") + "\n")?;
    sh("ip link add busy type bridge; ip link set busy up; ip -batch /run/taken.ip").map(drop)
}

pub async fn a_network_in_use_is_passed_over() -> Result<(), Failed> {
    let lab = Lab::new("moved")?;
    take_networks(Some(187))?;
    let up = async {
        let (mut looks, line) = (0, "virsh net-list --name | grep -x pathlab-moved && virsh net-dumpxml pathlab-moved");
        loop {
            match sh(line) {
                Ok(xml) => break Ok(xml),
                Err(error) if looks > 600 => break Err(error),
                Err(_) => looks += 1,
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let machines = [wanted("rhel")];
    let created = lab.libvirt.create(Arc::clone(&lab.entry), &machines);
    let xml = tokio::select! {
        created = created => return Err(format!("it ended: {:?}", created.err().map(|error| error.to_string())).into()),
        xml = up => xml?,
    };
    ensure(xml.contains("192.168.187.1"), || xml.clone())?;
    sh("ip link delete busy")?;
    lab.end().await?;

    take_networks(None)?;
    let lab = Lab::new("crowded")?;
    let words = ["every network from 192.168.", "already in use", "--libvirt-network", "lab status"];
    fails(lab, &[wanted("rhel")], &words).await?;
    sh("ip link delete busy").map(drop)
}

/// What a disk without a kernel starts with: it prints a word on the serial port, and switches the machine off.
const BOOT_SECTOR: &[u8] =
    b"\x31\xc0\x8e\xd8\xbe\x20\x7c\xba\xf8\x03\xac\x84\xc0\x74\x03\xee\xeb\xf8\xb8\x07\x53\xbb\x01\x00\
    \xb9\x03\x00\xcd\x15\xf4\xeb\xfdno kernel to boot\r\n\0";

pub async fn the_last_words_of_a_machine_are_told() -> Result<(), Failed> {
    let mut disk = vec![0; 1 << 20];
    disk[..BOOT_SECTOR.len()].copy_from_slice(BOOT_SECTOR);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write("/run/silly.raw", disk)?;
    sh("qemu-img convert -f raw -O qcow2 /run/silly.raw /run/silly.qcow2")?;
    let broken = [Wanted { image: "/run/silly.qcow2".into(), ..wanted("rhel") }];
    let words = ["machine rhel did not come up", "shut off", "no kernel to boot", "lab image verify"];
    fails(Lab::new("silly")?, &broken, &words).await.map(drop)
}

/// A disk without a system: the machine's own console is what explains it.
pub async fn a_machine_that_does_not_boot_is_explained() -> Result<(), Failed> {
    sh("qemu-img create -q -f qcow2 /run/empty.qcow2 1G")?;
    let lab = Lab::new("noboot")?;
    let broken = [Wanted { image: "/run/empty.qcow2".into(), ..wanted("rhel") }];
    let words = ["machine rhel did not come up", "shut off"];
    let stop = async {
        // It would wait for a disk for ever; somebody ends it.
        while sh("virsh domstate pathlab-noboot-rhel | grep running").is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        sh("virsh destroy pathlab-noboot-rhel")
    };
    let (error, stopped) = tokio::join!(fails(lab, &broken, &words), stop);
    stopped?;
    error.map(drop)
}

pub async fn kvm_is_tried_before_it_is_used() -> Result<(), Failed> {
    let lab = Lab::new("kvm")?;
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let capable = processor.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
    let reason = lab.libvirt.try_kvm(&lab.entry).await?;
    println!("KVM: {reason:?}");
    ensure(capable || reason.is_some(), || "KVM works without a processor for it".to_owned())?;
    lab.end().await
}
