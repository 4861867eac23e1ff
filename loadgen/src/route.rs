//! How the host of an address is reached, in the same way for every transport
//! that knows of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use scenarios::plan;
use scenarios::plan::route::{ConnectTo, Resolve};
use scenarios::redact::redact_address;
use scenarios::template::TemplateError;

/// The way to a host; [`Route::default`] is as its name says. Names in
/// certificates and in the `Host` header stay those of the address.
///
/// A proxy or a Unix socket is the whole way: nothing else goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Addresses that names have, instead of what the resolver says.
    pub resolve: Vec<Resolve>,
    /// Where connections go instead.
    pub connect_to: Option<ConnectTo>,
    /// The Unix socket that connections go to instead.
    pub unix_socket: Option<PathBuf>,
    /// The HTTP proxy that requests go through: `http://user:password@host:port`.
    /// What is encrypted goes through a tunnel (`CONNECT`), everything else is
    /// asked of the proxy itself. No environment variable is looked at.
    pub proxy: Option<String>,
}

impl Route {
    /// The way of a plan, its `${target.key}` replaced by the addresses.
    ///
    /// # Errors
    /// When a target has no address.
    pub fn from_plan(
        planned: &plan::Route,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let path = planned.unix_socket.as_ref().map(|path| path.fill(targets)).transpose()?;
        Ok(Self {
            resolve: planned.resolve.clone(),
            connect_to: planned.connect_to.clone(),
            unix_socket: path.map(PathBuf::from),
            proxy: planned.proxy.as_ref().map(|proxy| proxy.fill(targets)).transpose()?,
        })
    }
}

/// What stands behind an address, for people: empty, or ` through http://proxy:3128`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resolve, connect_to, unix_socket, proxy } = self;
        for resolve in resolve {
            write!(f, " resolved as {resolve}")?;
        }
        if let Some(connect_to) = connect_to {
            write!(f, " connected to {connect_to}")?;
        }
        if let Some(path) = unix_socket {
            write!(f, " at {}", path.display())?;
        }
        if let Some(proxy) = proxy {
            write!(f, " through {}", redact_address(proxy))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use scenarios::template::Template;

    use super::*;

    #[test]
    fn a_route_of_a_plan_is_filled_in_and_shown_without_secrets() {
        let planned = plan::Route {
            resolve: vec!["shop.test:80:127.0.0.1".parse().unwrap()],
            connect_to: Some("::shop.test:80".parse().unwrap()),
            unix_socket: Some(Template::new("/run/shop.sock")),
            proxy: Some(Template::new("${target.proxy}")),
        };
        assert!(Route::from_plan(&planned, &BTreeMap::new()).is_err());
        let address = "http://joe:hunter22@127.0.0.1:3128".to_owned();
        let targets = BTreeMap::from([("proxy".to_owned(), address.clone())]);
        let route = Route::from_plan(&planned, &targets).unwrap();
        assert_eq!(route.unix_socket.as_deref(), Some(std::path::Path::new("/run/shop.sock")));
        assert_eq!(route.proxy, Some(address));
        assert_eq!(
            route.to_string(),
            " resolved as shop.test:80:127.0.0.1 connected to ::shop.test:80 at /run/shop.sock \
             through http://joe:***@127.0.0.1:3128"
        );
        assert_eq!(Route::default().to_string(), "");
    }
}
