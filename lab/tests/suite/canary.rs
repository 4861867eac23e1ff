//! Two versions behind a real nginx: the weight is what it says, changing it loses no
//! request, and who failed is told.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lab::Lab;
use lab::reference::{self, Running, StartOptions};
use rustix::process::Signal;

use crate::support::{http, kill, lab, patience, until};

struct Stage {
    running: Running,
    lab: Lab,
    _logs: tempfile::TempDir,
}

impl Stage {
    fn new(variant: &str) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let lab = lab(logs.path());
        let system = reference::system("canary").unwrap();
        let options = StartOptions { variant: variant.to_owned(), ..StartOptions::default() };
        let running = system.start(&lab, &options, patience()).unwrap();
        Self { running, lab, _logs: logs }
    }

    fn target(&self, name: &str) -> &str {
        &self.running.targets[name]
    }

    fn set_weight(&self, percent: &str) {
        let answer = http("PUT", self.target("weight"), percent).unwrap();
        assert_eq!(answer, (200, percent.to_owned()));
        assert_eq!(http("GET", self.target("weight"), ""), Some((200, percent.to_owned())));
    }

    /// One request: its status, and who answered it.
    fn ask(&self, route: usize) -> Option<(u16, String)> {
        let address = self.target("service").strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(format!("GET /route/{route} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let version = text.lines().find_map(|line| line.strip_prefix("x-version: "))?;
        Some((text.split(' ').nth(1)?.parse().ok()?, version.to_owned()))
    }

    /// How many of so many requests each version answered.
    fn share_out(&self, requests: usize) -> BTreeMap<String, usize> {
        let mut answered = BTreeMap::new();
        for number in 0..requests {
            let (status, version) = self.ask(number % 10).unwrap();
            assert_eq!(status, 200);
            let (version, route) = version.split_once('.').unwrap();
            assert_eq!(route, format!("r{}", number % 10));
            *answered.entry(version.to_owned()).or_default() += 1;
        }
        answered
    }
}

#[test]
fn the_weight_is_what_it_says_and_changing_it_loses_no_request() {
    let stage = Stage::new("correct");
    let told: Vec<String> = stage.running.versions();
    assert!(told[0].starts_with("nginx 1."), "{told:?}");
    assert_eq!(stage.running.servers[0].kind().name, "nginx");
    assert_eq!(stage.share_out(20), [("stable".to_owned(), 20)].into());
    stage.set_weight("100");
    assert_eq!(stage.share_out(20), [("canary".to_owned(), 20)].into());
    // Six standard deviations of the binomial distribution.
    stage.set_weight("25");
    let share = stage.share_out(400)["canary"];
    assert!((48..=152).contains(&share), "{share} of 400");

    let is_over = AtomicBool::new(false);
    let ask = &|route: usize| {
        let mut asked = 0;
        while !is_over.load(Ordering::Relaxed) {
            let (status, version) = stage.ask(route).expect("no request is lost");
            assert!(status == 200 && version.ends_with(&format!(".r{route}")));
            asked += 1;
        }
        asked
    };
    let asked = thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|route| scope.spawn(move || ask(route))).collect();
        for percent in ["5", "10", "50", "100", "0", "12.5"] {
            stage.set_weight(percent);
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
    });
    assert!(asked > 100, "{asked}");

    for bad in ["", "many", "-1", "101"] {
        let (status, why) = http("PUT", stage.target("weight"), bad).unwrap();
        assert!(status == 400 && why.contains("in percent"), "{bad}: {why}");
    }
}

#[test]
fn a_version_that_is_down_fails_under_its_own_name_and_its_figures_are_unknown() {
    let stage = Stage::new("correct");
    stage.set_weight("100");
    let page = |version: &str| http("GET", stage.target(version), "").unwrap();
    let (status, text) = page("canary");
    let process = "http_requests_total{process=\"canary-2\",code=\"200\"} 0";
    assert!(status == 200 && text.contains(process), "{text}");
    for replica in stage.running.replicas.iter().filter(|replica| replica.role == "canary") {
        stage.lab.hold(&replica.name, patience()).unwrap();
        kill(stage.lab.process(&replica.name).unwrap().pid.unwrap(), Signal::KILL);
    }
    let failed = until("a failed request", || stage.ask(3).filter(|(status, _)| *status != 200));
    assert_eq!(failed, (502, "canary.r3".to_owned()));
    assert_eq!(page("canary").0, 503);
    assert_eq!(http("GET", stage.target("health"), "").unwrap().0, 503);
    assert_eq!(page("stable").0, 200);
}

#[test]
fn a_weight_that_lies_says_what_it_should_be() {
    let stage = Stage::new("no-traffic");
    stage.set_weight("50");
    assert_eq!(stage.share_out(40), [("stable".to_owned(), 40)].into());
}
