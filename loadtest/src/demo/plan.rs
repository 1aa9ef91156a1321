//! Everything that is decided before anything is started: ports, people, campaigns, customers, and what the parts of the
//! world are told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use crate::agents::{self, Agent};
use crate::carrier::fate::Manners;
use crate::carrier::waves::{Shape, Waves};
use crate::chance::password;
use crate::sip::digest::Account;
use crate::{calendar, carrier, numbers};

use super::list::{self, List};
use super::{DemoError, Options};

/// Hours of the callee's day in which the demo's campaigns dial.
pub const HOURS: (i8, i8) = (8, 21);
/// Most attempts for one number.
pub const ATTEMPTS_MAX: u32 = 3;
/// Mean time an inbound call takes an agent, in seconds: talk and result.
const INBOUND_HANDLE_S: f64 = 32.0;

/// A login that is printed.
#[derive(Clone, Debug)]
pub struct Login {
    /// Login name.
    pub login: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: &'static str,
    /// Password.
    pub password: String,
}

/// A campaign of the demo.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its key.
    pub key: &'static str,
    /// The shipped text it is made from.
    pub shipped: &'static str,
    /// Shown to customers.
    pub caller_id: String,
    /// Its list.
    pub list: List,
}

/// All decisions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// Seed of the world.
    pub seed: u64,
    /// Pages and API.
    pub http: SocketAddr,
    /// SIP of the service.
    pub sip: SocketAddr,
    /// First and last port of audio.
    pub rtp: (u16, u16),
    /// SIP of the carrier.
    pub carrier: SocketAddr,
    /// SMPP of the gateway.
    pub smsc: SocketAddr,
    /// Zone of the installation.
    pub zone: &'static str,
    /// The manager, who is also the conductor's own login.
    pub manager: Login,
    /// Further logins for people who look on.
    pub others: Vec<Login>,
    /// Agents with their names.
    pub agents: Vec<(String, Agent)>,
    /// Campaigns with their lists.
    pub campaigns: Vec<Campaign>,
    /// Numbers on the lists that must not be dialled.
    pub suppressed: Vec<String>,
    /// Lines of the trunk.
    pub channels: u32,
    /// What the carrier is told.
    pub carrier_setup: carrier::Setup,
    /// What the agents are told.
    pub agents_setup: agents::Setup,
}

/// The campaign that writes to its list first, and calls who answers; and what that is called.
pub const REACHING: &str = "family-plan";
/// Its outreach.
pub const OUTREACH: &str = "spring";
/// The lists, as their imports call them.
pub const LIST: &str = "demo";

const SHIPPED: [(&str, &str); 3] = [
    ("family-plan", include_str!("../../../campaigns/family-plan.toml")),
    ("churn-rescue", include_str!("../../../campaigns/churn-rescue.toml")),
    ("care-reminder", include_str!("../../../campaigns/care-reminder.toml")),
];

impl Plan {
    /// Decides.
    ///
    /// # Errors
    /// No free ports, or no randomness for passwords.
    pub async fn make(options: &Options, folder: &Path) -> Result<Plan, DemoError> {
        let seed = super::seed(options);
        let http = free_port(8080)?;
        let sip = free_port(5060)?;
        let carrier = free_port(5080)?;
        let smsc = free_port(2775)?;
        let manager = login("manager", "运营 · Campaign manager", "manager")?;
        let others = vec![
            login("operator", "运维 · Operator", "operator")?,
            login("marketing", "市场 · Marketing", "marketing")?,
        ];
        let agents = people(seed, usize::from(options.agents))?;
        let (campaigns, customers, suppressed) = lists(seed, usize::from(options.customers));
        let account = match options.challenge {
            true => Some(Account { username: "lull".into(), password: password()? }),
            false => None,
        };
        let carrier_setup = carrier::Setup {
            seed,
            listen: carrier,
            centre: sip,
            manners: Manners { speed: options.speed, ..Manners::default() },
            waves: Some(waves(options)),
            hotlines: vec![numbers::centre(0), numbers::centre(1)],
            caller_ids: campaigns.iter().map(|campaign| campaign.caller_id.clone()).collect(),
            customers,
            never: suppressed.iter().cloned().collect::<BTreeSet<_>>(),
            hours: HOURS,
            attempts_max: ATTEMPTS_MAX,
            account,
        };
        let agents_setup = agents::Setup {
            seed,
            api: http,
            registrar: sip,
            domain: "lull.demo".into(),
            people: agents.iter().map(|(_, agent)| agent.clone()).collect(),
            outbound_talk_s: 40.0 / options.speed,
            inbound_talk_s: 40.0 / options.speed,
            recording_s: 4.0 / options.speed,
            breaks: 0.03,
            break_s: 20.0 / options.speed,
        };
        let zone = calendar::zone_where_it_is(12.0, calendar::now());
        let channels = u32::from(options.agents) * 6 + 40;
        Ok(Plan {
            folder: folder.to_owned(),
            seed,
            http,
            sip,
            rtp: (20_000, 23_999),
            carrier,
            smsc,
            zone,
            manager,
            others,
            agents,
            campaigns,
            suppressed,
            channels,
            carrier_setup,
            agents_setup,
        })
    }
}

fn login(login: &str, name: &str, role: &'static str) -> Result<Login, DemoError> {
    Ok(Login { login: login.into(), name: name.into(), role, password: password()? })
}

fn people(seed: u64, count: usize) -> Result<Vec<(String, Agent)>, DemoError> {
    let mut chance = crate::chance::Chance::of(seed, "agents");
    (1..=count)
        .map(|number| {
            let agent = Agent {
                login: format!("agent{number:02}"),
                password: password()?,
                phone: format!("seat-{number:02}"),
                phone_password: password()?,
            };
            Ok((list::name(&mut chance), agent))
        })
        .collect()
}

type Lists = (Vec<Campaign>, BTreeMap<String, String>, Vec<String>);

/// Campaigns with their lists, all customers with their zones, and who of them is suppressed.
fn lists(seed: u64, count: usize) -> Lists {
    let now = calendar::now();
    // Nine of ten customers are awake wherever the demo runs; the tenth sleeps, and must not be called.
    let awake = [9.5, 11.5, 13.5].map(|hour| calendar::zone_where_it_is(hour, now));
    let asleep = calendar::zone_where_it_is(1.0, now);
    let mut zones: Vec<&str> = awake.iter().copied().cycle().take(9).collect();
    zones.push(asleep);
    let shares = [0.5, 0.3, 0.2];
    let (mut campaigns, mut everybody, mut suppressed) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut from = 0;
    for (index, (key, shipped)) in SHIPPED.into_iter().enumerate() {
        let to = from + (count as f64 * shares[index]) as usize;
        let customers = list::customers(seed, from, to, &zones);
        from = to;
        suppressed.extend(customers.iter().step_by(53).map(|customer| customer.number.clone()));
        let list = list::write(seed, &customers, &suppressed);
        everybody.extend(customers.into_iter().map(|customer| (customer.number, customer.zone)));
        campaigns.push(Campaign { key, shipped, caller_id: numbers::centre(10 + index), list });
    }
    (campaigns, everybody, suppressed)
}

/// Light load would keep one in ten agents busy, heavy load three in four, and callers come and go in swells as they do
/// over a day: what is left between is for outbound, and callers do not notice it.
fn waves(options: &Options) -> Waves {
    let full = f64::from(options.agents) * 3600.0 / INBOUND_HANDLE_S * options.speed;
    Waves {
        light_per_hour: 0.1 * full,
        heavy_per_hour: 0.75 * full,
        period_s: options.wave_period,
        heavy_share: 0.5,
        shape: Shape::Sine,
        patience_s: 60.0 / options.speed,
        talk_s: 35.0 / options.speed,
        returning: 0.08,
    }
}

/// A port of loopback that is free for TCP and UDP: the wished one, or one a little above it.
fn free_port(wished: u16) -> Result<SocketAddr, DemoError> {
    for step in 0..50 {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), wished + step * 7);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(DemoError::Io {
        what: format!("looking for a free port near {wished}"),
        error: std::io::ErrorKind::AddrInUse.into(),
    })
}
