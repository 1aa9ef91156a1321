//! TLS around a party that speaks TCP alone, such as SIPp as distributions build it; and the certificates for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate and its key, as PEM files. It vouches for itself.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The certificate.
    pub certificate: PathBuf,
    key: PathBuf,
}

impl Proof {
    /// Made for a name or an address.
    pub fn of(name: &str, folder: &Path) -> Proof {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate can be made");
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, made.cert.pem()).expect("a file can be written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file can be written");
        Proof { certificate, key }
    }
}

/// Carries streams until the test drops it.
#[derive(Debug)]
pub struct Tunnel {
    _over: oneshot::Sender<()>,
}

impl Tunnel {
    /// Takes TLS at `at`, and goes on in the clear to `to`.
    pub fn ends_tls(at: SocketAddr, proof: &Proof, to: SocketAddr) -> Tunnel {
        let chain = certificates(&proof.certificate);
        let key = PrivateKeyDer::from_pem_file(&proof.key).expect("a key that was just made");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions fit the provider")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key fits the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Tunnel::run(at, move |inner| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut outer) = acceptor.accept(inner).await else { return };
                let Ok(mut clear) = TcpStream::connect(to).await else { return };
                drop(tokio::io::copy_bidirectional(&mut outer, &mut clear).await);
            }
        })
    }

    /// Takes a clear stream at `at`, and goes on with TLS to `to` from the address `from`; `to` must prove `name` with
    /// this certificate.
    pub fn begins_tls(at: SocketAddr, from: SocketAddr, to: SocketAddr, name: &'static str, trust: &Path) -> Tunnel {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(trust));
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions fit the provider")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Tunnel::run(at, move |mut inner| {
            let connector = connector.clone();
            async move {
                let socket = TcpSocket::new_v4().expect("a socket can be made");
                socket.bind(from).expect("the address is ours");
                let Ok(clear) = socket.connect(to).await else { return };
                let name = ServerName::try_from(name).expect("a name");
                let Ok(mut outer) = connector.connect(name, clear).await else { return };
                drop(tokio::io::copy_bidirectional(&mut inner, &mut outer).await);
            }
        })
    }

    fn run<F, T>(at: SocketAddr, carry: F) -> Tunnel
    where
        F: Fn(TcpStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind(at).expect("a free port can be bound");
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let (over, mut ended) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                loop {
                    tokio::select! {
                        _ = &mut ended => return,
                        Ok((inner, _)) = listener.accept() => drop(tokio::spawn(carry(inner))),
                    }
                }
            });
        });
        Tunnel { _over: over }
    }
}

fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    let found = CertificateDer::pem_file_iter(file).expect("the certificate is there");
    found.collect::<Result<_, _>>().expect("it is PEM")
}
