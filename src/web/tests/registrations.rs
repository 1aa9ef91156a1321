//! Pre-registrations by API.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::Rig;
use crate::engine::event::Event;
use crate::web::access::Role;

const PATH: &str = "/campaigns/family-plan/pre-registrations";

#[tokio::test]
async fn a_customer_of_another_channel_is_a_consented_lead_and_the_dialer_hears_of_it() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let body = json!({"number": "138 0013 8000", "region": "CN", "name": "王芳", "channel": "mini-program", "source": "form 7",
        "consent": "我同意接听一次来电", "columns": {"reply": "请晚上打"}});
    let made = rig.send("POST", PATH, Some(&manager), Some(body.clone())).await;
    assert_eq!((made.status, &made.json()["outcome"]), (StatusCode::CREATED, &json!("new")), "{made:?}");
    loop {
        if matches!(rig.event().await, Event::LeadsChanged { campaign, .. } if campaign.as_str() == "family-plan") {
            break;
        }
    }
    let id = made.json()["lead"].as_str().unwrap().to_owned();
    let lead = rig.get(&format!("/leads/{id}"), &manager).await;
    assert!(lead.text.contains("请晚上打") && lead.text.contains("+8613800138000"), "{lead:?}");
    let consents = rig.get("/consents?number=%2B8613800138000", &manager).await.json();
    assert_eq!((&consents[0]["purpose"], &consents[0]["source"]), (&json!("family-plan"), &json!("form 7")));
    let again = rig.send("POST", PATH, Some(&manager), Some(body)).await;
    assert_eq!((&again.json()["outcome"], &again.json()["lead"]), (&json!("forward"), &json!(null)), "{again:?}");
}

#[tokio::test]
async fn what_cannot_be_a_pre_registration_is_refused_with_its_place_and_changes_nothing() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let sound = json!({"number": "+8613800138000", "channel": "web", "source": "page", "consent": "yes"});
    for (field, value, code) in [
        ("number", json!("call me"), "not_a_number"),
        ("consent", json!(" "), "empty"),
        ("source", json!(""), "empty"),
        ("at", json!(9_000_000_000_000_i64), "in_future"),
        ("consent_until", json!(1), "out_of_range"),
        ("priority", json!(100), "out_of_range"),
        ("preferred_at", json!(9_000_000_000_000_i64), "out_of_range"),
        ("list", json!(" "), "empty"),
        ("columns", json!({"a/b": "x".repeat(3000)}), "too_long"),
    ] {
        let mut body = sound.clone();
        body[field] = value;
        let refused = rig.send("POST", PATH, Some(&manager), Some(body)).await;
        let errors = refused.json()["errors"].clone();
        assert_eq!(
            (refused.status, &errors[0]["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)),
            "{refused:?}"
        );
        assert!(errors[0]["pointer"].as_str().unwrap().starts_with(&format!("/{field}")), "{errors}");
    }
    let nowhere = rig.send("POST", "/campaigns/autumn/pre-registrations", Some(&manager), Some(sound)).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/consents?number=%2B8613800138000", &manager).await.json(), json!([]));
}

#[tokio::test]
async fn what_was_promised_is_listed_counted_and_reported_and_shown_with_the_lead() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let wish = rig.now() + std::time::Duration::from_secs(7200);
    let bodies = [
        json!({"number": "+8613800138000", "name": "王芳", "channel": "web", "source": "form 7", "consent": "yes",
            "columns": {"reply": "请晚上打"}}),
        json!({"number": "+8613800138001", "channel": "im", "source": "chat 9", "consent": "yes",
            "preferred_at": wish.as_millis()}),
    ];
    for body in bodies {
        assert_eq!(rig.send("POST", PATH, Some(&manager), Some(body)).await.status, StatusCode::CREATED);
    }
    let none = rig.get("/promises", &manager).await.json();
    assert_eq!(none, json!({"items": [], "next_cursor": null}), "it is not known yet until when");
    let asked = rig.store.asked_promises().await.unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let until = asked.iter().map(|one| {
        let from = one.counts_from;
        (one.id, Some(crate::model::pre_registration::Deadline { at_risk_at: from, promised_at: from + hour }))
    });
    rig.store.date_promises(until.collect(), rig.now()).await.unwrap();
    rig.store.watch_promises(rig.now()).await.unwrap();
    let first = rig.get("/promises?limit=1", &manager).await.json();
    let one = &first["items"][0];
    assert_eq!(
        (&one["state"], &one["left_ms"], &one["words"]),
        (&json!("at_risk"), &json!(3_600_000), &json!("请晚上打")),
        "{one}"
    );
    assert_eq!(
        (&one["name"], &one["channel"], &one["number"]),
        (&json!("王芳"), &json!("web"), &json!("+8613800138000"))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("/promises?cursor={cursor}"), &manager).await.json();
    assert_eq!((&rest["items"][0]["preferred_at"], &rest["next_cursor"]), (&json!(wish), &json!(null)), "{rest}");
    let in_time = rig.get("/promises?state=in_time&campaign=family-plan", &manager).await.json();
    assert_eq!(in_time["items"].as_array().unwrap().len(), 1);
    assert_eq!(rig.get("/promises?campaign=none", &manager).await.json()["items"], json!([]));
    let counts = rig.get("/promises/counts", &manager).await.json();
    assert_eq!(counts, json!({"family-plan": {"in_time": 1, "at_risk": 1, "overdue": 0}}));
    rig.later(std::time::Duration::from_secs(1));
    let report = rig.get("/promises/report?days=1", &manager).await.json();
    let total = &report["total"];
    assert_eq!(
        (&total["asked"], &total["owed"], &total["kept_share"]),
        (&json!(2), &json!(2), &json!(null)),
        "{report}"
    );
    assert_eq!(report["parts"].as_array().unwrap().len(), 2);
    let lead = rig.get(&format!("/leads/{}", one["lead"].as_str().unwrap()), &manager).await.json();
    assert_eq!((&lead["asked"][0]["channel"], &lead["asked"][0]["promise"]), (&json!("web"), &json!("open")), "{lead}");
    for refused in
        ["/promises?cursor=5", "/promises?limit=0", "/promises/report?days=0", "/promises/report?days=1&from=1"]
    {
        assert_eq!(rig.get(refused, &manager).await.code(), "bad_query", "{refused}");
    }
    let file = rig.get("/promises/report/file?days=1", &manager).await;
    assert_eq!((file.status, file.text.lines().count()), (StatusCode::OK, 3), "{file:?}");
    rig.add_user("mei", Role::Agent).await;
    let agent = rig.log_in("mei").await;
    assert_eq!(rig.get("/promises", &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_reply_that_waits_is_decided_once_and_the_second_is_told_who_did() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let arrived = |text: &str| crate::store::Arrived {
        gateway: "smsc".parse().unwrap(),
        number: Ok(crate::model::phone::PhoneNumber::from_e164("+8613800138000").unwrap()),
        ours: "10690000".to_owned(),
        text: text.to_owned(),
        gateway_id: None,
        piece: None,
    };
    let free = rig.store.take_in(arrived("1 请晚上打"), "", rig.now()).await.unwrap().message.unwrap();
    let stop = rig.store.take_in(arrived("please stop calling"), "", rig.now()).await.unwrap().message.unwrap();
    let page = rig.get("/reviews?limit=1", &manager).await.json();
    assert_eq!(
        (&page["waiting"], &page["items"][0]["message"], &page["next"]),
        (&json!(2), &json!(free), &json!(free))
    );
    let rest = rig.get(&format!("/reviews?after={free}"), &manager).await.json();
    let suggestion = &rest["items"][0]["suggestion"];
    assert_eq!((&suggestion["decision"], &suggestion["because"]), (&json!("opt_out"), &json!("words")), "{rest}");
    let path = format!("/reviews/{free}");
    let nowhere = rig.send("POST", &path, Some(&manager), Some(json!({"decision": "interested"}))).await;
    assert_eq!(
        (nowhere.status, nowhere.text.contains("[replies]")),
        (StatusCode::UNPROCESSABLE_ENTITY, true),
        "{nowhere:?}"
    );
    let body = json!({"decision": "interested", "campaign": "family-plan"});
    let lifted =
        rig.send("POST", &format!("/reviews/{stop}"), Some(&manager), Some(json!({"decision": "other"}))).await;
    assert_eq!((lifted.status, &lifted.json()["suppressed"]), (StatusCode::OK, &json!(false)));
    let done = rig.send("POST", &path, Some(&manager), Some(body.clone())).await;
    assert_eq!((done.status, &done.json()["registered"]), (StatusCode::OK, &json!("new")), "{done:?}");
    let second = rig.send("POST", &path, Some(&manager), Some(body)).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(second.text.contains("decided") && second.text.contains("`interested`"), "{second:?}");
    assert_eq!(rig.get("/reviews", &manager).await.json()["waiting"], json!(0));
    let unknown =
        rig.send("POST", "/reviews/msg_0000000000001", Some(&manager), Some(json!({"decision": "other"}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{unknown:?}");
}
