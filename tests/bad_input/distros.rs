//! Bad distro files.

use super::{
    Bad,
    Input::{Distro, DistroFile},
    bench::DISTRO,
};

pub const TABLE: &[Bad] = &[
    Bad {
        name: "unknown key of a distro",
        input: Distro("aliases: [testos]", "alias: [testos]"),
        place: "vm-images/testos-1.yaml:3:1",
        says: &["unknown key `alias`", "did you mean `aliases`?"],
    },
    Bad {
        name: "unknown key of a firewall",
        input: Distro("    zones:", "    zone:"),
        place: "vm-images/testos-1.yaml:",
        says: &["unknown key `zone`", "did you mean `zones`?"],
    },
    Bad {
        name: "unknown firewall",
        input: Distro("kind: firewalld", "kind: iptables"),
        place: "vm-images/testos-1.yaml:",
        says: &["expected one of none, firewalld, ufw"],
    },
    Bad {
        name: "unknown family",
        input: Distro("family: el", "family: suse"),
        place: "vm-images/testos-1.yaml:4:9",
        says: &["expected one of debian, el"],
    },
    Bad {
        name: "id that differs from the file",
        input: Distro("id: testos-1", "id: testos-2"),
        place: "vm-images/testos-1.yaml:1:5",
        says: &["expected `testos-1`"],
    },
    Bad {
        name: "alias that is no name",
        input: Distro("aliases: [testos]", "aliases: [Test OS]"),
        place: "vm-images/testos-1.yaml:3:11",
        says: &["`Test OS` is no distro name"],
    },
    Bad {
        name: "alias that is the id",
        input: Distro("aliases: [testos]", "aliases: [testos, testos-1]"),
        place: "vm-images/testos-1.yaml:3:19",
        says: &["`testos-1` stands twice"],
    },
    Bad {
        name: "image from nowhere",
        input: Distro("{ filename: testos.qcow2, user: root }", "{ user: root }"),
        place: "vm-images/testos-1.yaml:5:8",
        says: &["neither `url` nor `filename`"],
    },
    Bad {
        name: "image without a checksum",
        input: Distro("filename: testos.qcow2", "url: https://images.invalid/x"),
        place: "vm-images/testos-1.yaml:5:8",
        says: &["a `url` but no `sha256`"],
    },
    Bad {
        name: "checksum that is none",
        input: Distro("filename: testos.qcow2", "filename: x, sha256: abc"),
        place: "vm-images/testos-1.yaml:5:31",
        says: &["expected 64 hexadecimal digits"],
    },
    Bad {
        name: "image over plain HTTP",
        input: Distro("filename: testos.qcow2", "url: http://images.invalid/x, filename: x"),
        place: "vm-images/testos-1.yaml:5:15",
        says: &["expected https://"],
    },
    Bad {
        name: "image with two origins",
        input: Distro(
            "filename: testos.qcow2",
            "filename: x, build: { suite: x, disk_mib: 1024, packages: [] }, account: { kind: red-hat, release: '9' }",
        ),
        place: "vm-images/testos-1.yaml:5:8",
        says: &["more than one of `url`, `account` and `build`"],
    },
    Bad {
        name: "mirror over plain HTTP",
        input: Distro(
            "filename: testos.qcow2",
            "url: https://images.invalid/x, mirrors: [http://images.invalid/x], sha256: 0000000000000000000000000000000000000000000000000000000000000000",
        ),
        place: "vm-images/testos-1.yaml:5:",
        says: &["`http://images.invalid/x` is no HTTPS URL"],
    },
    Bad {
        name: "package that is an option",
        input: Distro("filename: testos.qcow2", "build: { suite: x, disk_mib: 1024, packages: ['--include=x'] }"),
        place: "vm-images/testos-1.yaml:5:8",
        says: &["`--include=x` is no name of a file, release, package or unit"],
    },
    Bad {
        name: "disk that holds nothing",
        input: Distro("filename: testos.qcow2", "build: { suite: x, disk_mib: 1, packages: [] }"),
        place: "vm-images/testos-1.yaml:5:8",
        says: &["a disk of 1 MiB, expected 512 to 65536"],
    },
    Bad {
        name: "unknown compression",
        input: Distro("filename: testos.qcow2", "filename: x, compressed: zip"),
        place: "vm-images/testos-1.yaml:5:",
        says: &["expected one of xz, gz, zst"],
    },
    Bad {
        name: "sysctl of something else",
        input: Distro("net.ipv4.ip_forward", "kernel.panic"),
        place: "vm-images/testos-1.yaml:11:12",
        says: &["`kernel.panic` is no sysctl of the network"],
    },
    Bad {
        name: "port that is none",
        input: Distro("8080/tcp", "tcp/8080"),
        place: "vm-images/testos-1.yaml:9:5",
        says: &["`tcp/8080` of zone public is no port"],
    },
    Bad {
        name: "unknown SELinux mode",
        input: DistroFile(|| format!("{DISTRO}  selinux: on\n").into_bytes()),
        place: "vm-images/testos-1.yaml:12:12",
        says: &["expected one of disabled, permissive, enforcing"],
    },
    Bad {
        name: "empty distro file",
        input: DistroFile(Vec::new),
        place: "vm-images/testos-1.yaml:1:1",
        says: &["the file is empty"],
    },
];
