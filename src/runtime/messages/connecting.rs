//! Makes a session with a gateway, whatever it speaks.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificate;
use crate::config::{Gateway, GatewayProtocol, HttpGateway, SmppGateway};
use crate::sms::smpp::{self, Account};
use crate::sms::{Facts, Session, http};

/// Connects and binds, or looks whether an HTTP gateway can be reached. The caller bounds the time.
///
/// # Errors
/// Says why that cannot be done.
pub async fn connect(gateway: &Gateway) -> Result<(Session, Facts), String> {
    let patience = Duration::from_secs(gateway.response_timeout_s.into());
    let trusting = || certificate::trusting(gateway.authorities_file.as_deref()).map_err(|error| error.to_string());
    let (settings, account) = match &gateway.protocol {
        GatewayProtocol::Http(HttpGateway { settings, password, .. }) => {
            let opened = http::open(settings.clone(), password.reveal(), trusting()?, patience).await;
            return opened.map(|(session, facts)| (Session::Http(session), Facts::Http(facts)));
        }
        GatewayProtocol::Smpp(settings) => (settings, account(settings, patience)),
    };
    let SmppGateway { host, port, .. } = settings;
    let failed = |error: io::Error| format!("{host}:{port}: {error}");
    let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
    // Small commands that wait for answers: gathering them only makes them late.
    stream.set_nodelay(true).map_err(failed)?;
    let bound = if settings.tls {
        let name = ServerName::try_from(host.clone()).map_err(|error| format!("{host}: {error}"))?;
        let stream = TlsConnector::from(trusting()?).connect(name, stream).await;
        smpp::bind(stream.map_err(|error| format!("no trusted TLS with {host}: {error}"))?, &account).await
    } else {
        smpp::bind(stream, &account).await
    };
    bound.map(|(session, facts)| (Session::Smpp(session), Facts::Smpp(facts)))
}

fn account(settings: &SmppGateway, patience: Duration) -> Account {
    Account {
        system_id: settings.system_id.clone(),
        password: settings.password.reveal().to_owned(),
        system_type: settings.system_type.clone(),
        version: settings.version,
        patience,
    }
}
