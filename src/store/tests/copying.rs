//! Copies of the whole database: between engines, into backups, and out of them.

use super::super::db::Value;
use super::*;
use crate::model::decision::{Decision, Forecast};
use crate::model::recording::CallRecording;

/// Rows of most tables with what is hard to carry over: Chinese, quotes, line breaks, nulls, both truths, numbers that are
/// not round.
async fn filled() -> Rig {
    let mut rig = Rig::new().await;
    for (place, text) in ["+8613800138000", "+8613800138001", "+8613800138002"].into_iter().enumerate() {
        let (lead, attempt) = rig.dialling(text).await;
        let ended =
            AttemptEnd { answered_at: (place > 0).then(|| after(3)), ..end(attempt, Disposition::NotRecorded, None) };
        rig.store.end_attempt(ended).await.unwrap();
        let said = CallResult {
            note: "他说:\"明天\" it's\n\\u0000 \\ {\"a\":[1]}".to_owned(),
            ..result(attempt, lead, 1 + place as i64, Disposition::Accepted)
        };
        rig.store.record_result(said).await.unwrap();
        let recording = CallRecording::begun(CallRef::Outbound(attempt), UserId(7), NOW);
        rig.store.record_recordings(vec![recording]).await.unwrap();
    }
    let controls =
        GroupControls { idle_threshold: Some(0.1 + 0.2), hysteresis: Some(1e-17), dwell_s: None, reserve: Some(3) };
    rig.store
        .set_group_controls(&"blend".parse().unwrap(), controls, &serde_json::json!({"reserve": 2}), "ann", NOW)
        .await
        .unwrap();
    let mut chance = proptest::test_runner::TestRunner::deterministic();
    let mut real = || {
        use proptest::strategy::{Strategy as _, ValueTree as _};
        proptest::num::f64::NORMAL.new_tree(&mut chance).unwrap().current()
    };
    let decisions = (0..1500).map(|second| Decision {
        campaign: key("spring"),
        at: after(second),
        placed: 1,
        limit: "no_lead_due".to_owned(),
        idle: 1,
        idle_with_slot: 1,
        slots: 1,
        pending: 0,
        abandons_left: 0,
        refusals: Default::default(),
        forecast: (second % 7 > 0).then(|| Forecast {
            agents_free: real(),
            answers_expected: real(),
            answer_share: real(),
            abandon_chance: real(),
            abandon_price: (second % 2 > 0).then(&mut real),
            caller_price: real(),
            more: 4,
        }),
    });
    rig.store.record_decisions(decisions.collect()).await.unwrap();
    rig
}

async fn copied(from: &DatabasePlace, to: &DatabasePlace) -> Result<Copied, StoreError> {
    copy_database(from, to, true, &mut |_| {}).await
}

#[tokio::test]
async fn a_copy_has_every_row_of_every_table_to_the_last_bit() {
    let rig = filled().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let (there, file) = (database(elsewhere.path()).await, elsewhere.path().join("other.db").as_path().into());
    let mut seen = Vec::new();
    let mut watch = |progress: CopyProgress| seen.push(progress);
    let copy = copy_database(&rig.place, &there, true, &mut watch).await.unwrap();
    let of = |table: &str| copy.tables.iter().find(|(name, _)| *name == table).unwrap().1;
    assert_eq!((of("campaigns"), of("leads"), of("attempts"), of("results"), of("decisions")), (1, 3, 3, 3, 1500));
    assert_eq!(of("recordings"), 3);
    assert!(seen.iter().is_sorted_by_key(|progress| progress.rows));
    assert_eq!(seen.last().map(|progress| progress.of), Some(2 * copy.rows()));
    // And on into a file, whichever engine the first two are.
    assert_eq!(copied(&there, &file).await.unwrap(), copy);
    let again = Store::open(&file, Options::default()).await.unwrap();
    assert_eq!(again.audit_sums(after(100), 3600).await.unwrap(), vec![]);
    assert_eq!(again.faults().await.unwrap(), Vec::<String>::new());
    assert_eq!(again.group_controls().await.unwrap(), rig.store.group_controls().await.unwrap());
    let all = async |store: &Store| store.decisions(&key("spring"), NOW, after(9000), None, 1000).await.unwrap();
    assert_eq!(all(&again).await, all(&rig.store).await);
}

#[tokio::test]
async fn a_database_with_rows_is_not_copied_into_and_stays_as_it_is() {
    let (rig, other) = (filled().await, Rig::new().await);
    let place = other.place.clone();
    // A service uses it, or uses the source: a copy would lose what is written meanwhile.
    for (from, to, hot) in [(&rig.place, &place, true), (&place, &rig.place, false)] {
        let error = copy_database(from, to, hot, &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    }
    other.store.close().await;
    drop(other.store);
    let error = copied(&rig.place, &place).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unfit { expected, .. } if expected.contains("campaigns")), "{error}");
    let store = reopen(&place).await;
    assert_eq!(store.lead_counts(&key("spring")).await.unwrap().total(), 0);
    let error = copied(&rig.place, &place).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn a_backup_is_one_file_made_beside_the_service_and_brought_back_anywhere() {
    let rig = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monday.lull");
    back_up(&rig.place, &file, &mut |_| {}).await.unwrap();
    let error = back_up(&rig.place, &file, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, StoreError::AlreadyExists { .. }), "{error}");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["monday.lull"], "nothing else is left");
    let before = std::fs::read(&file).unwrap();
    // What is written after the backup is not in it.
    rig.store.save_dialog("later", "{}", NOW).await.unwrap();
    let new = tempfile::tempdir().unwrap();
    let place = database(new.path()).await;
    let restored = restore(&file, &place, &mut |_| {}).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let now = copied(&rig.place, &database(other.path()).await).await.unwrap();
    assert_eq!(restored.rows() + 1, now.rows());
    assert_eq!(std::fs::read(&file).unwrap(), before, "the backup is as it was");
    let missing = restore(&folder.path().join("tuesday.lull"), &place, &mut |_| {}).await.unwrap_err();
    assert!(missing.to_string().contains("tuesday.lull"), "{missing}");
}

/// Tables, and for each column its name, type and whether it may be null.
async fn shape(place: &DatabasePlace) -> Vec<String> {
    let store = Store::open(place, Options { opener: Opener::Command, ..Options::default() }).await.unwrap();
    let mut conn = store.reader().await.unwrap();
    let text = match place {
        DatabasePlace::File(_) => {
            "select t.name || ' ' || c.name || ' ' || replace(lower(c.type), 'integer', 'bigint') || ' '
                || case when c.\"notnull\" = 1 or c.pk > 0 then 'not null' else 'null' end as line
             from sqlite_master t join pragma_table_info(t.name) c
             where t.type = 'table' and t.name not like 'sqlite_%' and t.name <> '_sqlx_migrations'"
        }
        DatabasePlace::Server(_) => {
            "select c.table_name || ' ' || c.column_name || ' ' || c.data_type || ' '
                || case c.is_nullable when 'NO' then 'not null' else 'null' end as line
             from information_schema.columns c
             join pg_tables t on t.schemaname = c.table_schema and t.tablename = c.table_name
             where c.table_schema = current_schema() and c.table_name <> '_sqlx_migrations'"
        }
    };
    let rows = conn.rows_made("shape", text, Vec::<Value>::new()).await.unwrap();
    let mut lines: Vec<String> = rows.iter().map(|row| row.text("line").unwrap()).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn both_engines_have_the_same_tables_and_none_is_forgotten_in_a_copy() {
    let (rig, file) = (Rig::new().await, Rig::in_file(Options::default()).await);
    let lines = shape(&rig.place).await;
    assert_eq!(lines, shape(&file.place).await);
    let mut tables: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    tables.dedup();
    let folder = tempfile::tempdir().unwrap();
    let copy = copied(&file.place, &database(folder.path()).await).await;
    let mut copied: Vec<&str> = copy.unwrap().tables.iter().map(|(table, _)| *table).collect();
    copied.sort_unstable();
    assert_eq!(copied, tables);
}
