//! Files that are written as jobs.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use super::rig::{Rig, request};
use crate::engine::event::Event;
use crate::store::{ExportAsked, ExportState, ExportStep};
use crate::web::access::Role;

/// A manager's token, and two leads of the family plan.
async fn two_leads(rig: &mut Rig) -> String {
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    super::campaigns::import(rig, &manager, "first", "phone,name,city\n13800138000,=Ann,武汉\n13800138001,Ben,\n")
        .await;
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));
    manager
}

async fn asked(rig: &Rig, token: &str, body: Value) -> String {
    let answered = rig.send("POST", "/exports", Some(token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::ACCEPTED, "{answered:?}");
    answered.json()["id"].as_str().unwrap().to_owned()
}

/// The job when it is worked on no more.
async fn ended(rig: &Rig, token: &str, id: &str) -> Value {
    loop {
        let job = rig.get(&format!("/exports/{id}"), token).await.json();
        if !["waiting", "running"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_file_of_leads_is_written_listed_and_fetched_whole_and_in_parts() {
    let mut rig = Rig::new().await;
    let manager = two_leads(&mut rig).await;
    let id =
        asked(&rig, &manager, json!({"kind": "leads", "campaign": "family-plan", "bom": true, "to": i64::MAX})).await;
    let job = ended(&rig, &manager, &id).await;
    assert_eq!((&job["state"], &job["rows"], &job["by"]), (&"done".into(), &2.into(), &"manager".into()), "{job}");
    let list = rig.get("/exports", &manager).await.json();
    assert_eq!(list, json!([job]));

    let address = format!("/exports/{id}/file");
    let whole = rig.get(&address, &manager).await;
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"family-plan-leads.csv\"");
    assert_eq!((whole.header("accept-ranges"), whole.text.len() as u64), ("bytes", job["bytes"].as_u64().unwrap()));
    let mut lines = whole.text.lines();
    let heading = lines.next().unwrap();
    assert!(
        heading.starts_with("\u{feff}lead,campaign,list,number,name") && heading.ends_with("note,city"),
        "{heading}"
    );
    let first = lines.next().unwrap();
    assert!(first.contains(",+8613800138000,'=Ann,") && first.ends_with(",武汉"), "{first}");

    let mut part = request("GET", &address, Some(&manager), None);
    part.headers_mut().insert(header::RANGE, "bytes=3-6".parse().unwrap());
    part.headers_mut().insert(header::IF_RANGE, whole.header("etag").parse().unwrap());
    let part = rig.answer(part).await;
    assert_eq!((part.status, part.text.as_str()), (StatusCode::PARTIAL_CONTENT, "lead"));
    assert_eq!(part.header("content-range"), format!("bytes 3-6/{}", job["bytes"]));
    let mut behind = request("GET", &address, Some(&manager), None);
    behind.headers_mut().insert(header::RANGE, "bytes=9999999-".parse().unwrap());
    assert_eq!(rig.answer(behind).await.status, StatusCode::RANGE_NOT_SATISFIABLE);

    let gone = rig.send("DELETE", &format!("/exports/{id}"), Some(&manager), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&address, &manager).await.status, StatusCode::NOT_FOUND);
    let left = std::fs::read_dir(rig.directory.path().join("exports")).unwrap().count();
    assert_eq!(left, 0, "the file tells of customers and is gone with the job");
    let trail = rig.store.audit_trail(None, 20).await.unwrap();
    let whats: Vec<&str> =
        trail.iter().map(|entry| entry.what.as_str()).filter(|what| what.starts_with("export")).collect();
    assert_eq!(whats, ["export_removed", "export_fetched", "export_asked"]);
}

#[tokio::test]
async fn marketing_gets_masked_files_of_its_own_and_no_ledgers() {
    let mut rig = Rig::new().await;
    let manager = two_leads(&mut rig).await;
    let marketing = rig.token(Role::Marketing).await;
    let theirs = asked(&rig, &manager, json!({"kind": "leads", "campaign": "family-plan", "to": i64::MAX})).await;
    ended(&rig, &manager, &theirs).await;
    let own = asked(&rig, &marketing, json!({"kind": "leads", "campaign": "family-plan", "to": i64::MAX})).await;
    let job = ended(&rig, &marketing, &own).await;
    assert_eq!((&job["masked"], &job["rows"]), (&true.into(), &2.into()));
    let text = rig.get(&format!("/exports/{own}/file"), &marketing).await.text;
    assert!(text.contains("+86138****8000") && !text.contains("Ann") && !text.contains("武汉"), "{text}");
    assert_eq!(rig.get(&format!("/exports/{theirs}/file"), &marketing).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/exports", &marketing).await.json().as_array().unwrap().len(), 1);
    assert_eq!(rig.get("/exports", &manager).await.json().as_array().unwrap().len(), 2);
    let ledger = rig.send("POST", "/exports", Some(&marketing), Some(json!({"kind": "suppressions"}))).await;
    assert_eq!(ledger.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_job_that_a_restart_broke_off_says_so_and_is_started_again() {
    let mut rig = Rig::new().await;
    let manager = two_leads(&mut rig).await;
    let asked = ExportAsked {
        kind: "leads".to_owned(),
        campaign: Some("family-plan".parse().unwrap()),
        from: crate::model::time::Timestamp::from_millis(0),
        to: crate::model::time::Timestamp::from_millis(i64::MAX),
        format: "xlsx".to_owned(),
        bom: false,
        masked: false,
    };
    let id = rig.store.add_export(asked, "manager", rig.now()).await.unwrap();
    let running = ExportStep { state: ExportState::Running, rows: 0, bytes: 0, error: None };
    rig.store.step_export(id, running, rig.now()).await.unwrap();
    assert_eq!(rig.store.interrupt_exports(rig.now()).await.unwrap(), 1);
    let address = format!("/exports/{id}");
    assert_eq!(rig.get(&address, &manager).await.json()["state"], "interrupted");
    assert_eq!(rig.get(&format!("{address}/file"), &manager).await.status, StatusCode::NOT_FOUND);
    let again = rig.send("POST", &format!("{address}/restart"), Some(&manager), None).await;
    assert_eq!((again.status, &again.json()["state"]), (StatusCode::ACCEPTED, &"waiting".into()));
    let job = ended(&rig, &manager, &id.to_string()).await;
    assert_eq!((&job["state"], &job["rows"]), (&"done".into(), &2.into()), "{job}");
    let twice = rig.send("POST", &format!("{address}/restart"), Some(&manager), None).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert_eq!(rig.store.forget_exports(rig.now()).await.unwrap(), 0);
    rig.later(std::time::Duration::from_secs(1));
    assert_eq!(rig.store.forget_exports(rig.now()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_waits_is_stopped_and_too_many_are_refused() {
    let mut rig = Rig::new().await;
    let manager = two_leads(&mut rig).await;
    // Nothing is written while all places are taken.
    let places = rig.state.exports.places.clone().acquire_many_owned(2).await.unwrap();
    let body = json!({"kind": "calls", "campaign": "family-plan"});
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(asked(&rig, &manager, body.clone()).await);
    }
    let refused = rig.send("POST", "/exports", Some(&manager), Some(body)).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
    assert_eq!(rig.get(&format!("/exports/{}", ids[0]), &manager).await.json()["state"], "waiting");
    for id in &ids {
        let stopped = rig.send("DELETE", &format!("/exports/{id}"), Some(&manager), None).await;
        assert_eq!(stopped.status, StatusCode::NO_CONTENT);
        assert_eq!(rig.get(&format!("/exports/{id}"), &manager).await.json()["state"], "cancelled");
    }
    drop(places);
    assert_eq!(rig.state.exports.live().len(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_is_refused_by_its_field() {
    let mut rig = Rig::new().await;
    let manager = two_leads(&mut rig).await;
    for (body, pointer) in [
        (json!({"kind": "calls"}), "/campaign"),
        (json!({"kind": "calls", "campaign": "family-plan", "from": 5, "to": 5}), "/to"),
        (json!({"kind": "people"}), "/kind"),
    ] {
        let answered = rig.send("POST", "/exports", Some(&manager), Some(body)).await;
        assert_eq!(answered.json()["errors"][0]["pointer"], pointer, "{answered:?}");
    }
    let unknown =
        rig.send("POST", "/exports", Some(&manager), Some(json!({"kind": "calls", "campaign": "none"}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let ledger = asked(&rig, &manager, json!({"kind": "suppressions", "format": "xlsx"})).await;
    assert_eq!(ended(&rig, &manager, &ledger).await["state"], "done");
}
