//! A private nginx as a weighted load balancer in front of two versions of a
//! service: on the loopback interface only, in a folder of its own.
//!
//! The share that the new version gets is the text of a file that nginx includes
//! (`split_clients`). A reload loses no request: each connection carries one request,
//! so that none is on its way over a connection that an old worker closes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Class, Kind, Server, accepts, make_folder, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::need::{self, Way};
use crate::{Lab, LabError, Need, Patience, http, port};

/// nginx as it is known before it runs. By itself it has nothing behind it.
pub const KIND: Kind = Kind {
    name: SERVER,
    title: "nginx",
    class: Class::Balancer,
    needs: || vec![&NEED],
    targets: &[],
    start: |lab, patience| Ok(Box::new(Nginx::start(lab, &NginxOptions::default(), patience)?)),
    tidy: |_| (),
};

/// The server's name among the lab's processes, and its role.
pub const SERVER: &str = "nginx";

/// The program.
pub const NEED: Need = Need {
    program: "nginx",
    ways: &[
        Way::Here {
            variable: "SHAKEDOWN_NGINX_BIN",
            find: |folder| need::program("nginx", folder),
        },
        Way::Apt { package: "nginx-light" },
    ],
};

/// Where nginx says which share is in force, in percent.
pub(crate) const SHARE_PATH: &str = "/shakedown/share";

/// How a balancer is to be.
#[derive(Debug, Clone, Default)]
pub struct NginxOptions {
    /// `HOST:PORT` of each process of the stable version.
    pub stable: Vec<String>,
    /// The same of the new version.
    pub canary: Vec<String>,
}

/// A balancer that answers.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same port.
#[derive(Debug)]
pub struct Nginx {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// For example `1.22.1`.
    pub version: String,
    /// Its folder, with the file of the share.
    folder: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts a balancer of which the new version gets nothing, and waits until it
    /// answers.
    ///
    /// # Errors
    /// [`LabError::Missing`] if nginx is not installed; [`LabError::Died`] with the end
    /// of its log if it ends while it starts; and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &NginxOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let program = NEED.find().ok_or_else(|| NEED.missing())?;
        let version = version(&program).ok_or_else(|| NEED.missing())?;
        let port = port::free()?;
        let folder = lab.scratch().join(SERVER);
        make_folder(&folder)?;
        let settings = folder.join("nginx.conf");
        fs::write(&settings, text(&folder, port, options))
            .map_err(LabError::file("write", &settings))?;
        let share = Share::of(&folder);
        share.write(0.0).map_err(LabError::file("write", &share.file))?;
        let argv = [program.as_os_str(), "-c".as_ref(), settings.as_os_str()];
        let spec = ProcessSpec::new(SERVER, SERVER, argv).cwd(&folder).restart(Restart::Always);
        lab.run(spec, patience)?;
        let ready = wait_while_alive(lab, SERVER, patience, || share_in_force(port));
        if ready.is_err() {
            // A server that keeps dying must not keep being restarted.
            let _ = lab.stop_process(SERVER, Patience::new(Duration::from_secs(10)));
        }
        ready?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), version, folder, port })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder, in which the share is set.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Server for Nginx {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }

    fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        lab.wait_for(patience, "nginx to answer again", |_| accepts(self.port).then_some(()))
    }
}

/// The share of the requests that the new version gets, as a file that nginx reads.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    file: PathBuf,
    pid: PathBuf,
}

impl Share {
    /// That of the balancer with this folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self { file: folder.join("share.conf"), pid: folder.join("nginx.pid") }
    }

    /// Writes a share between 0 and 1; nginx reads it when it is told to.
    pub(crate) fn write(&self, share: f64) -> std::io::Result<()> {
        let percent = percent(share);
        let mut text = format!(
            "map $host $share {{ default \"{percent}\"; }}\n\
             split_clients \"$request_id\" $version {{\n"
        );
        match share {
            ..=0.0 => text.push_str("    * stable;\n"),
            1.0.. => text.push_str("    * canary;\n"),
            _ => {
                let _ = writeln!(text, "    {percent}% canary;\n    * stable;");
            }
        }
        text.push_str("}\n");
        // nginx must never see half of it.
        let whole = self.file.with_extension("new");
        fs::write(&whole, text)?;
        fs::rename(&whole, &self.file)
    }

    /// Tells nginx to read its settings again.
    pub(crate) fn reload(&self) -> std::io::Result<()> {
        let text = fs::read_to_string(&self.pid)?;
        let pid = text.trim().parse().ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| std::io::Error::other("nginx has no process id"))?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::HUP)?)
    }
}

/// A share as nginx writes it: percent with at most two decimals.
pub(crate) fn percent(share: f64) -> String {
    format!("{}", (share * 10_000.0).round() / 100.0)
}

/// The share that whoever answers at the port works by, in percent.
pub(crate) fn share_in_force(port: u16) -> Option<String> {
    let answer = http::get(port, SHARE_PATH, None).ok()?;
    (answer.status == 200).then_some(answer.body)
}

fn version(program: &Path) -> Option<String> {
    let said = Command::new(program).arg("-v").output().ok()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    Some(said.split('/').nth(1)?.split_whitespace().next()?.to_owned())
}

fn text(folder: &Path, port: u16, options: &NginxOptions) -> String {
    let at = folder.display();
    let upstream = |name: &str, addresses: &[String]| {
        let mut servers: String =
            addresses.iter().map(|to| format!("        server {to} max_fails=0;\n")).collect();
        if servers.is_empty() {
            servers.push_str("        server 127.0.0.1:9 down;\n");
        }
        format!(
            "    upstream {name} {{\n        zone {name} 64k;\n{servers}        keepalive 32;\n    }}\n"
        )
    };
    let (stable, canary) =
        (upstream("stable", &options.stable), upstream("canary", &options.canary));
    // An answer says which version it is of even where nginx gives it, because the
    // version did not; a request is asked of one process and no other.
    format!(
        "daemon off;\n\
         worker_processes 1;\n\
         pid \"{at}/nginx.pid\";\n\
         error_log stderr warn;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
         \x20   access_log off;\n\
         \x20   server_tokens off;\n\
         \x20   client_body_temp_path \"{at}/body\";\n\
         \x20   proxy_temp_path \"{at}/proxy\";\n\
         \x20   fastcgi_temp_path \"{at}/fastcgi\";\n\
         \x20   uwsgi_temp_path \"{at}/uwsgi\";\n\
         \x20   scgi_temp_path \"{at}/scgi\";\n\
         \x20   keepalive_timeout 0;\n\
         \x20   include \"{at}/share.conf\";\n\
         \x20   map $uri $route {{ default other; ~^/route/(?<number>[0-9])$ r$number; }}\n\
         {stable}{canary}\
         \x20   server {{\n\
         \x20       listen 127.0.0.1:{port};\n\
         \x20       location = {SHARE_PATH} {{ default_type text/plain; return 200 $share; }}\n\
         \x20       location / {{\n\
         \x20           proxy_pass http://$version;\n\
         \x20           proxy_http_version 1.1;\n\
         \x20           proxy_set_header Connection \"\";\n\
         \x20           proxy_next_upstream off;\n\
         \x20           proxy_connect_timeout 1s;\n\
         \x20           proxy_read_timeout 5s;\n\
         \x20           proxy_hide_header x-version;\n\
         \x20           add_header x-version $version.$route always;\n\
         \x20       }}\n\
         \x20   }}\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_as_nginx_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let share = Share::of(folder.path());
        for (value, line, shown) in [
            (0.0, "    * stable;\n}", "\"0\""),
            (0.05, "    5% canary;\n    * stable;\n}", "\"5\""),
            (0.125, "    12.5% canary;\n    * stable;\n}", "\"12.5\""),
            (0.99994, "    99.99% canary;\n    * stable;\n}", "\"99.99\""),
            (1.0, "    * canary;\n}", "\"100\""),
        ] {
            share.write(value).unwrap();
            let text = fs::read_to_string(folder.path().join("share.conf")).unwrap();
            assert!(text.contains(line) && text.contains(shown), "{text}");
        }
    }
}
