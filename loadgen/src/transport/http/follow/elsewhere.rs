//! Connections to other origins than the target's, of one connection to it.

use std::time::Duration;

use http::Method;
use services::Service;
use url::Origin;

use super::{Follow, Hop};
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::Reason;
use crate::payload::write_number;
use crate::reach::Unready;
use crate::transport::http::wire::{Trouble, Wire};
use crate::transport::http::{CLOSES, Ear, RESENDS, Target};
use crate::transport::stream::Address;

/// So many connections are kept; the one that was made first goes first.
pub(in crate::transport::http) const KEPT: usize = 4;

/// The connections to other origins.
#[derive(Default)]
pub(in crate::transport::http) struct Elsewhere {
    kept: Vec<Place>,
    request: Vec<u8>,
}

struct Place {
    origin: Origin,
    address: Address,
    wire: Option<Wire>,
}

impl Elsewhere {
    /// Sends a request to another origin, if that is allowed, and reads the
    /// answer.
    pub(in crate::transport::http) async fn hop(
        &mut self,
        target: &Target,
        lane: &Lane,
        op: &Op,
        hop: &Hop,
        until: Duration,
        ear: &mut Ear<'_>,
    ) -> Result<u16, Reason> {
        let Some(follow) = &target.follow else {
            return Err(Reason::Redirect("redirects are not followed".to_owned()));
        };
        let host = hop.url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        lane.limit(until, follow.reach.check(host))
            .await
            .ok_or(Reason::Timeout)?
            .map_err(Reason::Forbidden)?;
        let mut request = std::mem::take(&mut self.request);
        follow.write(target, lane, op, hop, &mut request);
        let place = lane.limit(until, self.place(follow, hop)).await.ok_or(Reason::Timeout)??;
        let mut answer = Err(Reason::Lost(CLOSES.to_owned()));
        for _ in 0..=RESENDS {
            match place.exchange(lane, &request, hop, until, ear).await {
                Some(answered) => {
                    answer = answered;
                    break;
                }
                None => place.wire = None,
            }
        }
        if answer.is_err() {
            place.wire = None;
        }
        self.request = request;
        answer
    }

    /// The place of a hop, which is looked up when it is new.
    async fn place(&mut self, follow: &Follow, hop: &Hop) -> Result<&mut Place, Reason> {
        let origin = hop.origin();
        let at = match self.kept.iter().position(|place| place.origin == origin) {
            Some(at) => at,
            None => {
                let address = address(follow, hop).await?;
                if self.kept.len() >= KEPT {
                    self.kept.remove(0);
                }
                self.kept.push(Place { origin, address, wire: None });
                self.kept.len() - 1
            }
        };
        Ok(&mut self.kept[at])
    }
}

/// The address of a hop. Its host may have to be looked up, which waits.
async fn address(follow: &Follow, hop: &Hop) -> Result<Address, Reason> {
    let text = format!("{}://{}", hop.url.scheme(), hop.authority());
    let cannot = |error: String| Reason::Redirect(format!("its address cannot be used: {error}"));
    let given = Service::Http.address(&text).map_err(|error| cannot(error.reason))?;
    let tls = follow.tls.clone();
    tokio::task::spawn_blocking(move || Address::new(&given, &tls, &[b"http/1.1"]))
        .await
        .map_err(|error| cannot(error.to_string()))?
        .map_err(|error| cannot(error.to_string()))
}

impl Place {
    /// The status of the answer, or why there is none; `None` if nothing of the
    /// request was sent, because a connection that was kept had ended.
    async fn exchange(
        &mut self,
        lane: &Lane,
        request: &[u8],
        hop: &Hop,
        until: Duration,
        ear: &mut Ear<'_>,
    ) -> Option<Result<u16, Reason>> {
        if self.wire.as_ref().is_none_or(Wire::is_dead) {
            self.wire = None;
            match lane.limit(until, self.address.connect()).await {
                Some(Ok(stream)) => self.wire = Some(Wire::new(stream, None)),
                Some(Err(error)) => return Some(Err(unmade(&error))),
                None => return Some(Err(Reason::Timeout)),
            }
        }
        let wire = self.wire.as_mut()?;
        let exchange = wire.exchange(request, hop.method == Method::HEAD, Some(ear));
        match lane.limit(until, exchange).await {
            Some(Ok(status)) => Some(Ok(status)),
            Some(Err(Trouble::Unsent)) => None,
            Some(Err(Trouble::IdledOut(why) | Trouble::Lost(why))) => Some(Err(Reason::Lost(why))),
            None => Some(Err(Reason::Timeout)),
        }
    }
}

/// That a redirect leads to a place that cannot be reached says nothing of the
/// target, which was.
fn unmade(error: &Unready) -> Reason {
    match error.reason() {
        Reason::Unreachable(why) => Reason::Redirect(format!("no connection: {why}")),
        other => other,
    }
}

impl Follow {
    /// Writes the request of a hop by HTTP/1.1, in place of what is there.
    pub(in crate::transport::http) fn write(
        &self,
        target: &Target,
        lane: &Lane,
        op: &Op,
        hop: &Hop,
        out: &mut Vec<u8>,
    ) {
        let now = lane.now();
        out.clear();
        out.extend_from_slice(format!("{} {} HTTP/1.1\r\n", hop.method, hop.path()).as_bytes());
        let mut has_host = false;
        for (name, payload) in self.headers(hop) {
            has_host |= name == http::header::HOST;
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            lane.render(payload, op, now, out);
            out.extend_from_slice(b"\r\n");
        }
        if !has_host {
            out.extend_from_slice(format!("host: {}\r\n", hop.authority()).as_bytes());
        }
        if !target.keepalive && self.is_home(hop) {
            out.extend_from_slice(b"connection: close\r\n");
        }
        let mut body = Vec::new();
        if hop.has_body {
            lane.render_body(&target.body, op, now, &mut body);
        }
        if !body.is_empty() || (hop.has_body && target.has_length) {
            out.extend_from_slice(b"content-length: ");
            write_number(body.len() as u64, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
    }
}
