//! Scenarios with a secret wherever one may stand.

use std::path::Path;

use super::generated::{Secrets, quoted, word};

/// A scenario with a secret wherever one may stand; addresses are written out
/// or come from `--target`.
#[expect(clippy::too_many_lines, reason = "one scenario, read from top to bottom")]
pub(super) fn scenario(s: &Secrets, port: u16, dead: u16, log: &Path) -> String {
    let at =
        |scheme: &str, rest: &str| format!("{scheme}://joe:{}@127.0.0.1:{dead}{rest}", s.encoded());
    let token = || format!("token={}", s.encoded());
    let log = quoted(&log.display().to_string());
    format!(
        r#"
name = "secrets"
title = "nothing shows"
description = {description}

[params.db_password]
default = {default}
help = "given by the command line"

[params.dsn]
default = "none"
help = "an address"

[system]
reference = "publisher"

[system.targets.service]
help = "the service"
schemes = ["http"]

[[phase]]
name = "load"
for = "2s"

[[workload]]
name = "ask"
rate = "80/s"
phases = ["load"]
duplicates = "50%"
duplicates_when = "at-once"

[workload.http]
url = "http://127.0.0.1:{port}/send?{token_1}&n=@{{seq}}"
headers = {{ Authorization = {bearer}, X-Api-Key = {api_key}, X-Other = "${{db_password}}" }}
body = {body}
same = "/id"

[[workload]]
name = "of-target"
rate = "5/s"
phases = ["load"]
http = {{ url = "${{target.service}}&n=@{{seq}}", method = "GET" }}

[[workload]]
name = "publish"
rate = "5/s"
phases = ["load"]
amqp = {{ url = "{amqp}", routing_key = "q", body = "@{{id}}" }}

[[workload]]
name = "add"
rate = "5/s"
phases = ["load"]
redis = {{ url = "{redis}", stream = "s" }}

[[workload]]
name = "run"
rate = "2/s"
phases = ["load"]
command = {{ run = "false --password {word} {amqp_2} ${{dsn}}" }}

[[probe]]
name = "lines"
logs = {{ file = {log}, containing = ["failed"] }}

[[probe]]
name = "broker"
rabbitmq = {{ management = "{management}" }}

[[probe]]
name = "figures"
[probe.prometheus]
url = ["http://127.0.0.1:{port}/metrics?{token_2}"]
metric.up = {{ metric = "up", by = "dsn" }}
metric.said = {{ metric = "up", by = "said" }}

[[probe]]
name = "streams"
redis_streams = {{ url = "{redis_2}", streams = ["s"] }}

[[probe]]
name = "rows"
sql = {{ url = "{postgres}", query = "select 1" }}

[[probe]]
name = "printed"
command = {{ run = {prints}, timeout = "5s" }}

[[probe]]
name = "asked"
promql = {{ url = "{promql}", query = "up" }}

[[probe]]
name = "healthy"
health = {{ url = "http://127.0.0.1:{dead}/health?{token_3}" }}

[[effects]]
name = "tapped"
settle = "1s"
amqp_tap = {{ url = "{amqp_3}", exchange = "e", routing_key = "" }}

[[effects]]
name = "stored"
settle = "1s"
sql = {{ url = "{postgres_2}", query = "select 1" }}

[[effects]]
name = "streamed"
settle = "1s"
redis_stream = {{ url = "{redis_3}", stream = "s", field = "id" }}

[[effects]]
name = "listed"
settle = "1s"
http = {{ url = "http://127.0.0.1:{dead}/list?{token_4}" }}

{faults}

[[check]]
name = "accepted"
title = "few requests fail"
ratio = {{ of = "ask.unsuccessful", to = "ask.due", phases = ["load"], max = "10%" }}

[[check]]
name = "same"
title = "answers agree"
ratio = {{ of = "ask.disagreed", to = "ask.due", phases = ["load"], max = "1%" }}

[[check]]
name = "quiet"
title = "nothing fails"
absence = {{ series = "lines.matches", phases = ["load"] }}
"#,
        prints = quoted(&format!(
            "sh -c 'printf %s \"$2\" >&2; exit 1' sh --password {}",
            word(&s.raw())
        )),
        description = quoted(&format!("{} --password hidden", at("mongodb", "/db"))),
        default = s.toml(),
        token_1 = token(),
        token_2 = token(),
        token_3 = token(),
        token_4 = token(),
        bearer = quoted(&format!("Bearer {}", s.raw())),
        api_key = s.toml(),
        body = quoted(&serde_json::json!({"password": s.raw(), "id": "@{id}"}).to_string()),
        word = s.encoded(),
        amqp = at("amqp", "/%2f"),
        amqp_2 = at("amqp", "/v"),
        amqp_3 = at("amqp", ""),
        redis = at("redis", "/1"),
        redis_2 = at("redis", ""),
        redis_3 = at("redis", "/0"),
        management = at("http", ""),
        promql = at("http", ""),
        postgres = at("postgres", "/db?sslmode=disable"),
        postgres_2 = at("postgresql", "/db"),
        faults = faults(s, dead),
    )
}

/// A fault for each service, at an address that is written out.
pub(super) fn faults(s: &Secrets, dead: u16) -> String {
    let at = |scheme: &str| format!("{scheme}://joe:{}@127.0.0.1:{dead}", s.encoded());
    let said =
        quoted(&format!("sh -c 'printf %s \"$2\" >&2; exit 1' sh --password {}", word(&s.raw())));
    let given = quoted(&format!("true --password {}", word(&s.raw())));
    let all = [
        ("pause", format!("redis_pause = {{ url = \"{}\", for = \"1s\" }}", at("redis"))),
        ("end", format!("postgres_end_backends = {{ url = \"{}/db\" }}", at("postgres"))),
        ("close", format!("close_connections = {{ management = \"{}\" }}", at("http"))),
        (
            "twice",
            format!(
                "duplicate = {{ url = \"{}/%2f\", from = \"q\", exchange = \"e\", share = \"5%\", for = \"1s\" }}",
                at("amqp")
            ),
        ),
        (
            "fails",
            format!(
                "run_command = {{ inject = {said}, confirm = \"true\", undo = \"true\", for = \"100ms\" }}"
            ),
        ),
        (
            "lands",
            format!(
                "run_command = {{ inject = {given}, confirm = \"true\", undo = \"true\", for = \"100ms\" }}"
            ),
        ),
    ];
    let item = |(name, kind): &(&str, String)| {
        format!("[[fault]]\nname = \"{name}\"\nphase = \"load\"\nheal_within = \"1s\"\n{kind}\n")
    };
    all.iter().map(item).collect::<Vec<_>>().join("\n")
}
