//! What has gone through the proxies, under the names that Toxiproxy's
//! dashboards know.

use exposition::Page;

use super::shared::{ProxyView, Totals};

/// All figures.
pub(crate) fn page(proxies: &[(ProxyView, Totals)]) -> Page {
    let mut page = Page::default();
    let mut bytes = |name: &str, help: &str, of: fn(&Totals) -> [u64; 2]| {
        let mut family = page.counter(name, help);
        for (proxy, totals) in proxies {
            for (direction, bytes) in ["upstream", "downstream"].into_iter().zip(of(totals)) {
                let [listener, name, upstream] = labels(proxy);
                family.count(&[("direction", direction), listener, name, upstream], bytes);
            }
        }
    };
    bytes("toxiproxy_proxy_received_bytes_total", "Bytes that came in.", |all| all.received);
    bytes("toxiproxy_proxy_sent_bytes_total", "Bytes that were passed on.", |all| all.sent);
    let mut open = page.gauge("shakedown_proxy_connections", "Connections that are open.");
    for (proxy, totals) in proxies {
        open.count(&labels(proxy), totals.open as u64);
    }
    let help = "Connections that were accepted.";
    let mut accepted = page.counter("shakedown_proxy_connections_total", help);
    for (proxy, totals) in proxies {
        accepted.count(&labels(proxy), totals.accepted);
    }
    page
}

fn labels(proxy: &ProxyView) -> [(&str, &str); 3] {
    [("listener", &*proxy.listen), ("proxy", &*proxy.name), ("upstream", &*proxy.upstream)]
}
