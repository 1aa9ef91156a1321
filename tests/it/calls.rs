//! Outbound calls over real SIP and RTP: SIPp is the carrier and the customers, baresip the agents' phones.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{
    AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, INFORMATION_HZ, Law, Phone, Plan, SOON, STRANGER, Sipp, Stranger,
    Tone, loud_windows_of, now, rtp, scenario, traces_of, two_channels, until,
};

const ANN: &str = "+8613800000001";
/// The shortest ring time a campaign may have.
const RING_S: u32 = 5;

fn ear() -> Ear {
    Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu)
}

#[test]
fn a_customer_and_an_agent_hear_each_other_and_what_was_agreed_is_recorded() {
    let recorded = Plan { campaign_tables: "[recording]\non = true\n".to_owned(), ..Plan::default() };
    let centre = Centre::running(recorded);
    // The customer speaks A-law, the agent's phone prefers µ-law: both must be understood.
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::A);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 8, 300), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    let call = &screen["view"]["call"];
    assert_eq!((&call["number"], &call["campaign"]), (&ANN.into(), &"spring".into()), "{screen}");
    assert_eq!(screen["lead"]["name"], "Customer 0", "{screen}");

    ear.until_hears(AGENT_HZ, 20, 0);
    phone.until_hears(CUSTOMER_HZ, 20, 0);
    desk.hang_up();
    carrier.finish(SOON);
    desk.until_state("wrap_up");
    desk.record(&call["call"], "taken", "From the first of the month.").good();

    let attempt = centre.until_ended(ANN);
    assert_eq!((&attempt["result"], &attempt["disposition"]), (&"taken".into(), &"accepted".into()), "{attempt}");
    let connected_after = ms(&attempt["connected_at"]) - ms(&attempt["answered_at"]);
    assert!((0..=500).contains(&connected_after), "connected {connected_after} ms after the answer");
    assert_eq!(centre.value("select state from leads"), "done");
    // The phone is nailed up: after the call the agent hears nothing of the customer, and is ready for the next.
    desk.until_state("ready");
    let (one, other) = two_channels(&recording(&centre));
    let (customer, agent) = if loud_windows_of(CUSTOMER_HZ, &one) > 0 { (one, other) } else { (other, one) };
    assert!(loud_windows_of(CUSTOMER_HZ, &customer) >= 15, "the customer is on one channel");
    assert!(loud_windows_of(AGENT_HZ, &agent) >= 15, "the agent is on the other");
    assert_eq!(loud_windows_of(AGENT_HZ, &customer), 0, "and only there");
}

#[test]
fn audio_from_elsewhere_is_heard_by_nobody_and_answered_by_nothing() {
    const FOREIGN_HZ: f64 = 2_100.0;
    let recorded = Plan { campaign_tables: "[recording]\non = true\n".to_owned(), ..Plan::default() };
    let centre = Centre::running(recorded);
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 100), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 5, 0);
    phone.until_hears(CUSTOMER_HZ, 5, 0);

    // Every audio port of the service, customer's and agent's, from the address of nobody and from another port of the
    // carrier's own, while both talk: whoever sprays need not know which is in use (RTP bleed).
    let strangers = [STRANGER, CARRIER].map(|address| Stranger::at(address, centre.sip_port));
    let mut tone = Tone::new(FOREIGN_HZ);
    let (packets, samples) = (ear.packets(), phone.heard().len());
    for sequence in 0..50_u16 {
        let packet = rtp(Law::Mu, sequence, u32::from(sequence) * 160, &tone.samples(160));
        for port in centre.audio.0..=centre.audio.1 {
            strangers.iter().for_each(|stranger| stranger.say_to(port, &packet));
        }
        // In time with the call: the next packet of the agent.
        let heard = ear.packets();
        until("the call goes on", SOON, || (ear.packets() > heard).then_some(()));
    }
    ear.until_hears(AGENT_HZ, 15, packets);
    phone.until_hears(CUSTOMER_HZ, 15, samples);
    for stranger in &strangers {
        assert_eq!(stranger.hears(Duration::from_millis(50)), None, "nothing is sent back");
    }
    assert_eq!(traces_of(FOREIGN_HZ, &ear.samples_since(0)), 0, "the customer hears nothing of it");
    assert_eq!(traces_of(FOREIGN_HZ, &phone.heard()), 0, "nor does the agent");
    desk.hang_up();
    carrier.finish(SOON);
    let (one, other) = two_channels(&recording(&centre));
    for channel in [one, other] {
        assert_eq!(traces_of(FOREIGN_HZ, &channel), 0, "nor is it in the recording");
    }
}

/// The only recording, once it is complete.
fn recording(centre: &Centre) -> std::path::PathBuf {
    until("the recording is complete", SOON, || {
        let files = std::fs::read_dir(centre.path("data/recordings")).ok()?;
        files.filter_map(|entry| entry.ok().map(|entry| entry.path())).find(|path| path.extension().is_some())
    })
}

fn ms(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a time: {value}"))
}

#[test]
fn a_customer_who_hangs_up_frees_the_line_and_leaves_the_agent_to_record() {
    let centre = Centre::running(Plan::default());
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers_and_leaves(&ear, 1_200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    let screen = desk.until_state("wrap_up");
    carrier.finish(SOON);
    let call = screen["view"]["call"]["call"].clone();
    desk.record(&call, "refused", "").good();
    // A slip is corrected by recording again: the last result counts, and both stay on record.
    desk.record(&call, "taken", "=1+2, \"he\" said").good();
    assert_eq!(centre.until_ended(ANN)["disposition"], "accepted");
    the_call_is_in_files_for_spreadsheets(&centre);
    the_call_is_in_the_results(&centre);
    let results = centre.rows("select revision, disposition from results order by revision");
    assert_eq!((&results[0]["disposition"], results.len()), (&"declined".into(), 2), "{results:?}");
    desk.until_state("ready");
    centre.until_board("no channel is in use", |board| board["trunks"][0]["channels"] == 0);
}

/// The same figures by command and by API, and each lists the attempt behind it.
fn the_call_is_in_the_results(centre: &Centre) {
    let boss = centre.boss();
    let at = |path: &str| boss.get(&format!("/api/v1/campaigns/spring/{path}")).good();
    let report = at("results?by=agent");
    let line = &report["lines"][0];
    assert_eq!((&line["title"], &line["figures"]["accepted"]), (&"agent-1".into(), &1.into()), "{report}");
    assert_eq!((&line["figures"]["attempts"], &line["rates"]["conversion"]), (&1.into(), &1.0.into()), "{report}");
    let funnel: Vec<i64> = report["funnel"].as_array().expect("steps").iter().map(|step| ms(&step["leads"])).collect();
    assert_eq!(funnel, [1; 5], "{report}");
    let key = line["key"].as_str().expect("an agent");
    for (narrowed, count) in [
        (format!("agent={key}&stage=accepted"), 1),
        ("stage=connected&result=taken&disposition=accepted".to_owned(), 1),
        ("stage=connected&result=refused".to_owned(), 0),
        ("to=1000".to_owned(), 0),
    ] {
        let page = at(&format!("attempts?{narrowed}"));
        assert_eq!(page["items"].as_array().expect("attempts").len(), count, "{narrowed}: {page}");
    }
    let today = centre.good(&["results", "show", "spring", "--by", "result"]);
    assert!(today.contains("100.0 %") && today.contains("on the lists"), "{today}");
    let shown: Value = serde_json::from_str(&centre.good(&["results", "show", "spring", "--by", "agent", "--json"]))
        .expect("it is JSON");
    assert_eq!((&shown["lines"], &shown["funnel"]), (&report["lines"], &report["funnel"]));
    let told = centre.good(&["results", "recount", "spring"]);
    assert!(told.contains("attempts: 1, hours: 1): all figures are right"), "{told}");
    let wrong = boss.get("/api/v1/campaigns/spring/results?days=0");
    assert!(wrong.status == 400 && wrong.text().contains("expected 1 to 3660"), "{}", wrong.text());
    assert_eq!(boss.get("/api/v1/campaigns/autumn/results").status, 404);
}

/// By command and by API, for those who may see the customer and those who may not; once, with the result that counts.
fn the_call_is_in_files_for_spreadsheets(centre: &Centre) {
    let rows = |text: &str| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let rows = reader.records().map(|row| row.expect("it is CSV").iter().map(str::to_owned).collect());
        rows.collect::<Vec<Vec<String>>>()
    };
    let cell = |rows: &[Vec<String>], heading: &str| {
        let place = rows[0].iter().position(|found| found == heading);
        rows[1][place.unwrap_or_else(|| panic!("{heading} is not in {:?}", rows[0]))].clone()
    };
    let told = centre.good(&["results", "export", "spring", "calls.csv"]);
    assert!(told.contains("1 call is in calls.csv"), "{told}");
    let written = rows(&centre.read("calls.csv"));
    assert_eq!(written.len(), 2, "{written:?}");
    for (heading, expected) in [
        ("number", ANN),
        ("name", "Customer 0"),
        ("outcome", "accepted"),
        ("result", "taken"),
        ("agent", "agent-1"),
        ("attempt", "1"),
        ("note", "'=1+2, \"he\" said"),
    ] {
        assert_eq!(cell(&written, heading), expected, "{heading}");
    }
    assert!(cell(&written, "began").ends_with("+08:00"), "{written:?}");
    centre.good(&["results", "export", "spring", "calls.xlsx", "--from", "2026-01-01"]);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(centre.path("calls.xlsx")).expect("it is a workbook");
    let sheet = calamine::Reader::worksheet_range_at(&mut book, 0).expect("it has a sheet").expect("it can be read");
    let found: Vec<Vec<String>> = sheet.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
    assert_eq!((cell(&found, "number").as_str(), cell(&found, "note").as_str()), (ANN, "=1+2, \"he\" said"));
    let none = centre.good(&["results", "export", "spring", "none.csv", "--to", "2026-01-01"]);
    assert!(none.contains("no call in that time"), "{none}");
    let wrong = centre.run(&["results", "export", "spring", "calls.txt"], "");
    assert!(wrong.code == 1 && wrong.err.contains(".csv or .xlsx"), "{wrong:?}");
    let path = "/api/v1/campaigns/spring/calls?bom=true";
    let whole = centre.boss().get(path).text();
    assert_eq!(rows(whole.strip_prefix('\u{feff}').expect("it was asked for")), written);
    centre.add_user(&["seller", "--role", "marketing"]);
    let masked = rows(&centre.api("seller").get("/api/v1/campaigns/spring/calls").text());
    assert_eq!((cell(&masked, "outcome").as_str(), cell(&masked, "name").as_str()), ("accepted", ""));
    let left = std::fs::read_dir(centre.path("data/exports")).expect("files were made there").count();
    assert_eq!(left, 0, "what tells of customers goes with the answer");
    assert!(cell(&masked, "number").contains("****") && cell(&masked, "note").is_empty(), "{masked:?}");
}

#[test]
fn each_refusal_of_the_carrier_has_its_disposition_and_no_redirect_is_followed() {
    let centre = Centre::running(Plan { campaign: "attempts_max = 1".to_owned(), ..Plan::default() });
    let told = [
        (486, "busy"),
        (600, "busy"),
        (404, "invalid_number"),
        (604, "invalid_number"),
        (480, "no_answer"),
        (603, "rejected"),
        (302, "rejected"),
        (607, "unwanted"),
    ];
    let contact = "Contact: <sip:+8613900000000@127.7.0.1>\n";
    let statuses = told.map(|(status, _)| status);
    let refuses = scenario::refuses_with_the_status_of_the_number(&statuses, contact);
    let mut carrier = Sipp::carrier(&centre, &refuses, told.len() as u32);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let numbers: Vec<String> = told.iter().map(|(status, _)| format!("+86138000{status:0>5}")).collect();
    centre.customers(&numbers.iter().map(String::as_str).collect::<Vec<_>>());
    let desk = centre.agent_ready(1);
    for (number, (status, disposition)) in numbers.iter().zip(told) {
        let attempt = centre.until_ended(number);
        assert_eq!(attempt["disposition"], disposition, "{status}: {attempt}");
        assert_eq!(attempt["sip_status"], status, "{attempt}");
        assert_eq!(attempt["answered_at"], Value::Null, "{attempt}");
    }
    carrier.finish(SOON);
    assert_eq!(desk.state(), "ready", "nobody was put through");
    assert_eq!(centre.value("select count(*) from attempts"), told.len());
    let suppressed = until("the unwanted call suppresses", SOON, || {
        centre.rows("select number, reason from suppressions").into_iter().next()
    });
    assert_eq!((&suppressed["number"], &suppressed["reason"]), (&"+8613800000607".into(), &"unwanted".into()));
}

#[test]
fn the_numbers_of_a_person_are_dialled_in_turn_and_who_is_left_out_is_not() {
    let tables = "[numbers]\nnext_after_s = 0\norder = [\"mobile\", \"home\", \"work\"]\n\n\
                  [[leads.only]]\ncolumn = \"城市\"\nis = [\"上海\"]\n";
    let centre = Centre::running(Plan { campaign_tables: tables.to_owned(), ..Plan::default() });
    let refuses = scenario::refuses_with_the_status_of_the_number(&[486, 404, 603], "");
    let mut carrier = Sipp::carrier(&centre, &refuses, 3);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let text = "单位电话,手机,家庭电话,姓名,城市\n\
                +8613800000603,+8613800000486,+8613800000404,王芳,上海\n\
                +8613800001603,+8613800001486,,李伟,北京\n";
    centre.write("people.csv", text);
    centre.good(&["list", "import", "spring", "people.csv"]);
    let _desk = centre.agent_ready(1);
    for (number, disposition) in
        [("+8613800000486", "busy"), ("+8613800000404", "invalid_number"), ("+8613800000603", "rejected")]
    {
        assert_eq!(centre.until_ended(number)["disposition"], disposition);
    }
    carrier.finish(SOON);
    let dialled = centre.rows("select number from attempts order by at, id");
    let dialled: Vec<&str> = dialled.iter().filter_map(|row| row["number"].as_str()).collect();
    assert_eq!(dialled, ["+8613800000486", "+8613800000404", "+8613800000603"]);
    assert_eq!(centre.value("select state from leads where name = '王芳'"), "given_up");
    let spring = centre.boss().get("/api/v1/campaigns/spring").good();
    assert_eq!((&spring["leads"]["left_out"], &spring["leads"]["given_up"]), (&json!(1), &json!(1)), "{spring}");
}

#[test]
fn a_carrier_that_is_overloaded_is_left_alone_for_as_long_as_it_asks() {
    let centre = Centre::running(Plan::default());
    let refuses = scenario::refuses_with_the_status_of_the_number(&[503, 486], "Retry-After: 3\n");
    let mut carrier = Sipp::carrier(&centre, &refuses, 2);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&["+8613800000503", "+8613800001486"]);
    let _desk = centre.agent_ready(1);
    carrier.finish(SOON);
    let invites = carrier.got("INVITE");
    let waited = invites[1].at_s - invites[0].at_s;
    assert!((2.9..8.0).contains(&waited), "the next call left after {waited} s");
    let burnt = centre.rows("select disposition, ordinal from attempts where sip_status = 503");
    assert_eq!(burnt[0]["disposition"], "congestion", "{burnt:?}");
}

#[test]
fn a_phone_that_rings_out_is_cancelled_after_the_ring_time_and_counts_as_no_answer() {
    let centre = Centre::running(Plan { ring_min_s: 1.0, ring_timeout_s: RING_S, ..Plan::default() });
    let mut carrier = Sipp::carrier(&centre, &scenario::rings_out(), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    carrier.finish(SOON);
    let rang = carrier.got("CANCEL")[0].at_s - carrier.sent("SIP/2.0 180").expect("it rang").at_s;
    assert!((RING_S as f64 - 0.1..RING_S as f64 + 2.0).contains(&rang), "it rang for {rang} s");
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "no_answer", "{attempt}");
    assert!(attempt["rang_at"].is_i64(), "{attempt}");
    assert_eq!(desk.state(), "ready");
}

#[test]
fn an_answer_that_crosses_the_cancel_is_a_call_like_any_other() {
    let centre = Centre::running(Plan { ring_min_s: 1.0, ring_timeout_s: RING_S, ..Plan::default() });
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers_a_cancelled_call(&ear), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 10, 0);
    phone.until_hears(CUSTOMER_HZ, 10, 0);
    desk.hang_up();
    carrier.finish(SOON);
    let attempt = centre.until_ended(ANN);
    assert!(attempt["answered_at"].is_i64() && attempt["connected_at"].is_i64(), "{attempt}");
}

#[test]
fn a_customer_nobody_can_take_hears_the_message_within_two_seconds_and_counts_as_abandoned() {
    let centre = Centre::running(Plan::default());
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 1_500), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    carrier.until_gets("INVITE", SOON);
    desk.pause();
    let answered = until("the customer answers", SOON, || carrier.sent("SIP/2.0 200").map(|_| now()));
    ear.until_hears(INFORMATION_HZ, 10, 0);
    let first = ear.first_heard(INFORMATION_HZ).expect("it was heard");
    // The deadline itself, and the first 50 ms by which a tone is known.
    let silent = first.saturating_duration_since(answered);
    assert!(silent <= Duration::from_millis(2_150), "silence for {silent:?}");
    carrier.finish(SOON);
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "abandoned", "{attempt}");
    assert_eq!(attempt["agent_id"], Value::Null, "{attempt}");
    centre.until_board("the abandoned call is counted", |board| board["campaigns"][0]["today"]["abandoned"] == 1);
}

#[test]
fn a_number_suppressed_while_it_rings_is_given_up_within_two_seconds() {
    let centre = Centre::running(Plan::default());
    let mut carrier = Sipp::carrier(&centre, &scenario::rings_out(), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    let asked = now();
    centre.boss().post("/api/v1/suppressions", &json!({ "number": ANN, "reason": "do_not_call" })).good();
    carrier.until_gets("CANCEL", SOON);
    let took = asked.elapsed();
    assert!(took <= Duration::from_secs(2), "the CANCEL came after {took:?}");
    carrier.finish(SOON);
    assert_eq!(centre.until_ended(ANN)["disposition"], "cancelled");
    assert_eq!(centre.value("select state from leads"), "given_up");
}

#[test]
fn a_suppression_by_command_reaches_the_running_service_too() {
    let centre = Centre::running(Plan::default());
    let mut carrier = Sipp::carrier(&centre, &scenario::rings_out(), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    centre.good(&["suppression", "add", ANN, "--reason", "complaint"]);
    carrier.finish(Duration::from_secs(4));
    assert_eq!(centre.until_ended(ANN)["disposition"], "cancelled");
}

#[test]
fn a_carrier_that_challenges_gets_the_right_answer() {
    let trunk = "username = \"lull\"\npassword = \"secret of the trunk\"\nrealm = \"carrier.example\"".to_owned();
    let centre = Centre::running(Plan { trunk, ..Plan::default() });
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::challenges(&ear, "lull", "secret of the trunk"), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    desk.hang_up();
    carrier.finish(SOON);
    assert_eq!(carrier.got("INVITE").len(), 2, "one without and one with credentials");
    assert_eq!(centre.value("select count(*) from attempts"), 1, "which are one attempt");
}

#[test]
fn a_carrier_with_a_wrong_password_configured_is_tried_no_more_than_twice_for_one_call() {
    let trunk = "username = \"lull\"\npassword = \"not what they expect\"".to_owned();
    let centre = Centre::running(Plan { trunk, ..Plan::default() });
    let ear = ear();
    let carrier = Sipp::carrier(&centre, &scenario::challenges(&ear, "lull", "secret of the trunk"), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    let attempt = centre.until_ended(ANN);
    assert_eq!(attempt["disposition"], "trunk_failure", "{attempt}");
    assert!(carrier.got("INVITE").len() <= 3, "{:?}", carrier.got("INVITE").len());
}

#[test]
fn a_call_goes_over_a_tcp_trunk_as_well() {
    let centre = Centre::running(Plan { transport: "tcp", ..Plan::default() });
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 10, 0);
    phone.until_hears(CUSTOMER_HZ, 10, 0);
    desk.hang_up();
    carrier.finish(SOON);
    assert!(carrier.messages().iter().all(|message| !message.text.contains("SIP/2.0/UDP")));
}

#[test]
fn a_phone_that_is_rung_for_each_call_answers_by_itself_and_is_hung_up_after_it() {
    let centre = Centre::running(Plan { per_call: true, ..Plan::default() });
    let ear = ear();
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 300), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    assert!(!phone.child.said().contains("Call established"), "nothing rings before there is a call");
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 10, 0);
    phone.until_hears(CUSTOMER_HZ, 10, 0);
    desk.hang_up();
    carrier.finish(SOON);
    phone.child.until_says("session closed", SOON);
}

#[test]
fn a_dead_carrier_fails_the_call_and_leaves_nothing_behind() {
    let centre = Centre::running(Plan::default());
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    // Nobody listens at the carrier's port: the kernel says so, or the timers do.
    let sql = "select * from attempts where state = 'ended'";
    let attempt = until("the attempt has failed", Duration::from_secs(50), || centre.rows(sql).into_iter().next());
    assert_eq!(attempt["disposition"], "trunk_failure", "{attempt}");
    assert_eq!(desk.state(), "ready");
    // What nobody waits for is written a moment later than what is acknowledged.
    until("only the phone's dialog is up", SOON, || (centre.value("select count(*) from dialogs") == 1).then_some(()));
}
