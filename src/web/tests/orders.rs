//! Orders by API: listed, changed one by one and many at once, by file, looked for at a desk, exported.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::rig::{Answered, Rig, number};
use crate::model::attempt::{CallRef, CallResult};
use crate::model::disposition::Disposition;
use crate::model::id::{InboundId, UserId};
use crate::model::order::{Money, NewOrder, OrderItem, OrderNumber};
use crate::web::access::Role;

const ANN: &str = "+8613800138000";

/// Orders of these customers; their numbers.
async fn ordered(rig: &Rig, customers: &[&str]) -> Vec<String> {
    for (place, customer) in customers.iter().enumerate() {
        let items = vec![OrderItem { name: "card".to_owned(), quantity: 2, price: Money(1_050) }];
        let order = NewOrder {
            items,
            currency: "CNY".to_owned(),
            recipient: "王芳".to_owned(),
            address: "北京市 1 号".to_owned(),
            note: String::new(),
        };
        let said = CallResult {
            request: None,
            call: CallRef::Inbound(InboundId(place as i64 + 1)),
            campaign: Some("family-plan".parse().unwrap()),
            lead: None,
            number: Some(number(customer)),
            agent: UserId(1),
            result: "taken".to_owned(),
            disposition: Disposition::Accepted,
            answers: Default::default(),
            note: String::new(),
            at: rig.now(),
            talk_ms: 1,
            wrap_up_ms: 1,
            next: None,
            suppress: None,
            order: Some(order),
        };
        rig.store.record_result(said).await.unwrap();
    }
    let rows = rig.store.orders(&Default::default(), None, 100).await.unwrap();
    rows.iter().rev().map(|row| row.order.to_string()).collect()
}

async fn file(rig: &Rig, token: &str, query: &str, text: &str) -> Answered {
    let request = Request::post(format!("/api/v1/orders/import?name=sf.csv{query}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "text/csv")
        .body(Body::from(text.to_owned()))
        .unwrap();
    rig.answer(request).await
}

#[tokio::test]
async fn a_manager_reads_and_moves_orders_and_each_refusal_says_why() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    assert_eq!(rig.get("/orders", &manager).await.json(), json!({"items": [], "next_cursor": null}));
    let orders = ordered(&rig, &[ANN, "+8613800138001"]).await;
    let page = rig.get("/orders?limit=1", &manager).await.json();
    assert_eq!((&page["items"][0]["order"], &page["items"][0]["value"]), (&json!(orders[1]), &json!(21.0)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("/orders?limit=1&cursor={cursor}"), &manager).await.json();
    assert_eq!((&rest["items"][0]["order"], &rest["next_cursor"]), (&json!(orders[0]), &Value::Null));
    let of_ann = rig.get("/orders?number=%2B8613800138000&state=confirmed", &manager).await.json();
    assert_eq!((of_ann["items"].as_array().unwrap().len(), &of_ann["items"][0]["number"]), (1, &json!(ANN)));
    let one = format!("/orders/{}", orders[0]);
    let change = async |body: Value| rig.send("PATCH", &one, Some(&manager), Some(body)).await;
    let refused = change(json!({"state": "delivered"})).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "conflict"), "{refused:?}");
    assert!(refused.text.contains("expected dispatched or cancelled"), "{refused:?}");
    let early = change(json!({"state": "dispatched", "at": 5})).await;
    assert_eq!(early.json()["errors"][0]["pointer"], "/at");
    assert_eq!(change(json!({"carrier": "SF"})).await.json()["errors"][0]["pointer"], "/state");
    assert_eq!(change(json!({"address": "x".repeat(501)})).await.json()["errors"][0]["code"], "too_long");
    assert_eq!(change(json!({"address": "上海市"})).await.json()["order"]["address"], "上海市");
    let left =
        change(json!({"state": "dispatched", "carrier": "SF", "tracking": "SF1", "detail": "van 2"})).await.json();
    assert_eq!((&left["order"]["state"], &left["order"]["tracking"]), (&json!("dispatched"), &json!("SF1")));
    assert_eq!((&left["history"][2]["by"], &left["history"][2]["source"]), (&json!("manager"), &json!("page")));
    assert_eq!(change(json!({"address": "too late"})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rig.get("/orders/100001", &manager).await.status, StatusCode::NOT_FOUND);
    let counts = rig.get("/orders/counts?campaign=family-plan", &manager).await.json();
    assert_eq!(counts.as_array().unwrap().len(), 2, "{counts}");
}

#[tokio::test]
async fn states_come_many_at_once_and_by_file_and_twice_is_once() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let orders = ordered(&rig, &[ANN, "+8613800138001"]).await;
    let unknown = OrderNumber::following(Some(orders[1].parse().unwrap()));
    let body = json!({"changes": [
        {"order": orders[0], "state": "dispatched"}, {"order": orders[0], "state": "dispatched"},
        {"order": orders[1], "state": "refused"}, {"order": unknown, "state": "refused"}]});
    let told = rig.send("POST", "/orders/states", Some(&manager), Some(body)).await.json();
    let outcomes: Vec<&str> = told.as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["changed", "already_so", "cannot_follow", "unknown"], "{told}");
    assert!(told[2]["problem"].as_str().unwrap().contains("confirmed"));
    let none = rig.send("POST", "/orders/states", Some(&manager), Some(json!({"changes": []}))).await;
    assert_eq!(none.json()["errors"][0]["code"], "out_of_range");
    let text = format!("order number;state\n{};delivered\n{};lost\n", orders[0], orders[1]);
    for (query, changed, already) in [("&dry_run=true", 1, 0), ("", 1, 0), ("", 0, 1)] {
        let came = file(&rig, &manager, query, &text).await.json();
        assert_eq!(
            (&came["changed"], &came["already"], &came["complained"]),
            (&json!(changed), &json!(already), &json!(1)),
            "{came}"
        );
        assert_eq!(came["complaints"][0]["line"], 3, "{came}");
    }
    let bad = file(&rig, &manager, "", "a,b\n1,2\n").await;
    assert_eq!((bad.status, bad.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "bad_file"), "{bad:?}");
}

#[tokio::test]
async fn a_desk_finds_orders_by_both_numbers_and_marketing_sees_nobody() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let orders = ordered(&rig, &[ANN]).await;
    let agent = rig.token(Role::Agent).await;
    let spoken = format!("{}%20{}", &orders[0][..3], &orders[0][3..]);
    for find in [spoken.as_str(), "%2B8613800138000"] {
        let found = rig.get(&format!("/desk/orders?find={find}"), &agent).await.json();
        assert_eq!((&found[0]["order"], &found[0]["address"]), (&json!(orders[0]), &json!("北京市 1 号")), "{found}");
        assert!(!found[0]["number"].as_str().unwrap().contains("0013"), "{found}");
    }
    assert_eq!(rig.get("/desk/orders?find=what", &agent).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let customer = rig.get("/customers?number=%2B8613800138000", &manager).await.json();
    assert_eq!(customer["orders"][0]["order"], json!(orders[0]));
    let marketing = rig.token(Role::Marketing).await;
    let seen = rig.get(&format!("/orders/{}", orders[0]), &marketing).await;
    assert!(!seen.text.contains("北京市") && !seen.text.contains("王芳") && !seen.text.contains(ANN), "{seen:?}");
    let exported = rig.get("/orders/file?state=confirmed", &marketing).await;
    assert!(exported.text.contains(&orders[0]) && !exported.text.contains("北京市"), "{exported:?}");
    let whole = rig.get("/orders/file", &manager).await.text;
    assert!(whole.contains("2 × card") && whole.contains("北京市") && whole.contains("21.00,CNY"), "{whole}");
    assert_eq!(rig.get("/orders/file?state=delivered", &manager).await.text.lines().count(), 1);
    // What was exported can be brought in as it is.
    let again = file(&rig, &manager, "", &whole).await.json();
    assert_eq!((&again["already"], &again["complained"]), (&json!(1), &json!(0)), "{again}");
}
