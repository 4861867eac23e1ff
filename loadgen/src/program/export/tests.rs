use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

/// What is printed for these arguments.
fn printed(words: &[&str]) -> anyhow::Result<(String, Vec<String>)> {
    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        args: ExportArgs,
    }
    let words = ["export", "job"].iter().chain(words);
    let What::Job(args) = Program::try_parse_from(words)?.args.what;
    manifest(&args, Timestamp::from_second(NOW)?)
}

/// The Jobs of a manifest, as Kubernetes' own types have them; they know every field.
fn jobs(text: &str) -> Vec<Value> {
    let documents = text.split("\n---\n");
    let strict = |document: &str| {
        let value: Value = serde_saphyr::from_str(document).unwrap();
        let job: Job = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&job).unwrap(), value, "a field is unknown");
        value
    };
    documents.map(strict).collect()
}

const VOLUME: [&str; 6] =
    ["--instances", "8", "--image", "r.example/loadgen:1", "--volume", "results"];

fn with_volume(words: &[&str]) -> anyhow::Result<(String, Vec<String>)> {
    printed(&[&VOLUME[..], words].concat())
}

const HTTP: [&str; 8] = ["--", "http", "http://shop:8080/", "-r", "40k/s", "-z", "10s", "--run"];

fn http(words: &[&str]) -> anyhow::Result<Vec<Value>> {
    with_volume(&[words, &HTTP, &["Load_1.a"]].concat()).map(|(text, _)| jobs(&text))
}

#[test]
fn a_pod_is_one_instance_that_is_never_started_again() {
    let jobs = http(&["--start-in", "2m"]).unwrap();
    let [load, merge] = &jobs[..] else { panic!("two documents: {jobs:?}") };
    let spec = &load["spec"];
    assert_eq!(load["metadata"]["name"], "load-1-a");
    assert_eq!(spec["completionMode"], "Indexed");
    assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(8), &json!(8)));
    assert_eq!(spec["backoffLimitPerIndex"], 0);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let container = &pod["containers"][0];
    let env = container["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|env| env["name"] == name).unwrap()["value"].clone();
    assert_eq!(value("LOADGEN_RUN"), "Load_1.a");
    assert_eq!(value("LOADGEN_INSTANCES"), "8");
    assert_eq!(value("LOADGEN_START_AT"), Timestamp::from_second(NOW + 120).unwrap().to_string());
    assert_eq!(value("LOADGEN_RESULTS"), "/results/Load_1.a");
    // 2 minutes, the load, timeout and grace, and the margin.
    assert_eq!(spec["activeDeadlineSeconds"], 120 + 9 + 20 + 300);
    let merge = &merge["spec"]["template"]["spec"]["containers"][0];
    let words: Vec<_> =
        merge["args"].as_array().unwrap().iter().map(|word| word.as_str()).collect();
    assert_eq!(words[..3], [Some("merge"), Some("/results/Load_1.a"), Some("--wait")]);
}

#[test]
fn every_setting_stands_where_kubernetes_expects_it() {
    let store =
        ["--instances", "3", "--image", "i", "--store-command", "aws s3 cp . s3://b/$LOADGEN_RUN"];
    let more = ["--store-image", "aws", "--secret", "s", "--files", "f", "--service-account", "a"];
    let rest = ["--namespace", "n", "--name", "x", "--cpu", "500m", "--memory", "1Gi"];
    let load = ["--", "http", "http://h/", "-n", "5", "--header", "a: $(TOKEN) $HOME"];
    let (text, _) = printed(&[&store[..], &more, &rest, &load].concat()).unwrap();
    let job = jobs(&text).remove(0);
    assert_eq!(job["metadata"]["namespace"], "n");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "a");
    let (load, store) = (&pod["initContainers"][0], &pod["containers"][0]);
    assert_eq!(load["args"][5], "a: $(TOKEN) $$HOME");
    assert_eq!(load["envFrom"][0]["secretRef"]["name"], "s");
    assert_eq!(load["workingDir"], "/files");
    assert_eq!(load["resources"]["requests"]["cpu"], "500m");
    assert_eq!(store["args"][0], "aws s3 cp . s3://b/$$LOADGEN_RUN");
    assert_eq!((&store["image"], &store["workingDir"]), (&json!("aws"), &json!("/results")));
    assert!(text.contains("loadgen merge FOLDER"), "{text}");
}

#[test]
fn a_password_never_stands_in_a_manifest() {
    let amqp = |url| ["--", "amqp", url, "--queue", "q", "-n", "5"];
    for bad in [
        &amqp("amqp://u:hunter2@mq:5672/%2f")[..],
        &["--secret", "s", "--", "amqp", "amqp://u:x$(PW)@mq/%2f", "--queue", "q"],
        &amqp("amqp://u:$(PW)@mq:5672/%2f"),
        &["--", "http", "http://h/", "-H", "authorization: Bearer abc.def"],
        &["--", "http", "http://h/", "--proxy", "http://u:hunter2@p:3128"],
    ] {
        let error = with_volume(bad).unwrap_err().to_string();
        assert!(error.contains("--secret NAME") && !error.contains("hunter2"), "{error}");
    }
    let url = "amqp://u:$(PW)@mq:5672/%2f";
    let (text, _) = with_volume(&[&["--secret", "s"][..], &amqp(url)].concat()).unwrap();
    let container = &jobs(&text)[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"][1], url);
    // What is made for each operation is nobody's secret.
    let body = ["--", "http", "http://h/", "--body", "{\"token\":\"@{rand:8}\"}"];
    assert!(with_volume(&body).is_ok());
}

#[test]
fn what_instances_cannot_share_is_refused_with_what_to_do() {
    for (bad, said) in [
        (&["--", "http", "http://h/", "--instance", "1/2", "--run", "r"][..], "leave"),
        (&["--", "http", "http://h/", "--out", "json=r.json"], "leave"),
        (&["--", "http", "http://h/", "--split", "x=a,b"], "leave it out"),
        (&["--", "amqp", "amqp://mq/%2f", "--queue", "q", "--consumers", "1"], "leave it out"),
        (&["--", "merge", "x"], "give one of"),
        (&["--name", "A", "--", "http", "http://h/"], "no name of a Job"),
        (&["--start-at", "2020-01-01T00:00:00Z", "--", "http", "http://h/"], "has passed"),
        (&["--image", "a b", "--", "http", "http://h/"], "cannot be used multiple times"),
    ] {
        let error = with_volume(bad).unwrap_err().to_string();
        assert!(error.contains(said), "{bad:?}: {error}");
    }
}

#[test]
fn files_that_pods_have_not_are_told_of() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let body = format!("@{file}");
    let words = ["--", "http", "http://h/", "--body", &body];
    let (_, notes) = with_volume(&words).unwrap();
    assert!(notes[0].contains("kubectl create configmap NAME --from-file"), "{notes:?}");
}
