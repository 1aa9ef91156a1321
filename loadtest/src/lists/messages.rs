//! Messages: how many a second against a bare client, how soon after STOP the last one leaves, and kills while it sends.

use std::process::Child;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use rusmpp::pdus::{BindTransceiver, SubmitSm};
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, InterfaceVersion, Npi, RegisteredDelivery, Ton};
use rusmppc::ConnectionBuilder;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Bench;
use super::installation::{Installation, LISTED};
use super::smsc::{PASSWORD, SYSTEM_ID, Smsc, Sum};
use crate::chance::Chance;
use crate::load::LoadError;
use crate::load::figures::Figure;

const MESSAGES: u64 = 20_000;
const MESSAGES_QUICK: u64 = 2_000;
const STOPS: u64 = 10_000;
const STOPS_QUICK: u64 = 500;
const KILLED_AMONG: u64 = 6_000;
const KILLED_AMONG_QUICK: u64 = 600;
const KILLS: u64 = 100;
const KILLS_QUICK: u64 = 5;
/// Messages that may be unanswered at once, of both clients.
const WINDOW: usize = 100;
/// What both send.
const TEXT: &str = "Lull: the family plan is half the price this month. Reply 1 to hear more, STOP to hear no more.";
const SENDER: &str = "10690000";
/// A measurement that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(600);

fn number(n: u64) -> String {
    format!("+86138{n:08}")
}

/// An installation with a gateway and `count` people to be written to, by each of these outreaches.
fn reaching(
    bench: &Bench,
    name: &str,
    smsc: &Smsc,
    per_second: u32,
    outreaches: &[&str],
    count: u64,
) -> Result<Installation, LoadError> {
    let installation = Installation::new(bench, name)?;
    let file = installation.folder.join("lull.toml");
    let gateway = format!(
        "\n[http]\nlisten = \"127.0.0.1:0\"\n\n[gateways.smsc]\ntarget = \"127.0.0.1:{}\"\nsystem_id = \"{SYSTEM_ID}\"\n\
         password = \"{PASSWORD}\"\nsenders = [\"{SENDER}\"]\nper_second = {per_second}.0\nwindow = {WINDOW}\n",
        smsc.port
    );
    std::fs::write(&file, std::fs::read_to_string(&file)? + &gateway)?;
    let file = installation.folder.join(format!("{LISTED}.toml"));
    let mut campaign = std::fs::read_to_string(&file)? + "\n[leads]\nafter_reply = [\"people\"]\n";
    for outreach in outreaches {
        campaign += &format!(
            "\n[outreach.{outreach}]\nlist = \"people\"\n\n[outreach.{outreach}.variants.a.text]\nen = \"{TEXT}\"\n"
        );
    }
    std::fs::write(&file, campaign)?;
    installation.lull(&["campaign", "apply", &format!("{LISTED}.toml")])?;
    installation.people(LISTED, (0..count).map(number))?;
    for outreach in outreaches {
        installation.lull(&["outreach", "start", LISTED, outreach])?;
    }
    Ok(installation)
}

/// Waits until the simulator has counted enough, or nothing has come for some seconds.
fn until(smsc: &mut Smsc, enough: impl Fn(&Sum) -> bool) -> Result<Sum, LoadError> {
    const STILL: Duration = Duration::from_secs(10);
    let begin = Instant::now();
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let sum = smsc.sum()?;
        if sum.count != before {
            (before, since) = (sum.count, Instant::now());
        }
        if enough(&sum) || (sum.count > 0 && since.elapsed() > STILL) {
            return Ok(sum);
        }
        if begin.elapsed() > PATIENCE {
            return Err(LoadError::Other(format!("it took longer than {} s: {sum:?}", PATIENCE.as_secs())));
        }
        super::pause(Duration::from_millis(100));
    }
}

fn end(mut service: Child) -> Result<(), LoadError> {
    service.kill()?;
    service.wait()?;
    Ok(())
}

/// The bare client and the service, each with as many messages to a fresh simulator.
pub(super) fn throughput(bench: &mut Bench) -> Result<(), LoadError> {
    let messages = bench.scaled(MESSAGES, MESSAGES_QUICK);
    let mut smsc = Smsc::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(bare(smsc.port, messages))?;
    let bare = smsc.sum()?;
    let mut smsc = Smsc::start()?;
    let installation = reaching(bench, "smpp", &smsc, 10_000, &["wave"], messages)?;
    let service = installation.start(&["serve"])?;
    let lull = until(&mut smsc, |sum| sum.count >= messages)?;
    // What the gateway had taken is durable some milliseconds later.
    super::pause(Duration::from_secs(2));
    let durable: u64 =
        installation.ask("select count(*) from messages where state = 'sent'")?.trim().parse().unwrap_or(0);
    end(service)?;
    let ratio = match (bare.per_second(), lull.per_second()) {
        (Some(bare), Some(lull)) if durable == messages && lull > 0.0 => Ok(bare / lull),
        (_, _) => Err(format!("{} came, {durable} of {messages} are recorded as sent", lull.count)),
    };
    let speed = |sum: &Sum| sum.per_second().unwrap_or(0.0);
    bench.report.figures.push(Figure::judged(
        "smpp_ratio",
        "messages a second of a bare client to those of the service, each durably recorded",
        "x",
        1.25,
        ratio,
        format!("{messages} messages, window {WINDOW}: {:.0} a second bare, {:.0} by Lull", speed(&bare), speed(&lull)),
    ));
    Ok(())
}

/// A client that does nothing but send.
async fn bare(port: u16, messages: u64) -> Result<(), LoadError> {
    let failed = |error: &dyn std::fmt::Display| LoadError::Other(format!("the bare client: {error}"));
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (client, _events, connection) =
        ConnectionBuilder::new().disable_interface_version_check().no_spawn().connected(stream);
    tokio::spawn(connection);
    let bind = BindTransceiver::builder()
        .system_id(COctetString::from_str(SYSTEM_ID).map_err(|error| failed(&error))?)
        .password(COctetString::from_str(PASSWORD).map_err(|error| failed(&error))?)
        .interface_version(InterfaceVersion::Smpp3_4)
        .build();
    client.bind_transceiver(bind).await.map_err(|error| failed(&error))?;
    let window = Arc::new(Semaphore::new(WINDOW));
    let mut sent = JoinSet::new();
    for n in 0..messages {
        let room = Arc::clone(&window).acquire_owned().await.map_err(|error| failed(&error))?;
        let to = number(n);
        let submit = SubmitSm::builder()
            .source_addr_ton(Ton::Unknown)
            .source_addr_npi(Npi::Isdn)
            .source_addr(COctetString::from_str(SENDER).map_err(|error| failed(&error))?)
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(COctetString::from_str(to.trim_start_matches('+')).map_err(|error| failed(&error))?)
            .esm_class(EsmClass::from(0))
            .registered_delivery(RegisteredDelivery::from(1))
            .data_coding(DataCoding::McSpecific)
            .short_message(OctetString::from_slice(TEXT.as_bytes()).map_err(|error| failed(&error))?)
            .build();
        let client = client.clone();
        sent.spawn(async move {
            let _room = room;
            client.submit_sm(submit).await.map(drop)
        });
        while let Some(done) = sent.try_join_next() {
            done.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        }
    }
    while let Some(done) = sent.join_next().await {
        done.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Everybody answers the first of two messages with STOP, while both outreaches send as fast as they may.
pub(super) fn stops(bench: &mut Bench) -> Result<(), LoadError> {
    let people = bench.scaled(STOPS, STOPS_QUICK);
    let mut smsc = Smsc::start()?;
    smsc.ask(&json!({ "stops": "STOP" }))?;
    let installation = reaching(bench, "stops", &smsc, 500, &["first", "second"], people)?;
    let service = installation.start(&["serve"])?;
    let sum = until(&mut smsc, |_| false)?;
    let suppressed = installation.ask("select count(*) from suppressions where reason = 'opt_out'")?;
    let suppressed: u64 = suppressed.trim().parse().unwrap_or(0);
    end(service)?;
    let all = sum.stopped == people && suppressed == people;
    let why = || format!("{} of {people} answered, {suppressed} are suppressed", sum.stopped);
    let note =
        format!("{people} people, two outreaches at 500 messages a second, {} messages with confirmations", sum.count);
    bench.report.figures.push(Figure::judged(
        "stop_late",
        "messages that came more than 2 s after the STOP of their number",
        "",
        0.0,
        if all { Ok(sum.over as f64) } else { Err(why()) },
        note.clone(),
    ));
    bench.report.figures.push(Figure::judged(
        "stop_longest_ms",
        "from a STOP to the last message for that number",
        "ms",
        2000.0,
        if all { Ok(sum.late) } else { Err(why()) },
        note,
    ));
    Ok(())
}

/// Kills at random moments while messages leave; then nobody has two, and everybody is accounted for.
pub(super) fn kills(bench: &mut Bench) -> Result<(), LoadError> {
    let people = bench.scaled(KILLED_AMONG, KILLED_AMONG_QUICK);
    let wanted = bench.scaled(KILLS, KILLS_QUICK);
    let mut smsc = Smsc::start()?;
    let installation = reaching(bench, "smpp-kills", &smsc, 100, &["wave"], people)?;
    let mut chance = Chance::of(11, "smpp kills");
    for _ in 0..wanted {
        let mut service = installation.start(&["serve"])?;
        let before = smsc.sum()?.count;
        // A moment of chance after the first message of this life.
        let begin = Instant::now();
        while smsc.sum()?.count == before && begin.elapsed() < Duration::from_secs(30) {
            super::pause(Duration::from_millis(10));
        }
        super::pause(Duration::from_secs_f64(chance.between(0.0, 0.4)));
        service.kill()?;
        service.wait()?;
    }
    let service = installation.start(&["serve"])?;
    let sum = until(&mut smsc, |_| false)?;
    let ask = |sql: &str| Ok::<u64, LoadError>(installation.ask(sql)?.trim().parse().unwrap_or(u64::MAX));
    let given = ask("select count(*) from outreach_recipients where state = 'given'")?;
    let unknown = ask("select count(*) from messages where outreach = 'wave' and state = 'unknown'")?;
    end(service)?;
    // Whoever the gateway never saw must stand as unknown, and nowhere as sent.
    let lost = people.saturating_sub(sum.numbers + unknown);
    let note = format!("{people} people, {wanted} times kill -9: {} had theirs, {unknown} are unknown", sum.numbers);
    let whole = if given == people { Ok(()) } else { Err(format!("only {given} of {people} were sent to")) };
    for (name, what, value) in [
        ("smpp_kills_twice", "people who had a message twice", sum.twice),
        ("smpp_kills_lost", "people who had none, and nothing says so", lost),
    ] {
        let measured = whole.clone().map(|()| value as f64);
        bench.report.figures.push(Figure::judged(name, what, "", 0.0, measured, note.clone()));
    }
    Ok(())
}
