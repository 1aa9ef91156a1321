//! Whether the carriers can be reached: their names resolved as the service does it, and over TLS whether they prove
//! who they are. No call is placed and no SIP is spoken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::certificate;
use crate::config::doctor::Finding;
use crate::config::{Config, Transport, Trunk};
use crate::runtime::targets::{self, Place};

/// A carrier that answers later would fail the service as well.
const PATIENCE: Duration = Duration::from_secs(4);

/// Looks at every trunk.
pub(super) fn examine(config: &Config) -> io::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut findings = Vec::new();
    let trusting = match certificate::trusting(config.sip.authorities_file.as_deref()) {
        Ok(trusting) => Some(trusting),
        Err(error) => {
            let advice = "name a PEM file with the certificates that vouch for your carriers";
            findings.push(Finding::error("authorities", "sip.authorities_file", error.to_string(), advice));
            None
        }
    };
    for (name, trunk) in &config.trunks {
        let subject = format!("trunk {name}");
        match runtime.block_on(targets::resolve(trunk, config.sip.resolver)) {
            Ok(found) => {
                findings.extend(found.places.iter().map(|place| reach(&subject, trunk, place, trusting.as_ref())));
            }
            Err(error) => {
                let advice = match config.sip.resolver {
                    Some(server) => format!("check the name, and that {server} (sip.resolver) answers"),
                    None => "check the name and the resolver of this machine".to_owned(),
                };
                findings.push(Finding::error("trunk_unresolved", &subject, error.to_string(), advice));
            }
        }
    }
    Ok(findings)
}

fn reach(subject: &str, trunk: &Trunk, place: &Place, trusting: Option<&Arc<ClientConfig>>) -> Finding {
    let Place { address, name } = place;
    let there = if *name == address.ip().to_string() { address.to_string() } else { format!("{name} is {address}") };
    match (trunk.transport, trusting) {
        (Transport::Tls, Some(trusting)) => proof(subject, *address, name, Arc::clone(trusting)),
        (Transport::Udp | Transport::Tcp | Transport::Tls, _) => Finding::ok("trunk", subject, there),
    }
}

fn proof(subject: &str, address: SocketAddr, name: &str, trusting: Arc<ClientConfig>) -> Finding {
    match certificate::proves(address, name, trusting, PATIENCE) {
        Ok(()) => Finding::ok("trunk_proven", subject, format!("{address} proves that it is {name}")),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let says = format!("{address} does not prove that it is {name}, so no call goes there: {error}");
            let advice = "write the name of its certificate as the target; if its certificate is its own, name the file \
                          in sip.authorities_file";
            Finding::error("trunk_unproven", subject, says, advice)
        }
        Err(error) => {
            let says = format!("{address} cannot be reached over TLS: {error}");
            Finding::error("trunk_unreachable", subject, says, "check address and port, and the firewall in between")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn a_carrier_without_an_address_and_a_file_without_certificates_are_told_with_advice() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lull.toml");
        let text = "[sip]\nauthorities_file = \"lull.toml\"\n[trunks.t]\ntargets = [\"does-not-exist.invalid:5060\"]\n\
                    channels_max = 1\ncalls_per_second = 1\n";
        std::fs::write(&file, text).unwrap();
        let config = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        let findings = examine(&config).unwrap();
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["authorities", "trunk_unresolved"]);
        assert!(findings.iter().all(|finding| !finding.advice.is_empty()));
    }
}
