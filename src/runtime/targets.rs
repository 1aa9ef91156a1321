//! Where a trunk's calls go: hosts and ports as they are written, or SRV records (RFC 3263), resolved ahead of time.
//!
//! No call waits for DNS. Names are resolved at start and again as their records run out; what was found last is used on
//! while a name server fails (F-45).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use crate::config::{Target, Transport, Trunk};

/// Addresses of one trunk; more would only make a failing call fail more slowly.
pub const TARGETS_MAX: usize = 8;
/// A lookup that takes longer has failed.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// Names whose records have no lifetime, or a longer one, are looked up again after this.
pub const REFRESH_MAX: Duration = Duration::from_secs(60);
/// However short records live, a name server is not asked more often; one that failed is asked again after this.
pub const REFRESH_MIN: Duration = Duration::from_secs(5);

/// Why a trunk's targets are not known.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The resolver cannot be set up.
    #[error("names cannot be resolved on this machine: {0}")]
    NoResolver(String),
    /// A name has no address.
    #[error("`{name}` could not be resolved: {why}")]
    Unresolved {
        /// The name.
        name: String,
        /// What the resolver said.
        why: String,
    },
}

/// One address of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub address: SocketAddr,
    /// The name the operator wrote for it, which its certificate must prove (RFC 5922, 7.2).
    pub name: String,
}

/// What a lookup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Addresses in the order in which they are tried.
    pub places: Vec<Place>,
    /// How long they hold.
    pub holds: Duration,
}

/// Whether the trunk's targets need a name server at all.
pub fn needs_names(trunk: &Trunk) -> bool {
    trunk.targets.iter().any(|target| match target {
        Target::Host { host, .. } => host.parse::<IpAddr>().is_err(),
        Target::Srv { .. } => true,
    })
}

/// Resolves a trunk's targets with the given name server, or the system's.
///
/// # Errors
/// Nothing could be resolved; part of it is enough.
pub async fn resolve(trunk: &Trunk, server: Option<SocketAddr>) -> Result<Found, TargetError> {
    let mut found = Found { places: Vec::new(), holds: REFRESH_MAX };
    let mut failed = None;
    for target in &trunk.targets {
        let (name, outcome) = match target {
            Target::Host { host, port } => (host, host_addresses(host, *port, server).await),
            Target::Srv { domain } => (domain, srv_addresses(domain, trunk.transport, server).await),
        };
        match outcome {
            Ok((addresses, holds)) => {
                found.holds = found.holds.min(holds);
                found.places.extend(addresses.into_iter().map(|address| Place { address, name: name.clone() }));
            }
            Err(error) => failed = Some(error),
        }
    }
    found.places.truncate(TARGETS_MAX);
    found.holds = found.holds.max(REFRESH_MIN);
    match (found.places.is_empty(), failed) {
        (true, Some(error)) => Err(error),
        (_, _) => Ok(found),
    }
}

/// A resolver without a memory of its own: [`resolve`] is called when records have run out.
fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, TargetError> {
    let builder = match server {
        None => TokioResolver::builder_tokio(),
        Some(server) => {
            let mut name_server = NameServerConfig::udp_and_tcp(server.ip());
            name_server.connections.iter_mut().for_each(|connection| connection.port = server.port());
            let config = ResolverConfig::from_name_servers(vec![name_server]);
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        }
    };
    builder.and_then(|builder| builder.build()).map_err(|error| TargetError::NoResolver(error.to_string()))
}

/// Addresses of a name, and how long they hold.
async fn host_addresses(
    host: &str,
    port: u16,
    server: Option<SocketAddr>,
) -> Result<(Vec<SocketAddr>, Duration), TargetError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok((vec![SocketAddr::new(address, port)], REFRESH_MAX));
    }
    let unresolved = |why: String| TargetError::Unresolved { name: host.to_owned(), why };
    let late = || unresolved("no answer in time".to_owned());
    if server.is_none() {
        // The system's own way knows more than DNS, such as /etc/hosts, and tells no lifetime.
        let found = tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((host, port))).await;
        let addresses = found.map_err(|_| late())?.map_err(|error| unresolved(error.to_string()))?;
        return Ok((addresses.collect(), REFRESH_MAX));
    }
    let resolver = resolver(server)?;
    let found = tokio::time::timeout(LOOKUP_MAX, resolver.lookup_ip(format!("{host}."))).await;
    let found = found.map_err(|_| late())?.map_err(|error| unresolved(error.to_string()))?;
    let records = found.as_lookup().answers();
    let holds = records.iter().map(|record| u64::from(record.ttl)).min().map_or(REFRESH_MAX, Duration::from_secs);
    Ok((found.iter().map(|address| SocketAddr::new(address, port)).collect(), holds))
}

/// SRV records by priority, then by weight; each target's addresses.
async fn srv_addresses(
    domain: &str,
    transport: Transport,
    server: Option<SocketAddr>,
) -> Result<(Vec<SocketAddr>, Duration), TargetError> {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    let name = format!("{service}.{domain}.");
    let unresolved = |why: String| TargetError::Unresolved { name: name.clone(), why };
    let resolver = resolver(server)?;
    let answer = match tokio::time::timeout(LOOKUP_MAX, resolver.srv_lookup(name.clone())).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => return Err(unresolved("no answer in time".to_owned())),
    };
    let mut holds = REFRESH_MAX;
    let mut records: Vec<(u16, u16, String, u16)> = Vec::new();
    for record in answer.answers() {
        if let RData::SRV(srv) = &record.data {
            holds = holds.min(Duration::from_secs(u64::from(record.ttl)));
            records.push((srv.priority, srv.weight, srv.target.to_utf8(), srv.port));
        }
    }
    // The heaviest first among equals: with failover before any 18x, chance adds nothing for one dialer.
    records.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut found = Vec::new();
    let mut failed = None;
    for (_, _, host, port) in records.into_iter().take(TARGETS_MAX) {
        match host_addresses(host.trim_end_matches('.'), port, server).await {
            Ok((addresses, for_long)) => {
                holds = holds.min(for_long);
                found.extend(addresses);
            }
            // The others may serve meanwhile.
            Err(error) => failed = Some(error),
        }
    }
    match (found.is_empty(), failed) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(unresolved("it names no server".to_owned())),
        (false, _) => Ok((found, holds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_name_server_and_keep_their_order() {
        let (found, _) = host_addresses("192.0.2.7", 5060, None).await.unwrap();
        assert_eq!(found, ["192.0.2.7:5060".parse().unwrap()]);
        let (found, _) = host_addresses("2001:db8::1", 5070, None).await.unwrap();
        assert_eq!(found, ["[2001:db8::1]:5070".parse().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_is_named_in_the_error() {
        let error = host_addresses("no-such-host.invalid", 5060, None).await.unwrap_err().to_string();
        assert!(error.contains("no-such-host.invalid"), "{error}");
    }
}
