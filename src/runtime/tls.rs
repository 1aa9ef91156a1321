//! Certificates: the operator's own, or one made for the LAN; and trust in those of peers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::Certificate;

/// Where systems keep the certificate authorities they trust.
const AUTHORITIES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// Names of the files that are made for the LAN, in the data folder.
const MADE: (&str, &str) = ("tls/made.crt", "tls/made.key");

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {problem}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// Certificate and key do not belong together, or use something unknown.
    #[error("the certificate cannot be used: {0}")]
    Unusable(rustls::Error),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Made(rcgen::Error),
}

/// Serves TLS with the operator's certificate, or with one that is made once and kept in `folder`.
///
/// # Errors
/// A file cannot be read, is not PEM, or does not fit the other.
pub fn acceptor(certificate: Option<&Certificate>, folder: &Path) -> Result<TlsAcceptor, TlsError> {
    server(certificate, folder).map(|config| TlsAcceptor::from(Arc::new(config)))
}

/// The same as a configuration, for HTTPS.
///
/// # Errors
/// See [`acceptor`].
pub fn server(certificate: Option<&Certificate>, folder: &Path) -> Result<ServerConfig, TlsError> {
    let (chain, key) = match certificate {
        Some(own) => (own.certificate_file.clone(), own.key_file.clone()),
        None => made(folder)?,
    };
    let wrong = |path: &Path, problem: String| TlsError::Pem { path: path.to_owned(), problem };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&chain)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&chain, format!("expected a PEM certificate chain: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong(&chain, "expected a PEM certificate chain, found none".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(&key)
        .map_err(|error| wrong(&key, format!("expected a PEM private key: {error}")))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(TlsError::Unusable)
}

/// Connects to TLS peers whose certificate comes from an authority that this system trusts.
///
/// # Errors
/// The provider's defaults do not fit together, which would be a fault of the build.
pub fn connector() -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore::empty();
    for file in AUTHORITIES {
        if let Ok(certificates) = CertificateDer::pem_file_iter(file) {
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
            break;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn made(folder: &Path) -> Result<(PathBuf, PathBuf), TlsError> {
    let (chain, key) = (folder.join(MADE.0), folder.join(MADE.1));
    if chain.exists() && key.exists() {
        return Ok((chain, key));
    }
    let names = vec!["localhost".to_owned(), "lull.local".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Made)?;
    write(&chain, made.cert.pem().as_bytes(), 0o644)?;
    write(&key, made.signing_key.serialize_pem().as_bytes(), 0o600)?;
    Ok((chain, key))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let at = |cause| TlsError::Io { path: path.to_owned(), cause };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at)?;
    }
    // The key must never be readable by others, not even for an instant.
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).map_err(at)?;
    file.write_all(bytes).map_err(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_certificate_for_the_lan_is_made_once_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        assert!(server(None, folder.path()).is_ok());
        let key = folder.path().join(MADE.1);
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let first = std::fs::read(&key).unwrap();
        assert!(server(None, folder.path()).is_ok());
        assert_eq!(std::fs::read(&key).unwrap(), first, "it was made again");
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.crt");
        std::fs::write(&file, "hello").unwrap();
        let own = Certificate { certificate_file: file.clone(), key_file: file };
        let error = server(Some(&own), folder.path()).unwrap_err().to_string();
        assert!(error.contains("own.crt") && error.contains("expected a PEM certificate"), "{error}");
    }

    #[test]
    fn peers_can_be_connected_to_with_the_trust_of_the_system() {
        assert!(connector().is_ok());
    }
}
