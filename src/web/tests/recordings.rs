//! Recordings of calls: who hears them, and what is said where there is none.

use axum::http::{StatusCode, header};

use super::rig::{Answered, Rig, request};
use crate::model::attempt::CallRef;
use crate::model::id::{AttemptId, InboundId, UserId};
use crate::model::recording::{CallRecording, RecordingReason, RecordingState, file_of};
use crate::web::access::Role;

/// What stands in the file: no audio is needed to serve it.
const AUDIO: &str = "RIFF and so on: 0123456789";

fn call(id: i64) -> CallRef {
    CallRef::Outbound(AttemptId(id))
}

fn begun(rig: &Rig, call: CallRef) -> CallRecording {
    CallRecording::begun(call, UserId(7), rig.now())
}

fn whole(rig: &Rig, call: CallRef) -> CallRecording {
    CallRecording {
        state: RecordingState::Whole,
        ended_at: Some(rig.now()),
        length_ms: Some(1_500),
        bytes: Some(AUDIO.len() as u64),
        sha256: Some("ab".repeat(32)),
        dropped_frames: Some(0),
        ..begun(rig, call)
    }
}

/// A recording with its file.
async fn recorded(rig: &Rig, call: CallRef) -> String {
    let folder = rig.directory.path().join("recordings");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file_of(call)), AUDIO).unwrap();
    rig.store.record_recordings(vec![whole(rig, call)]).await.unwrap();
    format!("/recordings/{call}/audio")
}

async fn part(rig: &Rig, address: &str, token: &str, range: &str) -> Answered {
    let mut asked = request("GET", address, Some(token), None);
    asked.headers_mut().insert(header::RANGE, range.parse().unwrap());
    rig.answer(asked).await
}

async fn hearings(rig: &Rig) -> Vec<(String, String)> {
    let trail = rig.store.audit_trail(None, 100).await.unwrap();
    let heard = trail.into_iter().filter(|entry| entry.what == "recording_heard");
    heard.map(|entry| (entry.who, entry.object)).collect()
}

#[tokio::test]
async fn a_manager_hears_a_recording_whole_and_in_parts_and_every_hearing_is_written_down_once() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let address = recorded(&rig, call(5)).await;
    let whole = rig.get(&address, &manager).await;
    assert_eq!((whole.status, whole.text.as_str()), (StatusCode::OK, AUDIO));
    assert_eq!((whole.header("content-type"), whole.header("accept-ranges")), ("audio/wav", "bytes"));
    assert_eq!(whole.header("cache-control"), "no-store", "no copy of it is kept by the way");
    // A player goes on, and somebody seeks.
    for (range, expected) in [("bytes=0-", AUDIO), ("bytes=16-", "0123456789"), ("bytes=-3", "789")] {
        let answered = part(&rig, &address, &manager, range).await;
        assert_eq!((answered.status, answered.text.as_str()), (StatusCode::PARTIAL_CONTENT, expected), "{range}");
    }
    assert_eq!(part(&rig, &address, &manager, "bytes=900-").await.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let heard = ("manager".to_owned(), call(5).to_string());
    assert_eq!(hearings(&rig).await, std::slice::from_ref(&heard));
    rig.later(std::time::Duration::from_secs(600));
    // Also a part is a hearing.
    part(&rig, &address, &manager, "bytes=16-").await;
    assert_eq!(hearings(&rig).await, [heard.clone(), heard]);
    let detail = rig.get(&format!("/recordings/{}", call(5)), &manager).await.json();
    assert_eq!(detail["sha256"], "ab".repeat(32));
    assert_eq!(
        (&detail["recorded"], &detail["state"], &detail["length_ms"]),
        (&"yes".into(), &"whole".into(), &1500.into())
    );
    assert_eq!(detail["call"]["id"], call(5).to_string());
}

#[tokio::test]
async fn nobody_but_managers_hears_anything() {
    let rig = Rig::new().await;
    let address = recorded(&rig, call(5)).await;
    assert_eq!(rig.send("GET", &address, None, None).await.code(), "not_logged_in");
    for role in [Role::Agent, Role::Marketing, Role::Operator] {
        let token = rig.token(role).await;
        for address in [address.as_str(), "/recordings/att_0000000000005"] {
            let answered = rig.get(address, &token).await;
            assert_eq!((answered.status, answered.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"), "{role:?}");
            assert!(!answered.text.contains("0123456789"));
        }
    }
    assert_eq!(hearings(&rig).await, []);
}

#[tokio::test]
async fn where_there_is_none_the_code_says_so_and_the_detail_says_why() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let rows = vec![
        begun(&rig, call(1)),
        begun(&rig, call(3)).without(RecordingReason::DiskFull),
        whole(&rig, call(4)),
        whole(&rig, CallRef::Inbound(InboundId(5))),
    ];
    rig.store.record_recordings(rows).await.unwrap();
    rig.store.recordings_removed(&[call(4)], RecordingReason::Retention).await.unwrap();
    for (call, status, code, says) in [
        (call(1), 404, "no_recording", "still being recorded"),
        (call(2), 404, "no_recording", "does not record"),
        (call(3), 404, "no_recording", "no room on the disk"),
        (call(4), 410, "recording_removed", "kept for its days"),
        (CallRef::Inbound(InboundId(5)), 410, "recording_lost", "not in the folder"),
        (call(6), 404, "no_recording", "no such call"),
    ] {
        let answered = rig.get(&format!("/recordings/{call}/audio"), &manager).await;
        assert_eq!((answered.status.as_u16(), answered.code().as_str()), (status, code), "{call}: {answered:?}");
        assert!(answered.json()["detail"].as_str().unwrap().contains(says), "{answered:?}");
    }
    // What was found missing is told from then on, until it is there again.
    let lost = rig.get("/recordings/inb_0000000000005", &manager).await.json();
    assert_eq!((&lost["recorded"], lost["lost_at"].is_number()), (&"missing".into(), true), "{lost}");
    assert_eq!(hearings(&rig).await, [], "nothing was heard");
    let wrong = rig.get("/recordings/lead_0000000000005", &manager).await;
    assert!(wrong.status.is_client_error() && wrong.text.contains("att_"), "{wrong:?}");
    let address = recorded(&rig, CallRef::Inbound(InboundId(5))).await;
    assert_eq!(rig.get(&address, &manager).await.status, StatusCode::OK);
}

#[tokio::test]
async fn lists_of_attempts_take_only_words_of_the_filter() {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    rig.apply_family_plan(&manager).await;
    for (query, status) in [("yes", 200), ("no", 200), ("missing", 200), ("maybe", 400)] {
        for list in ["attempts?", "search?text=a&"] {
            let address = format!("/campaigns/family-plan/{list}recording={query}");
            assert_eq!(rig.get(&address, &manager).await.status.as_u16(), status, "{address}");
        }
    }
}
