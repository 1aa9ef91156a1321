//! What the operator sets up: the default file, the operator's files, the environment and flags laid over one another.
//!
//! `config/default.toml` is both the documentation and what is loaded first. Every value keeps its origin, and everything
//! that is wrong is told at once with file, line and column. Campaigns are not configuration: `model::campaign_file`
//! reads them against [`Config::known`]. Read [`load`], [`Config`] and [`Sources`] first.

pub mod doctor;
mod explain;
mod load;
mod read;
pub mod secret;
pub mod tzdata;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use crate::model::network::Network;
pub use explain::{Difference, Setting};
pub use load::{Sources, load};
pub use read::group_changed;
pub use secret::Secret;

use crate::model::campaign_file::Known;
use crate::model::database::DatabasePlace;
use crate::model::dialable::{Region, is_premium};
use crate::model::name::{GatewayName, GroupName, ProfileName, PromptName, QueueName, TrunkName};
use crate::model::phone::PhoneNumber;
use crate::model::profile::Profile;
use crate::model::settings::{GroupSettings, NumberRoute, QueueSettings, Settings, TrunkLimits};
use crate::model::zone::{Zone, database};
use crate::sms::{http, smpp};

/// The default file.
pub const DEFAULT: &str = include_str!("config/default.toml");
/// How complaints call the default file.
pub const DEFAULT_NAME: &str = "default.toml";
/// Sounds built into the program, `builtin:NAME`. They carry no words; `media` makes them, a test holds the names together.
pub const BUILTIN_PROMPTS: [&str; 6] = ["hold", "please_wait", "information", "beep", "consent", "ringback"];

/// Everything that is configured, checked against itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the whole installation shares.
    pub installation: Installation,
    /// Where things are kept.
    pub data: Data,
    /// How long things are kept.
    pub retention: Retention,
    /// Lists that are brought in.
    pub lists: Lists,
    /// Pages and API.
    pub http: Http,
    /// Signing in.
    pub access: Access,
    /// Telling others what happened.
    pub webhooks: Webhooks,
    /// Logging.
    pub log: Log,
    /// SIP listeners.
    pub sip: Sip,
    /// Audio.
    pub rtp: Rtp,
    /// Carriers and PBXs.
    pub trunks: BTreeMap<TrunkName, Trunk>,
    /// What a dialled number leads to.
    pub numbers: BTreeMap<String, NumberRoute>,
    /// Inbound queues.
    pub queues: BTreeMap<QueueName, QueueSettings>,
    /// Agent groups.
    pub groups: BTreeMap<GroupName, GroupSettings>,
    /// Agents' phones by the user part of their address.
    pub phones: BTreeMap<String, Phone>,
    /// SMS gateways.
    pub gateways: BTreeMap<GatewayName, Gateway>,
    /// Prompts.
    pub prompts: BTreeMap<PromptName, Prompt>,
    /// Compliance profiles: the shipped ones and those of the data directory.
    pub profiles: BTreeMap<ProfileName, Profile>,
    settings_in_force: Vec<Setting>,
}

/// What the whole installation shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Installation {
    /// Shown on the pages.
    pub title: String,
    /// What "today" means.
    pub zone: Zone,
    /// Region of numbers in national form.
    pub region: Region,
    /// Why an agent may be not ready.
    pub not_ready_reasons: Vec<String>,
}

/// Where things are kept. Paths are absolute, or relative to the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Everything Lull writes.
    pub directory: PathBuf,
    /// The database: a file of SQLite, or one of a PostgreSQL server.
    pub database: DatabasePlace,
    /// Where recordings go.
    pub recordings: PathBuf,
    /// Where further profiles are.
    pub profiles: Option<PathBuf>,
}

/// How long things are kept, in days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Attempts, results and reports.
    pub attempts_days: u32,
    /// Recordings.
    pub recordings_days: u32,
    /// The engine's inputs.
    pub journal_days: u32,
    /// Why campaigns dialled as much as they did.
    pub decisions_days: u32,
    /// What webhooks were told, and how that went.
    pub webhooks_days: u32,
    /// Files that somebody asked for.
    pub exports_days: u32,
    /// Jobs that brought lists in, and files of their rejected rows.
    pub imports_days: u32,
    /// SMS, ours and those of customers.
    pub messages_days: u32,
    /// Who ordered, and where it went, of orders that are over.
    pub orders_days: u32,
}

/// Lists that are brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lists {
    /// For how long an import can be taken back after its end, in hours.
    pub undo_hours: u32,
}

/// Telling others what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// Networks that are not the internet's and may be entered, also without encryption.
    pub allow_private: Vec<Network>,
    /// Whom endpoints may be vouched for by, besides the system's authorities: a PEM file.
    pub authorities_file: Option<PathBuf>,
    /// How long an endpoint may take, in seconds.
    pub timeout_s: u32,
    /// How long is waited after each try that failed, in seconds; there is one try more than there are waits.
    pub retry_after_s: Vec<u32>,
    /// An endpoint to which nothing could be delivered for this long is told nothing more, in hours.
    pub disable_after_h: u32,
}

impl Default for Webhooks {
    /// Nothing but the internet, and the waits that Standard Webhooks suggests.
    fn default() -> Webhooks {
        Webhooks {
            allow_private: Vec::new(),
            authorities_file: None,
            timeout_s: 15,
            retry_after_s: vec![5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
            disable_after_h: 120,
        }
    }
}

/// Pages and API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How it is encrypted.
    pub tls: Tls,
    /// How browsers reach it, where that differs.
    pub public_url: Option<String>,
    /// Where Prometheus reads figures, if it does.
    pub metrics_listen: Option<SocketAddr>,
    /// Where landing pages, and nothing else, are served besides.
    pub landing_listen: Option<SocketAddr>,
    /// How customers reach landing pages, where that is not `public_url`.
    pub landing_url: Option<String>,
    /// Proxies whose word about the address of a visitor counts.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Http {
    /// How customers reach landing pages, if anybody said so.
    pub fn landing_base(&self) -> Option<&str> {
        self.landing_url.as_deref().or(self.public_url.as_deref())
    }
}

/// How a listener is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// With a certificate made by Lull and kept in the data directory.
    SelfSigned,
    /// With the operator's own.
    Files(Certificate),
}

/// A certificate chain and its key, PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The chain.
    pub certificate_file: PathBuf,
    /// The key.
    pub key_file: PathBuf,
}

/// Signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Signed out after this time without a request, in seconds.
    pub session_idle_s: u32,
    /// Signed out after this time in any case, in seconds.
    pub session_max_s: u32,
    /// Tries for one account or from one address.
    pub logins_per_minute: u32,
    /// Shortest password, in characters.
    pub password_length_min: u32,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A filter as `tracing-subscriber` reads it.
    pub level: String,
    /// One JSON object for each line, for collectors.
    pub json: bool,
}

/// How a gateway is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub enum GatewayProtocol {
    /// By SMPP.
    Smpp(SmppGateway),
    /// By HTTP.
    Http(HttpGateway),
}

/// A gateway that speaks SMPP.
#[derive(Clone, Debug, PartialEq)]
pub struct SmppGateway {
    /// Its version.
    pub version: smpp::Version,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is under TLS.
    pub tls: bool,
    /// Who we are to it.
    pub system_id: String,
    /// The password of that.
    pub password: Secret,
    /// Mostly empty.
    pub system_type: String,
}

/// A gateway that takes messages by HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpGateway {
    /// How messages are sent, and what answers mean.
    pub settings: http::Settings,
    /// The password of `{password}`; empty where there is none.
    pub password: Secret,
    /// Who may tell what becomes of messages and what customers write; nobody without it.
    pub callback: Option<HttpCallback>,
}

/// What an HTTP gateway tells on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCallback {
    /// Who may call, and what calls mean.
    pub rules: http::callback::Rules,
    /// The secret by which callers prove who they are.
    pub password: Secret,
}

/// An SMS gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    /// How it is spoken to.
    pub protocol: GatewayProtocol,
    /// Whom the gateway may be vouched for by, besides the system's authorities: a PEM file.
    pub authorities_file: Option<PathBuf>,
    /// Numbers and names that may be shown as senders, the usual one first; customers' messages come to them.
    pub senders: Vec<String>,
    /// Parts of messages per second; requests by HTTP.
    pub per_second: f64,
    /// Parts, or requests, that may be unanswered at once.
    pub window: u32,
    /// After how many seconds without an answer a message counts as unanswered, and is not sent again.
    pub response_timeout_s: u32,
    /// What is said to somebody who opted out by SMS; nothing where it is empty.
    pub opt_out_confirmation: String,
}

/// SIP listeners and phones' domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// Where it listens.
    pub listeners: Vec<SipListener>,
    /// Our address as the other side sees it.
    pub advertised: Option<IpAddr>,
    /// For TLS listeners; without it one is made for the LAN.
    pub certificate: Option<Certificate>,
    /// Whom TLS trunks may be vouched for by, besides the system's authorities: a PEM file.
    pub authorities_file: Option<PathBuf>,
    /// The name server for names of trunks, where it is not the system's.
    pub resolver: Option<SocketAddr>,
    /// Domain of the agents' phones, also their digest realm.
    pub domain: String,
    /// Session timer, in seconds.
    pub session_expires_s: u32,
    /// Networks from which phones may register.
    pub phone_networks: Vec<Network>,
    /// How phones prove their password.
    pub phone_digest: PhoneDigest,
}

impl Sip {
    /// What is opened once, at start.
    pub(crate) fn sockets(&self) -> (&[SipListener], Option<&Certificate>) {
        (&self.listeners, self.certificate.as_ref())
    }
}

/// What phones are challenged with. One challenge by default: phones that know MD5 alone often give up when any other
/// stands beside it, although RFC 8760 wants them to take the one they know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PhoneDigest {
    /// MD5, which every phone knows.
    #[default]
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-256, and MD5 for phones that choose it.
    Both,
}

/// One SIP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipListener {
    /// Its transport.
    pub transport: Transport,
    /// Its address.
    pub address: SocketAddr,
}

/// How SIP messages travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// Audio sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// Local address.
    pub address: IpAddr,
    /// Our address as the other side sees it.
    pub advertised: Option<IpAddr>,
    /// First port, even.
    pub port_min: u16,
    /// Last port.
    pub port_max: u16,
    /// Peers may name a loopback address for their audio.
    pub allow_loopback: bool,
}

/// A carrier or PBX.
#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    /// Where calls go, in this order.
    pub targets: Vec<Target>,
    /// How.
    pub transport: Transport,
    /// Networks its calls come from. Empty: whatever addresses its targets have.
    pub sources: Vec<Network>,
    /// User of digest authentication.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Challenges of this realm only.
    pub realm: Option<String>,
    /// Where the caller ID goes.
    pub caller_id_header: CallerIdHeader,
    /// How numbers are written.
    pub number_form: NumberForm,
    /// Calls at once, both directions.
    pub channels_max: u32,
    /// New calls per second.
    pub calls_per_second: f64,
    /// Calls that may leave at the same instant.
    pub burst: u32,
    /// Time between OPTIONS, in seconds; 0 for none.
    pub keep_alive_s: u32,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Audio comes from another address than the one signalled.
    pub nat: bool,
    /// Only numbers that begin like one of these are dialled; empty: all.
    pub allowed_prefixes: Vec<String>,
    /// Numbers that begin like one of these are never dialled.
    pub denied_prefixes: Vec<String>,
}

impl Trunk {
    /// Whether a number may be dialled through it: its prefix is allowed and not denied, and it is not premium rate.
    /// (An emergency number is no [`PhoneNumber`]: it has no international form.)
    pub fn may_dial(&self, number: &PhoneNumber) -> bool {
        let begins_with = |prefix: &String| number.as_str().starts_with(prefix.as_str());
        let allowed = self.allowed_prefixes.is_empty() || self.allowed_prefixes.iter().any(begins_with);
        allowed && !self.denied_prefixes.iter().any(begins_with) && !is_premium(number)
    }
}

/// Where a trunk's calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host, by name or address, and a port.
    Host {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A domain whose SRV records (RFC 3263) say where.
    Srv {
        /// The domain.
        domain: String,
    },
}

/// The header that carries the caller ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallerIdHeader {
    /// From alone.
    #[default]
    From,
    /// P-Asserted-Identity (RFC 3325).
    PAssertedIdentity,
    /// P-Preferred-Identity (RFC 3325).
    PPreferredIdentity,
    /// Remote-Party-ID, of old gateways.
    RemotePartyId,
}

/// How a trunk wants numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberForm {
    /// With the plus sign.
    #[default]
    Plus,
    /// Digits only.
    Digits,
}

/// An audio codec (RFC 3551).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
}

/// An agent's SIP phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Its password.
    pub password: Secret,
    /// Audio comes from another address than the one signalled.
    pub nat: bool,
    /// In order of preference.
    pub codecs: Vec<Codec>,
}

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// One of [`BUILTIN_PROMPTS`].
    Builtin(&'static str),
    /// A WAV file.
    File(PathBuf),
}

impl Config {
    /// What the engine is configured with.
    pub fn settings(&self) -> Settings {
        let limits =
            |trunk: &Trunk| TrunkLimits { channels_max: trunk.channels_max, calls_per_second: trunk.calls_per_second };
        Settings {
            trunks: self.trunks.iter().map(|(name, trunk)| (name.clone(), limits(trunk))).collect(),
            groups: self.groups.clone(),
            queues: self.queues.clone(),
            numbers: self.numbers.clone(),
            profiles: self.profiles.clone(),
            zone: self.installation.zone.name().to_owned(),
            tzdata: database().version().to_owned(),
        }
    }

    /// What campaign files may refer to.
    pub fn known(&self) -> Known {
        Known {
            profiles: self.profiles.clone(),
            groups: self.groups.iter().filter(|(_, group)| group.outbound).map(|(name, _)| name.clone()).collect(),
            trunks: self.trunks.keys().cloned().collect(),
            prompts: self.prompts.keys().cloned().collect(),
            numbers: self.owned_numbers(),
            gateways: self.gateways.iter().map(|(name, gateway)| (name.clone(), gateway.senders.clone())).collect(),
            landing_url: self.http.landing_base().map(str::to_owned),
        }
    }

    /// Our own numbers in international form, which may be shown to customers.
    pub fn owned_numbers(&self) -> BTreeSet<PhoneNumber> {
        self.numbers.keys().filter_map(|number| PhoneNumber::from_e164(number).ok()).collect()
    }

    /// Every value in force with its origin. Secrets are not shown.
    pub fn explain(&self) -> &[Setting] {
        &self.settings_in_force
    }

    /// Makes a path of a file absolute, as the operator meant it.
    fn beside(base: &Path, path: &str) -> PathBuf {
        base.join(path)
    }
}

#[cfg(test)]
mod tests;
