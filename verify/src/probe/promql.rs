//! The answer of a Prometheus server to a query: a number, or an instant vector
//! whose elements are labelled with what tells them apart. NaN is unknown, and
//! an empty vector is no value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use services::Service;

use super::ProbeError;
use crate::observe::ProbeObserver;

/// The most elements that a vector may have.
const MOST: usize = 1_000;

pub(super) struct Promql {
    http: reqwest::Client,
    base: String,
    credentials: Option<(String, String)>,
    query: String,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct Element {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

impl Promql {
    pub(super) fn new(url: &str, query: &str) -> Result<Self, ProbeError> {
        let address = Service::Prometheus.address(url)?;
        Ok(Self {
            http: reqwest::Client::builder().timeout(super::PATIENCE).build()?,
            base: address.base(),
            credentials: address.credentials(),
            query: query.to_owned(),
        })
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let failed = |error: reqwest::Error| {
            format!("{}: {}", self.base, super::whole(&error.without_url()))
        };
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", &self.query)
            .finish();
        let mut request = self.http.get(format!("{}/api/v1/query?{query}", self.base));
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await.map_err(failed)?;
        let at = observer.now();
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(failed)?;
        let read: Answer = serde_json::from_slice(&bytes).map_err(|_| {
            format!("{}: status {status}, which is no answer of Prometheus", self.base)
        })?;
        for (label, value) in values(read).map_err(|why| format!("{}: {why}", self.base))? {
            observer.labelled(at, "value", &label, value);
        }
        Ok(())
    }
}

/// The values of an answer by label.
fn values(answer: Answer) -> Result<Vec<(String, f64)>, String> {
    let data = match answer.data {
        Some(data) if answer.status == "success" => data,
        _ => return Err(answer.error.unwrap_or_else(|| format!("status {}", answer.status))),
    };
    let garbled =
        |error: serde_json::Error| format!("a {} is not readable: {error}", data.result_type);
    match data.result_type.as_str() {
        "scalar" => {
            let (_, value): (f64, String) =
                serde_json::from_value(data.result.clone()).map_err(garbled)?;
            Ok(vec![(String::new(), number(&value)?)])
        }
        "vector" => {
            let elements: Vec<Element> =
                serde_json::from_value(data.result.clone()).map_err(garbled)?;
            match elements.len() {
                0 => Err("the query gives no value".to_owned()),
                1..=MOST => elements
                    .iter()
                    .map(|element| Ok((label(&element.metric), number(&element.value.1)?)))
                    .collect(),
                many => Err(format!("the query gives {many} values; {MOST} are the most")),
            }
        }
        other => Err(format!("the query gives a {other}, not a number or an instant vector")),
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// What tells an element apart: the value of its only label, or all of them.
fn label(metric: &BTreeMap<String, String>) -> String {
    let labels: Vec<_> = metric.iter().filter(|(name, _)| *name != "__name__").collect();
    match labels.as_slice() {
        [(_, value)] => (*value).clone(),
        many => many
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, f64)>, String> {
        values(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn numbers_and_vectors_are_read() {
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"42"]}}"#;
        assert_eq!(read(scalar), Ok(vec![(String::new(), 42.0)]));
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"up","job":"a"},"value":[1,"1"]},
            {"metric":{"job":"b","x":"y"},"value":[1,"0.5"]}]}}"#;
        assert_eq!(read(vector), Ok(vec![("a".to_owned(), 1.0), ("job=b, x=y".to_owned(), 0.5)]));
    }

    #[test]
    fn what_is_no_value_is_said() {
        let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        assert!(read(empty).unwrap_err().contains("no value"));
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert!(read(matrix).unwrap_err().contains("matrix"));
        let error = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        assert_eq!(read(error).unwrap_err(), "parse error");
    }
}
