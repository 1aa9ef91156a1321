//! The network: ports and exposure.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};

use super::Finding;
use crate::config::{Config, Tls, Transport};

/// Every socket that the service will open, tried for a moment; of audio, the first pair.
pub(super) fn ports(config: &Config, running: bool) -> Vec<Finding> {
    let mut findings =
        vec![judge("pages", &config.http.listen.to_string(), TcpListener::bind(config.http.listen).err(), running)];
    if let Some(place) = config.http.metrics_listen {
        findings.push(judge("figures for Prometheus", &place.to_string(), TcpListener::bind(place).err(), running));
    }
    for listener in &config.sip.listeners {
        let tried = match listener.transport {
            Transport::Udp => UdpSocket::bind(listener.address).err(),
            Transport::Tcp | Transport::Tls => TcpListener::bind(listener.address).err(),
        };
        let subject = match listener.transport {
            Transport::Udp => "sip over udp",
            Transport::Tcp => "sip over tcp",
            Transport::Tls => "sip over tls",
        };
        findings.push(judge(subject, &listener.address.to_string(), tried, running));
    }
    let rtp = (config.rtp.address, config.rtp.port_min);
    findings.push(judge("audio", &format!("{} from port {}", rtp.0, rtp.1), UdpSocket::bind(rtp).err(), running));
    let legs = (u32::from(config.rtp.port_max) - u32::from(config.rtp.port_min)).div_ceil(2);
    // A call has a customer's leg and an agent's.
    let calls: u64 = config.trunks.values().map(|trunk| u64::from(trunk.channels_max)).sum();
    if u64::from(legs) < calls * 2 {
        let says =
            format!("the audio ports are enough for {legs} legs, but the trunks carry {calls} calls of two legs each");
        findings.push(Finding::warning("audio_ports_few", "audio", says, "widen port_min to port_max"));
    }
    findings
}

fn judge(what: &str, address: &str, error: Option<std::io::Error>, running: bool) -> Finding {
    let subject = format!("port of {what}");
    match error {
        None => Finding::ok("port", &subject, format!("{address} is free")),
        Some(error) if error.kind() == ErrorKind::AddrInUse && running => {
            Finding::ok("port", &subject, format!("{address} is in use; the service is running"))
        }
        Some(error) if error.kind() == ErrorKind::AddrInUse => {
            let says = format!("{address} is in use by another program, or by a service that runs already");
            Finding::error("port_taken", &subject, says, "stop the other program or choose another port")
        }
        Some(error) if error.kind() == ErrorKind::PermissionDenied => {
            let says = format!("{address} may not be used: {error}");
            Finding::error(
                "port_forbidden",
                &subject,
                says,
                "choose a port from 1024 on, or give the right to use lower ones",
            )
        }
        Some(error) => {
            let says = format!("{address} cannot be used: {error}");
            Finding::error("port_unusable", &subject, says, "name an address of this machine")
        }
    }
}

/// What strangers could reach.
pub(super) fn exposure(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.http.tls == Tls::Off && !config.http.listen.ip().is_loopback() {
        let says = format!("the pages are served without encryption on {}", config.http.listen);
        let advice = "set http.tls to self_signed or files, or listen on 127.0.0.1 behind a proxy";
        findings.push(Finding::warning("pages_unencrypted", "pages", says, advice));
    }
    if config.trunks.is_empty() {
        let advice = "add one under [trunks] to call anybody";
        findings.push(Finding::warning("trunks_none", "trunks", "there are none", advice));
    }
    for (name, trunk) in &config.trunks {
        if trunk.allowed_prefixes.is_empty() {
            let subject = format!("trunk {name}");
            let says = "it may dial any country";
            let advice = "list the countries you call in allowed_prefixes: toll fraud goes elsewhere";
            findings.push(Finding::warning("trunk_unrestricted", &subject, says, advice));
        }
    }
    findings
}
