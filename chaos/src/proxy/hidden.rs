//! The proxy of a lab: this same executable under a hidden subcommand.

use std::ffi::OsString;
use std::path::PathBuf;

use tokio::net::TcpListener;

use super::{ProxyError, ProxyRequest, Server, Settings, api};

/// `__chaos-proxy LISTEN SEED JOURNAL NAME=LISTEN->UPSTREAM...`: serves the API
/// at the first address, until it is killed.
pub const SUBCOMMAND: &str = "__chaos-proxy";

/// Runs the hidden subcommand if the arguments ask for it.
pub(crate) fn hidden(arguments: &[OsString]) -> Option<u8> {
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let [SUBCOMMAND, listen, seed, journal, proxies @ ..] = words.as_slice() else { return None };
    let proxies: Result<Vec<ProxyRequest>, String> =
        proxies.iter().map(|text| text.parse()).collect();
    let settings = Settings {
        seed: seed.parse().ok()?,
        journal_messages: (!journal.is_empty()).then(|| PathBuf::from(journal)),
        allowed: Vec::new(),
    };
    let served = proxies.and_then(|proxies| serve(listen, &settings, &proxies));
    match served {
        Ok(()) => Some(0),
        Err(reason) => {
            eprintln!("{SUBCOMMAND}: {reason}");
            Some(1)
        }
    }
}

fn serve(listen: &str, settings: &Settings, proxies: &[ProxyRequest]) -> Result<(), String> {
    let text = |error: ProxyError| error.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let server = Server::new(settings).map_err(text)?;
        let socket = TcpListener::bind(listen).await;
        let socket = socket.map_err(|error| format!("{listen}: {error}"))?;
        server.populate(proxies).await.map_err(text)?;
        match api::serve(server, socket).await {}
    })
}
