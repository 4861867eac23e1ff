//! Certificates.

use std::path::PathBuf;

use loadgen::Tls;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// Trust these authorities instead of the system's, and servers that show one of these
    /// certificates itself, such as `openssl req -x509` makes
    #[arg(long, value_name = "PEM")]
    cacert: Option<PathBuf>,
    /// Come with this certificate
    #[arg(long, value_name = "PEM", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, value_name = "PEM", requires = "cert")]
    key: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long)]
    insecure: bool,
}

impl TlsArgs {
    pub(super) fn read(self) -> Tls {
        Tls { ca: self.cacert, cert: self.cert, key: self.key, insecure: self.insecure }
    }
}
