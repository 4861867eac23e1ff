//! What stands behind a proxy is guarded as if it were aimed at directly.
//! 192.0.2.0/24 is nobody's (RFC 5737), and no proxy here ever has a connection.

use std::fs;

use crate::program::Desk;
use crate::proxy_api::Program;

/// A server with a proxy that leads to another machine and one that stays here;
/// where they listen.
fn proxies() -> (Program, [String; 2]) {
    let far = ["--proxy", "far=127.0.0.1:0->192.0.2.1:6379"];
    let near = ["--proxy", "near=127.0.0.1:0->127.0.0.1:1"];
    let program = Program::start(&[far, near, ["--allow", "192.0.2.1"]].concat());
    let listens = [0, 1].map(|at| program.said["proxies"][at]["listen"].as_str().unwrap().into());
    (program, listens)
}

#[test]
fn a_toxic_in_front_of_another_machine_is_refused() {
    let (program, _) = proxies();
    let admin = format!("http://{}", program.address());
    let desk = Desk::new();
    let toxic = |proxy, more: &[&str]| {
        let words = ["toxic", "--admin", &admin, "--proxy", proxy, "--type", "latency"];
        desk.run(&[&words[..], &["--for", "100ms"], more].concat())
    };
    let (code, out, err) = toxic("far", &[]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(err.contains("192.0.2.1:6379 behind the proxy far"), "{err}");
    assert!(err.contains("--allow 192.0.2.1"), "{err}");
    assert!(desk.states().is_empty());
    for (proxy, more) in [("near", &[][..]), ("far", &["--allow", "192.0.2.1"])] {
        let (code, out, err) = toxic(proxy, more);
        assert_eq!(code, Some(0), "{proxy}: {out}{err}");
    }
}

#[test]
fn a_run_is_refused_for_all_that_its_proxies_lead_to_before_anything_begins() {
    let (program, [far, near]) = proxies();
    let admin = format!("http://{}", program.address());
    let desk = Desk::new();
    let file = desk.0.path().join("faults.toml");
    let out = desk.0.path().join("runs").display().to_string();
    let run = |proxy: &str, at: &str| {
        let faults = format!(
            r#"
name = "proxied"
[[phase]]
name = "load"
for = "5s"
[[fault]]
name = "late"
phase = "load"
toxic = {{ admin = "{admin}", proxy = "{proxy}", type = "latency", for = "1s" }}
[[fault]]
name = "twice"
phase = "load"
duplicate = {{ url = "redis://{at}", from = "s", for = "1s" }}
"#
        );
        fs::write(&file, faults).unwrap();
        desk.run(&["run", file.to_str().unwrap(), "--out", &out])
    };
    let (code, said, err) = run("far", &near);
    assert_eq!(code, Some(2), "{said}{err}");
    assert!(err.contains("fault late (192.0.2.1:6379 behind the proxy far)"), "{err}");
    // The duplicates go by way of a proxy that no toxic names.
    let (code, said, err) = run("near", &far);
    assert_eq!(code, Some(2), "{said}{err}");
    let by = format!("fault twice (Redis at redis://{far}), which leads by {far} to");
    assert!(err.contains(&by) && err.contains("--allow 192.0.2.1"), "{err}");
    assert!(desk.states().is_empty());
}
