//! Certificates of our listeners: the operator's own, or one made for the LAN and kept in the data directory. And whom we
//! trust when we connect to others.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

use crate::model::time::Timestamp;

/// How long a certificate made here is valid: the longest that Apple's systems accept is 825 days.
const VALID: Duration = Duration::from_secs(800 * 86_400);
/// One that is made here is replaced this long before it runs out.
const RENEW_BEFORE: Duration = Duration::from_secs(60 * 86_400);
/// Begins the line above a made certificate that says when it runs out.
const UNTIL: &str = "# valid until ";

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// The operator's own, in PEM.
    Own {
        /// The certificate, and those up to its authority.
        chain: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// One made here, and kept.
    Made {
        /// Where it is kept (`NAME-certificate.pem` and `NAME-key.pem`).
        data_dir: PathBuf,
        /// Whose it is: two listeners with other names to prove must not overwrite each other's.
        purpose: &'static str,
        /// Names and addresses it is for.
        names: Vec<String>,
    },
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{}: {detail}; expected a PEM file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A certificate cannot be made for these names.
    #[error("cannot make a certificate for {names}: {cause}")]
    Unmade {
        /// The names.
        names: String,
        /// Why.
        cause: rcgen::Error,
    },
    /// Certificate and key cannot be used.
    #[error("certificate and key cannot be used together: {0}")]
    Unfit(rustls::Error),
}

impl Certificate {
    /// Reads the certificate, or makes one, and sets up TLS 1.2 and 1.3 with it.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn load(&self, now: Timestamp) -> Result<Arc<ServerConfig>, CertificateError> {
        let (chain, key) = match self {
            Certificate::Own { chain, key } => (chain.clone(), key.clone()),
            Certificate::Made { data_dir, purpose, names } => made(data_dir, purpose, names, now)?,
        };
        let unreadable =
            |path: &Path, detail: String| CertificateError::Unreadable { path: path.to_path_buf(), detail };
        let certificates = CertificateDer::pem_file_iter(&chain)
            .and_then(|found| found.collect::<Result<Vec<_>, _>>())
            .map_err(|error| unreadable(&chain, error.to_string()))?;
        if certificates.is_empty() {
            return Err(unreadable(&chain, "there is no certificate in it".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| unreadable(&key, error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Unfit)?
            .with_no_client_auth()
            .with_single_cert(certificates, private)
            .map_err(CertificateError::Unfit)?;
        Ok(Arc::new(config))
    }
}

/// Where systems keep the certificate authorities they trust.
const AUTHORITIES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Connects to TLS peers whose certificate comes from an authority that this system trusts, or is vouched for in a file
/// of the operator's.
///
/// # Errors
/// What is wrong with that file.
pub fn trusting(own: Option<&Path>) -> Result<Arc<ClientConfig>, CertificateError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = own {
        let unreadable = |detail: String| CertificateError::Unreadable { path: path.to_path_buf(), detail };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(|found| found.collect::<Result<Vec<_>, _>>())
            .map_err(|error| unreadable(error.to_string()))?;
        let (taken, _) = roots.add_parsable_certificates(certificates);
        if taken == 0 {
            return Err(unreadable("there is no certificate in it".to_owned()));
        }
    }
    for file in AUTHORITIES {
        if let Ok(certificates) = CertificateDer::pem_file_iter(file) {
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
            break;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::Unfit)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Whether a TLS server proves its name to us, as a trunk must. Blocks, at most `patience` for each step.
///
/// # Errors
/// What it said, or what is wrong with its certificate.
pub fn proves(
    address: SocketAddr,
    name: &str,
    trusting: Arc<ClientConfig>,
    patience: Duration,
) -> Result<(), std::io::Error> {
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut connection = ClientConnection::new(trusting, name).map_err(std::io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(())
}

/// The kept certificate, or a new one when there is none, it runs out, or the names changed.
fn made(
    directory: &Path,
    purpose: &str,
    names: &[String],
    now: Timestamp,
) -> Result<(PathBuf, PathBuf), CertificateError> {
    let file = |what: &str| directory.join(format!("{purpose}-{what}.pem"));
    let (chain, key) = (file("certificate"), file("key"));
    let kept = std::fs::read_to_string(&chain).unwrap_or_default();
    let for_names = format!("# for {}", names.join(" "));
    let until = kept.lines().find_map(|line| line.strip_prefix(UNTIL)?.parse::<i64>().ok()).unwrap_or(0);
    let fresh = Timestamp::from_millis(until) > now + RENEW_BEFORE && kept.lines().any(|line| line == for_names);
    if fresh && key.is_file() {
        return Ok((chain, key));
    }
    let unmade = |cause| CertificateError::Unmade { names: names.join(", "), cause };
    let end = now + VALID;
    let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(unmade)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "Lull");
    let ((y, m, d), (end_y, end_m, end_d)) = (day(now), day(end));
    params.not_before = rcgen::date_time_ymd(y, m, d);
    params.not_after = rcgen::date_time_ymd(end_y, end_m, end_d);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let pair = rcgen::KeyPair::generate().map_err(unmade)?;
    let certificate = params.self_signed(&pair).map_err(unmade)?;
    write_private(&key, &pair.serialize_pem())?;
    let text = format!("{UNTIL}{}\n{for_names}\n{}", end.as_millis(), certificate.pem());
    std::fs::write(&chain, text).map_err(|cause| CertificateError::Unwritable { path: chain.clone(), cause })?;
    tracing::info!(path = %chain.display(), "made a certificate for the LAN");
    Ok((chain, key))
}

/// The civil day of a time, as certificates are dated here.
fn day(at: Timestamp) -> (i32, u8, u8) {
    let date = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
    (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> Result<(), CertificateError> {
    use std::io::Write as _;
    let unwritable = |cause| CertificateError::Unwritable { path: path.to_path_buf(), cause };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_certificate_is_kept_until_it_runs_out_or_the_names_change() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().to_path_buf();
        let certificate = |names: &[&str]| Certificate::Made {
            data_dir: data_dir.clone(),
            purpose: "https",
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let read = || std::fs::read_to_string(data_dir.join("https-certificate.pem")).unwrap();
        let now = Timestamp::from_millis(1_795_000_000_000);
        certificate(&["lull.lan", "192.0.2.7"]).load(now).unwrap();
        let first = read();
        certificate(&["lull.lan", "192.0.2.7"]).load(now + Duration::from_secs(86_400)).unwrap();
        assert_eq!(read(), first);
        certificate(&["lull.lan", "192.0.2.7"]).load(now + VALID).unwrap();
        let second = read();
        assert_ne!(second, first);
        certificate(&["other.lan"]).load(now + VALID).unwrap();
        assert_ne!(read(), second);
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nonsense.pem");
        std::fs::write(&file, "not a certificate").unwrap();
        let error = Certificate::Own { chain: file.clone(), key: file.clone() }
            .load(Timestamp::from_millis(0))
            .unwrap_err()
            .to_string();
        assert!(error.contains("nonsense.pem") && error.contains("PEM"), "{error}");
    }
}
