//! What others are told of what happened: signed, until they take it, also over `kill -9`, and nowhere it must not go.

use serde_json::{Value, json};

use crate::rig::{
    AGENT_HZ, Answer, Api, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Phone, Plan, Proof, Receiver, SOON, Sipp, Tunnel,
    free_port, scenario, until,
};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

/// This machine may be told, and is asked again soon.
const OURS: &str = "\n[webhooks]\nallow_private = [\"127.0.0.1/32\"]\nretry_after_s = [1, 1, 1, 1]\n";

/// A service that may tell this machine; nothing runs yet.
fn prepared(plan: Plan) -> Centre {
    let centre = Centre::prepared(plan);
    centre.write("lull.toml", &(centre.read("lull.toml") + OURS));
    centre
}

/// A service that tells a receiver all that happens, and the secret.
fn telling(receiver: &Receiver) -> (Centre, String) {
    let mut centre = prepared(Plan { agents: 0, ..Plan::default() });
    let secret = added(&centre, &receiver.url(), "all");
    centre.serve();
    (centre, secret)
}

fn added(centre: &Centre, url: &str, events: &str) -> String {
    let out = centre.good(&["webhook", "add", url, "--events", events, "--name", "crm", "--json"]);
    let told: Value = serde_json::from_str(&out).expect("--json gives JSON");
    told["secret"].as_str().expect("a secret").to_owned()
}

fn suppress(boss: &Api, number: &str) {
    boss.post("/api/v1/suppressions", &json!({ "number": number, "reason": "opt_out" })).good();
}

/// The endpoint's id.
fn id(boss: &Api) -> String {
    boss.get("/api/v1/webhooks").good()[0]["id"].as_str().expect("an id").to_owned()
}

fn deliveries(boss: &Api) -> Vec<Value> {
    let path = format!("/api/v1/webhooks/{}/deliveries", id(boss));
    boss.get(&path).good().as_array().expect("a list").clone()
}

#[test]
fn an_event_is_signed_and_tried_until_it_is_taken_and_the_log_tells_every_try() {
    let receiver = Receiver::open();
    receiver.statuses(&[500, 503]);
    let (centre, secret) = telling(&receiver);
    let boss = centre.boss();
    suppress(&boss, ANN);
    let got = receiver.until_got(3);
    assert!(got[0].head.starts_with("POST /hooks/lull?from=test HTTP/1.1"), "{}", got[0].head);
    assert_eq!(got[0].header("content-type"), "application/json");
    for one in &got {
        assert!(one.is_signed_by(&secret), "{one:?}");
        assert_eq!((one.header("webhook-id"), &one.body), (got[0].header("webhook-id"), &got[0].body));
    }
    assert!(!got[0].is_signed_by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let event = got[0].json();
    assert_eq!((&event["type"], &event["data"]["number"]), (&json!("suppression.added"), &json!(ANN)), "{event}");
    until("the delivery is written down", SOON, || (deliveries(&boss)[0]["state"] == "delivered").then_some(()));
    let log = boss.get(&format!("/api/v1/webhooks/{}/log", id(&boss))).good();
    let statuses: Vec<&Value> = log.as_array().expect("a list").iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [204, 503, 500], "{log}");
    assert_eq!(receiver.got().len(), 3, "and no more");
    // What the API and the commands show is enough to find it, and no secret is in it.
    let shown = centre.good(&["webhook", "show", "crm"]) + &centre.good(&["webhook", "log", "crm"]);
    assert!(shown.contains(got[0].header("webhook-id")) && shown.contains("answered 503"), "{shown}");
    let all = format!("{shown}{}{}", centre.good(&["webhook", "list", "--json"]), boss.get("/api/v1/webhooks").text());
    assert!(!all.contains("whsec_"), "{all}");
}

#[test]
fn what_was_answered_with_success_is_told_after_kill_9_and_a_repetition_has_the_same_id() {
    let port = free_port();
    let mut centre = prepared(Plan { agents: 0, ..Plan::default() });
    let secret = added(&centre, &format!("http://127.0.0.1:{port}/"), "suppression.added");
    centre.serve();
    // Nobody is there to be told, and the service is killed in the same breath.
    suppress(&centre.boss(), ANN);
    centre.kill();
    assert_eq!(centre.value("select count(*) from webhook_deliveries where state = 'waiting'"), 1);
    let receiver = Receiver::at(port);
    receiver.answers([Answer::Silence]);
    centre.serve();
    let first = receiver.until_got(1).remove(0);
    assert!(first.is_signed_by(&secret));
    assert_eq!(first.json()["data"]["number"], ANN);
    // Killed while the receiver has it and has not answered: it is told again.
    centre.kill();
    centre.serve();
    let again = receiver.until_got(2).remove(1);
    assert_eq!((again.header("webhook-id"), &again.body), (first.header("webhook-id"), &first.body));
    let boss = centre.boss();
    until("it is delivered", SOON, || (deliveries(&boss)[0]["state"] == "delivered").then_some(()));
    suppress(&boss, BEN);
    let other = receiver.until_got(3).remove(2);
    assert_ne!(other.header("webhook-id"), first.header("webhook-id"));
}

#[test]
fn gone_disables_an_endpoint_and_says_why_until_somebody_enables_it() {
    let receiver = Receiver::open();
    receiver.statuses(&[410]);
    let (centre, _) = telling(&receiver);
    let boss = centre.boss();
    suppress(&boss, ANN);
    receiver.until_got(1);
    let webhook = until("it is disabled", SOON, || {
        let webhook = boss.get("/api/v1/webhooks").good()[0].clone();
        (!webhook["disabled_at"].is_null()).then_some(webhook)
    });
    assert_eq!(webhook["disabled_why"], "the receiver answered 410 Gone", "{webhook}");
    assert!(centre.good(&["webhook", "list"]).contains("410 Gone"));
    suppress(&boss, BEN);
    centre.good(&["webhook", "enable", "crm"]);
    // The service hears of what a command did when it looks; what was sent by hand goes out then.
    let event = receiver.got()[0].header("webhook-id").to_owned();
    centre.good(&["webhook", "resend", "crm", "--event", &event]);
    let got = receiver.until_got(2);
    assert_eq!(got[1].header("webhook-id"), event);
    until("it is delivered", SOON, || (deliveries(&boss)[0]["state"] == "delivered").then_some(()));
    assert_eq!(deliveries(&boss).len(), 1, "what happened while it was disabled is not told");
}

#[test]
fn an_endpoint_that_is_silent_holds_up_nobody_else() {
    let (silent, other) = (Receiver::open(), Receiver::open());
    silent.answers((0..40).map(|_| Answer::Silence));
    let (centre, _) = telling(&silent);
    centre.good(&["webhook", "add", &other.url(), "--events", "all", "--name", "other"]);
    let boss = centre.boss();
    // From when on the other is known the service says itself.
    until("the other is heard of", SOON, || {
        suppress(&boss, ANN);
        let id = boss.get("/api/v1/suppressions?number=%2B8613800000001").good()[0]["id"].clone();
        let path = format!("/api/v1/suppressions/{}", id.as_str().expect("an id"));
        let why = json!({ "why": "again" }).to_string();
        drop(boss.send("DELETE", &path, Some(("application/json", why.as_bytes()))));
        (!other.got().is_empty()).then_some(())
    });
    let before = other.got().len();
    for number in 10..30 {
        suppress(&boss, &format!("+86138000000{number}"));
    }
    other.until_got(before + 20);
    assert!(silent.got().len() <= 8, "{} are under way to one that does not answer", silent.got().len());
    let answered = boss.get("/api/v1/board");
    assert_eq!(answered.status, 200);
}

#[test]
fn a_redirect_is_not_followed() {
    let (receiver, elsewhere) = (Receiver::open(), Receiver::open());
    let location = format!("Location: {}\r\n", elsewhere.url());
    receiver.answers([Answer::Status(307, location.clone()), Answer::Status(302, location)]);
    let (centre, _) = telling(&receiver);
    let boss = centre.boss();
    suppress(&boss, ANN);
    receiver.until_got(3);
    until("it is delivered", SOON, || (deliveries(&boss)[0]["state"] == "delivered").then_some(()));
    assert_eq!(elsewhere.got().len(), 0);
    let log = centre.good(&["webhook", "log", "crm"]);
    assert!(log.contains("answered 307: a redirect is not followed"), "{log}");
}

#[test]
fn places_of_our_own_network_are_refused_unless_they_are_named() {
    let receiver = Receiver::open();
    let mut centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let ours = receiver.url();
    let by_name = ours.replace("127.0.0.1", "localhost");
    for url in
        [ours.as_str(), by_name.as_str(), "https://169.254.169.254/latest/", "https://[::1]/", "http://[fd00::1]/"]
    {
        let ran = centre.run(&["webhook", "add", url, "--events", "all"], "");
        assert_eq!(ran.code, 1, "{url}: {ran:?}");
        assert!(ran.err.contains("webhooks.allow_private"), "{url}: {ran:?}");
    }
    // One that was allowed when it was added is judged again whenever it is told.
    let settings = centre.read("lull.toml");
    centre.write("lull.toml", &(settings.clone() + OURS));
    added(&centre, &ours, "all");
    centre.write("lull.toml", &settings);
    centre.serve();
    let boss = centre.boss();
    let refused = boss.post("/api/v1/webhooks", &json!({ "name": "x", "url": by_name }));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["pointer"], "/url", "{}", refused.text());
    suppress(&boss, ANN);
    let delivery = until("it was tried", SOON, || {
        let delivery = deliveries(&boss).first()?.clone();
        (!delivery["error"].is_null()).then_some(delivery)
    });
    let error = delivery["error"].as_str().expect("a text");
    assert!(error.contains("127.0.0.1 is not an address of the internet"), "{delivery}");
    let tested = boss.post(&format!("/api/v1/webhooks/{}/test", id(&boss)), &json!({})).good();
    assert_eq!((&tested["delivered"], &tested["status"]), (&json!(false), &Value::Null), "{tested}");
    assert_eq!(receiver.got().len(), 0);
    // A reload is enough to allow it.
    centre.write("lull.toml", &(settings + OURS));
    centre.good(&["reload"]);
    boss.post(&format!("/api/v1/webhooks/{}/resend", id(&boss)), &json!({ "event": delivery["event"] })).good();
    receiver.until_got(1);
}

#[test]
fn an_endpoint_proves_its_name_before_it_is_told_anything() {
    let receiver = Receiver::open();
    let mut centre = prepared(Plan { agents: 0, ..Plan::default() });
    let port = free_port();
    let proof = Proof::of("localhost", centre.folder());
    let at = format!("127.0.0.1:{port}").parse().expect("an address");
    let _tunnel = Tunnel::ends_tls(at, &proof, receiver.place());
    added(&centre, &format!("https://localhost:{port}/"), "all");
    let ran = centre.run(&["webhook", "test", "crm"], "");
    assert!(ran.code == 3 && ran.out.contains("no trusted TLS with localhost"), "{ran:?}");
    assert_eq!(receiver.got().len(), 0);
    let trusted = format!("authorities_file = \"{}\"\n", proof.certificate.display());
    centre.write("lull.toml", &(centre.read("lull.toml") + &trusted));
    centre.serve();
    suppress(&centre.boss(), ANN);
    let got = receiver.until_got(1).remove(0);
    assert_eq!(got.header("host"), format!("localhost:{port}"));
}

#[test]
fn an_endpoint_is_tried_its_secret_rotated_and_it_is_removed() {
    let receiver = Receiver::open();
    let (centre, secret) = telling(&receiver);
    let out = centre.good(&["webhook", "test", "crm"]);
    assert!(out.contains("It was taken: 204"), "{out}");
    let test = receiver.until_got(1).remove(0);
    assert!(test.is_signed_by(&secret) && test.json()["type"] == "webhook.test", "{test:?}");
    receiver.statuses(&[500]);
    let ran = centre.run(&["webhook", "test", "crm"], "");
    assert!(ran.code == 3 && ran.out.contains("answered 500"), "{ran:?}");
    let boss = centre.boss();
    let path = format!("/api/v1/webhooks/{}", id(&boss));
    let fresh = boss.post(&format!("{path}/rotate"), &json!({})).good()["secret"].as_str().expect("one").to_owned();
    suppress(&boss, ANN);
    let both = receiver.until_got(3).remove(2);
    assert!(both.is_signed_by(&fresh) && both.is_signed_by(&secret), "{both:?}");
    let out = centre.good(&["webhook", "rotate", "crm", "--keep-h", "0", "--json"]);
    let last: Value = serde_json::from_str(&out).expect("--json gives JSON");
    let ran = boss.post(&format!("{path}/test"), &json!({})).good();
    assert_eq!(ran["delivered"], true, "{ran}");
    let only = receiver.until_got(4).remove(3);
    assert!(only.is_signed_by(last["secret"].as_str().expect("one")) && !only.is_signed_by(&fresh), "{only:?}");
    assert_eq!(boss.send("DELETE", &path, None).expect("it answers").status, 204);
    suppress(&boss, BEN);
    assert_eq!(boss.get(&path).status, 404);
    assert_eq!(centre.value("select count(*) from webhook_deliveries"), 0);
    let trail = centre.rows("select what from audit where what like 'webhook%' order by id");
    let trail: Vec<&str> = trail.iter().map(|row| row["what"].as_str().expect("a word")).collect();
    let expected = [
        "webhook_added",
        "webhook_rotated",
        "webhook_rotated",
        "webhook_tested",
        "webhook_disabled",
        "webhook_removed",
    ];
    assert_eq!(trail, expected);
}

#[test]
fn a_call_its_result_and_its_lead_are_told_as_they_happen() {
    let receiver = Receiver::open();
    let mut centre = prepared(Plan::default());
    added(&centre, &receiver.url(), "call.ended,result.recorded,lead.done,lead.given_up,import.finished");
    centre.serve();
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let _carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    desk.hang_up();
    desk.record(&screen["view"]["call"]["call"], "stop", "Asked never to be called again.").good();
    let got = receiver.until_got(4);
    let of = |kind: &str| {
        let found = got.iter().map(|one| one.json()).find(|event| event["type"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {got:?}"))
    };
    let import = of("import.finished");
    assert_eq!((&import["data"]["accepted"], &import["data"]["campaign"]), (&json!(1), &json!("spring")), "{import}");
    let (call, result) = (of("call.ended"), of("result.recorded"));
    assert_eq!(call["data"]["agent"], "agent-1", "{call}");
    assert!(call["data"]["connected_at"].is_string() && call["data"]["number"] == ANN, "{call}");
    assert_eq!(result["data"]["disposition"], "do_not_call", "{result}");
    assert_eq!(result["data"]["note"], "Asked never to be called again.", "{result}");
    assert_eq!(call["data"]["call"], result["data"]["call"]);
    assert_eq!(call["data"]["lead"], result["data"]["lead"]);
}
