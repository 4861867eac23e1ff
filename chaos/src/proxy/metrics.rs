//! What has gone through the proxies, in the text format of Prometheus and
//! under the names that Toxiproxy's dashboards know.

use std::fmt::Write;

use super::shared::{ProxyView, Totals};

/// Writes all figures.
pub(crate) fn text(proxies: &[(ProxyView, Totals)]) -> String {
    let mut text = String::new();
    let bytes =
        |totals: &Totals, received: bool| if received { totals.received } else { totals.sent };
    for (name, received) in [("received", true), ("sent", false)] {
        let _ = writeln!(text, "# TYPE toxiproxy_proxy_{name}_bytes_total counter");
        for (proxy, totals) in proxies {
            for (direction, bytes) in ["upstream", "downstream"].iter().zip(bytes(totals, received))
            {
                let labels = labels(proxy);
                let _ = writeln!(
                    text,
                    "toxiproxy_proxy_{name}_bytes_total{{direction=\"{direction}\",{labels}}} {bytes}"
                );
            }
        }
    }
    let mut series = |name: &str, kind: &str, value: &dyn Fn(&Totals) -> u64| {
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for (proxy, totals) in proxies {
            let _ = writeln!(text, "{name}{{{}}} {}", labels(proxy), value(totals));
        }
    };
    series("shakedown_proxy_connections", "gauge", &|totals| totals.open as u64);
    series("shakedown_proxy_connections_total", "counter", &|totals| totals.accepted);
    text
}

fn labels(proxy: &ProxyView) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!(
        "listener=\"{}\",proxy=\"{}\",upstream=\"{}\"",
        escaped(&proxy.listen),
        escaped(&proxy.name),
        escaped(&proxy.upstream)
    )
}
