//! The listener with real sockets: plain HTTP, the desk's socket, and an orderly end.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::rig::Rig;
use crate::certificate::Certificate;
use crate::engine::event::Event;
use crate::web::access::Role;
use crate::web::{Listening, serve};

const PATIENCE: Duration = Duration::from_secs(20);

/// Reads until the text so far contains `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("nothing came").unwrap();
        assert!(length > 0, "closed after {:?}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&read);
        if text.contains(end) {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn a_desk_is_shown_over_its_socket_until_a_newer_sign_in_or_the_end() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let sign_in = rig.send("POST", "/desk/sign-in", Some(&token), Some(json!({}))).await.json();
    assert!(matches!(rig.event().await, Event::AgentSignedIn { .. }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, watched) = watch::channel(false);
    let served = tokio::spawn(serve(Listening { listener, tls: None }, rig.state.clone(), watched));
    let connect = |session: String| {
        let token = token.clone();
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!(
                "GET /api/v1/desk/socket?session={session} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
                 Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://{address}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        }
    };
    let first = sign_in["session"].as_str().unwrap().to_owned();
    let mut old = connect(first.clone()).await;
    let text = read_until(&mut old, "\"type\":\"desk\"").await;
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
    assert!(matches!(rig.event().await, Event::AgentPresence { present: true, .. }));

    let newer = rig.send("POST", "/desk/sign-in", Some(&token), Some(json!({}))).await.json();
    assert!(matches!(rig.event().await, Event::AgentSignedIn { .. }));
    read_until(&mut old, "\"type\":\"replaced\"").await;
    let mut late = connect(first).await;
    read_until(&mut late, "\"type\":\"replaced\"").await;

    let mut new = connect(newer["session"].as_str().unwrap().to_owned()).await;
    read_until(&mut new, "\"type\":\"desk\"").await;
    // The replaced desk did not say that the agent is gone.
    assert!(matches!(rig.event().await, Event::AgentPresence { present: true, .. }));

    shutdown.send_replace(true);
    timeout(PATIENCE, served).await.expect("the listener did not end").unwrap();
    assert!(matches!(rig.event().await, Event::AgentPresence { present: false, .. }));
    assert!(TcpStream::connect(address).await.is_err(), "the port is still open");
}

#[tokio::test]
async fn a_socket_from_another_sites_page_is_not_opened() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_shutdown, watched) = watch::channel(false);
    tokio::spawn(serve(Listening { listener, tls: None }, rig.state.clone(), watched));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/desk/socket?session=ses_0000000000001 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://evil.example\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let text = read_until(&mut stream, "cross_site").await;
    assert!(text.starts_with("HTTP/1.1 403"), "{text}");
}

#[tokio::test]
async fn https_with_a_certificate_made_for_the_lan() {
    use rustls::pki_types::pem::PemObject as _;
    let rig = Rig::new().await;
    let data_dir = rig.directory.path().to_path_buf();
    let made = Certificate::Made {
        data_dir: data_dir.clone(),
        purpose: "https",
        names: vec!["lull.lan".into(), "127.0.0.1".into()],
    };
    let tls = made.load(rig.now()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, watched) = watch::channel(false);
    let served = tokio::spawn(serve(Listening { listener, tls: Some(tls) }, rig.state.clone(), watched));

    let certificate = rustls::pki_types::CertificateDer::from_pem_file(data_dir.join("https-certificate.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(client));
    let name = rustls::pki_types::ServerName::try_from("lull.lan").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = timeout(PATIENCE, connector.connect(name, stream)).await.unwrap().unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: lull.lan\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    // A server may close without the closing alert of TLS; what was read before counts.
    let _ = timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("no answer");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");

    // One who speaks plain HTTP to it does not keep the listener from others.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    shutdown.send_replace(true);
    timeout(PATIENCE, served).await.expect("the listener did not end").unwrap();
}

#[tokio::test]
async fn an_operator_sees_how_full_the_tables_are() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    let answered = rig.send("GET", "/internals", Some(&token), None).await;
    assert_eq!(answered.json()["tables"], json!({ "engine.attempts": 3 }));
}
