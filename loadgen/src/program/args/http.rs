//! `loadgen http`.

use anyhow::{Context as _, bail};
use loadgen::{Compare, Content, Http, HttpVersion, Split, Transport};
use scenarios::plan::workload::{Hit, Statuses};
use scenarios::pointer::Pointer;

use super::connection::ConnectionArgs;
use super::content::BodyArgs;
use super::form::FormArgs;
use super::load::{Carries, LoadArgs};
use super::tls::TlsArgs;
use super::{Asked, EXAMPLES};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HttpArgs {
    /// Where the requests go: http://HOST:PORT/PATH
    #[arg(env = "LOADGEN_HTTP_URL")]
    url: String,
    /// The request method [default: GET, or POST with a body]
    #[arg(long)]
    method: Option<String>,
    /// A header, as 'name: value'; may be repeated, also with the same name
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    #[command(flatten)]
    body: BodyArgs,
    #[command(flatten)]
    form: FormArgs,
    /// Follow up to this many redirects for each operation, which ends with the last answer
    /// [default: a redirect is an answer]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    follow_redirects: Option<u32>,
    /// Ask for answers that are compressed (gzip), and read them where they are compared
    #[arg(long)]
    compressed: bool,
    /// Figures apart by who answered: a header of the answers and its values, such as
    /// x-version=stable,canary
    #[arg(long, value_name = "HEADER=VALUE,…")]
    split: Option<Split>,
    /// Statuses that mean accepted
    #[arg(long, default_value = "200-299")]
    accepted: Statuses,
    /// Statuses that mean definitely not done [default: 400-499 without 408, 425 and the accepted]
    #[arg(long)]
    refused: Option<Statuses>,
    /// Send a request whose outcome is unknown again, with the same identity, up to this often
    #[arg(long, default_value_t = 0)]
    retries: u32,
    /// Compare the answers to operations that are sent twice (--duplicates): the value
    /// at this JSON pointer must be the same: /messageId
    #[arg(long, value_name = "POINTER")]
    same: Option<Pointer>,
    /// Where an answer's body says that the operation was known already: /idempotent
    #[arg(long, value_name = "POINTER")]
    hit: Option<Pointer>,
    /// The header by which it says so: idempotency-hit
    #[arg(long, value_name = "NAME", conflicts_with = "hit")]
    hit_header: Option<String>,
    /// Put the identity into this header: idempotency-key
    #[arg(long, value_name = "NAME")]
    idempotency_header: Option<String>,
    /// Speak HTTP/2: at once on http://, agreed on by ALPN on https://
    #[arg(long)]
    http2: bool,
    /// The most requests under way on a connection of HTTP/2
    #[arg(long, value_name = "N", default_value_t = 32, requires = "http2")]
    streams: u32,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    load: LoadArgs,
}

impl HttpArgs {
    pub(super) fn read(self) -> anyhow::Result<Asked> {
        let mut headers = Vec::new();
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("{header:?} is not a header; write 'name: value'"))?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        if let Some(name) = self.idempotency_header {
            headers.push((name, "@{id}".to_owned()));
        }
        let given = (self.body.given()?, self.form.given()?);
        let is_given = given.0.is_some() || given.1.is_some() || self.load.is_sized();
        let body = match given {
            (Some(body), _) => body,
            (None, Some((body, kind))) => {
                let is_kind = |name: &str| name.eq_ignore_ascii_case("content-type");
                match headers.iter().find(|(name, _)| is_kind(name)) {
                    None => headers.push(("content-type".to_owned(), kind)),
                    Some((_, own)) if kind.contains("boundary=") => bail!(
                        "the header content-type: {own} has not the boundary that is between the \
                         parts of --multipart; leave it out, and it is {kind}"
                    ),
                    Some(_) => {}
                }
                body
            }
            (None, None) if self.load.is_sized() => "@{id}@{pad}".into(),
            (None, None) => Content::default(),
        };
        let usual = if is_given { "POST" } else { "GET" };
        let refused = match self.refused {
            Some(refused) => refused,
            None => Statuses::refused().without(&self.accepted),
        };
        if let Some(status) = self.accepted.overlap(&refused) {
            bail!("status {status} is both accepted and refused; take it out of one of them");
        }
        let compare = Compare {
            same: self.same,
            hit: self.hit.map(Hit::Body).or_else(|| self.hit_header.map(Hit::Header)),
        };
        if compare.is_asked() && !self.load.has_twins() && self.retries == 0 {
            bail!("answers are compared where operations are sent twice; add --duplicates 3%");
        }
        let connections = self.connection.read(&self.url)?;
        let http = Http {
            url: self.url,
            method: self.method.unwrap_or_else(|| usual.to_owned()),
            headers,
            body,
            accepted: self.accepted,
            refused,
            retries: self.retries,
            compare,
            tls: self.tls.read(),
            version: match self.http2 {
                true => HttpVersion::Http2 { streams: self.streams },
                false => HttpVersion::Http1,
            },
            keepalive: connections.keepalive,
            route: connections.route,
            follow: self.follow_redirects.unwrap_or_default(),
            compressed: self.compressed,
            split: self.split,
        };
        let carries = if self.http2 { Carries::Streams(self.streams) } else { Carries::One };
        let target = format!("http {}{}", http.url, http.route);
        let asked = self.load.read("http", target, carries, Transport::Http(http))?;
        Ok(asked.with_note(connections.note))
    }
}
