//! A number, or labelled numbers, of a MongoDB collection: a count, or of each
//! result of a pipeline its `value` under its `label` or else its `_id`. A value
//! that is null is unknown. Where the collection does not exist yet, the number
//! is 0.

use std::time::Duration;

use mongodb::bson::{RawBsonRef, RawDocument};
use scenarios::plan::Ask;

use super::presence::Presence;
use crate::mongodb::plain::text;
use crate::mongodb::{Question, Session};
use crate::observe::ProbeObserver;

/// The most results that one answer may have: each is a label of the series.
const MOST_RESULTS: usize = 1_000;
/// What a result is labelled by.
const LABELS: [&str; 2] = ["label", "_id"];

pub(super) struct Mongodb {
    url: String,
    database: Option<String>,
    collection: String,
    question: Question,
    timeout: Duration,
    session: Option<Session>,
    presence: Presence,
}

impl Mongodb {
    /// # Errors
    /// When the question is none.
    pub(super) fn new(
        url: String,
        database: Option<String>,
        collection: &str,
        ask: &Ask,
        timeout: Duration,
    ) -> Result<Self, String> {
        Ok(Self {
            url,
            database,
            collection: collection.to_owned(),
            question: Question::of(ask)?,
            timeout,
            session: None,
            presence: Presence::default(),
        })
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let session = match self.session.take() {
            Some(session) => session,
            None => {
                let opened = Session::open(&self.url, self.database.as_deref(), "probe").await;
                opened.map_err(|trouble| trouble.to_string())?
            }
        };
        let mut values = Vec::new();
        let asked = session.ask(&self.collection, &self.question, self.timeout, |result| {
            if values.len() == MOST_RESULTS {
                return Err(format!("the pipeline gives more than {MOST_RESULTS} results"));
            }
            values.extend(labelled(result)?);
            Ok(())
        });
        let answer = asked.await;
        let at = observer.now();
        let is_there = match &answer {
            Ok(_) if values.iter().any(|(_, value)| *value > 0.0) => Ok(true),
            Ok(_) => session.exists(&self.collection).await,
            Err(trouble) => Err(trouble.clone()),
        };
        if is_there.as_ref().err().is_none_or(services::Trouble::is_answer) {
            self.session = Some(session);
        }
        if !is_there.map_err(|trouble| trouble.to_string())? {
            let what = format!("collection {}", self.collection);
            if !self.presence.is_to_come(observer, "", &what) {
                return Err(format!("there is no {what} any more"));
            }
            observer.value(at, "value", 0.0);
            return Ok(());
        }
        self.presence.found(observer, "");
        if values.is_empty() && self.question.counts() {
            values.push((String::new(), 0.0));
        }
        for (label, value) in values {
            observer.labelled(at, "value", &label, value);
        }
        Ok(())
    }
}

/// The label and the number of a result; `None` where the number is unknown.
fn labelled(result: &RawDocument) -> Result<Option<(String, f64)>, String> {
    let get = |name: &str| result.get(name).ok().flatten();
    let label = LABELS.iter().find_map(|name| get(name)).and_then(text).unwrap_or_default();
    let value = match get("value") {
        Some(value) => value,
        None => only(result).ok_or("a result has no \"value\"; let the last stage give one")?,
    };
    match number(value) {
        Some(number) if number.is_finite() => Ok(Some((label, number))),
        None if value == RawBsonRef::Null => Ok(None),
        _ => Err(format!("{} is no number", text(value).unwrap_or_else(|| "a value".to_owned()))),
    }
}

/// The value of a result that has no other beside its label.
fn only(result: &RawDocument) -> Option<RawBsonRef<'_>> {
    let parts = result.iter().filter_map(Result::ok);
    let mut values = parts.filter(|(name, _)| !LABELS.contains(&name.to_string().as_str()));
    let first = values.next();
    first.filter(|_| values.next().is_none()).map(|(_, value)| value)
}

fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, doc};

    use super::*;

    #[test]
    fn a_result_has_one_number() {
        for (result, expected) in [
            (doc! { "value": 3 }, Ok(Some((String::new(), 3.0)))),
            (doc! { "_id": "a", "value": 3_i64 }, Ok(Some(("a".to_owned(), 3.0)))),
            (doc! { "_id": 7, "label": "b", "value": 0.5 }, Ok(Some(("b".to_owned(), 0.5)))),
            (doc! { "_id": null, "depth": 4 }, Ok(Some((String::new(), 4.0)))),
            (doc! { "_id": "a", "value": null }, Ok(None)),
        ] {
            let result = RawDocumentBuf::try_from(&result).unwrap();
            assert_eq!(labelled(&result), expected);
        }
        for result in [doc! { "a": 1, "b": 2 }, doc! { "value": "3" }, doc! { "value": f64::NAN }] {
            let result = RawDocumentBuf::try_from(&result).unwrap();
            assert!(labelled(&result).is_err(), "{result:?}");
        }
    }
}
