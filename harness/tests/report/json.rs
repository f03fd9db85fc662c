//! `report.json` and its schema.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use pathlab::{
    model::EvidenceFile,
    report::{ReportError, json},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sample;

fn scratch() -> (TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path").join("report.json");
    (dir, path)
}

#[test]
fn reports_read_back_as_written() {
    let (_guard, path) = scratch();
    for mut report in [sample::seed(), sample::mixed(), sample::hostile()] {
        // Files of other folders are refused, as `files` shows.
        report.evidence.retain(EvidenceFile::is_inside);
        json::write(&report, &path).expect("written");
        assert_eq!(json::read(&path).expect("read"), report);
        assert!(!fs::read_to_string(&path).expect("readable").chars().any(|c| c.is_control() && c != '\n'));
    }
}

#[test]
fn reports_satisfy_the_schema() {
    let schema = json::schema();
    assert_eq!(schema["title"], "Pathlab report");
    assert!(schema.get("$id").is_none());
    let validator = jsonschema::draft202012::new(&schema).expect("a valid schema");
    for report in [sample::seed(), sample::mixed(), sample::hostile()] {
        let value: Value = serde_json::to_value(&report).expect("serializable");
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let validator = jsonschema::draft202012::new(&json::schema()).expect("a valid schema");
    let good = serde_json::to_value(sample::seed()).expect("serializable");
    let changes: [(&str, Value); 6] = [
        ("/format", json!("pathlab-report/2")),
        ("/run/duration_ms", json!("long")),
        ("/cases/0/outcome", json!("fine")),
        ("/cases/0/verdict", json!("good")),
        ("/cases/0/from", json!("mars")),
        ("/remedies/0/opens", json!([70_000])),
    ];
    for (pointer, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect(pointer) = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let (_guard, path) = scratch();
    let read = |text: &str| {
        fs::write(&path, text).expect("written");
        json::read(&path).expect_err(text)
    };
    let other = read(r#"{"format": "pathlab-report/2", "new": 1}"#);
    assert!(matches!(&other, ReportError::OtherFormat { found, .. } if found == "pathlab-report/2"), "{other}");
    assert!(other.to_string().contains("reads `pathlab-report/1`"), "{other}");
    for (text, place) in [
        ("", "line 1"),
        ("[]", "line 1"),
        ("{\n  \"x\": 1\n}", "line 3"),
        ("{\"format\": \"pathlab-report/1\"}", "line 1"),
    ] {
        let error = read(text);
        assert!(matches!(&error, ReportError::Parse { .. }) && error.to_string().contains(place), "{text}: {error}");
    }
    let missing = json::read(Utf8Path::new("/nowhere/report.json")).expect_err("no such file");
    assert!(matches!(missing, ReportError::Read { .. }));
}

#[test]
fn reports_without_the_later_keys_are_read() {
    let (_guard, path) = scratch();
    let mut value = serde_json::to_value(sample::seed()).expect("serializable");
    let keys = value.as_object_mut().expect("an object");
    for key in ["scenarios", "causes", "differences", "evidence"] {
        keys.remove(key).expect(key);
    }
    fs::write(&path, value.to_string()).expect("written");
    assert!(json::read(&path).expect("read").differences.is_empty());
}
