//! Phases depend one way, and no phase knows a sibling: only `run` and the command line know all.

use std::{collections::BTreeSet, fs, path::Path};

/// Each module of the library with the modules that it may use, in the order of the data's way.
const MAY_USE: &[(&str, &[&str])] = &[
    ("agent_binary", &[]),
    ("causes", &[]),
    ("folders", &[]),
    ("hex", &[]),
    ("runtime", &[]),
    ("suggest", &[]),
    ("whole_file", &[]),
    // What labs hold on this machine; whoever makes something writes it there first.
    ("ledger", &["folders"]),
    ("model", &[]),
    ("baseline", &["model"]),
    ("catalog", &["hex", "model", "suggest"]),
    // Large files on their way here, whatever they are.
    ("download", &["catalog", "causes", "hex"]),
    ("image", &["catalog", "causes", "download", "folders", "hex"]),
    ("snap_store", &["catalog", "causes", "download", "folders"]),
    // What decided a run and is not in the repository.
    ("lock", &["image", "model", "whole_file"]),
    ("plan", &["catalog", "hex", "model", "suggest"]),
    ("provider", &["agent_binary", "catalog", "hex", "ledger"]),
    ("policy", &["catalog", "provider"]),
    // A cluster is made from the plan, on machines; that its paths can be aimed at is checked before.
    (
        "cluster",
        &["agent_binary", "catalog", "causes", "folders", "hex", "model", "plan", "probe", "provider", "suggest"],
    ),
    ("probe", &["catalog", "cluster", "model", "provider"]),
    ("verdict", &["catalog", "model", "plan"]),
    ("diagnose", &["hex", "model", "provider"]),
    ("events", &["model"]),
    ("history", &["folders", "model"]),
    ("report", &["model", "whole_file"]),
    ("schema", &["catalog", "events", "lock", "model", "report"]),
    (
        "run",
        &[
            "agent_binary",
            "catalog",
            "cluster",
            "diagnose",
            "events",
            "hex",
            "history",
            "ledger",
            "model",
            "plan",
            "policy",
            "probe",
            "provider",
            "verdict",
        ],
    ),
    // A lab that stays up is a run's first half, held by a process of its own.
    ("lab", &["catalog", "cluster", "ledger", "model", "plan", "provider", "run", "runtime", "suggest"]),
    (
        "cli",
        &[
            "baseline",
            "catalog",
            "causes",
            "cluster",
            "diagnose",
            "download",
            "events",
            "history",
            "image",
            "lab",
            "ledger",
            "lock",
            "model",
            "plan",
            "provider",
            "report",
            "run",
            "runtime",
            "schema",
            "snap_store",
            "suggest",
        ],
    ),
];

#[test]
fn every_module_uses_what_it_may_use_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&source).expect("the sources") {
        let path = entry.expect("an entry").path();
        let module = path.file_stem().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let rule = MAY_USE.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = rule else {
            wrong.push(format!("{module} is not in the list: say what it may use"));
            continue;
        };
        for used in used_modules(&path) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{module} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Modules of the crate that the files of a module name.
fn used_modules(path: &Path) -> BTreeSet<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        return entries.flat_map(|entry| used_modules(&entry)).collect();
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return BTreeSet::new();
    }
    let text = fs::read_to_string(path).expect("UTF-8");
    // Tests may look anywhere.
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if text[..at].ends_with("pub(in ") {
            continue;
        }
        if let Some(list) = rest.strip_prefix('{') {
            used.extend(heads(list));
        } else {
            used.extend(word(rest));
        }
    }
    used
}

/// The first words of a `use` list, up to its closing brace.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut item, mut found) = (0_usize, String::new(), Vec::new());
    for letter in list.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => found.extend(word(std::mem::take(&mut item).trim())),
            _ if depth == 0 => item.push(letter),
            _ => {}
        }
    }
    found.extend(word(item.trim()));
    found
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect();
    (!word.is_empty()).then_some(word)
}
