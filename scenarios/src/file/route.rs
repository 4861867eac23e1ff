//! The keys of a workload that say how its host is reached.

use crate::plan::route::Route;
use crate::read::Table;

/// Reads them; `resolve`, `connect_to`, `unix_socket` and `proxy` are four answers
/// to one question, of which only the first two go together.
pub(super) fn read(table: &mut Table<'_, '_>) -> Route {
    let resolve = table.list_or_empty(
        "resolve",
        "Addresses that a name has, instead of what the resolver says: \"shop.example:443:127.0.0.1\". Certificate and Host header stay those of the url.",
    );
    let connect_to = table.opt(
        "connect_to",
        "Where connections go instead of the url's host, whose name stays in certificate and Host header: \"shop.example:443:127.0.0.1:8443\"; an empty part is any or the same.",
    );
    let unix_socket = table.opt(
        "unix_socket",
        "The path of a Unix socket that connections go to instead of the url's host.",
    );
    let proxy = table.opt(
        "proxy",
        "The HTTP proxy that requests go through: \"http://user:password@host:3128\". Variables such as http_proxy are not looked at.",
    );
    let ways = [
        ("unix_socket", unix_socket.is_some()),
        ("proxy", proxy.is_some()),
        ("connect_to", connect_to.is_some()),
        ("resolve", !resolve.is_empty()),
    ];
    let mut given = ways.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key);
    if let (Some(first), Some(second)) = (given.next(), given.next())
        && first != "connect_to"
    {
        let message = format!("connections go one way, and this says two: {first} and {second}");
        let help = "take one of them out".to_owned();
        table.context.problem(Some(table.place_of(second)), message, Some(help));
    }
    let resolve = resolve.into_iter().map(|at| at.value).collect();
    Route { resolve, connect_to, unix_socket, proxy }
}
