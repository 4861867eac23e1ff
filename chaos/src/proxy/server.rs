//! The proxies of a server, and all that may be done to them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use hosts::{Ground, Guard};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::ProxyError;
use super::effects::{Book, Effects, EffectsPage};
use super::listener::Listener;
use super::request::{ProxyRequest, ToxicRequest};
use super::shared::{ConnectionView, ProxyView, Shared, Totals, ToxicView};
use super::stage::{Ending, Way};
use super::toxic::{Kind, Life, Per, Toxic};
use super::upstream::Upstream;

/// Where a proxy listens that was not told where.
const ANYWHERE: &str = "127.0.0.1:0";

/// How a server begins.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where all chance comes from.
    pub seed: u64,
    /// A file to which effects on single messages are appended, one JSON object
    /// a line.
    pub journal_messages: Option<PathBuf>,
    /// Hosts that proxies may connect to although they are not on this machine.
    pub allowed: Vec<String>,
}

/// Proxies and their toxics. Clones share everything. When the last clone is
/// dropped, the listeners and connections end.
///
/// It lives on the runtime on which it is used.
#[derive(Debug, Clone)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    guard: Arc<Guard>,
    book: Option<Arc<Book>>,
    ids: AtomicU64,
    proxies: Mutex<Proxies>,
}

type Proxies = BTreeMap<String, Proxy>;

#[derive(Debug)]
struct Proxy {
    /// As it was asked for, maybe by a name or without a port.
    asked: String,
    /// As it is, or was when it last listened.
    listen: String,
    upstream: Upstream,
    life: Option<Life>,
    listener: Option<Listener>,
    shared: Arc<Shared>,
}

impl Server {
    /// A server without proxies.
    ///
    /// # Errors
    /// When the file for effects cannot be opened.
    pub fn new(settings: &Settings) -> Result<Self, ProxyError> {
        let book = settings.journal_messages.as_deref().map(Book::open).transpose()?.map(Arc::new);
        let (ids, proxies) = (AtomicU64::default(), Mutex::default());
        let guard = Arc::new(Guard::new(Ground::Machine, &settings.allowed));
        Ok(Self(Arc::new(Inner { seed: settings.seed, guard, book, ids, proxies })))
    }

    /// All proxies by their names.
    pub async fn proxies(&self) -> BTreeMap<String, ProxyView> {
        self.lock().await.values().map(|proxy| (proxy.name(), proxy.view())).collect()
    }

    /// One proxy.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn proxy(&self, name: &str) -> Result<ProxyView, ProxyError> {
        Ok(get(&mut *self.lock().await, name)?.view())
    }

    /// Makes a proxy with its toxics. Its first connection already has them.
    ///
    /// # Errors
    /// When the name is taken, something is missing or wrong, the upstream is not
    /// allowed, or the proxy cannot listen; then there is no such proxy.
    pub async fn create(&self, request: &ProxyRequest) -> Result<ProxyView, ProxyError> {
        let proxy = self.judged(request).await?;
        self.insert(&mut *self.lock().await, proxy, request.enabled).await
    }

    /// Makes proxies. One that exists is not touched if it listens and connects
    /// as asked, except that it is enabled or disabled; otherwise it is
    /// replaced.
    ///
    /// # Errors
    /// Those of [`Server::create`]. Nothing is changed if something is missing
    /// or wrong; if one cannot listen, those before it stay.
    pub async fn populate(&self, requests: &[ProxyRequest]) -> Result<Vec<ProxyView>, ProxyError> {
        let mut wanted = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for request in requests {
            wanted.push(self.judged(request).await?);
            if !seen.insert(&request.name) {
                let why = format!("proxy {:?} is there twice", request.name.as_deref());
                return Err(ProxyError::Bad { why });
            }
        }
        let mut proxies = self.lock().await;
        let mut views = Vec::new();
        for (request, new) in requests.iter().zip(wanted) {
            let name = new.name();
            match proxies.get_mut(&name).filter(|proxy| proxy.is_as(request)) {
                Some(proxy) => {
                    proxy.enable(request.enabled.unwrap_or(true)).await?;
                    views.push(proxy.view());
                }
                None => {
                    if let Some(mut old) = proxies.remove(&name) {
                        old.enable(false).await?;
                    }
                    views.push(self.insert(&mut proxies, new, request.enabled).await?);
                }
            }
        }
        Ok(views)
    }

    /// Changes a proxy. Another address cuts its connections.
    ///
    /// # Errors
    /// When there is none of this name, or it must not connect there, and nothing
    /// is changed; or it cannot listen as asked, and then it is disabled.
    pub async fn update(
        &self,
        name: &str,
        request: &ProxyRequest,
    ) -> Result<ProxyView, ProxyError> {
        let text = request.upstream.as_deref();
        let upstream = text.map(|text| Upstream::read(text, &self.0.guard)).transpose()?;
        if let Some(upstream) = &upstream {
            upstream.judge(name).await?;
        }
        let mut proxies = self.lock().await;
        let proxy = get(&mut proxies, name)?;
        let enabled = request.enabled.unwrap_or(proxy.listener.is_some());
        if !proxy.is_as(request) {
            proxy.enable(false).await?;
            if let Some(listen) = &request.listen {
                proxy.asked.clone_from(listen);
                proxy.listen.clone_from(listen);
            }
            if let Some(upstream) = upstream {
                proxy.upstream = upstream;
            }
        }
        if let Some(ttl) = request.ttl {
            proxy.life = Life::of(ttl);
            self.expire(name, proxy.life);
        }
        proxy.enable(enabled).await?;
        Ok(proxy.view())
    }

    /// Removes a proxy with its connections.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn remove(&self, name: &str) -> Result<(), ProxyError> {
        let mut proxies = self.lock().await;
        let gone = proxies.remove(name);
        gone.ok_or_else(|| ProxyError::NoProxy { name: name.to_owned() })?.enable(false).await
    }

    /// Removes all toxics and enables all proxies.
    ///
    /// # Errors
    /// When one cannot listen; then the others are still reset.
    pub async fn reset(&self) -> Result<(), ProxyError> {
        let mut result = Ok(());
        for proxy in self.lock().await.values_mut() {
            proxy.shared.set_toxics(Vec::new());
            result = result.and(proxy.enable(true).await);
        }
        result
    }

    /// Removes all proxies: the end of the server.
    pub async fn close(&self) {
        let mut proxies = self.lock().await;
        while let Some((_, mut proxy)) = proxies.pop_first() {
            // Closing cannot fail.
            let _ = proxy.enable(false).await;
        }
    }

    /// One toxic of a proxy.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn toxic(&self, proxy: &str, name: &str) -> Result<ToxicView, ProxyError> {
        let mut proxies = self.lock().await;
        let toxics = get(&mut proxies, proxy)?.shared.toxics();
        Ok(view(&toxics[position(&toxics, proxy, name)?]))
    }

    /// Adds a toxic after those that there are, to all connections.
    ///
    /// # Errors
    /// When the name is taken or something is wrong.
    pub async fn add_toxic(
        &self,
        proxy: &str,
        request: &ToxicRequest,
    ) -> Result<ToxicView, ProxyError> {
        let mut proxies = self.lock().await;
        let shared = &get(&mut proxies, proxy)?.shared;
        let mut toxics = shared.toxics().to_vec();
        let toxic = self.toxic_of(proxy, &toxics, request)?;
        let view = view(&toxic);
        self.expire(proxy, toxic.life);
        toxics.push(Arc::new(toxic));
        shared.set_toxics(toxics);
        Ok(view)
    }

    /// Changes the attributes, the toxicity or the time to live of a toxic. What
    /// is not given stays.
    ///
    /// # Errors
    /// When there is none of this name or something is wrong.
    pub async fn update_toxic(
        &self,
        proxy: &str,
        name: &str,
        request: &ToxicRequest,
    ) -> Result<ToxicView, ProxyError> {
        let mut proxies = self.lock().await;
        let shared = &get(&mut proxies, proxy)?.shared;
        let mut toxics = shared.toxics().to_vec();
        let at = position(&toxics, proxy, name)?;
        let mut toxic = Toxic::clone(&toxics[at]);
        if let Some(attributes) = &request.attributes {
            toxic.kind = toxic.kind.changed(attributes.clone()).map_err(bad)?;
        }
        toxic.toxicity = request.toxicity.unwrap_or(toxic.toxicity);
        toxic.per = request.per.unwrap_or(toxic.per);
        if let Some(ttl) = request.ttl {
            toxic.life = Life::of(ttl);
            self.expire(proxy, toxic.life);
        }
        toxic.check().map_err(bad)?;
        let view = view(&toxic);
        toxics[at] = Arc::new(toxic);
        shared.set_toxics(toxics);
        Ok(view)
    }

    /// Removes a toxic; what it held back flows.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn remove_toxic(&self, proxy: &str, name: &str) -> Result<(), ProxyError> {
        let mut proxies = self.lock().await;
        let shared = &get(&mut proxies, proxy)?.shared;
        let mut toxics = shared.toxics().to_vec();
        toxics.remove(position(&toxics, proxy, name)?);
        shared.set_toxics(toxics);
        Ok(())
    }

    /// The open connections of a proxy.
    ///
    /// # Errors
    /// When there is no such proxy.
    pub async fn connections(&self, proxy: &str) -> Result<Vec<ConnectionView>, ProxyError> {
        Ok(get(&mut *self.lock().await, proxy)?.shared.connections())
    }

    /// Ends one connection of a proxy, or all of them; how many.
    ///
    /// # Errors
    /// When there is no such proxy, or no such open connection.
    pub async fn cut(
        &self,
        proxy: &str,
        id: Option<u64>,
        ending: Ending,
    ) -> Result<usize, ProxyError> {
        let count = get(&mut *self.lock().await, proxy)?.shared.cut(id, ending);
        match id {
            Some(id) if count == 0 => Err(ProxyError::NoConnection { proxy: proxy.to_owned(), id }),
            _ => Ok(count),
        }
    }

    /// What the proxy's toxics did to single messages after the effect number
    /// `after`, at most `limit` of them.
    ///
    /// # Errors
    /// When there is no such proxy.
    pub async fn effects(
        &self,
        proxy: &str,
        after: u64,
        limit: usize,
    ) -> Result<EffectsPage, ProxyError> {
        Ok(get(&mut *self.lock().await, proxy)?.shared.effects.page(after, limit))
    }

    /// The proxies with what has gone through them.
    pub(crate) async fn totals(&self) -> Vec<(ProxyView, Totals)> {
        self.lock().await.values().map(|proxy| (proxy.view(), proxy.shared.totals())).collect()
    }

    async fn lock(&self) -> MutexGuard<'_, Proxies> {
        self.0.proxies.lock().await
    }

    /// A new proxy that does not listen yet.
    fn make(&self, request: &ProxyRequest) -> Result<Proxy, ProxyError> {
        let given = |field: &Option<String>, name| {
            let field = field.as_deref().filter(|text| !text.is_empty());
            field.map(str::to_owned).ok_or(ProxyError::Missing { field: name })
        };
        let name = given(&request.name, "name")?;
        let upstream = Upstream::read(&given(&request.upstream, "upstream")?, &self.0.guard)?;
        let listen = given(&request.listen, "listen").unwrap_or_else(|_| ANYWHERE.to_owned());
        let mut toxics = Vec::new();
        for request in request.toxics.iter().flatten() {
            toxics.push(Arc::new(self.toxic_of(&name, &toxics, request)?));
        }
        let shared = Arc::new(Shared::new(&name, self.0.seed, Effects::new(self.0.book.clone())));
        shared.set_toxics(toxics);
        let life = request.ttl.and_then(Life::of);
        let asked = listen.clone();
        Ok(Proxy { asked, listen, upstream, life, listener: None, shared })
    }

    /// A new proxy that may connect where it is asked to. A name server may be
    /// waited for, so nobody holds the proxies meanwhile: lives that end go on
    /// ending.
    async fn judged(&self, request: &ProxyRequest) -> Result<Proxy, ProxyError> {
        let proxy = self.make(request)?;
        proxy.upstream.judge(&proxy.name()).await?;
        Ok(proxy)
    }

    async fn insert(
        &self,
        proxies: &mut Proxies,
        mut proxy: Proxy,
        enabled: Option<bool>,
    ) -> Result<ProxyView, ProxyError> {
        let name = proxy.name();
        if proxies.contains_key(&name) {
            return Err(ProxyError::ProxyExists { name });
        }
        proxy.enable(enabled.unwrap_or(true)).await?;
        self.expire(&name, proxy.life);
        proxy.shared.toxics().iter().for_each(|toxic| self.expire(&name, toxic.life));
        let view = proxy.view();
        proxies.insert(name, proxy);
        Ok(view)
    }

    fn toxic_of(
        &self,
        proxy: &str,
        others: &[Arc<Toxic>],
        request: &ToxicRequest,
    ) -> Result<Toxic, ProxyError> {
        let kind = request.kind.as_deref().filter(|kind| !kind.is_empty());
        let kind = kind.ok_or(ProxyError::Missing { field: "type" })?;
        let stream = match request.stream.as_deref().unwrap_or_default() {
            "" => Way::Downstream,
            stream if stream.eq_ignore_ascii_case("downstream") => Way::Downstream,
            stream if stream.eq_ignore_ascii_case("upstream") => Way::Upstream,
            stream => {
                let why = format!("stream {stream:?} is neither \"upstream\" nor \"downstream\"");
                return Err(ProxyError::Bad { why });
            }
        };
        let direction = if stream == Way::Upstream { "upstream" } else { "downstream" };
        let name = request.name.clone().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("{kind}_{direction}"));
        if position(others, proxy, &name).is_ok() {
            return Err(ProxyError::ToxicExists { proxy: proxy.to_owned(), name });
        }
        let toxic = Toxic {
            id: self.id(),
            name: name.into(),
            stream,
            toxicity: request.toxicity.unwrap_or(1.0),
            per: request.per.unwrap_or_default(),
            life: request.ttl.and_then(Life::of),
            kind: Kind::read(kind, request.attributes.clone().unwrap_or_default()).map_err(bad)?,
            tally: Arc::default(),
        };
        toxic.check().map_err(bad)?;
        Ok(toxic)
    }

    fn id(&self) -> u64 {
        self.0.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Looks after a proxy again when a life in it ends.
    fn expire(&self, proxy: &str, life: Option<Life>) {
        if let Some(life) = life {
            tokio::spawn(bury(Arc::downgrade(&self.0), proxy.to_owned(), life.end));
        }
    }
}

/// Waits until a time and then removes all of the proxy whose life has ended;
/// something that was meanwhile given another life has another one who waits.
async fn bury(server: Weak<Inner>, name: String, end: Instant) {
    tokio::time::sleep_until(end).await;
    let Some(server) = server.upgrade() else { return };
    let mut proxies = server.proxies.lock().await;
    let Some(proxy) = proxies.get_mut(&name) else { return };
    let is_over = |life: Option<Life>| life.is_some_and(|life| life.end <= Instant::now());
    if is_over(proxy.life) {
        // Closing cannot fail.
        let _ = proxy.enable(false).await;
        proxies.remove(&name);
        return;
    }
    let toxics = proxy.shared.toxics();
    if toxics.iter().any(|toxic| is_over(toxic.life)) {
        let living = toxics.iter().filter(|toxic| !is_over(toxic.life));
        proxy.shared.set_toxics(living.cloned().collect());
    }
}

impl Proxy {
    fn name(&self) -> String {
        self.shared.name.to_string()
    }

    /// Whether it listens and connects as asked.
    fn is_as(&self, request: &ProxyRequest) -> bool {
        let listens = |listen: &String| *listen == self.listen || *listen == self.asked;
        request.listen.as_ref().is_none_or(listens)
            && request.upstream.as_ref().is_none_or(|upstream| **upstream == *self.upstream.text)
    }

    /// Makes it listen, or not. The port that it got stays its own as far as
    /// nobody else takes it meanwhile.
    async fn enable(&mut self, enabled: bool) -> Result<(), ProxyError> {
        match (&self.listener, enabled) {
            (None, true) => {
                let (upstream, shared) = (self.upstream.clone(), self.shared.clone());
                let listener = Listener::open(&self.listen, upstream, shared).await;
                let listener = listener.map_err(|source| {
                    let (name, listen) = (self.name(), self.listen.clone());
                    ProxyError::Listen { name, listen, source }
                })?;
                self.listen = listener.address.to_string();
                self.listener = Some(listener);
            }
            (Some(_), false) => {
                if let Some(listener) = self.listener.take() {
                    listener.close().await;
                }
            }
            (None, false) | (Some(_), true) => {}
        }
        Ok(())
    }

    fn view(&self) -> ProxyView {
        let (ttl, ttl_left) = lives(self.life);
        ProxyView {
            name: self.name(),
            listen: self.listen.clone(),
            upstream: self.upstream.text.to_string(),
            enabled: self.listener.is_some(),
            toxics: self.shared.toxics().iter().map(|toxic| view(toxic)).collect(),
            ttl,
            ttl_left,
        }
    }
}

impl Toxic {
    /// Whether its parts fit together.
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.toxicity) {
            return Err(format!("toxicity {} is not from 0 to 1", self.toxicity));
        }
        if self.per == Per::Chunk && !self.kind.knows_chunks() {
            let kind = self.kind.name();
            return Err(format!("{kind} takes hold of whole connections, not of each chunk"));
        }
        Ok(())
    }
}

fn view(toxic: &Toxic) -> ToxicView {
    let (ttl, ttl_left) = lives(toxic.life);
    ToxicView {
        attributes: toxic.kind.attributes(),
        name: toxic.name.to_string(),
        kind: toxic.kind.name(),
        stream: toxic.stream,
        toxicity: toxic.toxicity,
        per: (toxic.per != Per::Connection).then_some(toxic.per),
        ttl,
        ttl_left,
    }
}

/// A life in milliseconds, and what is left of it.
fn lives(life: Option<Life>) -> (Option<u64>, Option<u64>) {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let left = |life: Life| millis(life.end.saturating_duration_since(Instant::now()));
    (life.map(|life| millis(life.ttl)), life.map(left))
}

fn get<'a>(proxies: &'a mut Proxies, name: &str) -> Result<&'a mut Proxy, ProxyError> {
    proxies.get_mut(name).ok_or_else(|| ProxyError::NoProxy { name: name.to_owned() })
}

fn position(toxics: &[Arc<Toxic>], proxy: &str, name: &str) -> Result<usize, ProxyError> {
    let missing = || ProxyError::NoToxic { proxy: proxy.to_owned(), name: name.to_owned() };
    toxics.iter().position(|toxic| &*toxic.name == name).ok_or_else(missing)
}

fn bad(why: String) -> ProxyError {
    ProxyError::Bad { why }
}
