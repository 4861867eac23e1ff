//! The weight of a load balancer, at an endpoint of a few lines.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use chaos::World;
use scenarios::plan::FaultKind;
use scenarios::plan::fault::ShiftTraffic;
use scenarios::template::Template;
use scenarios::units::{Share, Span};

use super::play::{Nobody, Thing, cases, prove};
use crate::program::{Desk, kill};
use crate::sleeper::wait_for;

/// What the faults set, in percent.
const SHARES: [&str; 4] = ["5", "12.5", "50", "100"];

/// A balancer that tells and takes the new version's share in percent. It ends with the
/// test's process.
pub(crate) struct Balancer {
    url: String,
    share: Arc<Mutex<String>>,
    before: &'static str,
}

impl Balancer {
    pub(crate) fn start(before: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/weight", listener.local_addr().unwrap());
        let share = Arc::new(Mutex::new(before.to_owned()));
        let told = Arc::clone(&share);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                thread::spawn(move || answer(stream, &told));
            }
        });
        Self { url, share, before }
    }

    fn share(&self) -> String {
        self.share.lock().unwrap().clone()
    }

    fn set(&self, share: &str) {
        share.clone_into(&mut self.share.lock().unwrap());
    }
}

fn answer(mut stream: TcpStream, share: &Mutex<String>) {
    let (mut buffer, mut seen) = ([0; 4096], Vec::new());
    let whole = |seen: &[u8]| {
        let text = String::from_utf8_lossy(seen).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let is_put = head.starts_with("PUT");
        (body.len() >= length.unwrap_or(0)).then(|| (is_put, body.to_owned()))
    };
    let (is_put, body) = loop {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => seen.extend_from_slice(&buffer[..count]),
            _ => return,
        }
        if let Some(request) = whole(&seen) {
            break request;
        }
    };
    let mut share = share.lock().unwrap();
    if is_put {
        *share = body;
    }
    let length = share.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{share}");
    let _ = stream.write_all(answer.as_bytes());
}

#[async_trait]
impl Thing for Balancer {
    fn fault(&self, setting: usize) -> FaultKind {
        let percent: f64 = SHARES[setting].parse().unwrap();
        FaultKind::ShiftTraffic(ShiftTraffic {
            url: Template::new(self.url.clone()),
            to: Share(percent / 100.0),
            until: None,
            // No watchdog can be this test.
            lasts: Span(Duration::ZERO),
        })
    }

    fn is_whole(&self, setting: usize) -> bool {
        self.before == SHARES[setting]
    }

    async fn check(&self, open: &[usize]) {
        let expected = open.last().map_or(self.before, |&last| SHARES[last]);
        assert_eq!(self.share(), expected);
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Nobody)
    }
}

#[test]
fn a_weight_that_several_steps_set_is_right_in_the_end() {
    for before in ["0", SHARES[0]] {
        prove("weight", cases(40), SHARES.len(), &Balancer::start(before));
    }
}

#[test]
fn a_killed_program_leaves_the_weight_as_it_was() {
    let (desk, balancer) = (Desk::new(), Balancer::start("0"));
    let words = ["shift-traffic", "--url", &balancer.url, "--to", "5%", "--for", "2s"];
    let chaos = desk.command(&words).spawn().unwrap();
    wait_for("the step", || balancer.share() == "5");
    kill(chaos);
    wait_for("the weight from before", || balancer.share() == "0");
}

/// Its own share, rounded, is nobody else's.
#[test]
fn a_balancer_that_rounds_gets_its_weight_back() {
    let (desk, balancer) = (Desk::new(), Balancer::start("0"));
    let words = ["shift-traffic", "--url", &balancer.url, "--to", "12.35%", "--for", "1s"];
    let chaos = desk.command(&words).spawn().unwrap();
    wait_for("the step", || balancer.share() == "12.35");
    balancer.set("12");
    let _ = chaos.wait_with_output().unwrap();
    assert_eq!(balancer.share(), "0");
}

#[test]
fn what_somebody_else_has_set_since_is_left_alone() {
    let (desk, balancer) = (Desk::new(), Balancer::start("0"));
    let words = ["shift-traffic", "--url", &balancer.url, "--to", "5%", "--for", "1s"];
    let chaos = desk.command(&words).spawn().unwrap();
    wait_for("the step", || balancer.share() == "5");
    balancer.set("30");
    let output = chaos.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert_eq!(balancer.share(), "30");
}

#[test]
fn what_is_no_weight_is_told_and_not_touched() {
    let (desk, balancer) = (Desk::new(), Balancer::start("many"));
    let fault = |url: &str, to: &str| {
        let words = ["shift-traffic", "--url", url, "--to", to, "--for", "1s"];
        let (code, out, err) = desk.run(&words);
        (code, format!("{out}{err}"))
    };
    let (code, told) = fault(&balancer.url, "5%");
    assert!(code != Some(0) && told.contains("a share in percent such as 5"), "{told}");
    assert_eq!(balancer.share(), "many");
    let (code, told) = fault(&balancer.url.replace("//", "//user:hidden@"), "5%");
    assert!(code != Some(0) && told.contains("in the journal"), "{told}");
    assert!(!told.contains("hidden"), "{told}");
    let (code, told) = fault(&balancer.url, "120%");
    assert!(code == Some(2) && told.contains("between 0% and 100%"), "{told}");
}
