//! SMS by a provider's HTTP, against a server that answers well, badly and not at all: sent once and never twice, and whatever it
//! tells is believed only where it proves who it is.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::messages::{nobody, send, until_state};
use crate::rig::{
    AGENT_HZ, Answer, Api, Centre, Phone, Plan, Receiver, Reply, SOON, Sipp, free_port, now, scenario, until,
};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const PASSWORD: &str = "a provider's password";
const SECRET: &str = "a provider's secret";
const CALLBACK: &str = "/api/v1/gateways/api/callback";
/// Answers with a code in the body, as many providers do whatever the status is.
const CODED: &str =
    "code = \"/code\"\ntaken_codes = [\"0\"]\nthrottled_codes = [\"22\"]\nrefused_codes = [\"-3\"]\nerror = \"/msg\"\n";

/// Adds a gateway of that place to the configuration.
fn with_gateway(centre: &Centre, place: &str, keys: &str, answer: &str, proof: &str) {
    let gateway = format!(
        r#"
[gateways.api]
protocol = "http"
url = "http://{place}/v1/messages?ref={{id}}"
headers = ["Authorization: Bearer {{password}}"]
body = '{{"to": "{{to}}", "local": "{{to_national}}", "from": "{{from}}", "text": "{{text}}"}}'
password = "{PASSWORD}"
senders = ["10690000"]
per_second = 100.0
{keys}
[gateways.api.answer]
id = "/sid"
{answer}
[gateways.api.callback]
password = "{SECRET}"
{proof}
[gateways.api.callback.receipts]
id = "/sid"
state = "/status"
error = "/why"
delivered = ["DELIVRD"]
undeliverable = ["UNDELIV"]
[gateways.api.callback.messages]
id = "/mid"
from = "/mobile"
to = "/port"
text = "/text"
"#
    );
    centre.write("lull.toml", &(centre.read("lull.toml") + &gateway));
}

const SIGNED: &str = "[gateways.api.callback.signature]\nheader = \"X-Signature\"\nprefix = \"sha256=\"\n";
const BY_ADDRESS: &str = "proof = \"address\"\nanswer = '{\"code\":0}'\n";

/// A service with a gateway at a server of the test's.
fn served(plan: Plan, keys: &str, answer: &str, proof: &str) -> (Centre, Receiver) {
    let provider = Receiver::open();
    let mut centre = Centre::prepared(plan);
    with_gateway(&centre, &provider.place().to_string(), keys, answer, proof);
    centre.serve();
    (centre, provider)
}

fn taken(sid: &str) -> Answer {
    Answer::Body(200, String::new(), json!({ "code": 0, "sid": sid }).to_string().into_bytes())
}

fn body(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer::Body(status, String::new(), body.into())
}

/// What the provider tells, signed by a secret.
fn tell(centre: &Centre, secret: &str, told: &Value) -> Reply {
    let told = told.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(told.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    let provider = Api::anonymous(centre.http()).with_header("X-Signature", &format!("sha256={hex}"));
    provider.upload(CALLBACK, "application/json", told.as_bytes())
}

#[track_caller]
fn until_gateway(boss: &Api, state: &str) -> Value {
    until(&format!("the gateway is {state}"), SOON, || {
        let gateways = boss.get("/api/v1/gateways").good();
        Some(gateways[0].clone()).filter(|gateway| gateway["state"] == state)
    })
}

fn incoming(boss: &Api) -> Vec<Value> {
    let all = boss.get("/api/v1/messages").good();
    all.as_array().expect("a list").iter().filter(|one| one["direction"] == "in").cloned().collect()
}

#[test]
fn a_message_is_one_request_and_a_signed_receipt_says_what_became_of_it() {
    let (centre, provider) = served(nobody(), "", CODED, SIGNED);
    let boss = centre.boss();
    until_gateway(&boss, "up");
    provider.answers([taken("s-1"), taken("s-2")]);
    let long = "请您\"{Ann}\"\n".repeat(30);
    let id = send(&boss, "138 0000 0001", &long);
    let got = provider.until_got(1).remove(0);
    assert!(got.head.starts_with(&format!("POST /v1/messages?ref={id} HTTP/1.1")), "{}", got.head);
    assert_eq!(got.header("authorization"), format!("Bearer {PASSWORD}"));
    let expected = json!({ "to": ANN, "local": "13800000001", "from": "10690000", "text": long });
    assert_eq!(got.json(), expected);
    let row = until_state(&boss, &id, "sent");
    assert_eq!(row["parts"], 5, "{row}");
    assert_eq!(tell(&centre, SECRET, &json!({ "sid": "s-1", "status": "ACCEPTD" })).status, 200);
    until_state(&boss, &id, "sent");
    assert_eq!(tell(&centre, SECRET, &json!([{ "sid": "s-1", "status": "delivrd" }])).status, 200);
    until_state(&boss, &id, "delivered");

    let id = send(&boss, BEN, "hello");
    until_state(&boss, &id, "sent");
    let told = tell(&centre, SECRET, &json!({ "sid": "s-2", "status": "UNDELIV", "why": "MK:0001" }));
    assert_eq!((told.status, told.text().as_str()), (200, ""));
    let row = until_state(&boss, &id, "undeliverable");
    assert_eq!(row["error"], "UNDELIV MK:0001", "{row}");
    assert_eq!(provider.got().len(), 2);
    let explained = centre.run(&["doctor"], "").out;
    assert!(!explained.contains(PASSWORD) && !explained.contains(SECRET), "{explained}");
}

#[test]
fn a_provider_that_asks_for_fewer_is_left_alone_for_as_long_as_it_asked() {
    let (centre, provider) = served(nobody(), "", CODED, SIGNED);
    let boss = centre.boss();
    until_gateway(&boss, "up");
    provider.answers([Answer::Status(429, "Retry-After: 3\r\n".to_owned()), taken("s-1")]);
    let asked = now();
    let id = send(&boss, ANN, "not now");
    until_gateway(&boss, "throttled");
    until_state(&boss, &id, "sent");
    assert!(asked.elapsed() >= Duration::from_secs(3), "{:?}", asked.elapsed());
    provider.answers([body(200, r#"{"code":22,"msg":"slow"}"#), taken("s-2")]);
    let id = send(&boss, ANN, "by a code");
    until_state(&boss, &id, "sent");
    assert_eq!(provider.got().len(), 4);
}

#[test]
fn an_error_in_a_200_is_believed_and_one_that_is_about_us_lets_everything_wait() {
    let (centre, provider) = served(nobody(), "", CODED, SIGNED);
    let boss = centre.boss();
    until_gateway(&boss, "up");
    provider.answers([body(200, r#"{"code":2,"msg":"手机号错误"}"#)]);
    let id = send(&boss, ANN, "to nobody");
    let row = until_state(&boss, &id, "rejected");
    assert_eq!(row["error"], "200 2 手机号错误", "{row}");
    provider.answers([body(200, r#"{"code":-3,"msg":"余额不足"}"#), body(401, "who are you"), taken("s-1")]);
    let id = send(&boss, ANN, "once there is credit");
    let gateway = until_gateway(&boss, "down");
    assert_eq!(gateway["error"], "it refuses to be asked: 200 -3 余额不足", "{gateway}");
    until_state(&boss, &id, "sent");
    assert_eq!(provider.got().len(), 4, "one that was rejected, and one at the third try");
    let gateway = until_gateway(&boss, "up");
    assert_eq!(gateway["error"], "it refuses to be asked: 401 who are you", "the last is still shown");
}

#[test]
fn an_answer_that_says_nothing_leaves_a_message_unknown_and_it_is_never_sent_again() {
    let (mut centre, provider) = served(nobody(), "response_timeout_s = 1", CODED, SIGNED);
    let boss = centre.boss();
    until_gateway(&boss, "up");
    let mut ten_megabytes = br#"{"code":0,"sid":""#.to_vec();
    ten_megabytes.resize(10 * 1024 * 1024, b'x');
    for (answer, text, says) in [
        (body(200, "<html>\u{1b}[31mgarbage"), "garbage", "its answer has nothing at /code: 200 <html> [31mgarbage"),
        (body(200, ten_megabytes), "ten megabytes", "its answer has nothing at /code: 200 {\"code\":0"),
        (Answer::Silence, "silence", "no answer within 1 s"),
        (Answer::HangUp, "hung up", "the answer did not come"),
        (Answer::Status(502, String::new()), "bad gateway", "502"),
    ] {
        provider.answers([answer]);
        let id = send(&boss, ANN, text);
        let row = until_state(&boss, &id, "unknown");
        assert!(row["error"].as_str().expect("an error").starts_with(says), "{row}");
    }
    // Each took it down for a while, so that what waits is not lost to a provider that does not work.
    until_gateway(&boss, "down");
    provider.answers([Answer::Silence]);
    centre.write("lull.toml", &centre.read("lull.toml").replace("response_timeout_s = 1", "response_timeout_s = 60"));
    centre.good(&["reload"]);
    let id = send(&boss, ANN, "kill me");
    provider.until_got(6);
    centre.kill();
    centre.serve();
    let boss = centre.boss();
    let row = until_state(&boss, &id, "unknown");
    assert!(row["error"].as_str().expect("an error").contains("ended while"), "{row}");
    provider.answers([taken("s-1")]);
    let id = send(&boss, ANN, "the last one");
    until_state(&boss, &id, "sent");
    let texts: Vec<Value> = provider.got().iter().map(|got| got.json()["text"].clone()).collect();
    let each = ["garbage", "ten megabytes", "silence", "hung up", "bad gateway", "kill me", "the last one"];
    assert_eq!(texts, each);
}

#[test]
fn what_waits_for_a_provider_that_cannot_be_reached_leaves_once_when_it_can() {
    let port = free_port();
    let mut centre = Centre::prepared(nobody());
    with_gateway(&centre, &format!("127.0.0.1:{port}"), "", "", SIGNED);
    centre.good(&["message", "send", ANN, "patience"]);
    centre.serve();
    let boss = centre.boss();
    let gateway = until_gateway(&boss, "down");
    assert!(gateway["error"].as_str().expect("an error").starts_with("no connection to 127.0.0.1"), "{gateway}");
    // What the provider tells is taken in all the same.
    assert_eq!(tell(&centre, SECRET, &json!({ "mid": "m", "mobile": "13800000002", "text": "hello" })).status, 200);
    let provider = Receiver::at(port);
    let got = provider.until_got(1).remove(0);
    assert_eq!(got.json()["text"], "patience");
    // Without a rule for codes the status counts; there is no id to be read.
    until("it is sent", SOON, || {
        (centre.value("select state from messages where direction = 'out'") == "sent").then_some(())
    });
    assert_eq!(provider.got().len(), 1);
}

#[test]
fn a_customer_who_opts_out_by_callback_while_it_rings_is_given_up_within_two_seconds() {
    let (centre, provider) = served(Plan::default(), "", CODED, SIGNED);
    let boss = centre.boss();
    until_gateway(&boss, "up");
    provider.answers([taken("s-1")]);
    let mut carrier = Sipp::carrier(&centre, &scenario::rings_out(), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let _desk = centre.agent_ready(1);
    until("it rings", SOON, || carrier.sent("SIP/2.0 180"));
    let asked = now();
    let stop = json!({ "mid": "m-1", "mobile": "13800000001", "port": "10690000", "text": "TD" });
    assert_eq!(tell(&centre, SECRET, &stop).status, 200);
    carrier.until_gets("CANCEL", SOON);
    let took = asked.elapsed();
    assert!(took <= Duration::from_secs(2), "the CANCEL came after {took:?}");
    carrier.finish(SOON);
    assert_eq!(boss.get("/api/v1/suppressions?number=%2B8613800000001").good()[0]["reason"], "opt_out");
    let confirmation = provider.until_got(1).remove(0).json();
    assert!(confirmation["text"].as_str().expect("text").starts_with("已退订"), "{confirmation}");
    // Told once more it changes nothing, and is confirmed once.
    assert_eq!(tell(&centre, SECRET, &stop).status, 200);
    assert_eq!(incoming(&boss).len(), 1);
    assert_eq!(centre.value("select count(*) from messages where direction = 'out'"), 1);
}

#[test]
fn a_customer_who_replies_by_callback_is_pre_registered() {
    let replies = "\n[replies]\ninterested = [\"办理\"]\nconsent = \"回复办理即同意来电\"\nto = [\"10690000\"]\n";
    let (centre, _provider) = served(Plan { campaign_tables: replies.to_owned(), ..nobody() }, "", "", BY_ADDRESS);
    let boss = centre.boss();
    until_gateway(&boss, "up");
    let anybody = Api::anonymous(centre.http());
    let place = format!("{CALLBACK}/{}", SECRET.replace(' ', "%20"));
    let form = "mid=7&mobile=13800000001&port=10690000&text=%E5%8A%9E%E7%90%86";
    let told = anybody.upload(&place, "application/x-www-form-urlencoded", form.as_bytes());
    assert_eq!((told.status, told.text().as_str()), (200, "{\"code\":0}"));
    assert_eq!(anybody.get(&format!("{place}?{form}")).status, 200, "the same by a query");
    let came = incoming(&boss);
    assert_eq!((came.len(), &came[0]["meaning"], &came[0]["campaign"]), (1, &"interested".into(), &"spring".into()));
    let lead = centre.rows("select number, priority from leads").remove(0);
    assert_eq!((&lead["number"], &lead["priority"]), (&ANN.into(), &90.into()), "{lead}");
    for (path, status) in [(CALLBACK.to_owned(), 401), (format!("{CALLBACK}/wrong"), 401)] {
        assert_eq!(anybody.upload(&path, "application/x-www-form-urlencoded", b"mobile=1&text=STOP").status, status);
    }
    assert_eq!(incoming(&boss).len(), 1);
}

#[test]
fn a_call_that_proves_nothing_does_nothing() {
    let (centre, _provider) = served(nobody(), "", CODED, SIGNED);
    let boss = centre.boss();
    let stop = json!({ "mid": "m-1", "mobile": "13800000001", "port": "10690000", "text": "STOP" });
    let forged = tell(&centre, "another secret", &stop);
    assert_eq!((forged.status, forged.json()["code"].clone()), (401, "unproven".into()), "{}", forged.text());
    let anybody = Api::anonymous(centre.http());
    assert_eq!(anybody.post(CALLBACK, &stop).status, 401);
    assert_eq!(anybody.post("/api/v1/gateways/nobody/callback", &stop).status, 404);
    let by_address = anybody.post(&format!("{CALLBACK}/{}", SECRET.replace(' ', "%20")), &stop);
    assert_eq!(by_address.status, 401, "where a signature is wanted the secret alone is none");
    let large = json!({ "mid": "m-1", "mobile": "1", "text": "x".repeat(64 * 1024) });
    assert_eq!(tell(&centre, SECRET, &large).status, 413);
    let last = until("strangers are slowed down", SOON, || {
        Some(tell(&centre, "another secret", &stop)).filter(|reply| reply.status == 429)
    });
    assert!(last.header("retry-after").is_some(), "{}", last.head);
    assert!(incoming(&boss).is_empty() && centre.rows("select 1 from suppressions").is_empty());

    // The provider is heard all the while. What it tells and cannot be understood is named, what is beside it is taken.
    let told = tell(&centre, SECRET, &json!([{ "status": "x" }, stop]));
    let problem = told.json();
    assert_eq!((told.status, &problem["errors"][0]["pointer"]), (422, &"/0".into()), "{problem}");
    let says = problem["errors"][0]["detail"].as_str().expect("a detail");
    assert_eq!(says, "expected a receipt with /sid and /status, or a customer's message with /mobile and /text");
    assert_eq!(incoming(&boss)[0]["meaning"], "opt_out");
    assert_eq!(centre.rows("select 1 from suppressions").len(), 1);
}

#[test]
fn the_doctor_says_whether_a_provider_can_be_reached() {
    let provider = Receiver::open();
    let centre = Centre::prepared(nobody());
    with_gateway(&centre, &provider.place().to_string(), "", "", BY_ADDRESS);
    let told = centre.run(&["doctor", "--findings-only"], "").out;
    assert!(told.contains("gateway api: it can be reached"), "{told}");
    assert!(told.contains("a secret in the address"), "{told}");
    let place = provider.place().to_string();
    drop(provider);
    let told = centre.run(&["doctor", "--findings-only"], "");
    assert!(told.code == 3 && told.out.contains(&format!("gateway api: no connection to {place}")), "{}", told.out);
}
