//! What is sent: bodies from files, rows of data, forms; and what is read of
//! answers that are compressed. By the program, from the outside.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::server::Server;
use crate::support::redis::Redis;

/// Bytes that are no text, and look like a mark.
const BINARY: &[u8] = b"\x00\xff@{id}\r\n\x80";

type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that takes everything down, and what it saw.
fn server() -> (Server, Seen) {
    let seen = Seen::default();
    let server = Server::start({
        let seen = Arc::clone(&seen);
        move |talk| {
            while let Some(request) = talk.request_bytes() {
                seen.lock().unwrap().push(request);
                talk.answer(200);
            }
        }
    });
    (server, seen)
}

fn loadgen(words: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(words).env_remove("LOADGEN_HTTP_URL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Five requests, one after the other; gives what the server saw.
fn five(words: &[&str], input: &[u8]) -> (Vec<(String, Vec<u8>)>, String) {
    let (server, seen) = server();
    let url = server.url();
    let pace = ["-n", "5", "--concurrency", "1", "--run", "r", "--timeout", "60s"];
    let output = loadgen(&[&["http", &url], &pace[..], words].concat(), input);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 5);
    (seen, String::from_utf8(output.stderr).unwrap())
}

/// What a load that cannot be begun says.
fn refusal(words: &[&str]) -> String {
    let output = loadgen(&[&["http", "http://127.0.0.1:9/", "-n", "5"], words].concat(), b"");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap()
}

#[test]
fn a_body_comes_from_a_file_or_the_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let binary = format!("@{}", write(folder.path(), "b", BINARY));
    let (seen, said) = five(&["--body", &binary], b"");
    assert!(seen.iter().all(|(head, body)| head.starts_with("POST ") && body == BINARY));
    assert!(said.contains("no message tells which operation it is"), "{said}");

    let (seen, said) = five(&["--body", &binary, "--idempotency-header", "x-id"], b"");
    assert!(seen.iter().any(|(head, _)| head.contains("x-id: r/http/4\r\n")), "{seen:?}");
    assert!(!said.contains("no message tells"), "{said}");

    let template = format!("@{}", write(folder.path(), "t", b"{\"id\":\"@{id}\"}\n"));
    let (seen, _) = five(&["--body", &template], b"");
    let bodies: Vec<_> = seen.iter().map(|(_, body)| text(body)).collect();
    assert!(bodies.contains(&"{\"id\":\"r/http/3\"}\n"), "{bodies:?}");

    let (seen, _) = five(&["--body", &template, "--verbatim"], b"");
    assert!(seen.iter().all(|(_, body)| body == b"{\"id\":\"@{id}\"}\n"));
    let (seen, _) = five(&["--body", "@-"], BINARY);
    assert!(seen.iter().all(|(_, body)| body == BINARY));
    let (seen, _) = five(&["--body", "\\@home"], b"");
    assert!(seen.iter().all(|(_, body)| body == b"@home"));
}

#[test]
fn a_body_that_cannot_be_read_ends_the_run_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    for (body, hint) in [
        ("@/no/such".to_owned(), "there is no such file"),
        (format!("@{}", folder.path().display()), "it is a folder"),
        (format!("@{}", large.display()), "more than 64 MiB"),
        ("@".to_owned(), "name a file behind @"),
    ] {
        let said = refusal(&["--body", &body]);
        assert!(said.contains(hint) && said.contains("--body"), "{said}");
    }
}

#[test]
fn rows_fill_in_path_headers_and_body() {
    let folder = tempfile::tempdir().unwrap();
    let rows = write(folder.path(), "rows.csv", b"user,id\n\"a \"\"b\"\"\",1\nc/d,2\n");
    let (server, seen) = server();
    let url = format!("{}u/@{{user}}", server.url());
    let words = [
        "http",
        &url,
        "-n",
        "4",
        "--concurrency",
        "1",
        "--run",
        "r",
        "--data",
        &rows,
        "--header",
        "x-user: @{user}",
        "--body",
        "{\"u\":\"@{user}\",\"n\":@{data:id},\"op\":\"@{id}\"}",
    ];
    let output = loadgen(&words, b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("write @{data:id} for the column of that name"), "{said}");
    let seen = seen.lock().unwrap().clone();
    for (number, (head, body)) in seen.iter().enumerate() {
        let (path, user, id) = match number % 2 {
            0 => ("a%20%22b%22", "a \"b\"", 1),
            _ => ("c%2Fd", "c/d", 2),
        };
        assert!(head.starts_with(&format!("POST /u/{path} ")), "{head}");
        assert!(head.contains(&format!("x-user: {user}\r\n")), "{head}");
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["u"], user);
        assert_eq!(
            (body["n"].as_i64(), body["op"].as_str()),
            (Some(id), Some(&*format!("r/http/{number}")))
        );
    }
}

#[test]
fn rows_are_drawn_from_the_seed_or_used_once() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..1_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let rows = write(folder.path(), "rows.ndjson", lines.as_bytes());
    let drawn = |seed: &str| {
        let words = ["--data", &rows, "--data-order", "random", "--body", "@{n}", "--seed", seed];
        let (seen, _) = five(&words, b"");
        seen.iter().map(|(_, body)| text(body).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(drawn("1"), drawn("1"));
    assert_ne!(drawn("1"), drawn("2"));

    let few = write(folder.path(), "few.csv", b"n\n0\n1\n2\n");
    let once = ["--data", &few, "--data-order", "once", "--body", "@{n}"];
    let said = refusal(&once);
    assert!(said.contains("with 3 rows") && said.contains("there are 5 operations"), "{said}");
    // A closed loop ends with the rows.
    let (server, seen) = server();
    let url = server.url();
    let closed = ["http", &url, "--concurrency", "2", "-z", "60s"];
    let output = loadgen(&[&closed[..], &once[..]].concat(), b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut bodies: Vec<_> = seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    bodies.sort();
    assert_eq!(bodies, [b"0", b"1", b"2"]);
}

#[test]
fn data_that_cannot_be_used_ends_the_run_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let rows = write(folder.path(), "rows.csv", b"user,line\nann,\"secret\nx\"\n");
    for (words, hint) in [
        (&["--data", &rows, "--body", "@{usr}"][..], "did you mean @{user}?"),
        (&["--data", &rows, "--header", "x: @{line}"], "a line break"),
        (&["--body", "@{data:user}"], "give it with --data"),
        (&["--data", "/no/such", "--body", "@{user}"], "there is no such file"),
        (&["--data-order", "once"], "--data <FILE>"),
    ] {
        let said = refusal(words);
        assert!(said.contains(hint) && !said.contains("secret"), "{said}");
    }
}

#[test]
fn forms_are_sent_as_browsers_do() {
    let (seen, _) = five(&["--form", "a b=c&d", "--form", "id=@{id}"], b"");
    let bodies: Vec<_> = seen.iter().map(|(_, body)| text(body)).collect();
    assert!(bodies.contains(&"a%20b=c%26d&id=r/http/2"), "{bodies:?}");
    let kind = "content-type: application/x-www-form-urlencoded\r\n";
    assert!(seen.iter().all(|(head, _)| head.starts_with("POST ") && head.contains(kind)));

    let folder = tempfile::tempdir().unwrap();
    let file = format!("up=@{};type=image/png", write(folder.path(), "b.png", BINARY));
    let (seen, _) = five(&["--multipart", &file, "--multipart", "id=@{id}"], b"");
    for (head, body) in &seen {
        let (_, boundary) = head.split_once("multipart/form-data; boundary=").unwrap();
        let line = format!("--{}", boundary.lines().next().unwrap());
        let parts: Vec<&[u8]> = split(body, line.as_bytes());
        assert_eq!((parts.len(), parts[0], parts[3]), (4, &b""[..], &b"--\r\n"[..]));
        let expected = [
            b"\r\ncontent-disposition: form-data; name=\"up\"; filename=\"b.png\"\r\n\
              content-type: image/png\r\n\r\n",
            BINARY,
            b"\r\n",
        ];
        assert_eq!(parts[1], expected.concat());
        assert!(text(parts[2]).contains("name=\"id\"\r\n\r\nr/http/"), "{:?}", text(parts[2]));
    }
    let given = ["--form", "a=b", "--header", "Content-Type: text/plain"];
    let (seen, _) = five(&given, b"");
    assert!(seen.iter().all(|(head, _)| head.contains("content-type: text/plain\r\n")));
    assert!(refusal(&["--form", "a=b", "--body", "x"]).contains("cannot be used with"));
}

fn split<'a>(mut body: &'a [u8], line: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = body.windows(line.len()).position(|window| window == line) {
        parts.push(&body[..at]);
        body = &body[at + line.len()..];
    }
    parts.push(body);
    parts
}

#[test]
fn compressed_answers_are_read_where_that_is_asked_for() {
    let server = Server::start(|talk| {
        while let Some((head, body)) = talk.request() {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            write!(packed, "{{\"id\":\"{body}\",\"known\":true}}").unwrap();
            let packed = packed.finish().unwrap();
            // Some do it without being asked.
            let _ = head;
            talk.write(&format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                packed.len()
            ));
            talk.write_bytes(&packed);
        }
    });
    let url = server.url();
    let words = [
        "http",
        &url,
        "-n",
        "20",
        "-r",
        "200/s",
        "--body",
        "@{seq}",
        "--duplicates",
        "100%",
        "--same",
        "/id",
        "--json",
        "--quiet",
        "--timeout",
        "60s",
    ];
    let answers = |more: &[&str]| {
        let output = loadgen(&[&words[..], more].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |name: &str| result["answers"][name].as_u64().unwrap();
        (count("pairs"), count("agreed"), count("valueless"), count("unread"))
    };
    assert_eq!(answers(&["--compressed"]), (20, 20, 0, 0));
    assert_eq!(answers(&[]), (20, 0, 0, 20), "and nothing is made of what cannot be read");
}

#[test]
fn compression_is_asked_for() {
    let (seen, _) = five(&["--compressed"], b"");
    assert!(seen.iter().all(|(head, _)| head.contains("accept-encoding: gzip\r\n")), "{seen:?}");
    let (seen, _) = five(&["--compressed", "-H", "Accept-Encoding: br"], b"");
    assert!(seen.iter().all(|(head, _)| !head.contains("gzip")), "{seen:?}");
    let (seen, _) = five(&[], b"");
    assert!(seen.iter().all(|(head, _)| !head.contains("accept-encoding")), "{seen:?}");
}

#[test]
fn redis_takes_any_bytes_and_rows() {
    let server = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    // Without what would end a text.
    let body = format!("@{}", write(folder.path(), "b", b"\x01\xff@{id}"));
    let rows = write(folder.path(), "rows.csv", b"user\nann\nbob\n");
    let url = server.url();
    let run = |words: &[&str]| {
        let pace = ["-n", "3", "--quiet"];
        let output = loadgen(&[&["redis", &url], &pace[..], words].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    run(&["--list", "l", "--body", &body]);
    assert_eq!(server.ask(&["LLEN", "l"]).as_deref(), Some(":3"));
    assert_eq!(server.ask(&["LPOS", "l", "\"\\x01\\xff@{id}\""]).as_deref(), Some(":0"));
    run(&["--list", "n", "--data", &rows, "--body", "@{user}"]);
    for (at, user) in ["ann", "bob", "ann"].into_iter().enumerate() {
        assert_eq!(server.ask(&["LINDEX", "n", &at.to_string()]).as_deref(), Some(user));
    }
    let field = format!("data={body}");
    run(&["--stream", "s", "--field", "id=@{id}", "--field", &field]);
    assert_eq!(server.ask(&["XLEN", "s"]).as_deref(), Some(":3"));
}
