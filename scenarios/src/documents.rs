//! Documents and pipelines of MongoDB, written as extended JSON in a text:
//! `{"user":"a","at":{"$gte":{"$date":"2026-01-31T00:00:00Z"}}}`.
//!
//! The text is kept as it was written, because the order of its keys means
//! something. What is looked at here is that it is JSON of the right shape, that
//! the values of other types are written as they must be, and that a pipeline
//! only reads. What a stage or an operator means, the server says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A filter, a projection or an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Document(String);

/// The stages of an aggregation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pipeline(String);

/// Why a text is no document or no pipeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is not JSON at all.
    #[error(
        "this is no JSON ({reason}); write extended JSON, such as {{\"at\":{{\"$gt\":{{\"$date\":\"2026-01-31T00:00:00Z\"}}}}}}"
    )]
    Json {
        /// What is wrong, with the line and the column in the text.
        reason: String,
    },
    /// It is something else than a document.
    #[error("a document is an object: {{\"kind\":\"order\"}}")]
    NoObject,
    /// It is something else than a list of stages.
    #[error("a pipeline is a list of stages: [{{\"$match\":{{}}}},{{\"$unwind\":\"$done\"}}]")]
    NoStages,
    /// A stage that is not an object with one key.
    #[error("stage {number} must be an object with one key that begins with $")]
    NoStage {
        /// Which one, from 1.
        number: usize,
    },
    /// A stage that writes.
    #[error("stage {number} is {name}, which writes; what is read here is left as it is")]
    Writes {
        /// Which one, from 1.
        number: usize,
        /// Its name.
        name: String,
    },
    /// A text where a field is meant.
    #[error("{stage} takes a field, which begins with a dollar: write \"${field}\"")]
    NoField {
        /// What takes it: `stage 2, $unwind,`.
        stage: String,
        /// What was given.
        field: String,
    },
    /// A value of another type that is not written as it must be.
    #[error("{name} is not written so; write {example}")]
    Value {
        /// Its key: `$oid`.
        name: String,
        /// How it is written.
        example: &'static str,
    },
}

/// The stages that write.
const WRITING: [&str; 2] = ["$out", "$merge"];
/// The stages that give an order to what comes behind them: documents are sorted, or
/// the elements of a list come one after the other.
const ORDERING: [&str; 2] = ["$sort", "$unwind"];
/// What adds up a field of each document of a group.
const ADDING: [&str; 2] = ["$sum", "$avg"];
/// The stages behind which there is no order.
const MIXING: [&str; 9] = [
    "$group",
    "$bucket",
    "$bucketAuto",
    "$sortByCount",
    "$sample",
    "$facet",
    "$unionWith",
    "$setWindowFields",
    "$fill",
];

impl Document {
    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether sorting by it gives an order in which documents came to be. The
    /// order in which a server finds them is none.
    #[must_use]
    pub fn is_order(&self) -> bool {
        let parsed: Option<Value> = serde_json::from_str(&self.0).ok();
        let keys = parsed.as_ref().and_then(Value::as_object);
        keys.is_some_and(|keys| !keys.is_empty() && !keys.contains_key("$natural"))
    }
}

impl Default for Document {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        Self("[]".to_owned())
    }
}

impl Pipeline {
    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its results come in an order: the last stage that sorts them, or
    /// takes the elements of a list one by one, has none behind it that mixes them.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        let stages: Vec<Value> = serde_json::from_str(&self.0).unwrap_or_default();
        let names = stages.iter().filter_map(|stage| stage.as_object()?.keys().next());
        names.fold(false, |is_ordered, name| match name.as_str() {
            name if ORDERING.contains(&name) => true,
            name if MIXING.contains(&name) => false,
            _ => is_ordered,
        })
    }
}

fn parse(text: &str) -> Result<Value, DocumentError> {
    let json = |error: serde_json::Error| DocumentError::Json { reason: error.to_string() };
    let value = serde_json::from_str(text).map_err(json)?;
    check(&value)?;
    Ok(value)
}

/// Sees that values of other types than JSON has are written as they must be.
fn check(value: &Value) -> Result<(), DocumentError> {
    match value {
        Value::Array(list) => list.iter().try_for_each(check),
        Value::Object(object) => {
            for (key, value) in object {
                let is_well = |example: &'static str, is_well: bool| match is_well {
                    true => Ok(()),
                    false => Err(DocumentError::Value { name: key.clone(), example }),
                };
                let text = value.as_str();
                match key.as_str() {
                    "$oid" => {
                        let is_hex = |text: &str| {
                            text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                        };
                        let example = "{\"$oid\":\"65f0c2a1b3d4e5f60718293a\"}, with 24 digits";
                        is_well(example, text.is_some_and(is_hex))?;
                    }
                    "$date" => is_well(
                        "{\"$date\":\"2026-01-31T00:00:00Z\"}",
                        text.is_some_and(is_instant)
                            || value.get("$numberLong").is_some_and(Value::is_string),
                    )?,
                    "$numberLong" => is_well(
                        "{\"$numberLong\":\"12\"}",
                        text.is_some_and(|text| text.parse::<i64>().is_ok()),
                    )?,
                    "$numberInt" => is_well(
                        "{\"$numberInt\":\"12\"}",
                        text.is_some_and(|text| text.parse::<i32>().is_ok()),
                    )?,
                    "$numberDouble" => is_well(
                        "{\"$numberDouble\":\"1.5\"}",
                        text.is_some_and(|text| text.parse::<f64>().is_ok()),
                    )?,
                    _ => {}
                }
                check(value)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Sees that what a stage takes as a field is one, and no text that stands for itself.
fn fields(number: usize, name: &str, value: &Value) -> Result<(), DocumentError> {
    let taken = match name {
        "$unwind" => value.as_str().or_else(|| value.get("path")?.as_str()),
        "$sortByCount" => value.as_str(),
        _ => None,
    };
    let no_field = |of: &str, field: &str| DocumentError::NoField {
        stage: format!("stage {number}, {of},"),
        field: field.to_owned(),
    };
    if let Some(field) = taken.filter(|field| !field.starts_with('$')) {
        return Err(no_field(name, field));
    }
    let Some(groups) = value.as_object().filter(|_| name == "$group") else { return Ok(()) };
    // The sum of a text is 0, and its average nothing.
    for (operator, field) in groups.values().filter_map(Value::as_object).flatten() {
        if let Some(field) = field.as_str().filter(|field| !field.starts_with('$'))
            && ADDING.contains(&operator.as_str())
        {
            return Err(no_field(operator, field));
        }
    }
    Ok(())
}

/// Whether a text is the beginning of an instant: the server reads the rest.
fn is_instant(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd";
    text.len() > shape.len()
        && text.is_ascii()
        && shape.bytes().zip(text.bytes()).all(|(shape, byte)| match shape {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

impl FromStr for Document {
    type Err = DocumentError;

    fn from_str(text: &str) -> Result<Self, DocumentError> {
        match parse(text)? {
            Value::Object(_) => Ok(Self(text.to_owned())),
            _ => Err(DocumentError::NoObject),
        }
    }
}

impl FromStr for Pipeline {
    type Err = DocumentError;

    fn from_str(text: &str) -> Result<Self, DocumentError> {
        let Value::Array(stages) = parse(text)? else { return Err(DocumentError::NoStages) };
        for (at, stage) in stages.iter().enumerate() {
            let number = at + 1;
            let object = stage.as_object().filter(|object| object.len() == 1);
            let name = object.and_then(|object| object.keys().next());
            let name = name.filter(|name| name.starts_with('$'));
            let name = name.ok_or(DocumentError::NoStage { number })?;
            if WRITING.contains(&name.as_str()) {
                return Err(DocumentError::Writes { number, name: name.clone() });
            }
            fields(number, name, &stage[name])?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Document {
    type Error = DocumentError;

    fn try_from(text: String) -> Result<Self, DocumentError> {
        text.parse()
    }
}

impl TryFrom<String> for Pipeline {
    type Error = DocumentError;

    fn try_from(text: String) -> Result<Self, DocumentError> {
        text.parse()
    }
}

impl From<Document> for String {
    fn from(document: Document) -> Self {
        document.0
    }
}

impl From<Pipeline> for String {
    fn from(pipeline: Pipeline) -> Self {
        pipeline.0
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_document_is_told_with_what_to_write() {
        for (text, told) in [
            ("", "no JSON"),
            ("{at: 1}", "line 1 column 2"),
            (r#"{"at":ISODate("2026-01-31")}"#, "write extended JSON"),
            ("[]", "a document is an object"),
            (r#"{"_id":{"$oid":"12"}}"#, "24 digits"),
            (r#"{"at":{"$gt":{"$date":"31.1.2026"}}}"#, "2026-01-31T00:00:00Z"),
            (r#"{"at":{"$date":5}}"#, "2026-01-31T00:00:00Z"),
            (r#"{"n":{"$numberLong":12}}"#, "\"12\""),
        ] {
            let error = text.parse::<Document>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        for text in [
            "{}",
            r#"{"b":1,"a":{"$in":[1,"x"]}}"#,
            r#"{"at":{"$gt":{"$date":"2026-01-31T00:00:00.5+01:00"}}}"#,
            r#"{"at":{"$date":{"$numberLong":"-1"}}}"#,
            r#"{"_id":{"$oid":"65f0c2a1b3d4e5f60718293a"}}"#,
        ] {
            assert_eq!(text.parse::<Document>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_pipeline_or_writes_is_told() {
        for (text, told) in [
            ("{}", "a list of stages"),
            ("[1]", "stage 1 must be"),
            (r#"[{"$match":{}},{"match":{}}]"#, "stage 2 must be"),
            (r#"[{"$match":{},"$limit":1}]"#, "stage 1 must be"),
            (r#"[{"$match":{}},{"$out":"other"}]"#, "stage 2 is $out, which writes"),
            (r#"[{"$merge":{"into":"other"}}]"#, "stage 1 is $merge, which writes"),
            (
                r#"[{"$match":{}},{"$unwind":"orders"}]"#,
                "stage 2, $unwind, takes a field, which begins with a dollar: write \"$orders\"",
            ),
            (r#"[{"$unwind":{"path":"a.b"}}]"#, "write \"$a.b\""),
            (r#"[{"$sortByCount":"user"}]"#, "stage 1, $sortByCount, takes a field"),
            (
                r#"[{"$group":{"_id":"$user","n":{"$sum":"amount"}}}]"#,
                "stage 1, $sum, takes a field, which begins with a dollar: write \"$amount\"",
            ),
        ] {
            let error = text.parse::<Pipeline>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        for text in [
            "[]",
            r#"[{"$unwind":{"path":"$a","preserveNullAndEmptyArrays":true}}]"#,
            r#"[{"$group":{"_id":"all","n":{"$sum":1},"m":{"$sum":"$n"},"l":{"$push":"x"}}}]"#,
        ] {
            assert_eq!(text.parse::<Pipeline>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn an_order_is_one_that_nothing_undoes() {
        for (text, is_ordered) in [
            ("[]", false),
            (r#"[{"$match":{}}]"#, false),
            (r#"[{"$sort":{"at":1}},{"$project":{"id":1}}]"#, true),
            (r#"[{"$match":{}},{"$unwind":"$done"}]"#, true),
            (r#"[{"$unwind":"$done"},{"$group":{"_id":"$user"}}]"#, false),
            (r#"[{"$group":{"_id":"$user"}},{"$sort":{"_id":1}}]"#, true),
        ] {
            assert_eq!(text.parse::<Pipeline>().unwrap().is_ordered(), is_ordered, "{text}");
        }
        for (text, is_order) in
            [("{}", false), (r#"{"at":1,"_id":1}"#, true), (r#"{"$natural":1}"#, false)]
        {
            assert_eq!(text.parse::<Document>().unwrap().is_order(), is_order, "{text}");
        }
    }
}
