//! Encryption and certificates, in the same way for every transport.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::error::LoadError;
use trust::Trust;

mod signature;
mod trust;

/// Whom to trust and as whom to come, where a target is reached through TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The authorities to trust, a PEM file; the system's by default. A server whose
    /// own certificate is in it is trusted as it is, whatever name, time and use
    /// stand in that.
    pub ca: Option<PathBuf>,
    /// The client's certificate with its chain, a PEM file.
    pub cert: Option<PathBuf>,
    /// The key of that certificate, a PEM file.
    pub key: Option<PathBuf>,
    /// Trust any certificate.
    pub insecure: bool,
}

impl Tls {
    /// The settings of a client that speaks one of these protocols.
    ///
    /// # Errors
    /// When a file cannot be read, or holds no certificate or key.
    pub(crate) fn client(&self, protocols: &[&[u8]]) -> Result<Arc<ClientConfig>, LoadError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| trouble("versions", "", error))?;
        let builder = if self.insecure {
            let anybody = Trust::in_anybody(&provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(anybody))
        } else if let Some(path) = &self.ca {
            let given = Trust::in_given(certificates(path)?, provider);
            let given = given.map_err(|error| file(path, error))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(given))
        } else {
            builder.with_platform_verifier().map_err(|error| trouble("authorities", "", error))?
        };
        let mut config = match (&self.cert, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| file(key, error))?;
                builder
                    .with_client_auth_cert(certificates(cert)?, secret)
                    .map_err(|error| file(cert, error))?
            }
            _ => return Err(trouble("certificate", "", "give both --cert and --key, or none")),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| file(path, error))?;
    if certificates.is_empty() {
        return Err(file(path, "it holds no certificate in PEM form"));
    }
    Ok(certificates)
}

fn file(path: &Path, problem: impl ToString) -> LoadError {
    trouble("file", &path.display().to_string(), problem)
}

fn trouble(what: &'static str, value: &str, problem: impl ToString) -> LoadError {
    let problem = format!("TLS: {}", problem.to_string());
    LoadError::Setting { what, value: value.to_owned(), problem }
}
