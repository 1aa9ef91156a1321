//! Where a trunk's calls go: hosts and ports as they are written, or SRV records (RFC 3263), resolved ahead of time.
//!
//! No call waits for DNS. Names are resolved at start and again as their records run out; what was found last is used on
//! while a name server fails (F-45).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;

use crate::config::{Target, Transport, Trunk};

/// Addresses of one trunk; more would only make a failing call fail more slowly.
pub const TARGETS_MAX: usize = 8;
/// A lookup that takes longer has failed.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// How often names are looked up again.
pub const REFRESH_EVERY: Duration = Duration::from_secs(60);

/// Why a trunk's targets are not known.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The system's resolver configuration cannot be read.
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

/// Whether the trunk's targets need a name server at all.
pub fn needs_names(trunk: &Trunk) -> bool {
    trunk.targets.iter().any(|target| match target {
        Target::Host { host, .. } => host.parse::<IpAddr>().is_err(),
        Target::Srv { .. } => true,
    })
}

/// Resolves a trunk's targets, in the order in which they are tried.
///
/// # Errors
/// Nothing could be resolved; part of it is enough.
pub async fn resolve(trunk: &Trunk) -> Result<Vec<SocketAddr>, TargetError> {
    let mut found = Vec::new();
    let mut failed = None;
    for target in &trunk.targets {
        let outcome = match target {
            Target::Host { host, port } => host_addresses(host, *port).await,
            Target::Srv { domain } => srv_addresses(domain, trunk.transport).await,
        };
        match outcome {
            Ok(addresses) => found.extend(addresses),
            Err(error) => failed = Some(error),
        }
    }
    found.truncate(TARGETS_MAX);
    match (found.is_empty(), failed) {
        (true, Some(error)) => Err(error),
        (_, _) => Ok(found),
    }
}

async fn host_addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, TargetError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let unresolved = |why: String| TargetError::Unresolved { name: host.to_owned(), why };
    match tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(unresolved(error.to_string())),
        Err(_) => Err(unresolved("no answer in time".to_owned())),
    }
}

/// SRV records by priority, then by weight; each target's addresses.
async fn srv_addresses(domain: &str, transport: Transport) -> Result<Vec<SocketAddr>, TargetError> {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    let name = format!("{service}.{domain}.");
    let unresolved = |why: String| TargetError::Unresolved { name: name.clone(), why };
    let resolver = TokioResolver::builder_tokio()
        .and_then(|builder| builder.build())
        .map_err(|error| TargetError::NoResolver(error.to_string()))?;
    let answer = match tokio::time::timeout(LOOKUP_MAX, resolver.srv_lookup(name.clone())).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(unresolved(error.to_string())),
        Err(_) => return Err(unresolved("no answer in time".to_owned())),
    };
    let mut records: Vec<(u16, u16, String, u16)> = answer
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, srv.weight, srv.target.to_utf8(), srv.port)),
            _ => None,
        })
        .collect();
    // The heaviest first among equals: with failover before any 18x, chance adds nothing for one dialer.
    records.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut found = Vec::new();
    for (_, _, host, port) in records.into_iter().take(TARGETS_MAX) {
        found.extend(host_addresses(host.trim_end_matches('.'), port).await?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_name_server_and_keep_their_order() {
        let found = host_addresses("192.0.2.7", 5060).await.unwrap();
        assert_eq!(found, ["192.0.2.7:5060".parse().unwrap()]);
        let found = host_addresses("2001:db8::1", 5070).await.unwrap();
        assert_eq!(found, ["[2001:db8::1]:5070".parse().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_is_named_in_the_error() {
        let error = host_addresses("no-such-host.invalid", 5060).await.unwrap_err().to_string();
        assert!(error.contains("no-such-host.invalid"), "{error}");
    }
}
