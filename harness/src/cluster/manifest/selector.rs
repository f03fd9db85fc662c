//! Label selectors.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{document::Document, error::ManifestError, field::Field};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// A label selector; without requirements it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
}

impl Selector {
    /// A selector of a document, at `field`.
    pub fn read(document: &Arc<Document>, field: &Field, selector: &LabelSelector) -> Result<Self, ManifestError> {
        let labels = selector.match_labels.iter().flatten();
        let mut requirements: Vec<Requirement> =
            labels.map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()])).collect();
        for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
            let field = field.key("matchExpressions").index(index);
            let (key, values) = (expression.key.clone(), expression.values.clone().unwrap_or_default());
            let (requirement, wants_values) = match expression.operator.as_str() {
                "In" => (Requirement::In(key, values.clone()), true),
                "NotIn" => (Requirement::NotIn(key, values.clone()), true),
                "Exists" => (Requirement::Exists(key), false),
                "DoesNotExist" => (Requirement::DoesNotExist(key), false),
                other => {
                    let message = format!("`{other}` is no operator; expected In, NotIn, Exists or DoesNotExist");
                    return Err(document.error(&field.key("operator"), message));
                }
            };
            if wants_values == values.is_empty() {
                let message = if wants_values { "must not be empty" } else { "must be empty with this operator" };
                return Err(document.error(&field.key("values"), message));
            }
            requirements.push(requirement);
        }
        Ok(Self(requirements))
    }

    /// Whether the selector has no requirement.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object with these labels is meant.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::DoesNotExist(key) => !labels.contains_key(key),
        })
    }
}

impl From<&Labels> for Selector {
    fn from(labels: &Labels) -> Self {
        Self(labels.iter().map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()])).collect())
    }
}
