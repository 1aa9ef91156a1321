//! Group commit, crashes, full disks and lost files.

use super::*;

/// Small enough that a few hundred rows fill it.
const SMALL: u64 = 900 * 1024;

fn small() -> Options {
    Options { size_max_bytes: Some(SMALL), ..Options::default() }
}

/// Writes until the database takes no more.
async fn fill(rig: &Rig) -> StoreError {
    let filler = "x".repeat(8000);
    for id in 0..1000 {
        if let Err(error) = rig.store.save_dialog(&id.to_string(), &filler, NOW).await {
            return error;
        }
    }
    panic!("the database grew beyond its limit");
}

/// Makes room again.
async fn empty(rig: &Rig) {
    let mut conn = rig.beside().await;
    conn.control("delete from dialogs").await.unwrap();
}

#[tokio::test]
async fn writes_that_wait_together_are_committed_together_and_each_gets_its_own_answer() {
    let rig = Rig::new().await;
    let mut tasks = Vec::new();
    for id in 0..100_i64 {
        let store = rig.store.clone();
        tasks.push(tokio::spawn(async move {
            // Every third one fails on its own account.
            if id % 3 == 0 {
                store.end_attempt(end(AttemptId(1_000_000 + id), Disposition::Busy, None)).await.is_ok()
            } else {
                store.save_dialog(&id.to_string(), "{}", NOW).await.is_ok()
            }
        }));
    }
    let mut kept = 0;
    for (id, task) in tasks.into_iter().enumerate() {
        let succeeded = task.await.unwrap();
        assert_eq!(succeeded, id % 3 != 0, "write {id}");
        kept += usize::from(succeeded);
    }
    let rig = rig.crash().await;
    assert_eq!(rig.store.leftover_dialogs().await.unwrap().len(), kept);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let mut rig = Rig::in_file(Options::default()).await;
    let (lead, attempt) = rig.dialling("+8613800138000").await;
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.record_result(result(attempt, lead, 1, Disposition::Accepted)).await.unwrap();
    // A copy of the files as they are on the disk now, without any closing: what a power cut leaves.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(rig.directory.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let checked = Options { quick_check: true, ..Options::default() };
    let store = Store::open(&copy.path().join("lull.db"), checked).await.unwrap();
    assert_eq!(store.lead(lead).await.unwrap().unwrap().state, crate::model::lead::LeadState::Done);
    assert_eq!(store.audit_sums(after(100), 3600).await.unwrap(), vec![]);
}

#[tokio::test]
async fn on_a_full_disk_intents_are_refused_and_results_are_kept_and_applied_once() {
    let mut rig = Rig::in_file(small()).await;
    let (lead, attempt) = rig.dialling("+8613800000001").await;
    let other = rig.lead("+8613800000002").await;
    let error = fill(&rig).await;
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert_eq!(*rig.store.health().borrow(), Health::DiskFull);
    // What little room is left between two fillers goes as well.
    let mut intents = 0;
    let refused = loop {
        let intent = rig.intent(other, "+8613800000002");
        match rig.store.record_intent(intent.clone(), std::sync::Arc::new(|_| Ok(()))).await {
            Err(error) => break error,
            Ok(_) => {
                intents += 1;
                rig.store
                    .end_attempt(end(intent.attempt, Disposition::Busy, Some(LeadNext::Retry { at: NOW })))
                    .await
                    .unwrap();
                assert!(intents < 10_000);
            }
        }
    };
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
    assert!(rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap());
    let said = CallResult { note: "y".repeat(20_000), ..result(attempt, lead, 1, Disposition::Accepted) };
    let receipt = rig.store.record_result(said.clone()).await.unwrap();
    assert!(receipt.journalled, "{receipt:?}");
    empty(&rig).await;
    // The next write finds room; the journal goes first.
    rig.store.drop_dialog("none").await.unwrap();
    assert_eq!(*rig.store.health().borrow(), Health::Up);
    assert!(rig.store.inner.journal.as_ref().unwrap().is_empty());
    let again = rig.store.record_result(said).await.unwrap();
    assert_eq!((again.revision, again.repeated), (1, true));
    assert_eq!(rig.store.lead(lead).await.unwrap().unwrap().state, crate::model::lead::LeadState::Done);
}

#[tokio::test]
async fn a_journal_left_by_a_crash_is_replayed_once_by_the_next_run() {
    let mut rig = Rig::new().await;
    let (lead, attempt) = rig.dialling("+8613800000001").await;
    let journal = std::sync::Arc::clone(rig.store.inner.journal.as_ref().unwrap());
    let said = result(attempt, lead, 1, Disposition::Accepted);
    for _ in 0..2 {
        journal.append(journal::Entry::AttemptEnd(end(attempt, Disposition::NotRecorded, None))).unwrap();
        journal.append(journal::Entry::Result(said.clone())).unwrap();
        // An entry that fits nothing does not hold up the others.
        let stray = end(AttemptId(4711), Disposition::Busy, None);
        journal.append(journal::Entry::AttemptEnd(stray)).unwrap();
    }
    drop(journal);
    let rig = rig.crash().await;
    rig.store.drop_dialog("none").await.unwrap();
    let again = rig.store.record_result(said).await.unwrap();
    assert_eq!((again.revision, again.repeated), (1, true));
    assert!(rig.store.open_attempts().await.unwrap().is_empty());
    assert!(rig.store.inner.journal.as_ref().unwrap().is_empty());
}

#[tokio::test]
async fn a_deleted_file_stops_writes_instead_of_losing_them() {
    let rig = Rig::in_file(Options::default()).await;
    std::fs::remove_file(rig.path()).unwrap();
    let error = rig.store.save_dialog("a", "{}", NOW).await.unwrap_err();
    assert_eq!(error, StoreError::Down(DownReason::FileGone));
    assert_eq!(*rig.store.health().borrow(), Health::Down(DownReason::FileGone));
    assert!(!rig.path().exists(), "no empty database was made in its place");
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_the_store_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let place = database(directory.path()).await;
    let store = Store::open(&place, Options::default()).await.unwrap();
    store.close().await;
    let db = std::sync::Arc::new(Db::at(place.clone(), false, None).unwrap());
    let (health, seen) = tokio::sync::watch::channel(Health::Down(DownReason::Io { detail: "test".to_owned() }));
    let (sender, queue) = tokio::sync::mpsc::channel(4);
    let writer = Writer {
        db: std::sync::Arc::clone(&db),
        conn: None,
        health,
        journal: None,
        ids: std::sync::Arc::new(Ids::new(1, Opener::Service)),
        file: place.file().and_then(FileIdentity::of),
    };
    tokio::spawn(writer.run(queue));
    let (task, answer) = Task::new(|conn| Box::pin(conn.control("select 1")));
    assert!(sender.send(Message::Job(Box::new(task))).await.is_ok());
    assert_eq!(answer.await.unwrap(), Ok(()));
    assert_eq!(*seen.borrow(), Health::Up);
}

#[tokio::test]
async fn room_on_a_full_disk_is_noticed_although_nobody_writes() {
    let rig = Rig::in_file(small()).await;
    fill(&rig).await;
    empty(&rig).await;
    let mut health = rig.store.health();
    // The writer's own heartbeat; no write of ours helps it.
    let noticed = health.wait_for(|health| *health == Health::Up).await.map(|health| health.clone());
    assert_eq!(noticed.unwrap(), Health::Up);
}

#[tokio::test]
async fn a_server_that_throws_the_store_out_loses_nothing() {
    let mut rig = Rig::new().await;
    if rig.place.file().is_some() {
        eprintln!("SKIPPED: there is no server; packaging/with-postgres gives one");
        return;
    }
    let (lead, attempt) = rig.dialling("+8613800000001").await;
    let throw_out = "select pg_terminate_backend(pid) from pg_stat_activity
                     where pid <> pg_backend_pid() and datname = current_database()";
    rig.beside().await.control(throw_out).await.unwrap();
    // Whether the loss is noticed by this write or was by the one that keeps watch, the result is kept.
    let said = result(attempt, lead, 1, Disposition::Accepted);
    rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
    rig.store.record_result(said.clone()).await.unwrap();
    let mut health = rig.store.health();
    health.wait_for(|health| *health == Health::Up).await.unwrap();
    let again = rig.store.record_result(said).await.unwrap();
    assert_eq!((again.revision, again.repeated), (1, true));
    assert!(rig.store.inner.journal.as_ref().unwrap().is_empty());
    assert_eq!(rig.store.lead(lead).await.unwrap().unwrap().state, crate::model::lead::LeadState::Done);
}
