//! The answer of a Prometheus server to a query: a number, or an instant vector
//! whose elements are labelled with what tells them apart. NaN is unknown, and
//! an empty vector is no value. A selector of counters is read as it was scraped.

mod counter;
mod scraped;

use std::collections::{BTreeMap, BTreeSet};

use scenarios::plan::probe;
use scenarios::plan::probe::matchers::Selector;
use serde::Deserialize;
use serde_json::Value;
use services::Service;

use self::scraped::Scraped;
use super::ProbeError;
use crate::observe::ProbeObserver;

/// The most elements that a vector may have.
const MOST: usize = 1_000;

pub(crate) struct Promql {
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

/// A query that is asked again and again.
pub(super) struct Asked {
    server: Promql,
    scraped: Option<Scraped>,
}

impl Asked {
    pub(super) fn new(
        url: &str,
        query: &str,
        scraped: Option<&probe::Scraped>,
    ) -> Result<Self, ProbeError> {
        let of = |settings| Some(Scraped::new(Selector::of(query)?, settings));
        Ok(Self { server: Promql::new(url, query)?, scraped: scraped.and_then(of) })
    }

    pub(super) async fn sample(
        &mut self,
        observer: &ProbeObserver,
        is_end: bool,
    ) -> Result<(), String> {
        match &mut self.scraped {
            Some(scraped) => {
                scraped.sample(&self.server, observer, is_end).await.map_err(NotAsked::why)
            }
            None => self.server.sample(observer).await,
        }
    }
}

impl Promql {
    pub(crate) fn new(url: &str, query: &str) -> Result<Self, ProbeError> {
        let address = Service::Prometheus.address(url)?;
        Ok(Self {
            http: reqwest::Client::builder().timeout(super::PATIENCE).build()?,
            base: address.base(),
            credentials: address.credentials(),
            query: query.to_owned(),
        })
    }

    async fn sample(&self, observer: &ProbeObserver) -> Result<(), String> {
        let values = self.ask().await.map_err(NotAsked::why)?;
        let at = observer.now();
        if values.is_empty() {
            return Err(format!("{}: the query gives no value", self.base));
        }
        for (label, value) in values {
            observer.labelled(at, "value", &label, value);
        }
        Ok(())
    }

    /// The values of the query by label; none where it gives an empty vector.
    pub(crate) async fn ask(&self) -> Result<Vec<(String, f64)>, NotAsked> {
        self.instant(&self.query).await
    }

    /// The values of any query by label.
    pub(crate) async fn instant(&self, query: &str) -> Result<Vec<(String, f64)>, NotAsked> {
        read(&self.data(query).await?).map_err(|why| NotAsked::Wrong(why).of(&self.base))
    }

    async fn data(&self, query: &str) -> Result<Data, NotAsked> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", query)
            .finish();
        let answer: Answer = self.get(&format!("/api/v1/query?{query}")).await?;
        data(answer).map_err(|why| why.of(&self.base))
    }

    /// The names of all metrics that the server knows.
    pub(crate) async fn metrics(&self) -> Result<BTreeSet<String>, NotAsked> {
        let names: Names = self.get("/api/v1/label/__name__/values").await?;
        Ok(names.data)
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, NotAsked> {
        let failed = |error: reqwest::Error| {
            let why = super::whole(&error.without_url());
            NotAsked::Unreachable(format!("{}: {why}", self.base))
        };
        let mut request = self.http.get(format!("{}{path}", self.base));
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|_| {
            let base = &self.base;
            NotAsked::Wrong(format!("{base}: status {status}, which is no answer of Prometheus"))
        })
    }
}

/// The answer to a request for names.
#[derive(Deserialize)]
struct Names {
    data: BTreeSet<String>,
}

/// Why a query has no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAsked {
    /// Nobody answered.
    Unreachable(String),
    /// The server says what is wrong with the query.
    Refused(String),
    /// What answered, or what it gave, is not what is read here.
    Wrong(String),
}

impl NotAsked {
    fn of(self, base: &str) -> Self {
        let at = |why: String| format!("{base}: {why}");
        match self {
            Self::Unreachable(why) => Self::Unreachable(at(why)),
            Self::Refused(why) => Self::Refused(at(why)),
            Self::Wrong(why) => Self::Wrong(at(why)),
        }
    }

    fn why(self) -> String {
        match self {
            Self::Unreachable(why) | Self::Refused(why) | Self::Wrong(why) => why,
        }
    }
}

/// What an answer holds.
fn data(answer: Answer) -> Result<Data, NotAsked> {
    match answer.data {
        Some(data) if answer.status == "success" => Ok(data),
        _ => {
            let why = answer.error.unwrap_or_else(|| format!("status {}", answer.status));
            Err(NotAsked::Refused(why))
        }
    }
}

fn read(data: &Data) -> Result<Vec<(String, f64)>, String> {
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
                0..=MOST => elements
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

    fn read(text: &str) -> Result<Vec<(String, f64)>, NotAsked> {
        let data = data(serde_json::from_str(text).unwrap())?;
        super::read(&data).map_err(NotAsked::Wrong)
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
        assert_eq!(read(empty), Ok(Vec::new()));
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert!(read(matrix).unwrap_err().why().contains("matrix"));
        let error = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        assert_eq!(read(error), Err(NotAsked::Refused("parse error".to_owned())));
    }
}
