//! Recordings of real calls: found, heard, and held against their hashes, also after `kill -9`.

use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::rig::{
    AGENT_HZ, Api, CARRIER, CUSTOMER_HZ, Centre, Desk, Disk, Ear, Law, Phone, Plan, SOON, Sipp, loud_windows_of,
    scenario, two_channels, until,
};

const ANN: &str = "+8613800000001";
/// Was busy when the campaign called.
const DORA: &str = "+8613800000486";
const CAMPAIGN_NUMBER: &str = "+861000000000";

fn recorded() -> Plan {
    Plan { campaign_tables: "[recording]\non = true\n".to_owned(), ..Plan::default() }
}

/// The recording of the only call, by the list of attempts, once it stands like this.
#[track_caller]
fn until_recording(boss: &Api, state: &str) -> (String, Value) {
    until(&format!("the recording is {state}"), SOON, || {
        let page = boss.get("/api/v1/campaigns/spring/attempts").good();
        let attempt = &page["items"][0];
        let id = attempt["id"].as_str()?.to_owned();
        (attempt["recording"]["state"] == state).then(|| (id, attempt["recording"].clone()))
    })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Both sides are in the file, each on a channel of its own.
#[track_caller]
fn has_both_sides(file: &std::path::Path, windows: usize) {
    let (left, right) = two_channels(file);
    assert!(loud_windows_of(CUSTOMER_HZ, &left) >= windows, "the customer is on the left");
    assert!(loud_windows_of(AGENT_HZ, &right) >= windows, "the agent is on the right");
}

#[test]
fn a_recorded_call_is_found_and_heard_by_a_manager_alone_verified_copied_and_erased() {
    let centre = Centre::running(recorded());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    let boss = centre.boss();
    ear.until_hears(AGENT_HZ, 40, 0);
    phone.until_hears(CUSTOMER_HZ, 40, 0);
    let (id, running) = until_recording(&boss, "running");
    assert_eq!(running["recorded"], "no", "{running}");
    centre.good(&["results", "export", "spring", "running.csv"]);
    let file = centre.read("running.csv");
    assert!(file.contains(&format!(",{id}.wav,,running,,running,")), "{file}");
    desk.hang_up();
    carrier.finish(SOON);
    desk.record(&screen["view"]["call"]["call"], "taken", "From the first of the month.").good();

    let (_, whole) = until_recording(&boss, "whole");
    assert_eq!((&whole["recorded"], &whole["reason"]), (&"yes".into(), &Value::Null), "{whole}");
    assert!(whole["length_ms"].as_u64().is_some_and(|ms| ms >= 1_000), "{whole}");
    let detail = boss.get(&format!("/api/v1/recordings/{id}")).good();
    assert_eq!((&detail["campaign"], &detail["file"]), (&"spring".into(), &format!("{id}.wav").into()), "{detail}");
    let address = format!("/api/v1/recordings/{id}/audio");
    let heard = boss.get(&address);
    assert_eq!((heard.status, heard.header("content-type")), (200, Some("audio/wav")), "{}", heard.head);
    assert_eq!(sha256(&heard.body), detail["sha256"].as_str().unwrap_or_default(), "what was recorded is heard");
    assert_eq!(detail["bytes"], heard.body.len());
    let part = boss.with_header("Range", "bytes=58-157").get(&address);
    assert_eq!((part.status, part.body.as_slice()), (206, &heard.body[58..158]), "{}", part.head);
    let copy = centre.path("heard.wav");
    std::fs::write(&copy, &heard.body).expect("a file can be written");
    has_both_sides(&copy, 15);
    // Their own call or not: who is not a manager hears none.
    let agent = centre.api("agent-1").get(&address);
    assert_eq!((agent.status, &agent.json()["code"]), (403, &"forbidden".into()));
    let heard = "select count(*) from audit where what = 'recording_heard' and who = 'boss'";
    assert_eq!(centre.value(heard), 1);
    let found =
        |query: &str| boss.get(&format!("/api/v1/campaigns/spring/{query}")).good()["items"].as_array().map(Vec::len);
    for (recording, count) in [("yes", 1), ("no", 0), ("missing", 0)] {
        assert_eq!(found(&format!("attempts?recording={recording}")), Some(count), "{recording}");
        assert_eq!(found(&format!("search?text=month&recording={recording}")), Some(count), "{recording}");
    }
    let found = boss.get("/api/v1/customers?number=%2B8613800000001").good();
    assert_eq!(found["attempts"][0]["recording"]["state"], "whole", "{found}");
    centre.good(&["results", "export", "spring", "calls.csv"]);
    let file = centre.read("calls.csv");
    assert!(file.contains(&format!(",{id}.wav,")) && file.contains(",whole,,,"), "{file}");

    let listed = centre.good(&["recording", "list", "--campaign", "spring"]);
    assert!(listed.contains(&id) && listed.contains("spring"), "{listed}");
    let verified = centre.good(&["recording", "verify"]);
    assert!(verified.contains("1 of 1 recordings"), "{verified}");
    centre.good(&["recording", "export", &id, "copy.wav"]);
    assert_eq!(std::fs::read(centre.path("copy.wav")).ok(), std::fs::read(&copy).ok());
    let again = centre.run(&["recording", "export", &id, "copy.wav"], "");
    assert!(again.code == 1 && again.err.contains("copy.wav"), "{again:?}");
    assert_eq!(centre.value("select count(*) from audit where what = 'recording_exported'"), 1);

    let file = centre.path(&format!("data/recordings/{id}.wav"));
    std::fs::write(centre.path("data/recordings/strange.wav"), "of somebody").expect("a file can be written");
    let mut changed = std::fs::read(&file).expect("the recording");
    changed[100] ^= 1;
    std::fs::write(&file, &changed).expect("the recording");
    let ran = centre.run(&["recording", "verify", "--json"], "");
    let told: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &told["sound"], &told["changed"][0]["call"]), (3, &0.into(), &json!(id)), "{told}");
    assert_eq!(told["unknown"], json!(["strange.wav"]), "{told}");
    let spoiled = centre.run(&["recording", "export", &id, "spoiled.wav"], "");
    assert!(spoiled.code == 1 && spoiled.err.contains("is not what was recorded"), "{spoiled:?}");
    assert!(!centre.path("spoiled.wav").exists());
    // Written down before a byte was copied: whoever breaks it off in the middle has heard something.
    let exported = "select count(*) from audit where what = 'recording_exported'";
    assert_eq!(centre.value(exported), 2);
    std::fs::remove_file(&file).expect("the recording");
    let ran = centre.run(&["recording", "verify"], "");
    assert!(ran.code == 3 && ran.out.contains(&format!("missing: {id}.wav")), "{ran:?}");
    let lost = boss.get(&address);
    assert_eq!((lost.status, &lost.json()["code"]), (410, &"recording_lost".into()));
    assert_eq!(boss.get("/api/v1/campaigns/spring/attempts?recording=missing").good()["items"][0]["id"], id);
    centre.good(&["results", "export", "spring", "lost.csv"]);
    let of_lost = centre.read("lost.csv");
    let mut cells = of_lost.lines().nth(1).expect("a call").rsplit(',');
    assert!(of_lost.contains(",whole,2") && cells.any(|cell| cell == "lost"), "{of_lost}");
    // Brought back, it is the one that was recorded.
    std::fs::copy(&copy, &file).expect("the recording");
    std::fs::remove_file(centre.path("data/recordings/strange.wav")).expect("the other file");
    centre.good(&["recording", "verify"]);
    until_recording(&boss, "whole");

    let erased = centre.good(&["recording", "erase", ANN, "--why", "asked for it"]);
    assert!(erased.contains("1 recording was removed"), "{erased}");
    assert!(!file.exists());
    let gone = boss.get(&address);
    assert_eq!((gone.status, &gone.json()["code"]), (410, &"recording_removed".into()));
    let (_, removed) = until_recording(&boss, "removed");
    assert_eq!(removed["reason"], "erasure", "{removed}");
    let left = centre.rows("select * from recordings");
    assert!(left[0]["file"].is_null() && left[0]["sha256"].is_null(), "{left:?}");
    assert_eq!(centre.value("select object from audit where what = 'recording_erased'"), id);
    centre.good(&["recording", "verify"]);
}

#[test]
fn killed_in_the_middle_of_a_recorded_call_the_restart_says_that_it_was_cut_off_and_what_is_there_can_be_heard() {
    let mut centre = Centre::running(recorded());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 5, 0);
    phone.until_hears(CUSTOMER_HZ, 5, 0);
    // What is written comes a second or two behind what is said.
    let file = until("audio is in the file", SOON, || {
        let mut files = std::fs::read_dir(centre.path("data/recordings")).ok()?;
        let entry = files.next()?.ok()?;
        (entry.metadata().ok()?.len() > 58 + 2 * 2 * 8_000).then(|| entry.path())
    });
    until("the recording is written down", SOON, || {
        (centre.value("select state from recordings") == "running").then_some(())
    });
    centre.kill();
    let said =
        |file: &PathBuf| u32::from_le_bytes(std::fs::read(file).expect("the file")[54..58].try_into().expect("4"));
    let length = std::fs::metadata(&file).expect("the file").len();
    centre.serve();
    carrier.finish(SOON);
    let boss = centre.boss();
    let (id, cut) = until_recording(&boss, "cut_off");
    assert_eq!((&cut["recorded"], &cut["reason"]), (&"yes".into(), &"crash".into()), "{cut}");
    assert!(cut["length_ms"].as_u64().is_some_and(|ms| ms >= 1_000), "{cut}");
    assert_eq!(u64::from(said(&file)), length - 58 - length % 2, "the header says what is there");
    let heard = boss.get(&format!("/api/v1/recordings/{id}/audio"));
    assert_eq!(heard.status, 200);
    assert_eq!(sha256(&heard.body), centre.value("select sha256 from recordings").as_str().unwrap_or_default());
    has_both_sides(&file, 5);
    centre.good(&["recording", "verify"]);
    let listed = centre.good(&["recording", "list"]);
    assert!(listed.contains("cut off: the service ended in the middle of the call"), "{listed}");
}

#[test]
fn a_recording_is_whole_also_where_the_service_is_told_to_end_at_once() {
    let mut centre = Centre::running(recorded());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 10, 0);
    centre.service().signal("TERM");
    centre.service().until_says("finishing the calls", SOON);
    centre.service().signal("TERM");
    assert_eq!(centre.service().ended(SOON).code(), Some(0));
    carrier.finish(SOON);
    let left = centre.rows("select state, length_ms, sha256, file from recordings");
    assert_eq!(left[0]["state"], "whole", "{left:?}");
    let file = centre.path("data/recordings").join(left[0]["file"].as_str().expect("a file"));
    assert_eq!(sha256(&std::fs::read(file).expect("the file")), left[0]["sha256"].as_str().expect("a hash"));
}

#[test]
fn a_call_that_is_not_to_be_recorded_has_none_and_one_whose_file_cannot_be_made_says_why() {
    let centre = Centre::running(Plan::default());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    let boss = centre.boss();
    let page = boss.get("/api/v1/campaigns/spring/attempts?recording=no").good();
    let attempt = &page["items"][0];
    assert_eq!((&attempt["recording"], page["items"].as_array().map(Vec::len)), (&Value::Null, Some(1)), "{page}");
    let id = attempt["id"].as_str().expect("an id");
    let refused = boss.get(&format!("/api/v1/recordings/{id}/audio"));
    assert_eq!((refused.status, &refused.json()["code"]), (404, &"no_recording".into()));
    desk.hang_up();
    carrier.finish(SOON);
    drop(centre);

    let centre = Centre::running(recorded());
    // The folder is gone while the service runs.
    std::fs::remove_dir(centre.path("data/recordings")).expect("it is empty");
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    let boss = centre.boss();
    let (_, none) = until_recording(&boss, "none");
    assert_eq!((&none["recorded"], &none["reason"]), (&"missing".into(), &"disk".into()), "{none}");
    // The call goes on.
    let (packets, samples) = (ear.packets(), phone.heard().len());
    ear.until_hears(AGENT_HZ, 10, packets);
    phone.until_hears(CUSTOMER_HZ, 10, samples);
    desk.hang_up();
    carrier.finish(SOON);
}

/// A customer whom the campaign could not reach calls it back, and talks to the agent.
struct CalledBack {
    ear: Ear,
    phone: Phone,
    caller: Sipp,
    desk: Desk,
}

impl CalledBack {
    fn plan() -> Plan {
        let retry = "[retry.busy]\nafter_s = 3600\nattempts_max = 3\n";
        Plan { campaign_tables: format!("[recording]\non = true\n{retry}"), ..Plan::default() }
    }

    #[track_caller]
    fn talking(centre: &Centre) -> CalledBack {
        let refuses = scenario::refuses_with_the_status_of_the_number(&[486], "");
        let mut carrier = Sipp::carrier(centre, &refuses, 1);
        let phone = Phone::registered(centre, 1, AGENT_HZ);
        centre.customers(&[DORA]);
        let desk = centre.agent_ready(1);
        assert_eq!(centre.until_ended(DORA)["disposition"], "busy");
        carrier.finish(SOON);
        let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
        let caller = Sipp::caller(centre, "caller", &scenario::calls(&ear, DORA, None), CAMPAIGN_NUMBER);
        desk.until_state("talking");
        ear.until_hears(AGENT_HZ, 40, 0);
        phone.until_hears(CUSTOMER_HZ, 40, 0);
        CalledBack { ear, phone, caller, desk }
    }
}

/// The customer's call to us, by the customer's page, once its recording stands like this.
#[track_caller]
fn until_heard_of(boss: &Api, state: &str) -> Value {
    until(&format!("the customer's page says {state}"), SOON, || {
        let found = boss.get("/api/v1/customers?number=%2B8613800000486").good();
        let call = &found["inbound"][0];
        (call["recording"]["state"] == state).then(|| call.clone())
    })
}

#[test]
fn a_customer_who_calls_the_campaign_back_is_recorded_and_found_by_number_from_the_first_moment() {
    let centre = Centre::running(CalledBack::plan());
    let CalledBack { ear: _ear, phone: _phone, mut caller, desk } = CalledBack::talking(&centre);
    let boss = centre.boss();
    let running = until_heard_of(&boss, "running");
    assert_eq!((&running["campaign"], &running["ended_at"]), (&"spring".into(), &Value::Null), "{running}");
    assert_eq!(running["outcome"], Value::Null, "{running}");
    desk.hang_up();
    caller.finish(SOON);
    let call = until_heard_of(&boss, "whole");
    assert_eq!((&call["outcome"], &call["id"]), (&"answered".into(), &running["id"]), "{call}");
    let id = call["id"].as_str().expect("an id");
    assert!(id.starts_with("inb_"), "{id}");
    let heard = boss.get(&format!("/api/v1/recordings/{id}/audio"));
    assert_eq!(heard.status, 200, "{}", heard.head);
    assert_eq!(sha256(&heard.body), centre.value("select sha256 from recordings").as_str().unwrap_or_default());
    has_both_sides(&centre.path(&format!("data/recordings/{id}.wav")), 15);
    let listed = centre.good(&["recording", "list", "--campaign", "spring"]);
    assert!(listed.contains(id), "{listed}");
    centre.good(&["recording", "verify"]);
    let erased = centre.good(&["recording", "erase", DORA, "--why", "asked for it"]);
    assert!(erased.contains("1 recording was removed"), "{erased}");
    until_heard_of(&boss, "removed");
    assert_eq!(centre.value("select count(*) from recorded_callers"), 0);
}

#[test]
fn a_caller_whose_recording_kill_9_cut_off_is_found_by_number_and_can_be_erased() {
    let mut centre = Centre::running(CalledBack::plan());
    let CalledBack { ear: _ear, phone, mut caller, desk: _desk } = CalledBack::talking(&centre);
    until("audio is in the file", SOON, || {
        let entry = std::fs::read_dir(centre.path("data/recordings")).ok()?.next()?.ok()?;
        (entry.metadata().ok()?.len() > 58 + 2 * 8_000).then_some(())
    });
    until_heard_of(&centre.boss(), "running");
    centre.kill();
    drop(phone);
    centre.serve();
    caller.finish(SOON);
    let boss = centre.boss();
    let cut = until_heard_of(&boss, "cut_off");
    assert_eq!((&cut["campaign"], &cut["recording"]["reason"]), (&"spring".into(), &"crash".into()), "{cut}");
    let over = until("the call is on record", SOON, || centre.rows("select * from inbound_calls").into_iter().next());
    assert_eq!((&over["caller"], &over["outcome"]), (&DORA.into(), &"answered".into()), "{over}");
    let lasted = |row: &Value| Some(row["ended_at"].as_i64()? - row["connected_at"].as_i64()?);
    assert!(lasted(&over).is_some_and(|ms| ms >= 500), "{over}");
    let erased = centre.good(&["recording", "erase", DORA, "--why", "asked for it"]);
    assert!(erased.contains("1 recording was removed"), "{erased}");
    assert_eq!(std::fs::read_dir(centre.path("data/recordings")).expect("a folder").count(), 0);
}

#[test]
fn what_is_erased_in_the_middle_of_a_call_stays_erased_when_the_call_is_over() {
    let mut centre = Centre::running(CalledBack::plan());
    let CalledBack { ear, phone: _phone, mut caller, desk } = CalledBack::talking(&centre);
    let boss = centre.boss();
    until_heard_of(&boss, "running");
    let erased = centre.good(&["recording", "erase", DORA, "--why", "asked for it on the phone"]);
    assert!(erased.contains("1 recording was removed"), "{erased}");
    let since = ear.packets();
    ear.until_hears(AGENT_HZ, 40, since);
    desk.hang_up();
    caller.finish(SOON);
    until("the call is on record", SOON, || (centre.value("select count(*) from inbound_calls") == 1).then_some(()));
    // The end of the recording is told after it.
    centre.service().until_says("recorded file=", SOON);
    let removed = until_heard_of(&boss, "removed");
    assert_eq!(removed["recording"]["reason"], "erasure", "{removed}");
    // Told to end, the service writes what it has left to write.
    centre.service().signal("TERM");
    assert_eq!(centre.service().ended(SOON).code(), Some(0));
    let left = centre.rows("select state, file, sha256 from recordings");
    assert_eq!(left[0]["state"], "removed", "{left:?}");
    assert!(left[0]["file"].is_null() && left[0]["sha256"].is_null(), "{left:?}");
    assert_eq!(std::fs::read_dir(centre.path("data/recordings")).expect("a folder").count(), 0);
}

/// The disk takes no more in the middle of a recorded call, which goes on; what is there is heard once there is room again.
#[track_caller]
fn cut_off_by_the_disk(plan: Plan, reason: &str, full: impl Fn(&Centre, &str), room: impl Fn(&Centre)) {
    let mut centre = Centre::prepared(plan);
    // On a disk of its own only the service sees what it writes.
    centre.customers(&[ANN]);
    centre.serve();
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    let boss = centre.boss();
    let (id, _) = until_recording(&boss, "running");
    // What is said gets to the file within two seconds.
    ear.until_hears(AGENT_HZ, 80, 0);
    phone.until_hears(CUSTOMER_HZ, 80, 0);
    full(&centre, &id);
    centre.service().until_says("the recording failed", SOON);
    let (packets, samples) = (ear.packets(), phone.heard().len());
    ear.until_hears(AGENT_HZ, 10, packets);
    phone.until_hears(CUSTOMER_HZ, 10, samples);
    room(&centre);
    let (_, cut) = until_recording(&boss, "cut_off");
    assert_eq!((&cut["recorded"], &cut["reason"]), (&"yes".into(), &reason.into()), "{cut}");
    assert!(cut["length_ms"].as_u64().is_some_and(|ms| ms >= 1_000), "{cut}");
    let heard = boss.get(&format!("/api/v1/recordings/{id}/audio"));
    assert_eq!(heard.status, 200, "{}", heard.head);
    let copy = centre.path("heard.wav");
    std::fs::write(&copy, &heard.body).expect("a file can be written");
    has_both_sides(&copy, 10);
    desk.hang_up();
    carrier.finish(SOON);
    desk.record(&screen["view"]["call"]["call"], "taken", "To the end.").good();
}

#[test]
fn a_recording_whose_file_takes_no_more_is_cut_off_and_the_call_goes_on() {
    let full = |centre: &Centre, id: &str| {
        let file = centre.path(&format!("data/recordings/{id}.wav"));
        centre.limit_files(Some(std::fs::metadata(file).expect("the recording").len()));
    };
    let plan = Plan { files_limited: true, ..recorded() };
    cut_off_by_the_disk(plan, "disk", full, |centre| centre.limit_files(None));
}

#[test]
fn a_recording_on_a_disk_that_is_full_is_cut_off_and_the_call_goes_on() {
    let Some(disk) = Disk::of_mb(24) else {
        // The test before needs no right to mount anything.
        eprintln!("not run: this machine lets nobody have a disk of his own (unshare)");
        return;
    };
    let plan = Plan { disk: Some(disk.clone()), ..recorded() };
    cut_off_by_the_disk(plan, "disk_full", |centre, _| disk.fill(centre), |centre| disk.free(centre));
}

#[test]
fn a_campaign_that_must_be_recorded_is_paused_when_a_recording_fails_and_says_why() {
    let tables = "[recording]\non = true\nwhen_it_fails = \"pause\"\n".to_owned();
    let centre = Centre::running(Plan { campaign_tables: tables, ..Plan::default() });
    std::fs::remove_dir(centre.path("data/recordings")).expect("it is empty");
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    let boss = centre.boss();
    let paused = until("the campaign is paused", SOON, || {
        let campaign = boss.get("/api/v1/campaigns/spring").good();
        (campaign["state"] == "paused").then_some(campaign)
    });
    assert_eq!((&paused["state_by"], &paused["state_why"]), (&"dialer".into(), &"recording_disk".into()), "{paused}");
    let trail = "select detail from audit where what = 'campaign_state' and who = 'dialer'";
    assert_eq!(centre.value(trail), "running to paused: recording_disk");
    let (packets, samples) = (ear.packets(), phone.heard().len());
    ear.until_hears(AGENT_HZ, 10, packets);
    phone.until_hears(CUSTOMER_HZ, 10, samples);
    desk.hang_up();
    carrier.finish(SOON);
    let again = boss.post("/api/v1/campaigns/spring/state", &json!({ "state": "running" }));
    assert!(again.status < 300, "{}", again.text());
    assert_eq!(boss.get("/api/v1/campaigns/spring").good()["state_why"], "");
}
