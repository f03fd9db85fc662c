//! Files that are no YAML files of ours, whatever stands in them.

use std::{fmt::Write, fs::File, os::unix::fs::symlink};

use camino::Utf8Path;

use super::{
    Bad,
    Input::{Folder, ScenarioFile},
    bench::SCENARIO,
};

pub const TABLE: &[Bad] = &[
    Bad {
        name: "empty file",
        input: ScenarioFile(Vec::new),
        place: "good/scenario.yaml:1:1",
        says: &["the file is empty"],
    },
    Bad {
        name: "file of comments",
        input: ScenarioFile(|| b"# nothing\n".to_vec()),
        place: "good/scenario.yaml:1:1",
        says: &["the file is empty"],
    },
    Bad {
        name: "no mapping",
        input: ScenarioFile(|| b"- a\n- b\n".to_vec()),
        place: "good/scenario.yaml:1:1",
        says: &["expected"],
    },
    Bad {
        name: "no YAML at all",
        input: ScenarioFile(|| b"id: good\ntitle: }\n".to_vec()),
        place: "good/scenario.yaml:2:",
        says: &[],
    },
    Bad {
        name: "two documents",
        input: ScenarioFile(|| format!("{SCENARIO}---\n{SCENARIO}").into_bytes()),
        place: "good/scenario.yaml:2",
        says: &["document"],
    },
    Bad {
        name: "unknown anchor",
        input: ScenarioFile(|| b"id: *nowhere\n".to_vec()),
        place: "good/scenario.yaml:1:",
        says: &["unknown anchor"],
    },
    Bad {
        name: "YAML bomb of nested aliases",
        input: ScenarioFile(nested_bomb),
        place: "good/scenario.yaml:",
        says: &["expected"],
    },
    Bad {
        name: "YAML bomb of many aliases",
        input: ScenarioFile(wide_bomb),
        place: "good/scenario.yaml:",
        says: &["too large or too deep to be read safely"],
    },
    Bad {
        name: "YAML bomb of depth",
        input: ScenarioFile(|| format!("id: {}", "[".repeat(5_000)).into_bytes()),
        place: "good/scenario.yaml:1:",
        says: &[],
    },
    Bad {
        name: "not UTF-8",
        input: ScenarioFile(|| b"id: good\ntitle: caf\xe9\n".to_vec()),
        place: "good/scenario.yaml:2:11",
        says: &["the file is not UTF-8: byte 0xe9 at offset 19"],
    },
    Bad {
        name: "file of 100 MB",
        input: Folder(|folder| sparse(&folder.join("scenario.yaml"), 100_000_000)),
        place: "good/scenario.yaml:1:1",
        says: &["the file has 100000000 bytes, expected at most 1048576"],
    },
    Bad {
        name: "folder in the place of the file",
        input: Folder(|folder| {
            std::fs::remove_file(folder.join("scenario.yaml")).expect("it is there");
            std::fs::create_dir(folder.join("scenario.yaml")).expect("it is not");
        }),
        place: "",
        says: &["good/scenario.yaml: is a directory, expected a file"],
    },
    Bad {
        name: "device in the place of the file",
        input: Folder(|folder| {
            std::fs::remove_file(folder.join("scenario.yaml")).expect("it is there");
            symlink("/dev/zero", folder.join("scenario.yaml")).expect("a link");
        }),
        place: "",
        says: &["good/scenario.yaml: is no regular file"],
    },
    Bad {
        name: "control characters in a name",
        input: ScenarioFile(|| SCENARIO.replace("id: good", "id: \"go\\e[31mod\"").into_bytes()),
        place: "good/scenario.yaml:1:5",
        says: &["`go\\u{1b}[31mod` is no scenario id"],
    },
];

/// A few lines that would be a billion words if every alias were followed.
fn nested_bomb() -> Vec<u8> {
    let mut text = "id: good\ntitle: x\ndistros: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (level, key) in
        ["upstream", "manifests", "paths", "conditions", "known_issues", "remedies", "nodes"].iter().enumerate()
    {
        let aliases = vec![format!("*a{level}"); 10].join(", ");
        let _ = writeln!(text, "{key}: &a{} [{aliases}]", level + 1);
    }
    text.into_bytes()
}

/// Half a megabyte of text that would be gigabytes if every alias were followed.
fn wide_bomb() -> Vec<u8> {
    let line = format!("&line \"{}\"", "x".repeat(500_000));
    let aliases = ", *line".repeat(5_000);
    SCENARIO.replace("run: [\"true\"]", &format!("run: [{line}{aliases}]")).into_bytes()
}

/// A file of this size that takes no room.
pub fn sparse(path: &Utf8Path, size: u64) {
    File::create(path).and_then(|file| file.set_len(size)).expect("a sparse file");
}
