//! Orders and the funnel with the real binary: what an agent records on a call is ordered, survives a crash, is delivered by a
//! file, and is counted.

use std::time::Duration;

use serde_json::json;

use crate::browser::browse;
use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Ear, Law, PASSWORD, Phone, Plan, SOON, Sipp, scenario};

const ANN: &str = "+8613800000001";

fn with_something_to_order() -> Plan {
    let tables = "[order]\ncurrency = \"CNY\"\n\n[[order.items]]\nname = \"新卡\"\nprice = 19.5\nquantity_max = 3\n\n\
                  [[order.items]]\nname = \"Router\"\nprice = 99\nquantity = 0\n\n[costs]\nper_dial = 0.5\nper_delivery = 8\n";
    Plan { campaign_tables: tables.to_owned(), ..Plan::default() }
}

#[test]
fn an_accepted_call_opens_one_order_that_survives_a_crash_is_delivered_by_a_file_and_counted() {
    let mut centre = Centre::running(with_something_to_order());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 500), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let desk = centre.agent_ready(1);
    let call = desk.until_state("talking")["view"]["call"]["call"].clone();
    let outcome = |order: serde_json::Value| {
        let outcome = json!({ "result": "taken", "answers": {}, "note": "", "order": order });
        json!({ "action": "record", "call": call, "outcome": outcome })
    };
    let refused = desk.act(&outcome(json!({ "items": [{ "name": "新卡", "quantity": 2 }] })));
    assert_eq!((refused.status, &refused.json()["code"]), (422, &"bad_order".into()), "{}", refused.text());
    assert_eq!(refused.json()["errors"][0]["pointer"], "/action/outcome/order/address");
    assert_eq!(centre.value("select count(*) from orders"), 0);
    let order = json!({ "items": [{ "name": "新卡", "quantity": 2 }], "recipient": "王芳", "address": "北京市 1 号" });
    desk.act(&outcome(order.clone())).good();
    // A desk that lost the answer says it once more.
    desk.act(&outcome(order)).good();
    desk.hang_up();
    carrier.finish(SOON);
    centre.until_ended(ANN);
    centre.kill();
    centre.serve();
    let boss = centre.boss();
    let orders = boss.get("/api/v1/orders").good();
    let items = orders["items"].as_array().expect("a list");
    assert_eq!(items.len(), 1, "{orders}");
    let one = &items[0];
    assert_eq!(
        (&one["state"], &one["value"], &one["address"]),
        (&"confirmed".into(), &39.0.into(), &"北京市 1 号".into())
    );
    let number = one["order"].as_str().expect("a number").to_owned();

    centre.good(&["order", "export", "to-send.csv", "--state", "confirmed"]);
    assert!(centre.read("to-send.csv").contains(&number));
    let path = format!("/api/v1/orders/{number}");
    let skipped = boss.patch(&path, &json!({ "state": "delivered" }));
    assert_eq!(skipped.status, 409, "{}", skipped.text());
    boss.patch(&path, &json!({ "state": "dispatched", "carrier": "顺丰", "tracking": "SF1" })).good();
    let text = format!("订单号,状态,备注\n{number},已签收,本人签收\n12,已签收,\n");
    std::fs::write(centre.path("sf.csv"), encoding_rs::GB18030.encode(&text).0).expect("a file can be written");
    for (changed, already) in [("changed: 1", "known already: 0"), ("changed: 0", "known already: 1")] {
        let ran = centre.run(&["order", "import", "sf.csv"], "");
        assert_eq!(ran.code, 3, "one row is complained about: {ran:?}");
        assert!(ran.out.contains(changed) && ran.out.contains(already) && ran.out.contains("line 3"), "{ran:?}");
    }
    let told = centre.good(&["order", "show", &number]);
    assert!(told.contains("delivered") && told.contains("sf.csv") && told.contains("本人签收"), "{told}");
    assert!(centre.good(&["order", "set", &number, "delivered"]).contains("already"));
    let returned = centre.run(&["order", "set", &number, "refused"], "");
    assert!(returned.code == 1 && returned.err.contains("expected returned"), "{returned:?}");

    let funnel = boss.get("/api/v1/campaigns/spring/funnel?by=agent").good();
    let count = |stage: &str| {
        let stages = funnel["stages"].as_array().expect("stages");
        stages.iter().find(|one| one["stage"] == stage).expect("a stage")["leads"].clone()
    };
    for stage in ["dialled", "answered", "connected", "accepted", "delivered"] {
        assert_eq!(count(stage), 1, "{stage}: {funnel}");
        let listed = centre.good(&["funnel", "spring", "--stage", stage]);
        assert!(listed.contains(ANN), "{stage}: {listed}");
    }
    assert_eq!(count("audience"), 0);
    assert_eq!((&funnel["costs"]["total"], &funnel["costs"]["per_delivered_order"]), (&8.5.into(), &8.5.into()));
    assert_eq!((&funnel["delivered_value"], &funnel["net_conversion"]), (&39.0.into(), &1.0.into()));
    let agent = funnel["parts"].as_array().expect("parts").iter().find(|part| part["key"] != "").expect("the agent");
    assert_eq!((&agent["title"], &agent["leads"][9]), (&"agent-1".into(), &1.into()), "{agent}");
    let csv = centre.good(&["funnel", "spring", "--csv"]);
    assert_eq!(csv.lines().nth(1), Some("all,0,0,0,0,0,1,1,1,1,1"), "{csv}");

    assert!(centre.good(&["order", "erase", ANN, "--why", "asked for it"]).contains("erased: 1"));
    assert_eq!(centre.value("select count(*) from orders where address = '' and number is null"), 1);
    assert_eq!(centre.value("select count(*) from audit where what = 'order_erased'"), 1);
}

#[test]
fn an_agent_fills_in_an_order_at_the_desk_and_a_manager_delivers_it_in_the_browser() {
    let centre = Centre::running(with_something_to_order());
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 500), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&[ANN]);
    let file = centre.path("sf.csv").display().to_string();
    let given = [("manager", "boss"), ("agent", "agent-1"), ("password", PASSWORD), ("file", &file)];
    browse(&centre, "orders", &given);
    carrier.finish(Duration::from_secs(10));
    let orders = centre.rows("select state, address, value from orders");
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!((&orders[0]["state"], &orders[0]["value"]), (&"delivered".into(), &5850.into()), "{orders:?}");
    assert_eq!(orders[0]["address"], "上海市 2 号");
    assert_eq!(centre.value("select count(*) from audit where what = 'order_viewed' and who = 'agent-1'"), 1);
}
