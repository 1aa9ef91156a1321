//! The whole way: a thousand people are written to, some answer by SMS and on the landing page, they are called within their
//! promise, what they accept is delivered, and the funnel adds up to the last of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::browser::browse;
use crate::messages::with_gateway;
use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, Phone, Plan, SOON, Sipp, Smsc, scenario, until};

const PEOPLE: u32 = 1000;
/// Who answers by SMS that they are interested, and who accept when they are called.
const BY_SMS: usize = 8;
const ACCEPT: usize = 6;

fn tables() -> String {
    "\n[leads]\nafter_reply = [\"fair\"]\n\n[outreach.wave]\nlist = \"fair\"\n\n\
     [outreach.wave.variants.sms.text]\nzh = \"【Lull】{name}您好，回复1办理，拒收请回复R\"\n\n\
     [outreach.wave.variants.page.text]\nzh = \"【Lull】{name}您好，详情 {link} 拒收请回复R\"\n\n\
     [replies]\ninterested = [\"1\", \"办理\"]\nconsent = \"回复1即同意来电\"\n\n\
     [landing.zh]\nheadline = \"新套餐\"\ntext = \"一个套餐\"\nconsent = \"我同意接听一次来电\"\n\n\
     [pre_registration]\ncall_within_minutes = 120\n\n\
     [order]\ncurrency = \"CNY\"\naddress_required = false\n\n[[order.items]]\nname = \"新卡\"\nprice = 20\n\n\
     [costs]\nper_sms = 0.05\nper_dial = 0.5\nper_delivery = 8\n"
        .to_owned()
}

fn stage(funnel: &Value, stage: &str) -> u64 {
    let stages = funnel["stages"].as_array().expect("stages");
    let found = stages.iter().find(|one| one["stage"] == stage).expect("a stage");
    found["leads"].as_u64().expect("a count")
}

#[test]
fn a_thousand_people_are_written_to_and_every_one_is_in_the_funnel() {
    let mut smsc = Smsc::start();
    let mut centre = Centre::prepared(Plan { campaign_tables: tables(), ..Plan::default() });
    with_gateway(&centre, &smsc, "");
    let http = centre.http();
    let settings = centre.read("lull.toml").replace("[http]\n", &format!("[http]\nlanding_url = \"http://{http}\"\n"));
    centre.write("lull.toml", &settings);
    let mut list = "number,name,city\n".to_owned();
    for n in 1..=PEOPLE {
        list += &format!("+86138000{n:05},Customer {n},{}\n", if n % 2 == 0 { "上海" } else { "北京" });
    }
    centre.write("fair.csv", &list);
    centre.good(&["list", "import", "spring", "fair.csv", "--name", "fair"]);
    centre.serve();
    smsc.until_bound();
    smsc.ask(&json!({ "receipts": "DELIVRD" }));
    let boss = centre.boss();
    let at = "/api/v1/campaigns/spring";

    boss.post(&format!("{at}/outreaches/wave/start"), &json!({})).good();
    let sent = until("all have theirs", SOON * 2, || {
        Some(smsc.all("submitted")).filter(|submitted| submitted.len() >= PEOPLE as usize)
    });
    let numbers: BTreeSet<&str> = sent.iter().map(|one| one["to"].as_str().expect("a number")).collect();
    assert_eq!((sent.len(), numbers.len()), (PEOPLE as usize, PEOPLE as usize), "each one message");
    until("all receipts are in", SOON, || {
        (centre.value("select count(*) from messages where state = 'delivered'") == PEOPLE).then_some(())
    });

    // Some of those with the text for it answer by SMS, two open their link.
    let link = |one: &Value| {
        let text = one["text"].as_str().expect("text");
        // What is not in the GSM alphabet comes as UTF-16, which the simulator shows as it is.
        text.split_whitespace().find(|word| word.starts_with("http")).map(str::to_owned)
    };
    let (with_link, without): (Vec<&Value>, Vec<&Value>) = sent.iter().partition(|one| link(one).is_some());
    assert!(with_link.len() > 400 && without.len() > 400, "{} and {}", with_link.len(), without.len());
    let of = |one: &Value| one["to"].as_str().expect("a number").to_owned();
    let mut interested: BTreeSet<String> = without.iter().take(BY_SMS).map(|one| of(one)).collect();
    for number in &interested {
        smsc.text(number, "１");
        smsc.text(number, "1 "); // a second time changes nothing
    }
    smsc.text(&of(without[BY_SMS]), "退订");
    smsc.text(&of(without[BY_SMS + 1]), "多少钱一个月");
    let by_page: Vec<&Value> = with_link.iter().take(2).copied().collect();
    let links: Vec<String> = by_page.iter().map(|one| link(one).expect("a link")).collect();
    browse(&centre, "journey", &[("first", &links[0]), ("second", &links[1])]);
    interested.extend(by_page.iter().map(|one| of(one)));
    let interested: BTreeSet<String> = interested.into_iter().map(|number| format!("+{number}")).collect();
    assert_eq!(centre.value("select count(distinct lead_id) from pre_registrations"), interested.len());
    assert_eq!(centre.value("select count(*) from attempts"), 0, "nobody is called without an agent");

    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let calls = u32::try_from(interested.len()).expect("few");
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 50), calls);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    let desk = centre.agent_ready(1);
    let mut called = BTreeSet::new();
    while called.len() < interested.len() {
        let screen = desk.until_state("talking");
        let number = screen["view"]["call"]["number"].as_str().expect("a number").to_owned();
        assert!(interested.contains(&number), "{number} did not ask to be called");
        desk.hang_up();
        let result = if called.len() < ACCEPT { "taken" } else { "refused" };
        desk.record(&screen["view"]["call"]["call"], result, "").good();
        assert!(called.insert(number), "nobody is called twice");
    }
    carrier.finish(SOON);
    assert_eq!(called, interested);
    until("every promise is kept", SOON, || {
        let kept = "select count(distinct lead_id) from pre_registrations where promise = 'kept'";
        (centre.value(kept) == interested.len()).then_some(())
    });

    // What was ordered leaves; one is refused at the door.
    let orders = boss.get("/api/v1/orders?limit=100").good();
    let orders: Vec<&str> = orders["items"]
        .as_array()
        .expect("orders")
        .iter()
        .map(|one| one["order"].as_str().expect("a number"))
        .collect();
    assert_eq!(orders.len(), ACCEPT);
    let file = |state: &dyn Fn(usize) -> &'static str| {
        let rows = orders.iter().enumerate().map(|(place, order)| format!("{order},{}\n", state(place)));
        "订单号,状态\n".to_owned() + &rows.collect::<String>()
    };
    centre.write("sent.csv", &file(&|_| "已发货"));
    centre.write("came.csv", &file(&|place| if place == 0 { "拒收" } else { "已签收" }));
    centre.good(&["order", "import", "sent.csv"]);
    centre.good(&["order", "import", "came.csv"]);

    let funnel = boss.get(&format!("{at}/funnel?by=variant")).good();
    let (people, called) = (u64::from(PEOPLE), interested.len() as u64);
    for (name, count) in [
        ("audience", people),
        ("sent", people),
        ("received", people),
        // Interested, the one who asked for the price, and nobody who opted out.
        ("responded", called + 1),
        ("registered", called),
        ("dialled", called),
        ("answered", called),
        ("connected", called),
        ("accepted", ACCEPT as u64),
        ("delivered", ACCEPT as u64 - 1),
    ] {
        assert_eq!(stage(&funnel, name), count, "{name}: {funnel}");
        let rows = boss.get(&format!("{at}/funnel/{name}?limit=500")).good();
        assert_eq!(rows["items"].as_array().map(Vec::len), Some(count.min(500) as usize), "the rows behind {name}");
    }
    let parts = funnel["parts"].as_array().expect("parts");
    let of_parts = |place: usize| parts.iter().map(|part| part["leads"][place].as_u64().expect("a count")).sum::<u64>();
    for (place, one) in funnel["stages"].as_array().expect("stages").iter().enumerate() {
        assert_eq!(Some(of_parts(place)), one["leads"].as_u64(), "{}: the variants add up: {funnel}", one["stage"]);
    }
    // 1,000 messages, ten dials, six deliveries that left.
    let total = f64::from(PEOPLE) * 0.05 + 10.0 * 0.5 + 6.0 * 8.0;
    let cost = funnel["costs"]["total"].as_f64().expect("a cost");
    assert!((cost - total).abs() < 1.0, "{cost} instead of {total}: {}", funnel["costs"]);
    let csv = centre.good(&["funnel", "spring", "--csv"]);
    assert_eq!(csv.lines().nth(1), Some("all,1000,1000,1000,11,10,10,10,10,6,5"), "{csv}");

    // The one who opted out is left alone, and the one who asked is read by a person.
    let reviews = boss.get("/api/v1/reviews").good();
    assert!(reviews.to_string().contains("多少钱一个月"), "{reviews}");
    let stopped = format!("+{}", of(without[BY_SMS]));
    assert_eq!(boss.post("/api/v1/messages", &json!({ "number": stopped, "text": "x" })).status, 422);
}
