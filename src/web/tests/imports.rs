//! Imports as jobs, and taking them back.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::rig::{Answered, Rig, request};
use super::uploads::{announce, send, whole};
use crate::engine::event::Event;
use crate::web::access::Role;

const JOBS: &str = "/campaigns/family-plan/import-jobs";

async fn ask(rig: &Rig, token: &str, upload: &str, more: Value) -> Answered {
    let mut body = json!({"upload": upload, "name": "May"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rig.send("POST", JOBS, Some(token), Some(body)).await
}

/// A job that was taken; its address below the API's base.
async fn begin(rig: &Rig, token: &str, upload: &str, more: Value) -> String {
    let answered = ask(rig, token, upload, more).await;
    assert_eq!(answered.status, StatusCode::ACCEPTED, "{answered:?}");
    answered.header("location").strip_prefix("/api/v1").unwrap().to_owned()
}

/// The events of a job to its end.
async fn events(rig: &Rig, token: &str, path: &str) -> Vec<(String, Value)> {
    let request = request("GET", &format!("{path}/events"), Some(token), None);
    let response = tower::ServiceExt::oneshot(rig.router.clone(), request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let events = text.split("\n\n").filter_map(|event| event.strip_prefix("event: ")?.split_once("\ndata: "));
    events.map(|(name, data)| (name.to_owned(), serde_json::from_str(data).unwrap())).collect()
}

/// A job as it ended.
async fn end(rig: &Rig, token: &str, path: &str) -> Value {
    let events = events(rig, token, path).await;
    let (name, job) = events.last().cloned().expect("an event");
    assert_eq!(name, "end", "{events:?}");
    assert_eq!(rig.get(path, token).await.json(), job, "whoever asks is told the same");
    job
}

async fn ready() -> (Rig, String) {
    let mut rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.apply_family_plan(&token).await;
    (rig, token)
}

#[tokio::test]
async fn a_file_is_checked_and_then_imported_by_jobs_whose_counts_add_up() {
    let (mut rig, token) = ready().await;
    let text = "mobile,name,city\n13800000001,王芳,上海\nnonsense,李雷,北京\n13800000001,王芳,上海\n1.38E+10,X,Y\n";
    let upload = whole(&rig, &token, "五月.csv", text.as_bytes()).await;
    let checked = begin(&rig, &token, &upload, json!({"dry_run": true})).await;
    let checked = end(&rig, &token, &checked).await;
    assert_eq!((&checked["state"], &checked["file"]), (&json!("done"), &json!("五月.csv")), "{checked}");
    let report = &checked["report"];
    for (part, count) in [("rows", 4), ("accepted", 1), ("duplicate", 1), ("invalid", 2), ("left", 0), ("no_window", 0)]
    {
        assert_eq!(report[part], count, "{part}: {report}");
    }
    assert_eq!((&report["dry_run"], &checked["import"]), (&json!(true), &json!(null)));
    assert_eq!(report["rejected"], json!({"duplicate_in_file": 1, "not_a_number": 1, "number_rounded": 1}), "{report}");
    let rejected = report["rejected_file"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
    assert!(rig.get(rejected, &token).await.text.contains("nonsense,李雷,北京,3,mobile,not_a_number"), "{report}");
    assert_eq!(rig.get("/campaigns/family-plan/lists", &token).await.json(), json!([]));

    let path = begin(&rig, &token, &upload, json!({})).await;
    let done = end(&rig, &token, &path).await;
    assert_eq!((&done["state"], &done["report"]["accepted"]), (&json!("done"), &json!(1)), "{done}");
    assert!(matches!(rig.event().await, Event::LeadsChanged { .. }));
    let lists = rig.get("/campaigns/family-plan/lists", &token).await.json();
    assert_eq!((&lists[0]["import"], &lists[0]["name"]), (&done["import"], &json!("May")), "{lists}");
    assert_eq!((&lists[0]["id"], &lists[0]["rejected_file"]), (&done["list"], &done["report"]["rejected_file"]));
    let history = rig.get(JOBS, &token).await.json();
    let told: Vec<(&Value, &Value)> =
        history.as_array().unwrap().iter().map(|job| (&job["request"]["dry_run"], &job["created_by"])).collect();
    assert_eq!(told, [(&json!(false), &json!("manager")), (&json!(true), &json!("manager"))]);

    // Kept for some hours, should somebody see what was overlooked, and then no more.
    rig.later(Duration::from_secs(5 * 3600));
    announce(&rig, &token, "other.csv", 5).await;
    assert_eq!(rig.get(&format!("/uploads/{upload}"), &token).await.status, StatusCode::OK);
    rig.later(Duration::from_secs(2 * 3600));
    announce(&rig, &token, "another.csv", 5).await;
    assert_eq!(rig.get(&format!("/uploads/{upload}"), &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_job_says_what_is_wrong_with_the_file_and_what_is_wrong_with_the_question_is_said_at_once() {
    let (rig, token) = ready().await;
    let upload = whole(&rig, &token, "a.csv", b"city,age\nx,3\n").await;
    let failed = begin(&rig, &token, &upload, json!({})).await;
    let failed = end(&rig, &token, &failed).await;
    assert_eq!(
        (&failed["state"], &failed["problem"]["code"]),
        (&json!("failed"), &json!("no_number_column")),
        "{failed}"
    );
    assert!(failed["problem"]["detail"].as_str().unwrap().contains("found city, age"), "{failed}");
    for (more, pointer) in [
        (json!({"name": " "}), "/name"),
        (json!({"region": "ZZ"}), "/region"),
        (json!({"mapping": [{"heading": "", "use": "number"}]}), "/mapping"),
        (json!({"mapping": [{"heading": "a", "use": "fax"}]}), "/mapping/0/use"),
        (json!({"tempo": 1}), "/tempo"),
    ] {
        let refused = ask(&rig, &token, &upload, more.clone()).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{more}: {refused:?}");
    }
    assert_eq!(ask(&rig, &token, &upload, json!({"encoding": "morse"})).await.code(), "bad_query");
    assert_eq!(ask(&rig, &token, &upload, json!({"template": "none"})).await.code(), "not_found");
    assert_eq!(ask(&rig, &token, "upl_0000000000001", json!({})).await.code(), "not_found");
    let half = announce(&rig, &token, "half.csv", 5).await;
    assert_eq!(ask(&rig, &token, half.strip_prefix("/uploads/").unwrap(), json!({})).await.code(), "conflict");
    let cancel = format!("/import-jobs/{}/cancel", failed["id"].as_str().unwrap());
    assert_eq!(rig.send("POST", &cancel, Some(&token), None).await.code(), "conflict");
    assert_eq!(rig.get(JOBS, &token).await.json().as_array().unwrap().len(), 1, "what was refused is no job");
}

#[tokio::test]
async fn a_mapping_and_a_template_say_what_columns_are_and_go_on_the_record() {
    let (rig, token) = ready().await;
    let columns = json!({"columns": [{"heading": "A", "use": "name"}, {"heading": "B", "use": "number"}]});
    rig.send("PUT", "/list-templates/fair", Some(&token), Some(columns)).await;
    let upload = whole(&rig, &token, "a.csv", "A,B,C\n王芳,13800000001,上海\n".as_bytes()).await;
    let mapping = json!([{"heading": "c", "use": "custom", "name": "City"}]);
    let path = begin(&rig, &token, &upload, json!({"template": "fair", "mapping": mapping})).await;
    let done = end(&rig, &token, &path).await;
    assert_eq!((&done["state"], &done["report"]["accepted"]), (&json!("done"), &json!(1)), "{done}");
    assert_eq!(done["request"]["mapping"].as_array().unwrap().len(), 3, "{done}");
    let lead = rig.store.leads_of_number(&super::rig::number("+8613800000001")).await.unwrap().remove(0);
    assert_eq!((lead.name.as_str(), lead.extra["City"].as_str()), ("王芳", "上海"));
}

#[tokio::test]
async fn a_file_in_one_request_is_mapped_as_that_of_a_job() {
    let (rig, token) = ready().await;
    let columns = json!({"columns": [{"heading": "A", "use": "name"}, {"heading": "B", "use": "number"}]});
    rig.send("PUT", "/list-templates/fair", Some(&token), Some(columns)).await;
    let send = async |query: &str| {
        let mut sent = request("POST", &format!("/campaigns/family-plan/lists?name=a&{query}"), Some(&token), None);
        sent.headers_mut().insert("content-type", "text/csv".parse().unwrap());
        *sent.body_mut() = Body::from("A,B,C\nAnn,13800000001,Oslo\n");
        rig.answer(sent).await
    };
    // [{"heading": "c", "use": "custom", "name": "City"}]
    let city = "mapping=%5B%7B%22heading%22%3A%22c%22%2C%22use%22%3A%22custom%22%2C%22name%22%3A%22City%22%7D%5D";
    let report = send(&format!("template=fair&{city}")).await;
    assert_eq!((report.status, &report.json()["accepted"]), (StatusCode::OK, &json!(1)), "{report:?}");
    let lead = rig.store.leads_of_number(&super::rig::number("+8613800000001")).await.unwrap().remove(0);
    assert_eq!((lead.name.as_str(), lead.extra["City"].as_str()), ("Ann", "Oslo"));
    assert_eq!(send(city).await.code(), "bad_file", "without the template nothing says which column has numbers");
    assert_eq!(send("template=none").await.code(), "not_found");
    let columns = json!({"columns": [{"heading": "B", "use": "custom", "name": "city"}]});
    rig.send("PUT", "/list-templates/town", Some(&token), Some(columns)).await;
    let both = format!("template=town&{city}");
    // `A=number`, and {"heading": "A", "use": "fax"} in an array.
    for (bad, says) in [
        ("mapping=A%3Dnumber", "expected JSON such as"),
        ("mapping=%5B%7B%22heading%22%3A%22A%22%2C%22use%22%3A%22fax%22%7D%5D", "unknown variant `fax`"),
        ("mapping=%5B%7B%22heading%22%3A%22%22%2C%22use%22%3A%22name%22%7D%5D", "mapping: "),
        (&both, "mapping: "),
    ] {
        let refused = send(bad).await;
        assert_eq!(refused.code(), "bad_query", "{refused:?}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(says), "{refused:?}");
    }
    let upload = whole(&rig, &token, "a.csv", b"A,B,C\nAnn,13800000002,Oslo\n").await;
    let mapping = json!([{"heading": "C", "use": "custom", "name": "City"}]);
    let refused = ask(&rig, &token, &upload, json!({"template": "town", "mapping": mapping})).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/mapping", "{refused:?}");
}

#[tokio::test]
async fn the_same_question_under_a_key_is_one_job() {
    let (rig, token) = ready().await;
    let upload = whole(&rig, &token, "a.csv", b"phone\n13800000001\n").await;
    let keyed = async |name: &str| {
        let body = json!({"upload": upload, "name": name});
        let mut request = request("POST", JOBS, Some(&token), Some(body));
        request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        rig.answer(request).await
    };
    let (first, second) = (keyed("May").await, keyed("May").await);
    assert_eq!((first.status, second.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(
        (first.json()["id"].clone(), second.header("idempotency-replayed")),
        (second.json()["id"].clone(), "true")
    );
    assert_eq!(keyed("June").await.code(), "idempotency_key_reused");
    assert_eq!(rig.get(JOBS, &token).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn jobs_wait_in_their_order_and_one_that_waits_is_cancelled_at_once_and_can_go_on() {
    let (rig, token) = ready().await;
    // Whoever holds both places: two files that come in one request each and do not end.
    let mut held = Vec::new();
    for name in ["a", "b"] {
        let (sender, body) = crate::web::live::Written::channel();
        let mut long = request("POST", &format!("/campaigns/family-plan/lists?name={name}"), Some(&token), None);
        long.headers_mut().insert("content-type", "text/csv".parse().unwrap());
        *long.body_mut() = body;
        let router = rig.router.clone();
        let sending = tokio::spawn(async move { tower::ServiceExt::oneshot(router, long).await.unwrap() });
        sender.send(Ok(axum::body::Bytes::from_static(b"phone\n"))).await.unwrap();
        held.push((sender, sending));
    }
    while rig.state.uploads.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let upload = whole(&rig, &token, "a.csv", b"phone\n13800000001\n").await;
    let first = begin(&rig, &token, &upload, json!({})).await;
    let second = begin(&rig, &token, &upload, json!({"name": "June"})).await;
    let watched = request("GET", &format!("{second}/events"), Some(&token), None);
    let watched = tower::ServiceExt::oneshot(rig.router.clone(), watched).await.unwrap();
    assert_eq!(rig.get(&second, &token).await.json()["state"], "queued");
    let busy = rig.send("DELETE", &format!("/uploads/{upload}"), Some(&token), None).await;
    assert_eq!(busy.code(), "conflict", "the jobs need it");
    let cancelled = rig.send("POST", &format!("{second}/cancel"), Some(&token), None).await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (StatusCode::ACCEPTED, &json!("cancelled")));
    let told = axum::body::to_bytes(watched.into_body(), 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("event: end"), "{told:?}");
    for (sender, sending) in held {
        drop(sender);
        assert_eq!(sending.await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY, "no rows");
    }
    assert_eq!(end(&rig, &token, &first).await["state"], "done");
    let again = rig.send("POST", &format!("{second}/resume"), Some(&token), None).await;
    assert_eq!((again.status, &again.json()["state"]), (StatusCode::ACCEPTED, &json!("queued")), "{again:?}");
    let done = end(&rig, &token, &second).await;
    assert_eq!((&done["state"], &done["report"]["duplicate"]), (&json!("done"), &json!(1)), "{done}");
    let over = rig.send("POST", &format!("{second}/resume"), Some(&token), None).await;
    assert_eq!(over.code(), "conflict", "one that is done does not go on");
}

#[tokio::test]
async fn a_job_that_is_stopped_at_the_end_of_the_service_is_broken_off_and_goes_on_after_the_next_start() {
    let (rig, token) = ready().await;
    let mut text = "phone,name\n".to_owned();
    // Whatever batch comes first has a number that stands there twice.
    (0..19_999).for_each(|place| text += &format!("138{place:08},客户\n"));
    text += "13800000000,twice\n";
    let upload = whole(&rig, &token, "long.csv", text.as_bytes()).await;
    let path = begin(&rig, &token, &upload, json!({})).await;
    while rig.get(&path, &token).await.json()["import"].is_null() {
        tokio::task::yield_now().await;
    }
    rig.closed.send_replace(true);
    while !matches!(rig.get(&path, &token).await.json()["state"].as_str(), Some("broken_off" | "done")) {
        tokio::task::yield_now().await;
    }
    let broken = rig.get(&path, &token).await.json();
    assert_eq!(broken["state"], "broken_off", "{broken}");
    let so_far = broken["report"]["accepted"].as_u64().unwrap();
    assert_eq!(so_far + broken["report"]["left"].as_u64().unwrap(), 19_999, "{broken}");
    assert!(so_far > 0 && so_far < 19_999, "{broken}");
    // What was rejected so far can be fetched, and corrected.
    assert_eq!(broken["report"]["rejected"], json!({"duplicate_in_file": 1}), "{broken}");
    let rejected = broken["report"]["rejected_file"].as_str().unwrap().strip_prefix("/api/v1").unwrap();
    let rows = rig.get(rejected, &token).await.text;
    assert!(rows.contains("13800000000,twice,20001,,duplicate_in_file"), "{rows}");
    // The next run of the service, on the same store.
    let closed = tokio::sync::watch::Sender::new(false);
    tokio::spawn(crate::web::work_jobs(rig.state.clone(), closed.subscribe()));
    let again = rig.send("POST", &format!("{path}/resume"), Some(&token), None).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{again:?}");
    let done = end(&rig, &token, &path).await;
    assert_eq!((&done["state"], &done["import"]), (&json!("done"), &broken["import"]), "{done}");
    assert_eq!((&done["report"]["accepted"], &done["report"]["resumed"]), (&json!(19_999), &json!(true)), "{done}");
    assert_eq!(rig.get(rejected, &token).await.text, rows, "the file of the whole import");
}

#[tokio::test]
async fn an_import_can_be_undone_within_its_hours_and_the_outlook_says_what_that_does() {
    let (rig, token) = ready().await;
    let mut other = request("POST", "/campaigns/family-plan/lists?name=a", Some(&token), None);
    other.headers_mut().insert("content-type", "text/csv".parse().unwrap());
    *other.body_mut() = Body::from("phone,name\n13800000001,Ann\n13800000002,Ben\n");
    let report = rig.answer(other).await.json();
    let undo = format!("/imports/{}/undo", report["id"].as_str().unwrap());
    let outlook = rig.get(&undo, &token).await.json();
    assert_eq!((&outlook["possible"], &outlook["removed"], &outlook["given_up"]), (&json!(true), &json!(2), &json!(0)));
    let until = rig.now().as_millis() + 24 * 3600 * 1000;
    assert_eq!(outlook["until"], until);
    let lists = rig.get("/campaigns/family-plan/lists", &token).await.json();
    assert_eq!(lists[0]["undo_until"], until, "{lists}");
    rig.later(Duration::from_millis(24 * 3600 * 1000 + 1));
    let token = rig.log_in("manager").await;
    let late = rig.send("POST", &undo, Some(&token), None).await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::CONFLICT, "too_late"), "{late:?}");
    assert!(late.json()["detail"].as_str().unwrap().contains("until 2026-11-23T02:00:00.000Z"), "{late:?}");
    assert_eq!(rig.get(&undo, &token).await.json()["possible"], false);
    let lists = rig.get("/campaigns/family-plan/lists", &token).await.json();
    assert_eq!(lists[0]["undo_until"], json!(null));
    rig.settings.send_modify(|settings| {
        std::sync::Arc::make_mut(settings).undo_within = Duration::from_secs(48 * 3600);
    });
    let undone = rig.send("POST", &undo, Some(&token), None).await;
    assert_eq!(
        undone.json(),
        json!({"removed": 2, "given_up": 0, "restored": 0, "numbers": 0, "numbers_kept": 0}),
        "{undone:?}"
    );
    let twice = rig.send("POST", &undo, Some(&token), None).await;
    assert_eq!(twice.code(), "conflict", "{twice:?}");
    assert_eq!(rig.get("/imports/imp_0000000000001/undo", &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn files_that_have_been_brought_in_make_room_for_others_and_those_that_have_not_stay() {
    let (rig, token) = ready().await;
    let mut uploads = Vec::new();
    for index in 0..8 {
        let text = format!("phone\n1380000000{index}\n");
        uploads.push(whole(&rig, &token, &format!("{index}.csv"), text.as_bytes()).await);
    }
    for (index, dry_run) in [(2, false), (5, false), (6, true)] {
        let path = begin(&rig, &token, &uploads[index], json!({"name": index.to_string(), "dry_run": dry_run})).await;
        assert_eq!(end(&rig, &token, &path).await["state"], "done");
    }
    for _ in 0..2 {
        announce(&rig, &token, "more.csv", 5).await;
    }
    let full = rig.send("POST", "/uploads", Some(&token), Some(json!({"name": "full.csv", "length": 5}))).await;
    assert_eq!(full.code(), "conflict", "{full:?}");
    let kept = rig.get("/uploads", &token).await.json();
    let names: Vec<&str> = kept.as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["0.csv", "1.csv", "3.csv", "4.csv", "6.csv", "7.csv", "more.csv", "more.csv"]);
}

#[tokio::test]
async fn pieces_of_different_files_do_not_wait_for_each_other() {
    let (rig, token) = ready().await;
    let (one, two) = (announce(&rig, &token, "1", 2).await, announce(&rig, &token, "2", 2).await);
    let (first, second) = tokio::join!(send(&rig, &token, &one, 0, b"ab"), send(&rig, &token, &two, 0, b"cd"));
    assert_eq!((first.status, second.status), (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
}
