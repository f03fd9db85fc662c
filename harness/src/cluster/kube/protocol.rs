//! A gap of old servers: ports without `protocol` cannot be applied (seen with 1.20.2).
//!
//! The protocol is part of a port's identity in server-side apply, and these servers do not fill in its default there:
//! "associative list with keys has an element that omits key field". For them the default, TCP, is written out; for all
//! others the manifests stay as they are.

use serde_json::{Map, Value};

/// The same object with the protocol of every port.
pub(super) fn completed(object: &Value) -> Value {
    match object {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), field(name, value))).collect(),
        Value::Array(items) => items.iter().map(completed).collect(),
        other => other.clone(),
    }
}

fn field(name: &str, value: &Value) -> Value {
    match value.as_array() {
        Some(items) if name == "ports" => items.iter().map(port).collect(),
        _ => completed(value),
    }
}

fn port(item: &Value) -> Value {
    let Some(fields) = item.as_object().filter(|fields| is_port(fields)) else { return completed(item) };
    let mut fields = fields.clone();
    fields.entry("protocol").or_insert_with(|| "TCP".into());
    Value::Object(fields)
}

/// A port of a Service or of a container.
fn is_port(fields: &Map<String, Value>) -> bool {
    fields.contains_key("port") || fields.contains_key("containerPort")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::completed;

    #[test]
    fn ports_get_the_default_and_nothing_else_changes() {
        let object = json!({"spec": {
            "ports": [{"port": 80}, {"port": 81, "protocol": "UDP"}],
            "containers": [{"ports": [{"containerPort": 8080}], "args": ["ports"]}],
            "other": {"ports": ["80", {"name": "a"}]}}});
        let expected = json!({"spec": {
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "UDP"}],
            "containers": [{"ports": [{"containerPort": 8080, "protocol": "TCP"}], "args": ["ports"]}],
            "other": {"ports": ["80", {"name": "a"}]}}});
        assert_eq!(completed(&object), expected);
    }
}
