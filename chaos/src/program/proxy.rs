//! `chaos proxy`: the proxy's server in the foreground.

use std::future::pending;
use std::io;
use std::path::PathBuf;

use chaos::proxy::{ProxyError, ProxyRequest, Server, Settings, api};
use clap::Args;
use scenarios::units::Span;
use serde_json::json;
use tokio::net::TcpListener;

use super::exit::{Exit, Trouble};
use super::place::{self, Signals};
use super::say::Say;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the HTTP API listens; port 0 is a free one [default: 127.0.0.1:8474]
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["host", "port"])]
    listen: Option<String>,
    /// The host of the HTTP API
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// The port of the HTTP API
    #[arg(long, value_name = "PORT", default_value_t = 8474)]
    port: u16,
    /// A proxy from the start, for instance redis=127.0.0.1:0->127.0.0.1:6379;
    /// may be repeated
    #[arg(long = "proxy", value_name = "NAME=LISTEN->UPSTREAM")]
    proxies: Vec<ProxyRequest>,
    /// Proxies from the start: a JSON array, as POST /populate takes it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where all chance comes from [default: another one each time, which is
    /// shown]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Ends by itself after this time
    #[arg(long, value_name = "TIME")]
    ttl: Option<Span>,
    /// Appends what toxics do to single messages, one JSON object a line
    #[arg(long, value_name = "FILE")]
    journal_messages: Option<PathBuf>,
    /// Permits an upstream that is not on this machine; may be repeated
    #[arg(long = "allow", value_name = "HOST", env = "SHAKEDOWN_ALLOW", value_delimiter = ' ')]
    allowed: Vec<String>,
}

/// Serves until a signal comes or the time is over.
pub(crate) fn run(asked: &Arguments, say: &Say) -> Result<Exit, Trouble> {
    place::block_on(async {
        let mut signals = Signals::listen()?;
        let seed = asked.seed.unwrap_or_else(place::fresh_seed);
        let journal_messages = asked.journal_messages.clone();
        let allowed = asked.allowed.clone();
        let server = Server::new(&Settings { seed, journal_messages, allowed })?;
        let listen = asked.listen.clone();
        let listen = listen.unwrap_or_else(|| format!("{}:{}", asked.host, asked.port));
        let socket = listener(&listen).await?;
        let proxies = server.populate(&wanted(asked)?).await?;
        let address = socket.local_addr().map_err(|source| cannot(&listen, source))?;
        let mut text = format!("the HTTP API is at http://{address} (seed {seed})");
        for proxy in &proxies {
            text += &format!("\n{}: {} -> {}", proxy.name, proxy.listen, proxy.upstream);
        }
        let state = json!({
            "state": "listening", "address": address.to_string(), "seed": seed, "proxies": proxies,
        });
        say.step(&text, &state);
        tokio::select! {
            never = api::serve(server.clone(), socket) => match never {},
            () = signals.caught() => {}
            () = over(asked.ttl) => say.step("the time is over", &json!({"state": "over"})),
        }
        server.close().await;
        say.step("all proxies are closed", &json!({"state": "closed"}));
        Ok(Exit::Done)
    })
}

async fn over(ttl: Option<Span>) {
    match ttl {
        Some(ttl) => tokio::time::sleep(ttl.0).await,
        None => pending().await,
    }
}

async fn listener(listen: &str) -> Result<TcpListener, Trouble> {
    TcpListener::bind(listen).await.map_err(|source| cannot(listen, source))
}

fn cannot(listen: &str, source: io::Error) -> Trouble {
    ProxyError::Listen { name: "the HTTP API".to_owned(), listen: listen.to_owned(), source }.into()
}

/// The proxies of the file and then those of the command line.
fn wanted(asked: &Arguments) -> Result<Vec<ProxyRequest>, ProxyError> {
    let mut all = Vec::new();
    if let Some(path) = &asked.config {
        let text = std::fs::read(path);
        let text = text.map_err(|source| ProxyError::File { path: path.clone(), source })?;
        all = serde_json::from_slice(&text).map_err(|error| {
            let why = format!("{} is no list of proxies: {error}", path.display());
            ProxyError::Bad { why }
        })?;
    }
    all.extend(asked.proxies.iter().cloned());
    Ok(all)
}
