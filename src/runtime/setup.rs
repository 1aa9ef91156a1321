//! From the configuration to what each room wants to know of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::lines::{LinePlan, PhonePlan, TrunkPlan};
use super::targets::Place;
use crate::config::{Codec, Config, PhoneDigest, Prompt, SipListener, Target, Transport, Trunk};
use crate::media::classify::AmdSettings;
use crate::media::g711::Law;
use crate::media::prompt::{PromptError, PromptShelf};
use crate::media::sdp::MediaPolicy;
use crate::model::name::TrunkName;
use crate::sip;

/// Resolved addresses of each trunk.
pub type Targets = BTreeMap<TrunkName, Vec<Place>>;

/// What the SIP endpoint is told. `bound` are the addresses the listeners got, in the order of the configuration.
pub fn sip_settings(config: &Config, bound: &[SocketAddr], targets: &Targets) -> sip::Settings {
    let listeners = config
        .sip
        .listeners
        .iter()
        .zip(bound)
        .map(|(listener, bound)| sip::Listener {
            transport: transport(listener.transport),
            host: host(told_address(config.sip.advertised, bound.ip())),
            port: bound.port(),
        })
        .collect();
    let trunks = config
        .trunks
        .iter()
        .map(|(name, trunk)| {
            let written = trunk.sources.iter().filter_map(|network| network.to_string().parse().ok());
            let resolved = targets.get(name).into_iter().flatten().map(|place| sip::Network::from(place.address.ip()));
            let account = trunk.username.as_ref().zip(trunk.password.as_ref()).map(|(username, password)| {
                let account = sip::Account { username: username.clone(), password: password.reveal().to_owned() };
                sip::TrunkAccount { realm: trunk.realm.clone(), account, md5: true }
            });
            sip::Trunk {
                name: Arc::from(name.as_str()),
                sources: if trunk.sources.is_empty() { resolved.collect() } else { written.collect() },
                targets: remotes(config, name, trunk, targets),
                account,
                probe_interval_s: (trunk.keep_alive_s > 0).then_some(trunk.keep_alive_s),
            }
        })
        .collect();
    let phones = config
        .phones
        .iter()
        .map(|(name, phone)| sip::Phone {
            user: Arc::from(name.as_str()),
            account: sip::Account { username: name.clone(), password: phone.password.reveal().to_owned() },
        })
        .collect();
    sip::Settings {
        listeners,
        user_agent: format!("Lull/{}", env!("CARGO_PKG_VERSION")),
        realm: config.sip.domain.clone(),
        trunks,
        phone_networks: config.sip.phone_networks.iter().filter_map(|n| n.to_string().parse().ok()).collect(),
        phones,
        phone_algorithms: match config.sip.phone_digest {
            PhoneDigest::Md5 => vec![sip::Algorithm::Md5],
            PhoneDigest::Sha256 => vec![sip::Algorithm::Sha256],
            PhoneDigest::Both => vec![sip::Algorithm::Sha256, sip::Algorithm::Md5],
        },
        session_expires_s: Some(config.sip.session_expires_s),
        ..sip::Settings::default()
    }
}

/// What the lines are told.
pub fn line_plan(config: &Config, bound: &[SocketAddr], targets: &Targets) -> LinePlan {
    let trunks = config
        .trunks
        .iter()
        .map(|(name, trunk)| {
            let plan = TrunkPlan {
                domain: trunk_domain(trunk.targets.first()),
                targets: remotes(config, name, trunk, targets),
                laws: laws(&trunk.codecs),
                region: config.installation.region,
                trunk: trunk.clone(),
            };
            (name.clone(), plan)
        })
        .collect();
    let phones = config
        .phones
        .iter()
        .map(|(name, phone)| {
            let plan = PhonePlan {
                laws: laws(&phone.codecs),
                behind_nat: phone.nat,
                display: config.installation.title.clone(),
            };
            (name.clone(), plan)
        })
        .collect();
    let local = bound.first().map_or(config.rtp.address, SocketAddr::ip);
    LinePlan {
        media_address: told_address(config.rtp.advertised, media_address(config, local)),
        media_policy: MediaPolicy { allow_loopback: config.rtp.allow_loopback, ..MediaPolicy::default() },
        trunks,
        phones,
        detection: AmdSettings::default(),
        domain: config.sip.domain.clone(),
        recordings: config.data.recordings.clone(),
    }
}

/// The prompts, read and ready to be played.
///
/// # Errors
/// A file cannot be read or is not what a prompt must be.
pub fn prompts(config: &Config) -> Result<PromptShelf, PromptError> {
    let mut shelf = PromptShelf::built_in();
    for (name, prompt) in &config.prompts {
        match prompt {
            Prompt::Builtin(built_in) => {
                if let Some(prompt) = shelf.find(built_in) {
                    shelf.put(name.as_str(), prompt)?;
                }
            }
            Prompt::File(file) => shelf.load(name.as_str(), file)?,
        }
    }
    Ok(shelf)
}

/// Where a trunk is dialled.
fn remotes(config: &Config, name: &TrunkName, trunk: &Trunk, targets: &Targets) -> Vec<sip::Target> {
    targets.get(name).into_iter().flatten().map(|place| target(config, place.address, trunk.transport)).collect()
}

fn target(config: &Config, remote: SocketAddr, over: Transport) -> sip::Target {
    // The configuration was checked: there is a listener for each transport that a trunk uses, of its address family
    // where there are several.
    let fits = |listener: &&SipListener| listener.transport == over && listener.address.is_ipv4() == remote.is_ipv4();
    let all = &config.sip.listeners;
    let place =
        all.iter().position(|l| fits(&l)).or_else(|| all.iter().position(|l| l.transport == over)).unwrap_or_default();
    sip::Target { listener: u8::try_from(place).unwrap_or_default(), remote }
}

fn trunk_domain(target: Option<&Target>) -> String {
    match target {
        Some(Target::Host { host: name, .. }) => match name.parse::<IpAddr>() {
            Ok(address) => host(address),
            Err(_) => name.clone(),
        },
        Some(Target::Srv { domain }) => domain.clone(),
        None => "invalid".to_owned(),
    }
}

fn media_address(config: &Config, signalling: IpAddr) -> IpAddr {
    if config.rtp.address.is_unspecified() { signalling } else { config.rtp.address }
}

/// What peers are told: the advertised address, or the one we are bound to; where that is "any", the one the system
/// would use to reach the outside, which a configuration behind NAT overrides.
fn told_address(advertised: Option<IpAddr>, bound: IpAddr) -> IpAddr {
    match advertised {
        Some(address) => address,
        None if bound.is_unspecified() => outward_address().unwrap_or(bound),
        None => bound,
    }
}

/// The local address of the default route. No packet leaves: connecting a UDP socket only looks up the route.
fn outward_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}

fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn transport(transport: Transport) -> sip::Transport {
    match transport {
        Transport::Udp => sip::Transport::Udp,
        Transport::Tcp => sip::Transport::Tcp,
        Transport::Tls => sip::Transport::Tls,
    }
}

fn laws(codecs: &[Codec]) -> Vec<Law> {
    codecs
        .iter()
        .map(|codec| match codec {
            Codec::Pcmu => Law::Mu,
            Codec::Pcma => Law::A,
        })
        .collect()
}
