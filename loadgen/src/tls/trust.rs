//! Whom a connection trusts that was told so.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::signature;

/// Trusts some certificates or all of them, and never a forged signature.
#[derive(Debug)]
pub(super) struct Trust {
    given: Option<Given>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Trusts what the given authorities have signed. A server that shows one of the
/// given certificates itself is trusted, too, whatever else stands in it: it has
/// the key of just this one. That is how one that nobody has signed is used, which
/// is marked as an authority where `openssl req -x509` made it.
#[derive(Debug)]
struct Given {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl Trust {
    /// Trusts the given certificates, and what they have signed.
    ///
    /// # Errors
    /// When a certificate cannot be trusted at all, and why.
    pub(super) fn in_given(
        certificates: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        let algorithms = provider.signature_verification_algorithms;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let authorities = verifier.build().map_err(|error| error.to_string())?;
        Ok(Self { given: Some(Given { certificates, authorities }), algorithms })
    }

    /// Trusts any certificate.
    pub(super) fn in_anybody(provider: &CryptoProvider) -> Self {
        Self { given: None, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_it = |given: &CertificateDer<'_>| given.as_ref() == end_entity.as_ref();
        match &self.given {
            Some(given) if !given.certificates.iter().any(is_it) => given
                .authorities
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature::verify_tls12(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signature::verify_tls13(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
