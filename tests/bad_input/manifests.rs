//! Bad manifest files.

use std::os::unix::fs::symlink;

use camino::Utf8Path;

use super::{
    Bad,
    Input::{Folder, Scenario},
    bench::MANIFEST,
    files::sparse,
};

/// Puts something else into the good manifest.
fn edited(folder: &Utf8Path, old: &str, new: &str) {
    assert_eq!(MANIFEST.matches(old).count(), 1, "`{old}` stands once in the good file");
    std::fs::write(folder.join("zeus.yaml"), MANIFEST.replace(old, new)).expect("written");
}

pub const TABLE: &[Bad] = &[
    Bad {
        name: "missing manifest",
        input: Scenario("[zeus.yaml]", "[zeus.yaml, hera.yaml]"),
        place: "good/scenario.yaml:6:24",
        says: &["the manifest `hera.yaml` does not exist"],
    },
    Bad {
        name: "no manifest",
        input: Scenario("[zeus.yaml]", "[]"),
        place: "good/scenario.yaml:6:12",
        says: &["there are no manifests"],
    },
    Bad {
        name: "manifest twice",
        input: Scenario("[zeus.yaml]", "[zeus.yaml, ./zeus.yaml]"),
        place: "good/scenario.yaml:6:24",
        says: &["`./zeus.yaml` stands twice"],
    },
    Bad {
        name: "manifest above the folder",
        input: Scenario("[zeus.yaml]", "[../zeus.yaml]"),
        place: "good/scenario.yaml:6:13",
        says: &["`../zeus.yaml` is outside of the scenario's folder"],
    },
    Bad {
        name: "manifest with an absolute path",
        input: Scenario("[zeus.yaml]", "[/etc/passwd]"),
        place: "good/scenario.yaml:6:13",
        says: &["`/etc/passwd` is outside of the scenario's folder"],
    },
    Bad {
        name: "link out of the folder",
        input: Folder(|folder| {
            std::fs::remove_file(folder.join("zeus.yaml")).expect("it is there");
            symlink("/etc/passwd", folder.join("zeus.yaml")).expect("a link");
        }),
        place: "good/scenario.yaml:6:13",
        says: &["`zeus.yaml` is a link out of the scenario's folder"],
    },
    Bad {
        name: "link to nowhere",
        input: Folder(|folder| {
            std::fs::remove_file(folder.join("zeus.yaml")).expect("it is there");
            symlink("nowhere", folder.join("zeus.yaml")).expect("a link");
        }),
        place: "good/scenario.yaml:6:13",
        says: &["`zeus.yaml` does not exist"],
    },
    Bad {
        name: "folder as manifest",
        input: Folder(|folder| {
            std::fs::remove_file(folder.join("zeus.yaml")).expect("it is there");
            std::fs::create_dir(folder.join("zeus.yaml")).expect("it is not");
        }),
        place: "",
        says: &["good/zeus.yaml: is a directory, expected a file"],
    },
    Bad {
        name: "empty manifest",
        input: Folder(|folder| std::fs::write(folder.join("zeus.yaml"), "\n").expect("written")),
        place: "good/zeus.yaml:1:1",
        says: &["the manifest is empty"],
    },
    Bad {
        name: "image that is not the agent",
        input: Folder(|folder| edited(folder, "pathlab/agent:1", "nginx")),
        place: "good/zeus.yaml:13:47",
        says: &["nginx"],
    },
    Bad {
        name: "misspelt field",
        input: Folder(|folder| edited(folder, "targetPort", "tragetPort")),
        place: "good/zeus.yaml:4:",
        says: &["tragetPort"],
    },
    Bad {
        name: "backend that is in no manifest",
        input: Scenario("{ service: zeus }", "{ service: hera }"),
        place: "good/scenario.yaml:7:10",
        says: &["the manifests declare no service `hera`", "declared are: default/zeus"],
    },
    Bad {
        name: "backend without pods",
        input: Folder(|folder| edited(folder, "selector: { app: zeus }", "selector: { app: hera }")),
        place: "good/scenario.yaml:7:10",
        says: &["selects no pod of the manifests"],
    },
    Bad {
        name: "path with nothing to aim at",
        input: Scenario("{ from: pod, to: pod-ip }", "{ from: pod, to: [pod-ip, host-port] }"),
        place: "good/scenario.yaml:10:31",
        says: &["good::testos-1::as-installed::pod-to-host-port has nothing to aim at"],
    },
    Bad {
        name: "manifest of 100 MB",
        input: Folder(|folder| sparse(&folder.join("zeus.yaml"), 100_000_000)),
        place: "good/zeus.yaml:1:1",
        says: &["expected at most 1048576"],
    },
    Bad {
        name: "manifest that is not UTF-8",
        input: Folder(|folder| std::fs::write(folder.join("zeus.yaml"), b"kind: \xff").expect("written")),
        place: "good/zeus.yaml:1:7",
        says: &["not UTF-8: byte 0xff at offset 6", "named in"],
    },
];
