//! How connections are made: by which way, and whether they are kept.

use std::path::PathBuf;

use anyhow::bail;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use loadgen::Route;
use scenarios::plan::route::{ConnectTo, Resolve};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct ConnectionArgs {
    /// Make a new connection for each request, whose opening is part of its time
    #[arg(long, visible_alias = "connection-per-request", conflicts_with = "http2")]
    disable_keepalive: bool,
    /// Connect to this address for a host, whose name stays in certificate and Host header;
    /// several addresses, with commas, take turns; * is any host; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<Resolve>,
    /// Connect to another host and port, the name stays the URL's; what is left empty is any or
    /// the same: ::127.0.0.1:8080
    #[arg(long, value_name = "HOST:PORT:HOST2:PORT2")]
    connect_to: Option<ConnectTo>,
    /// Connect to this Unix socket
    #[arg(long, value_name = "PATH", conflicts_with_all = ["resolve", "connect_to"])]
    unix_socket: Option<PathBuf>,
    /// Go through this HTTP proxy: http://USER:PASSWORD@HOST:PORT
    #[arg(
        long,
        value_name = "URL",
        env = "LOADGEN_PROXY",
        hide_env_values = true,
        conflicts_with_all = ["resolve", "connect_to", "unix_socket"]
    )]
    proxy: Option<String>,
    /// Go through the proxy that http_proxy, https_proxy and all_proxy name, except to the hosts
    /// in no_proxy; without this these variables are not looked at
    #[arg(long, conflicts_with_all = ["proxy", "resolve", "connect_to", "unix_socket"])]
    proxy_from_env: bool,
}

/// How connections are to be made.
pub(super) struct Connections {
    pub(super) keepalive: bool,
    pub(super) route: Route,
    /// What is worth knowing about that.
    pub(super) note: Option<String>,
}

impl ConnectionArgs {
    /// The connections to a URL.
    ///
    /// # Errors
    /// When a proxy is to come from the environment, and none is there.
    pub(super) fn read(self, url: &str) -> anyhow::Result<Connections> {
        let mut route = Route {
            resolve: self.resolve,
            connect_to: self.connect_to,
            unix_socket: self.unix_socket,
            proxy: self.proxy.filter(|proxy| !proxy.is_empty()),
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = named(url, variable);
        let mut note = None;
        if self.proxy_from_env {
            let Some(named) = named else {
                bail!(
                    "--proxy-from-env finds no proxy: set http_proxy, https_proxy or all_proxy, \
                     or give --proxy URL"
                )
            };
            route.proxy = (!named.is_passed_by).then_some(named.proxy);
        } else if route == Route::default()
            && let Some(Named { variable, is_passed_by: false, .. }) = named
        {
            note = Some(format!(
                "{variable} is set and not looked at: the load goes straight to the target; to go \
                 through that proxy, add --proxy-from-env"
            ));
        }
        Ok(Connections { keepalive: !self.disable_keepalive, route, note })
    }
}

/// A proxy that the environment names.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    /// Its address, with a scheme.
    proxy: String,
    /// Whether `no_proxy` says that the target is reached without it.
    is_passed_by: bool,
}

/// The proxy for a URL by the variables that curl goes by: the name in capital
/// letters counts, too, but for `HTTP_PROXY`, which a client of a CGI program could
/// set.
fn named(url: &str, variable: impl Fn(&str) -> Option<String>) -> Option<Named> {
    let (target, _) = services::http::split(url).ok()?;
    let names: &[&'static str] = match target.scheme.tls {
        false => &["http_proxy", "all_proxy", "ALL_PROXY"],
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let (name, proxy) = names.iter().find_map(|name| Some((*name, variable(name)?)))?;
    let proxy = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    let except = ["no_proxy", "NO_PROXY"].into_iter().find_map(&variable).unwrap_or_default();
    let is_any = except.split(',').any(|host| host.trim() == "*");
    // The proxy stands for any: what is asked is whether there is to be one.
    let matcher = Matcher::builder().all("http://proxy").no(except).build();
    let uri = format!("{}://{}/", target.scheme.name, target.host()).parse::<Uri>().ok()?;
    // The matcher knows the star for names alone, not for addresses.
    let is_passed_by = is_any || matcher.intercept(&uri).is_none();
    Some(Named { variable: name, proxy, is_passed_by })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_environment_names_proxies_as_for_curl() {
        for (url, set, expected) in [
            ("http://h/@{id}", &[][..], None),
            ("http://h/@{id}", &[("http_proxy", "p:3128")], Some(("http_proxy", "http://p:3128"))),
            ("http://h/", &[("HTTP_PROXY", "http://p:1")], None),
            ("https://h/", &[("http_proxy", "http://p:1")], None),
            ("https://h/", &[("HTTPS_PROXY", "http://p:1")], Some(("HTTPS_PROXY", "http://p:1"))),
            (
                "https://h/",
                &[("all_proxy", "socks5://p:1"), ("https_proxy", "http://q:1")],
                Some(("https_proxy", "http://q:1")),
            ),
            ("http://h/", &[("all_proxy", "socks5://p:1")], Some(("all_proxy", "socks5://p:1"))),
        ] {
            let named = named(url, with(set));
            let found = named.as_ref().map(|named| (named.variable, named.proxy.as_str()));
            assert_eq!(found, expected, "{url} {set:?}");
        }
    }

    #[test]
    fn hosts_are_excepted() {
        for (except, url, is_passed_by) in [
            ("", "http://shop.example/", false),
            ("*", "http://shop.example/", true),
            ("*", "http://127.0.0.1:8080/", true),
            ("other, *", "http://[::1]/", true),
            ("example", "http://shop.example/", true),
            (".example, other", "http://shop.example/", true),
            ("op.example", "http://shop.example/", false),
            ("127.0.0.0/8", "http://127.0.0.1:8080/", true),
            ("127.0.0.1", "http://127.0.0.2/", false),
            ("::1", "http://[::1]:81/", true),
        ] {
            let set = [("http_proxy", "http://p:1"), ("NO_PROXY", except)];
            let named = named(url, with(&set)).unwrap();
            assert_eq!(named.is_passed_by, is_passed_by, "{except} {url}");
        }
    }
}
