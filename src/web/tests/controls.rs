//! Live controls of groups and campaigns, with who and when.

use axum::http::StatusCode;
use serde_json::json;

use super::rig::Rig;
use crate::engine::event::{Configured, Event};
use crate::model::campaign::CampaignState;
use crate::model::live_limits::LimitName;
use crate::store::GroupControls;
use crate::web::access::Role;

#[tokio::test]
async fn live_controls_of_a_group_go_to_the_engine() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    let body = json!({"idle_threshold": 0.25, "reserve": 2, "to_configuration": ["dwell_s"]});
    let answered = rig.send("PATCH", "/groups/blend", Some(&token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT);
    match rig.event().await {
        Event::GroupControl { group, change, .. } => {
            assert_eq!((group.as_str(), change.idle_threshold, change.reserve), ("blend", Some(0.25), Some(2)));
            assert_eq!((change.hysteresis, change.dwell_s), (None, None));
            assert_eq!(change.back, [Configured::DwellS(5.0)]);
        }
        other => panic!("{other:?}"),
    }
    let both = json!({"reserve": 2, "to_configuration": ["reserve"]});
    let refused = rig.send("PATCH", "/groups/blend", Some(&token), Some(both)).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/to_configuration");
    let unknown = rig.send("PATCH", "/groups/none", Some(&token), Some(json!({"to_configuration": ["reserve"]}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/groups/blend", &token).await.json()["settings"]["title"], "Blended");
    assert_eq!(rig.get("/groups/none", &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn each_control_says_what_is_configured_and_who_set_it_when() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let blend = "blend".parse().unwrap();
    let set = |reserve, change| (GroupControls { reserve, ..GroupControls::default() }, change);
    let first = rig.now();
    for ((controls, change), by) in [
        (set(Some(3), json!({"reserve": 3, "dwell_s": 7.0})), "ann"),
        (set(Some(2), json!({"reserve": 2, "dwell_s": null})), "ben"),
    ] {
        rig.store.set_group_controls(&blend, controls, &change, by, rig.now()).await.unwrap();
        rig.later(std::time::Duration::from_secs(60));
    }
    let detail = rig.get("/groups/blend", &token).await.json();
    let control =
        |name: &str| detail["controls"].as_array().unwrap().iter().find(|one| one["control"] == name).unwrap().clone();
    let (reserve, dwell, threshold) = (control("reserve"), control("dwell_s"), control("idle_threshold"));
    assert_eq!(
        (&reserve["set"], &reserve["configured"], &reserve["changed_by"]),
        (&true.into(), &1.0.into(), &"ben".into())
    );
    assert_eq!(
        (&dwell["set"], &dwell["configured"], &dwell["changed_by"]),
        (&false.into(), &5.0.into(), &"ben".into())
    );
    assert_eq!((&threshold["set"], &threshold["changed_at"]), (&false.into(), &json!(null)));
    let changes = rig.get("/groups/blend/changes", &token).await.json();
    assert_eq!((&changes[0]["by"], &changes[0]["controls"]), (&"ben".into(), &json!({"reserve": 2, "dwell_s": null})));
    assert_eq!((&changes[1]["by"], &changes[1]["at"]), (&"ann".into(), &first.as_millis().into()));
    let before = changes[0]["id"].as_str().unwrap();
    let rest = rig.get(&format!("/groups/blend/changes?before={before}&limit=9"), &token).await.json();
    assert_eq!(rest, json!([changes[1]]));
}

#[tokio::test]
async fn a_campaign_says_who_started_and_changed_it() {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.apply_family_plan(&token).await;
    let key = "family-plan".parse().unwrap();
    rig.store.set_campaign_state(&key, CampaignState::Running, "ann", "", rig.now()).await.unwrap();
    let changes = rig.get("/campaigns/family-plan/changes", &token).await.json();
    let told = |place: usize| (changes[place]["what"].as_str().unwrap(), changes[place]["by"].as_str().unwrap());
    assert_eq!((told(0), told(1)), (("campaign_state", "ann"), ("campaign_applied", "manager")), "{changes}");
    assert_eq!(rig.get("/campaigns/none/changes", &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn limits_of_a_campaign_are_set_over_its_definition_with_who_and_when_and_go_back() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    let token = rig.token(Role::Operator).await;
    let path = "/campaigns/family-plan/limits";
    let body = json!({"lines_max": 4, "to_definition": ["abandon_rate_max"]});
    let answered = rig.send("PATCH", path, Some(&token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "{answered:?}");
    let change = loop {
        match rig.event().await {
            Event::CampaignLimits { campaign, change, .. } if campaign.as_str() == "family-plan" => break change,
            Event::CampaignApplied { .. } => {} // how it got there
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((change.set.lines_max, &change.back[..]), (Some(4), &[LimitName::AbandonRateMax][..]));
    rig.store.set_live_limits(&"family-plan".parse().unwrap(), &change, "operator", rig.now()).await.unwrap();
    let limits = rig.get(path, &token).await.json();
    let names: Vec<&str> = limits.as_array().unwrap().iter().map(|one| one["limit"].as_str().unwrap()).collect();
    assert_eq!(names, ["lines_max", "dials_per_day_max", "abandon_rate_max"]);
    assert_eq!((&limits[0]["in_force"], &limits[0]["set"]), (&json!(4.0), &json!(true)), "{limits}");
    assert_eq!(
        (&limits[0]["changed_by"], &limits[0]["changed_at"]),
        (&json!("operator"), &rig.now().as_millis().into())
    );
    assert_eq!((&limits[2]["set"], &limits[2]["changed_by"]), (&json!(false), &json!("operator")), "it went back");
    assert_eq!(limits[2]["in_force"], limits[2]["defined"], "{limits}");
    let changes = rig.get("/campaigns/family-plan/changes", &token).await.json();
    assert_eq!(
        (&changes[0]["what"], &changes[0]["controls"]),
        (&json!("campaign_limits"), &json!({"lines_max": 4, "abandon_rate_max": null}))
    );
    let both = json!({"lines_max": 2, "to_definition": ["lines_max"]});
    let refused = rig.send("PATCH", path, Some(&token), Some(both)).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/to_definition");
    let unknown = rig.send("PATCH", path, Some(&token), Some(json!({"ringing_max": 2}))).await;
    assert_eq!(unknown.json()["errors"][0]["pointer"], "/ringing_max", "{unknown:?}");
    assert_eq!(rig.get("/campaigns/none/limits", &token).await.status, StatusCode::NOT_FOUND);
}
