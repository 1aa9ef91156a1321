//! Outreach over a real SMSC simulator: one message for everybody in the audience, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::browse;
use crate::messages::{bound, nobody, with_gateway};
use crate::rig::{
    AGENT_HZ, Api, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, PASSWORD, Phone, Plan, SOON, Sipp, Smsc, now, scenario,
    until,
};

const AT: &str = "/api/v1/campaigns/spring/outreaches";

/// A campaign that writes to the list `fair` first.
fn reaching(text: &str) -> String {
    format!(
        "\n[leads]\nafter_reply = [\"fair\"]\n\n[outreach.wave]\nlist = \"fair\"\n\n\
         [outreach.wave.variants.a.text]\n{text}\n\n[outreach.wave.variants.b.text]\nzh = \"【Lull】回复1办理，拒收请回复R\"\n\n\
         [replies]\ninterested = [\"1\", \"办理\"]\nconsent = \"回复1即同意来电\"\n"
    )
}

fn usual() -> String {
    reaching("zh = \"【Lull】{name|您好}，{city}新套餐，回复1办理，拒收请回复R\"")
}

fn number(n: u32) -> String {
    format!("+86138000{n:05}")
}

/// Brings `count` people onto the list.
fn people(centre: &Centre, count: u32) {
    these(centre, 1..=count);
}

fn these(centre: &Centre, people: std::ops::RangeInclusive<u32>) {
    let mut text = "number,name,city\n".to_owned();
    for n in people {
        text += &format!("{},Customer {n},上海\n", number(n));
    }
    centre.write("fair.csv", &text);
    centre.good(&["list", "import", "spring", "fair.csv", "--name", "fair"]);
}

fn wave(boss: &Api) -> Value {
    boss.get(AT).good().as_array().expect("a list").iter().find(|one| one["name"] == "wave").expect("wave").clone()
}

/// How many recipients there are by what became of them.
fn counts(view: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for one in view["counts"].as_array().expect("a list") {
        let what = one["message"].as_str().or(one["skipped"].as_str()).unwrap_or("waiting");
        *counts.entry(what.to_owned()).or_insert(0) += one["count"].as_u64().expect("a count");
    }
    counts
}

#[track_caller]
fn until_done(boss: &Api) -> Value {
    until("the outreach is done", SOON, || Some(wave(boss)).filter(|view| view["run"]["state"] == "done"))
}

/// How often the simulator was handed a message for each number.
fn taken(smsc: &Smsc) -> BTreeMap<String, u32> {
    let mut taken = BTreeMap::new();
    for one in smsc.all("submitted") {
        *taken.entry(format!("+{}", one["to"].as_str().expect("a number"))).or_insert(0) += 1;
    }
    taken
}

#[test]
fn everybody_on_the_list_gets_one_message_and_who_replies_is_called() {
    let plan = Plan { campaign_tables: usual(), ..Plan::default() };
    let (centre, mut smsc) = bound(plan, "");
    smsc.ask(&json!({ "receipts": "DELIVRD" }));
    let boss = centre.boss();
    people(&centre, 40);
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 300), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let desk = centre.agent_ready(1);

    let seen = boss.get(&format!("{AT}/wave/audience")).good();
    assert_eq!((&seen["people"], &seen["whole"], &seen["unknown"]), (&40.into(), &true.into(), &json!([])), "{seen}");
    assert!(smsc.all("submitted").is_empty(), "a look sends nothing");
    let row = boss.post(&format!("{AT}/wave/start"), &json!({})).good();
    assert_eq!((&row["state"], &row["started_by"]), (&"running".into(), &"boss".into()), "{row}");
    until_done(&boss);
    let view = until("all are delivered", SOON, || {
        Some(wave(&boss)).filter(|view| counts(view) == BTreeMap::from([("delivered".to_owned(), 40)]))
    });
    let variants: std::collections::BTreeSet<&str> =
        view["counts"].as_array().expect("a list").iter().map(|one| one["variant"].as_str().expect("one")).collect();
    assert_eq!(variants.len(), 2, "forty people get both texts: {view}");
    assert_eq!(taken(&smsc), (1..=40).map(|n| (number(n), 1)).collect());
    let first =
        smsc.all("submitted").into_iter().find(|one| one["text"].as_str().is_some_and(|text| text.contains("上海")));
    let said = first.expect("somebody gets the first text")["text"].as_str().expect("text").to_owned();
    assert!(said.starts_with("【Lull】Customer "), "{said}");

    // Nobody was called; who replies is, at once.
    assert_eq!(centre.value("select count(*) from attempts"), 0);
    assert_eq!(desk.screen()["view"]["call"], Value::Null);
    smsc.text("8613800000007", "１");
    let screen = desk.until_state("talking");
    assert_eq!(screen["view"]["call"]["number"], number(7), "{screen}");
    desk.hang_up();
    carrier.finish(SOON);

    // Again takes in whoever came since, and nobody twice.
    these(&centre, 41..=41);
    assert_eq!(boss.post(&format!("{AT}/wave/start"), &json!({})).good()["state"], "running");
    until_done(&boss);
    smsc.until_submitted(41);
    assert_eq!(taken(&smsc), (1..=41).map(|n| (number(n), 1)).collect());
    let rows = boss.get(&format!("{AT}/wave/recipients?variant=b&limit=500")).good();
    let other = boss.get(&format!("{AT}/wave/recipients?variant=a&limit=500")).good();
    assert_eq!(rows.as_array().map(Vec::len).unwrap_or(0) + other.as_array().map(Vec::len).unwrap_or(0), 41);
}

#[test]
fn what_would_send_nothing_or_nonsense_does_not_start_and_says_why() {
    let page =
        "\n[landing]\nlink_days = 3\n[landing.zh]\nheadline = \"新套餐\"\ntext = \"好\"\nconsent = \"同意来电\"\n";
    let tables = reaching("zh = \"【Lull】{nmae}，{link} 拒收请回复R\"") + page;
    let plan = Plan { campaign_tables: tables, ..nobody() };
    let (centre, smsc) = bound(plan, "");
    let boss = centre.boss();
    let refused = |expected: &str| {
        let reply = boss.post(&format!("{AT}/wave/start"), &json!({}));
        let says = reply.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(reply.status == 409 && says.contains(expected), "{}: {says}", reply.status);
        let ran = centre.run(&["outreach", "start", "spring", "wave"], "");
        assert!(ran.code == 1, "{}{}", ran.out, ran.err);
        ran.err
    };
    assert!(refused("set landing_url in [http]").contains("landing_url"));
    centre.write(
        "lull.toml",
        &centre.read("lull.toml").replace("[http]\n", "[http]\nlanding_url = \"https://l.example\"\n"),
    );
    centre.good(&["reload"]);
    assert!(refused("nobody is on the list `fair`").contains("0 of 0 people"));
    people(&centre, 3);
    assert!(refused("`nmae`, which nobody of the audience has").contains("`nmae`"));
    let unknown = boss.post(&format!("{AT}/wvae/start"), &json!({}));
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("it has: wave"), "{}", unknown.text());
    assert_eq!(boss.post("/api/v1/campaigns/autumn/outreaches/wave/start", &json!({})).status, 404);
    assert_eq!(boss.post(&format!("{AT}/wave/pause"), &json!({})).status, 404, "it was never started");
    assert_eq!(boss.get(&format!("{AT}/wave/recipients?state=sennt")).status, 422);
    assert!(smsc.all("submitted").is_empty());
    let told = centre.good(&["outreach", "list"]);
    assert!(told.contains("not started"), "{told}");
}

#[test]
fn a_pause_holds_what_has_not_left_and_a_test_goes_to_ones_own_numbers_only() {
    let tables = usual().replace("[outreach.wave]\n", "[outreach.wave]\nper_minute = 1200\n");
    let (centre, smsc) = bound(Plan { campaign_tables: tables.clone(), ..nobody() }, "");
    let boss = centre.boss();
    people(&centre, 300);
    let own = "+8613900000001";
    boss.post(&format!("{AT}/wave/test"), &json!({ "numbers": [own], "variant": "a" })).good();
    let test = smsc.until_submitted(1).remove(0);
    assert!(test["to"] == "8613900000001" && test["text"].as_str().is_some_and(|text| text.contains("上海")), "{test}");
    let wrong = boss.post(&format!("{AT}/wave/test"), &json!({ "numbers": [own], "variant": "z" }));
    assert!(wrong.status == 422 && wrong.text().contains("expected one of: a, b"), "{}", wrong.text());

    centre.good(&["outreach", "start", "spring", "wave"]);
    smsc.until_submitted(20);
    boss.post(&format!("{AT}/wave/pause"), &json!({})).good();
    // What a gateway has begun to take ends its way; then nothing leaves for as long as four looks take.
    let settled = until("nothing is on its way", SOON, || {
        let found = counts(&wave(&boss));
        (!found.contains_key("queued") && !found.contains_key("sending")).then_some(found)
    });
    let sent = taken(&smsc).len();
    std::thread::park_timeout(Duration::from_secs(2));
    assert_eq!(taken(&smsc).len(), sent);
    assert_eq!(settled["waiting"] + settled["sent"], 300, "{settled:?}");

    let changed = centre.read("spring.toml").replace("回复1办理", "回复１即可办理").replace("per_minute = 1200", "");
    centre.write("spring.toml", &changed);
    centre.good(&["campaign", "apply", "spring.toml"]);
    centre.good(&["outreach", "start", "spring", "wave"]);
    until_done(&boss);
    until("all have theirs", SOON, || (taken(&smsc).len() == 301).then_some(()));
    assert!(taken(&smsc).values().all(|times| *times == 1));
    let late = smsc.all("submitted").split_off(sent);
    assert!(late.iter().all(|one| one["text"].as_str().is_some_and(|text| text.contains("即可"))), "the new text");
}

#[test]
fn nobody_gets_two_messages_however_often_the_service_is_killed() {
    let smsc = Smsc::start();
    let mut centre = Centre::prepared(Plan { campaign_tables: usual(), ..nobody() });
    with_gateway(&centre, &smsc, "");
    people(&centre, 800);
    centre.good(&["outreach", "start", "spring", "wave"]);
    for round in 1..=5 {
        centre.serve();
        let before = smsc.all("submitted").len();
        // Some of what it has queued has left.
        until("messages leave", SOON, || (smsc.all("submitted").len() >= before + 7 * round).then_some(()));
        centre.kill();
    }
    centre.serve();
    let boss = centre.boss();
    let view = until_done(&boss);
    let found = until("all that can leave has left", SOON, || {
        let found = counts(&wave(&boss));
        (!found.contains_key("queued") && !found.contains_key("sending")).then_some(found)
    });
    assert_eq!(found.values().sum::<u64>(), 800, "{found:?} {view}");
    let taken = taken(&smsc);
    assert!(taken.values().all(|times| *times == 1), "{taken:?}");
    // Whoever got none was being sent to when it was killed, and that is on record.
    let unknown = found.get("unknown").copied().unwrap_or(0);
    assert!(taken.len() as u64 + unknown >= 800, "{} taken, {found:?}", taken.len());
    assert!(unknown <= 5 * 80, "only what was claimed is lost: {found:?}");
    assert_eq!(centre.rows("select 1 from outreach_recipients where state <> 'given'").len(), 0);
    assert_eq!(centre.value("select count(distinct message_id) from outreach_recipients"), 800);
}

#[test]
fn a_manager_looks_tests_starts_pauses_and_reads_who_got_what() {
    let tables = usual().replace("[outreach.wave]\n", "[outreach.wave]\nper_minute = 600\n");
    let (centre, smsc) = bound(Plan { campaign_tables: tables, ..nobody() }, "");
    people(&centre, 120);
    browse(&centre, "outreach", &[("login", "boss"), ("password", PASSWORD), ("own", "+8613900000001")]);
    let end = now() + SOON;
    while taken(&smsc).len() < 121 && now() < end {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(taken(&smsc).len(), 121);
    assert!(taken(&smsc).values().all(|times| *times == 1));
    let who = centre.rows("select who from audit where what in ('outreach_started', 'outreach_paused')");
    assert!(who.len() == 3 && who.iter().all(|row| row["who"] == "boss"), "{who:?}");
}
