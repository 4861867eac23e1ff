//! The HTTP API, with its status codes, and the program that serves it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use chaos::victim::{Signal, Victim};
use chaos::{Process, http_client};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The program `chaos proxy`, gone when the test is.
pub(crate) struct Program {
    child: Child,
    /// The first line that it says.
    pub(crate) said: Value,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
        command.args(["proxy", "--json", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it says {line:?}"));
        Self { child, said }
    }

    pub(crate) fn address(&self) -> &str {
        self.said["address"].as_str().unwrap()
    }

    /// The status and the body.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request =
            http_client().unwrap().request(method, format!("http://{}{path}", self.address()));
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn proxy(name: &str) -> Value {
    json!({"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
}

#[tokio::test]
async fn proxies_are_made_shown_changed_and_removed() {
    let program = Program::start(&[]);
    assert_eq!(program.ask("GET", "/proxies", json!(null)).await, (200, json!({})));
    let (status, made) = program.ask("POST", "/proxies", proxy("a/b")).await;
    assert_eq!((status, &made["enabled"], &made["toxics"]), (201, &json!(true), &json!([])));
    assert_ne!(made["listen"], "127.0.0.1:0");
    assert_eq!(program.ask("GET", "/proxies/a%2Fb", json!(null)).await, (200, made.clone()));
    for method in ["POST", "PATCH"] {
        let change = json!({"enabled": false, "upstream": "127.0.0.1:2"});
        let (status, changed) = program.ask(method, "/proxies/a%2Fb", change).await;
        assert_eq!((status, &changed["enabled"]), (200, &json!(false)));
        assert_eq!(
            (&changed["upstream"], &changed["listen"]),
            (&json!("127.0.0.1:2"), &made["listen"])
        );
    }
    assert_eq!(program.ask("DELETE", "/proxies/a%2Fb", json!(null)).await.0, 204);
    assert_eq!(program.ask("GET", "/proxies/a%2Fb", json!(null)).await.0, 404);
}

#[tokio::test]
async fn toxics_are_made_shown_changed_and_removed() {
    let program = Program::start(&["--proxy", "p=127.0.0.1:0->127.0.0.1:1"]);
    let toxic = json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 5}});
    let expected = json!({
        "name": "latency_upstream", "type": "latency", "stream": "upstream", "toxicity": 1.0,
        "attributes": {"latency": 5, "jitter": 0},
    });
    let (status, made) = program.ask("POST", "/proxies/p/toxics", toxic).await;
    assert_eq!((status, &made), (200, &expected));
    let change = json!({"attributes": {"jitter": 2}, "toxicity": 0.5});
    let (status, changed) =
        program.ask("PATCH", "/proxies/p/toxics/latency_upstream", change).await;
    assert_eq!((status, &changed["toxicity"]), (200, &json!(0.5)));
    assert_eq!(changed["attributes"], json!({"latency": 5, "jitter": 2}));
    let path = "/proxies/p/toxics/latency_upstream";
    assert_eq!(program.ask("GET", path, json!(null)).await, (200, changed.clone()));
    assert_eq!(program.ask("GET", "/proxies/p/toxics", json!(null)).await.1, json!([changed]));
    assert_eq!(program.ask("DELETE", path, json!(null)).await, (204, json!("")));
    assert_eq!(program.ask("GET", path, json!(null)).await.0, 404);
}

#[tokio::test]
async fn refusals_have_the_status_and_the_shape_that_clients_know() {
    let program = Program::start(&["--proxy", "p=127.0.0.1:0->127.0.0.1:1"]);
    let taken = program.said["proxies"][0]["listen"].clone();
    let latency = json!({"type": "latency"});
    program.ask("POST", "/proxies/p/toxics", latency.clone()).await;
    let twice = json!([proxy("x"), proxy("x")]);
    for (method, path, body, expected) in [
        ("POST", "/proxies", proxy("p"), 409),
        ("POST", "/proxies", json!({"name": "x"}), 400),
        ("POST", "/proxies", json!({"upstream": "127.0.0.1:1"}), 400),
        ("POST", "/proxies", json!("no proxy"), 400),
        ("POST", "/proxies", json!({"name": "x", "upstream": "h:1", "listen": taken}), 500),
        ("POST", "/populate", json!([{"name": "x"}]), 400),
        ("POST", "/populate", twice, 400),
        ("POST", "/proxies/none", json!({"enabled": true}), 404),
        ("GET", "/proxies/none/toxics", json!(null), 404),
        ("GET", "/proxies/none/connections", json!(null), 404),
        ("DELETE", "/proxies/p/connections/77", json!(null), 404),
        ("DELETE", "/proxies/p/connections?how=softly", json!(null), 400),
        ("DELETE", "/proxies/none", json!(null), 404),
        ("POST", "/proxies/none/toxics", latency.clone(), 404),
        ("POST", "/proxies/p/toxics", latency.clone(), 409),
        ("POST", "/proxies/p/toxics", json!({"type": "flu"}), 400),
        ("POST", "/proxies/p/toxics", json!({}), 400),
        ("POST", "/proxies/p/toxics", json!({"type": "latency", "stream": "sideways"}), 400),
        ("POST", "/proxies/p/toxics", json!({"type": "slicer", "toxicity": 1.5}), 400),
        ("POST", "/proxies/p/toxics", json!({"type": "slicer", "attributes": {"size": 1}}), 400),
        ("POST", "/proxies/p/toxics/none", json!({}), 404),
        ("DELETE", "/proxies/p/toxics/none", json!(null), 404),
        ("PUT", "/proxies", json!({}), 404),
        ("GET", "/nothing", json!(null), 404),
    ] {
        let (status, answer) = program.ask(method, path, body.clone()).await;
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
        assert_eq!(answer["status"], expected);
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
    }
    let (_, proxies) = program.ask("GET", "/proxies", json!(null)).await;
    assert_eq!(proxies.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn populate_leaves_what_fits_and_replaces_what_does_not() {
    let program = Program::start(&[]);
    let (status, first) = program.ask("POST", "/populate", json!([proxy("a"), proxy("b")])).await;
    assert_eq!((status, first["proxies"].as_array().unwrap().len()), (201, 2));
    for name in ["a", "b"] {
        let toxic = json!({"type": "latency"});
        program.ask("POST", &format!("/proxies/{name}/toxics"), toxic).await;
    }
    // As it is and as it was asked for are the same.
    let a = proxy("a");
    let mut b = first["proxies"][1].clone();
    b["upstream"] = json!("127.0.0.1:2");
    b["enabled"] = json!(false);
    let (status, second) = program.ask("POST", "/populate", json!([a, b])).await;
    assert_eq!(status, 201);
    let toxics = |at: usize| second["proxies"][at]["toxics"].as_array().unwrap().len();
    assert_eq!((toxics(0), toxics(1)), (1, 0));
    assert_eq!(second["proxies"][1]["enabled"], false);
    assert_eq!(program.ask("POST", "/reset", json!(null)).await, (204, json!("")));
    let (_, all) = program.ask("GET", "/proxies", json!(null)).await;
    assert_eq!((&all["a"]["toxics"], &all["b"]["enabled"]), (&json!([]), &json!(true)));
}

#[tokio::test]
async fn a_proxy_is_made_with_its_toxics_or_not_at_all() {
    let program = Program::start(&["--seed", "3"]);
    let mut asked = proxy("p");
    asked["toxics"] = json!([{"type": "latency"}, {"type": "nonsense"}]);
    assert_eq!(program.ask("POST", "/proxies", asked.clone()).await.0, 400);
    assert_eq!(program.ask("GET", "/proxies", json!(null)).await.1, json!({}));
    asked["toxics"] = json!([{"type": "latency"}, {"type": "partition", "ttl": 60_000}]);
    let (status, made) = program.ask("POST", "/proxies", asked).await;
    assert_eq!(status, 201);
    assert_eq!(made["toxics"][1]["ttl"], 60_000);
    assert!(made["toxics"][1]["ttl_left"].as_u64().unwrap() <= 60_000);
}

#[tokio::test]
async fn the_small_paths_answer() {
    let program = Program::start(&["--proxy", "p=127.0.0.1:0->127.0.0.1:1"]);
    let (_, version) = program.ask("GET", "/version", json!(null)).await;
    assert!(version["version"].as_str().unwrap().starts_with("2."));
    let (_, metrics) = program.ask("GET", "/metrics", json!(null)).await;
    assert!(
        metrics.as_str().unwrap().contains("shakedown_proxy_connections{listener=\"127.0.0.1:")
    );
    let (status, connections) = program.ask("GET", "/proxies/p/connections", json!(null)).await;
    assert_eq!((status, connections), (200, json!([])));
    let (status, effects) = program.ask("GET", "/proxies/p/effects?after=3", json!(null)).await;
    assert_eq!((status, &effects["effects"]), (200, &json!([])));
    let browser = reqwest::Client::builder().user_agent("Mozilla/5.0").no_proxy().build();
    let address = format!("http://{}/version", program.address());
    assert_eq!(browser.unwrap().get(address).send().await.unwrap().status(), 403);
}

#[test]
fn the_program_ends_cleanly_by_signal_and_by_its_time() {
    let mut program = Program::start(&["--proxy", "p=127.0.0.1:0->127.0.0.1:1"]);
    let process = Process::find(program.child.id()).unwrap();
    Victim::pin(process).unwrap().signal(Signal::TERM).unwrap();
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    let mut program = Program::start(&["--ttl", "50ms"]);
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_beginnings_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, "{}").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let config = config.to_str().unwrap();
    let (port, host) = (["--port", "1"], ["--listen", "127.0.0.1:1"]);
    for (arguments, code, says) in [
        (vec!["--proxy", "p=127.0.0.1:1"], 2, "NAME=LISTEN->UPSTREAM"),
        (vec!["--listen", "127.0.0.1:0", "--config", config], 2, "is no list of proxies"),
        (vec!["--listen", "127.0.0.1:0", "--config", "/none"], 4, "/none cannot be used"),
        (vec!["--listen", &taken], 4, "cannot listen on"),
        ([port, host].concat(), 2, "cannot be used with"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
        let output = command.arg("proxy").args(&arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(says), "{text}");
    }
}
