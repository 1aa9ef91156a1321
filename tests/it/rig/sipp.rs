//! SIPp as a carrier and as callers: an implementation of SIP that is not ours.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::centre::Centre;
use super::child::Child;
use super::{CARRIER, SERVICE, free_port, until};

/// It ends by itself after this, should the test be killed.
const LIFE: &str = "120s";

/// A SIPp process.
#[derive(Debug)]
pub struct Sipp {
    /// The process.
    pub child: Child,
    log: PathBuf,
    errors: PathBuf,
}

/// One message of SIPp's log.
#[derive(Clone, Debug)]
pub struct Message {
    /// Seconds since midnight.
    pub at_s: f64,
    /// SIPp received it (the service sent it).
    pub received: bool,
    /// The message.
    pub text: String,
}

impl Sipp {
    /// Waits for calls of the service, as its carrier. `calls` is how many it handles before it ends.
    #[track_caller]
    pub fn carrier(centre: &Centre, scenario: &str, calls: u32) -> Sipp {
        Sipp::carrier_at(centre, "carrier", scenario, centre.trunk_port, calls)
    }

    /// The same at another port of the carrier.
    #[track_caller]
    pub fn carrier_at(centre: &Centre, name: &str, scenario: &str, port: u16, calls: u32) -> Sipp {
        Sipp::start(centre, name, scenario, CARRIER, port, &["-m", &calls.to_string()]).listening(centre, port)
    }

    #[track_caller]
    fn listening(mut self, centre: &Centre, port: u16) -> Sipp {
        until("SIPp listens", super::SOON, || {
            assert!(self.child.is_running(), "SIPp ended at once");
            let taken = match centre.trunk_transport() {
                "udp" => std::net::UdpSocket::bind((CARRIER, port)).is_err(),
                _ => std::net::TcpListener::bind((CARRIER, port)).is_err(),
            };
            taken.then_some(())
        });
        self
    }

    /// A carrier that passes over what it does not expect, as of calls it knows nothing of.
    #[track_caller]
    pub fn patient_carrier(centre: &Centre, scenario: &str, calls: u32) -> Sipp {
        let more = ["-m", &calls.to_string(), "-default_behaviors", "all,-abortunexp"];
        let sipp = Sipp::start(centre, "carrier", scenario, CARRIER, centre.trunk_port, &more);
        sipp.listening(centre, centre.trunk_port)
    }

    /// Calls the service from the carrier's network, once.
    #[track_caller]
    pub fn caller(centre: &Centre, name: &str, scenario: &str, number: &str) -> Sipp {
        Sipp::from(centre, name, scenario, number, CARRIER)
    }

    /// Sends to the service from any address, once.
    #[track_caller]
    pub fn from(centre: &Centre, name: &str, scenario: &str, number: &str, address: &str) -> Sipp {
        Sipp::to(centre, name, scenario, number, address, centre.sip_port)
    }

    /// The same to another port of the machine.
    #[track_caller]
    pub fn to(centre: &Centre, name: &str, scenario: &str, number: &str, address: &str, port: u16) -> Sipp {
        let remote = format!("{SERVICE}:{port}");
        Sipp::start(centre, name, scenario, address, free_port(), &["-m", "1", "-s", number, &remote])
    }

    #[track_caller]
    fn start(centre: &Centre, name: &str, scenario: &str, address: &str, port: u16, more: &[&str]) -> Sipp {
        let folder = centre.folder().join(format!("sipp-{name}-{port}"));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let file = folder.join("scenario.xml");
        fs::write(&file, scenario).expect("a file can be written");
        let (log, errors) = (folder.join("messages.log"), folder.join("errors.log"));
        let transport = if centre.trunk_transport() == "udp" { "u1" } else { "t1" };
        let mut command = Command::new("sipp");
        command
            .current_dir(&folder)
            .args(["-nostdin", "-sf"])
            .arg(&file)
            .args(["-i", address, "-p", &port.to_string(), "-mp", &free_port().to_string(), "-t", transport])
            .args(["-trace_msg", "-message_file"])
            .arg(&log)
            .args(["-trace_err", "-error_file"])
            .arg(&errors)
            .args(["-timeout", LIFE, "-timeout_error"])
            .args(more);
        Sipp { child: Child::start(&format!("{name} (sipp)"), &mut command), log, errors }
    }

    /// Waits until its calls are done; all must have gone as the scenario says.
    #[track_caller]
    pub fn finish(&mut self, within: Duration) {
        let status = self.child.ended(within);
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        assert_eq!(status.code(), Some(0), "SIPp's scenario failed.\n{errors}\nMessages:\n{}", self.text());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The messages so far.
    pub fn messages(&self) -> Vec<Message> {
        self.text().split("----------------------------------------------- ").filter_map(message).collect()
    }

    /// The messages of the service so far that begin like this.
    pub fn got(&self, start: &str) -> Vec<Message> {
        self.messages().into_iter().filter(|m| m.received && m.text.starts_with(start)).collect()
    }

    /// Waits for a message of the service that begins like this.
    #[track_caller]
    pub fn until_gets(&self, start: &str, within: Duration) -> Message {
        let end = super::now() + within;
        loop {
            if let Some(message) = self.got(start).into_iter().next() {
                return message;
            }
            if super::now() >= end {
                panic!("SIPp did not receive `{start}` within {within:?}. Messages:\n{}", self.text());
            }
            std::thread::park_timeout(super::LOOK);
        }
    }

    /// When SIPp first sent a message that begins like this.
    pub fn sent(&self, start: &str) -> Option<Message> {
        self.messages().into_iter().find(|m| !m.received && m.text.starts_with(start))
    }
}

/// `2026-11-22 04:43:44.763993\nUDP message received [433] bytes :\n\nSIP/2.0 …`
fn message(part: &str) -> Option<Message> {
    let (stamp, rest) = part.split_once('\n')?;
    let mut clock = stamp.split_whitespace().nth(1)?.split(':');
    let mut next = || clock.next()?.parse::<f64>().ok();
    let at_s = next()? * 3600.0 + next()? * 60.0 + next()?;
    let (head, text) = rest.split_once("\n\n")?;
    Some(Message { at_s, received: head.contains("received"), text: text.to_owned() })
}

/// Without the service in between: what fails here is the rig's fault.
#[test]
fn the_callers_and_customers_of_the_rig_understand_each_other() {
    use super::{Ear, Law, Plan, SOON, scenario};
    let centre = Centre::written(Plan::default());
    let (one, other) = (Ear::open(CARRIER, 500.0, Law::Mu), Ear::open(CARRIER, 700.0, Law::Mu));
    let pairs = [
        (scenario::answers(&one, 0, 50), scenario::calls(&other, "+8613800000002", Some(100))),
        (scenario::answers_and_leaves(&one, 100), scenario::calls(&other, "+8613800000002", None)),
    ];
    for (customer, caller) in pairs {
        let mut customer = Sipp::start(&centre, "customer", &customer, SERVICE, centre.sip_port, &["-m", "1"]);
        until("SIPp listens", SOON, || std::net::UdpSocket::bind((SERVICE, centre.sip_port)).is_err().then_some(()));
        let mut caller = Sipp::caller(&centre, "caller", &caller, "+861000000086");
        caller.finish(SOON);
        customer.finish(SOON);
    }
}
