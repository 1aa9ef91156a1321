//! Carriers and phones as the sockets know them: where trunks are, who may open a stream, and what name a TLS peer must
//! prove.
//!
//! All of it follows from the configuration and from name servers, and changes with either while calls are up. Read
//! [`Peers`] first.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsConnector;

use super::setup::Targets;
use super::targets::{self, Place, REFRESH_MAX, REFRESH_MIN, TargetError};
use crate::certificate::{self, CertificateError};
use crate::config::{Config, Target};
use crate::sip::Network;

/// What holds for streams that begin from now on.
#[derive(Clone, Default)]
pub struct Peers {
    /// Who may open one: trunks and phone networks. Everybody else is closed without a byte.
    pub networks: Vec<Network>,
    /// The name that a TLS peer must prove, by its address.
    pub names: BTreeMap<SocketAddr, ServerName<'static>>,
    /// How TLS connections are made, with whom they trust.
    pub connector: Option<TlsConnector>,
}

impl Peers {
    /// What a configuration and the addresses of its trunks make of it.
    ///
    /// # Errors
    /// The file of trusted certificates cannot be used.
    pub fn of(config: &Config, targets: &Targets) -> Result<Peers, CertificateError> {
        let networks = config
            .trunks
            .values()
            .flat_map(|trunk| &trunk.sources)
            .chain(&config.sip.phone_networks)
            .filter_map(|network| network.to_string().parse().ok())
            .chain(targets.values().flatten().map(|place| Network::from(place.address.ip())))
            .collect();
        let name = |place: &Place| Some((place.address, ServerName::try_from(place.name.clone()).ok()?));
        let names = targets.values().flatten().filter_map(name).collect();
        let trusting = certificate::trusting(config.sip.authorities_file.as_deref())?;
        Ok(Peers { networks, names, connector: Some(TlsConnector::from(trusting)) })
    }

    /// Whether this address may open a stream.
    pub fn admit(&self, address: std::net::IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

/// Looks all trunks up. Gives what was found, and for how long it holds.
pub async fn resolve_all(config: &Config) -> (Targets, Duration) {
    let mut found = Targets::new();
    let mut holds = REFRESH_MAX;
    for (name, trunk) in &config.trunks {
        match targets::resolve(trunk, config.sip.resolver).await {
            Ok(one) => {
                holds = holds.min(one.holds);
                found.insert(name.clone(), one.places);
            }
            // The service starts without it: other trunks work, and the board shows it as down.
            Err(error @ (TargetError::Unresolved { .. } | TargetError::NoResolver(_))) => {
                tracing::error!(trunk = %name, %error, "the trunk cannot be used until its name resolves");
                holds = REFRESH_MIN;
            }
        }
    }
    (found, holds)
}

/// Addresses that need no name server are known at once; names come with the next refresh.
pub fn written_addresses(config: &Config) -> Targets {
    let place = |target: &Target| match target {
        Target::Host { host, port } => {
            Some(Place { address: SocketAddr::new(host.parse().ok()?, *port), name: host.clone() })
        }
        Target::Srv { .. } => None,
    };
    config
        .trunks
        .iter()
        .filter(|(_, trunk)| !targets::needs_names(trunk))
        .map(|(name, trunk)| (name.clone(), trunk.targets.iter().filter_map(place).collect()))
        .collect()
}

/// Looks names up again as their records run out, and tells what changed. What cannot be resolved stays as it was (F-45).
pub async fn refresh_addresses(
    mut config: watch::Receiver<Arc<Config>>,
    mut known: Targets,
    mut holds: Duration,
    found: mpsc::Sender<Targets>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(holds) => {}
            // A reload may name a carrier that was never looked up, and forgets the addresses of one that was renamed.
            changed = config.changed() => {
                if changed.is_err() {
                    return;
                }
                known.clear();
            }
        }
        let config = Arc::clone(&config.borrow_and_update());
        let mut news = Targets::new();
        holds = REFRESH_MAX;
        for (name, trunk) in config.trunks.iter().filter(|(_, trunk)| targets::needs_names(trunk)) {
            match targets::resolve(trunk, config.sip.resolver).await {
                Ok(one) => {
                    holds = holds.min(one.holds);
                    if known.get(name) != Some(&one.places) {
                        known.insert(name.clone(), one.places.clone());
                        news.insert(name.clone(), one.places);
                    }
                }
                Err(error) => {
                    tracing::warn!(trunk = %name, %error, "the addresses found last are used on");
                    holds = REFRESH_MIN;
                }
            }
        }
        if !news.is_empty() && found.send(news).await.is_err() {
            return;
        }
    }
}
