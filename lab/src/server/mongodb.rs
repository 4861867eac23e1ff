//! A private server that speaks MongoDB's protocol: its own data and port, on the
//! loopback interface only. Debian has none, so that any of several
//! [products](Product) does; the environment may say which.
//!
//! What was written durably (`j: true`) survives SIGKILL: nothing that makes it safe
//! is turned off.

mod product;
mod session;

use std::time::Duration;

use super::{Class, Kind, Server, choose_port, make_folder, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::{Lab, LabError, Patience};
pub use product::Product;

/// MongoDB as it is known before it runs.
pub const KIND: Kind = Kind {
    name: SERVER,
    title: "MongoDB",
    class: Class::Database,
    needs: || vec![Product::chosen_need()],
    targets: &["database"],
    start: |lab, patience| Ok(Box::new(MongoDb::start(lab, &MongoDbOptions::default(), patience)?)),
    tidy: |_| (),
};

/// The server's name among the lab's processes, and its role.
pub const SERVER: &str = "mongodb";

/// The database that the address names.
pub(crate) const DATABASE: &str = "embeddings";

/// New data takes a few MiB, and a journal 100 MiB.
const NEEDED_MIB: u64 = 512;

/// How a server is to be.
#[derive(Debug, Clone, Default)]
pub struct MongoDbOptions {
    /// Its port; a free one if absent.
    pub port: Option<u16>,
    /// What it is; if absent, what the environment says, or what is there.
    pub product: Option<Product>,
}

/// A server that answers.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same
/// port and data, as an orchestrator would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongoDb {
    /// `mongodb://127.0.0.1:PORT/embeddings`.
    pub url: String,
    /// What it is.
    pub product: Product,
    /// The version of the product: `7.0.15`.
    pub version: String,
    port: u16,
}

impl MongoDb {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// [`LabError::Missing`] or [`LabError::ByHand`] if it is not installed;
    /// [`LabError::Unknown`] if the environment names a product that there is not;
    /// [`LabError::PortInUse`] if the port that was asked for is taken;
    /// [`LabError::DiskFull`]; [`LabError::Died`] with the end of its log if it ends
    /// while it starts; and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &MongoDbOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let (product, program) = Product::find(options.product)?;
        super::refuse_a_full_disk(lab.scratch(), NEEDED_MIB)?;
        let port = choose_port(options.port)?;
        let folder = lab.scratch().join(SERVER);
        make_folder(&folder)?;
        let data = folder.join("data");
        make_folder(&data)?;
        let spec = ProcessSpec::new(SERVER, SERVER, product.command(&program, port, &data))
            .cwd(&folder)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", folder.to_string_lossy())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .restart(Restart::Always);
        lab.run(spec, patience)?;
        let ready = wait_while_alive(lab, SERVER, patience, || session::build(port));
        if ready.is_err() {
            // A server that keeps dying must not keep being restarted.
            let _ = lab.stop_process(SERVER, Patience::new(Duration::from_secs(10)));
        }
        let told = ready?;
        let version = product.version(&told).unwrap_or_else(|| "of unknown version".to_owned());
        let url = format!("mongodb://127.0.0.1:{port}/{DATABASE}");
        Ok(Self { url, product, version, port })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Server for MongoDb {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn version(&self) -> &str {
        &self.version
    }

    /// Never the name of another product.
    fn product(&self) -> String {
        self.product.title(&self.version)
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.url.clone()]
    }

    fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        let what = format!("{} to answer again", self.product());
        lab.wait_for(patience, &what, |_| session::build(self.port).map(drop))
    }
}
