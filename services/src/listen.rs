//! Whether anybody is there at all.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::address::Address;
use crate::trouble::Trouble;

/// Whether somebody listens at one of the hosts.
pub(crate) async fn listens(address: &Address, within: Duration) -> Result<(), Trouble> {
    let mut reasons = Vec::new();
    for host in &address.hosts {
        let opening = TcpStream::connect((host.name.as_str(), host.port));
        let reason = match tokio::time::timeout(within, opening).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => crate::late(within),
        };
        reasons.push(format!("{host}: {reason}"));
    }
    Err(address.unreachable(&reasons.join("; ")))
}
