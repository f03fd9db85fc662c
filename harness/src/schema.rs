//! JSON Schemas of the public file formats.

use schemars::{Schema, generate::SchemaSettings};
use serde_json::Value;

use crate::{
    catalog::{distro::Distro, scenario_file::ScenarioFile},
    events::Line,
    lock::LockFile,
    model::report::Report,
};

/// A public file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaKind {
    /// `scenarios/ID/scenario.yaml`.
    Scenario,
    /// `vm-images/ID.yaml`.
    Distro,
    /// `report.json`.
    Report,
    /// A line of `lab run --events`.
    Events,
    /// `pathlab.lock`.
    Lock,
}

/// The JSON Schema (draft 2020-12) of a format.
#[must_use]
pub fn schema(kind: SchemaKind) -> Value {
    let generator = || SchemaSettings::draft2020_12().into_generator();
    let (title, schema): (_, Schema) = match kind {
        SchemaKind::Scenario => ("Pathlab scenario", generator().into_root_schema_for::<ScenarioFile>()),
        SchemaKind::Distro => ("Pathlab distro", generator().into_root_schema_for::<Distro>()),
        SchemaKind::Report => ("Pathlab report", generator().into_root_schema_for::<Report>()),
        SchemaKind::Lock => ("Pathlab lock file", generator().into_root_schema_for::<LockFile>()),
        SchemaKind::Events => ("Pathlab event, one line of the stream", generator().into_root_schema_for::<Line>()),
    };
    let mut value = schema.to_value();
    value["title"] = title.into();
    value
}

/// The schema as text, with a newline at its end.
#[must_use]
pub fn schema_text(kind: SchemaKind) -> String {
    format!("{:#}\n", schema(kind))
}

#[cfg(test)]
mod tests {
    use super::{LockFile, SchemaKind, schema, schema_text};
    use crate::{
        lock::Used,
        model::report::{Host, MachineReport},
    };

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    /// The schemas that editors read beside the files are the ones of this program.
    #[test]
    fn the_committed_schemas_are_current() {
        for (kind, name) in [
            (SchemaKind::Scenario, "scenarios/scenario.schema.json"),
            (SchemaKind::Distro, "vm-images/distro.schema.json"),
        ] {
            let committed = std::fs::read_to_string(format!("{ROOT}/{name}")).expect(name);
            assert!(committed == schema_text(kind), "{name} is old: write the output of `lab schema` there");
        }
    }

    /// Every shipped file fulfils its schema, and names it for editors.
    #[test]
    fn the_shipped_files_fulfil_their_schemas() {
        for (kind, pattern, line) in [
            (SchemaKind::Scenario, "scenarios", "# yaml-language-server: $schema=../scenario.schema.json\n"),
            (SchemaKind::Distro, "vm-images", "# yaml-language-server: $schema=distro.schema.json\n"),
        ] {
            let validator = jsonschema::validator_for(&schema(kind)).expect("a right schema");
            let files = files(pattern);
            assert!(!files.is_empty(), "{pattern}");
            for (name, text) in files {
                assert!(text.starts_with(line), "{name} starts with another line than {line}");
                let value: serde_json::Value = serde_yaml::from_str(&text).expect(&name);
                // `conditions:` with nothing but comments behind it is allowed, and null.
                let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
                assert_eq!(errors, Vec::<String>::new(), "{name}");
            }
        }
    }

    /// What a run writes down fulfils the schema.
    #[test]
    fn a_lock_file_fulfils_its_schema() {
        let validator = jsonschema::validator_for(&schema(SchemaKind::Lock)).expect("a right schema");
        let machine = MachineReport {
            kernel: "5.14".to_owned(),
            image: Some("0".repeat(64)),
            snap: Some("7731".to_owned()),
            ..MachineReport::default()
        };
        let host = Host { kernel: "6.1".to_owned(), ..Host::default() };
        let mut lock = LockFile::default();
        lock.record(&Used::of_lab("libvirt", "microk8s").on_host(&host).on_machine("a-1", &machine));
        let mut value = serde_json::to_value(&lock).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        value["distros"]["a-1"]["image"] = "abc".into();
        assert!(!validator.is_valid(&value));
    }

    /// The schema says no to what the program refuses.
    #[test]
    fn a_wrong_scenario_does_not_fulfil_the_schema() {
        let validator = jsonschema::validator_for(&schema(SchemaKind::Scenario)).expect("a right schema");
        let base = serde_json::json!({
            "id": "x", "title": "x", "manifests": ["x.yaml"], "backend": { "service": "x" },
            "paths": [{ "from": "pod", "to": ["service"] }],
        });
        assert!(validator.is_valid(&base));
        for (key, value) in [
            ("paths", serde_json::json!([{ "from": "mars", "to": "service" }])),
            ("paths", serde_json::json!([{ "from": "pod", "to": "service", "expect": "http-700" }])),
            ("nodes", serde_json::json!(6)),
            ("colour", serde_json::json!("red")),
        ] {
            let mut wrong = base.clone();
            wrong[key] = value.clone();
            assert!(!validator.is_valid(&wrong), "{key}: {value}");
        }
    }

    fn files(folder: &str) -> Vec<(String, String)> {
        let entries = std::fs::read_dir(format!("{ROOT}/{folder}")).expect(folder);
        let paths = entries.map(|entry| entry.expect(folder).path());
        let yaml = paths.filter_map(|path| match path.extension() {
            Some(extension) if extension == "yaml" => Some(path),
            None if path.is_dir() => Some(path.join("scenario.yaml")),
            _ => None,
        });
        yaml.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("readable"))).collect()
    }
}
