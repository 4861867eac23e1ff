//! Whether a server has the key of the certificate that it shows.
//!
//! The library reads no certificates of X.509 version 1, which `openssl x509 -req`
//! makes where it is told of no extensions. Their key stands at the same place
//! (RFC 5280, 4.1), and is taken from there.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error};

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The version of a certificate; the first has none.
const VERSION: u8 = 0xA0;

pub(super) fn verify_tls12(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let Some(key) = key_of_version_1(cert) else {
        return verify_tls12_signature(message, cert, dss, algorithms);
    };
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let (kind, bits) = parts(key).ok_or_else(bad)?;
    let mut known = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme);
    let known = known.next().map_or(&[][..], |(_, known)| known);
    let mut fitting = known.iter().filter(|known| known.public_key_alg_id().as_ref() == kind);
    let verified =
        fitting.any(|known| known.verify_signature(bits, message, dss.signature()).is_ok());
    if verified { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
}

pub(super) fn verify_tls13(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    match key_of_version_1(cert) {
        None => verify_tls13_signature(message, cert, dss, algorithms),
        Some(key) => {
            let key = SubjectPublicKeyInfoDer::from(key);
            verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)
        }
    }
}

/// The key of a certificate of version 1; `None` for any other.
fn key_of_version_1<'a>(cert: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let certificate = Element::take(&mut cert.as_ref(), SEQUENCE)?;
    let body = Element::take(&mut &*certificate.contents, SEQUENCE)?;
    let mut rest = body.contents;
    if *rest.first()? == VERSION {
        return None;
    }
    // Serial number, algorithm, issuer, validity, subject.
    for _ in 0..5 {
        Element::next(&mut rest)?;
    }
    Some(Element::take(&mut rest, SEQUENCE)?.whole)
}

/// The algorithm of a key, and its bits.
fn parts(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = Element::take(&mut &*key, SEQUENCE)?.contents;
    let kind = Element::take(&mut rest, SEQUENCE)?.contents;
    let bits = Element::take(&mut rest, BIT_STRING)?.contents;
    // In front stands how many bits are not used.
    Some((kind, bits.strip_prefix(&[0])?))
}

/// One element of DER.
struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    contents: &'a [u8],
}

impl<'a> Element<'a> {
    /// Takes the next element.
    fn next(rest: &mut &'a [u8]) -> Option<Self> {
        let from = *rest;
        let (&tag, after) = from.split_first()?;
        let (&first, mut after) = after.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (bytes, behind) = after.split_at_checked(usize::from(first & 0x7F))?;
            if bytes.len() > size_of::<u32>() {
                return None;
            }
            length = bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            after = behind;
        }
        let (contents, behind) = after.split_at_checked(length)?;
        *rest = behind;
        Some(Self { tag, whole: &from[..from.len() - behind.len()], contents })
    }

    /// Takes the next element, which must be of this kind.
    fn take(rest: &mut &'a [u8], tag: u8) -> Option<Self> {
        Self::next(rest).filter(|element| element.tag == tag)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn certificates_of_version_3_are_left_to_the_library() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert_eq!(key_of_version_1(made.cert.der()), None);
    }

    proptest! {
        /// No bytes make the reader fail.
        #[test]
        fn any_bytes_are_safe(bytes: Vec<u8>) {
            let _ = key_of_version_1(&CertificateDer::from(bytes.clone()));
            let _ = parts(&bytes);
        }
    }
}
