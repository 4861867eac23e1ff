//! HTTP/1.1: requests reach the server twice, and the client gets the first
//! response.
//!
//! A `share` of the requests with one of the `methods` is struck, from number
//! `from` on and at most `count` of them, both over all connections. The second
//! request follows on the same connection when the client has its response; the
//! second response is swallowed, and the client's next request waits for that.
//! Both at once would need a connection of the proxy's own, which a stage does
//! not have; nor do clients often send twice what was answered in time, so that
//! servers see this order most.
//!
//! Confirmed by the record `duplicated` with what is known of the request, made
//! before it is sent again. Undone by removing it; a second response that is
//! still to come is swallowed all the same. Requests of more than 1 MiB or with
//! `Expect` or `Connection: close` are left alone, and so are connections that
//! were open before the toxic, that do not wait for a response before the next
//! request, or that change to another protocol.
//!
//! This is permitted: any client, proxy or load balancer may try a request again
//! whose response it did not see. Methods that are not idempotent are only tried
//! again by careless ones.

use serde::{Deserialize, Serialize};

use super::super::protocol::http::exchanges::{Deed, Exchanges, Wishes};
use super::super::protocol::{Identity, Pick, Share};
use super::super::stage::Ground;
use super::Kind;

/// Attributes of the toxic `http_duplicate`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpDuplicate {
    /// Only requests with these methods; with any if there are none.
    pub methods: Vec<String>,
    /// The share of these.
    pub share: Share,
    /// The number of the first one that may be struck, from 1.
    pub from: u64,
    /// How many are struck at most; 0 is without end.
    pub count: u64,
    /// By what a request is known: `idempotency-key`, or `id` in its JSON body,
    /// by default.
    pub identity: Identity,
}

impl HttpDuplicate {
    pub(super) fn stage(&self, ground: &Ground) -> Exchanges {
        Exchanges::new(Deed::Duplicate, self.wishes(), ground, |kind| match kind {
            Kind::HttpDuplicate(asked) => Some(asked.wishes()),
            _ => None,
        })
    }

    fn wishes(&self) -> Wishes {
        let Self { methods, share, from, count, identity } = self.clone();
        Wishes { pick: Pick { share, from, count, identity }, methods }
    }
}
