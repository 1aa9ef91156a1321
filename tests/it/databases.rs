//! The database as a whole: checked, backed up, brought back, copied. With `LULL_TEST_POSTGRES` it is a server's.

use serde_json::Value;

use crate::rig::{Centre, Plan};

const NUMBERS: [&str; 3] = ["+8613800000001", "+8613800000002", "+8613800000003"];

fn centre_with_customers() -> Centre {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    centre.customers(&NUMBERS);
    centre
}

/// How many leads the database has that is used instead of the centre's own.
fn leads_in(centre: &Centre, database: &str) -> String {
    let set = format!("data.database={}", centre.path(database).display());
    let ran = centre.run(&["--set", &set, "db", "check"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    let output = std::process::Command::new("sqlite3")
        .arg(centre.path(database))
        .arg("select count(*) from leads where state = 'open'")
        .output()
        .expect("sqlite3 is there: packaging/test-packages");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_backup_is_made_beside_the_service_and_brought_back_into_an_empty_database() {
    let centre = centre_with_customers();
    let told = centre.good(&["backup", "monday.lull"]);
    assert!(told.contains("holds the whole database") && told.contains("recordings"), "{told}");
    let again = centre.run(&["backup", "monday.lull"], "");
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("monday.lull") && again.err.contains("exists already"), "{again:?}");
    // Into the database that is in use: refused, and nothing of it is touched.
    let taken = centre.run(&["restore", "monday.lull"], "");
    assert_eq!(taken.code, 1, "{taken:?}");
    assert!(taken.err.contains("is in use by another lull"), "{taken:?}");
    let set = format!("data.database={}", centre.path("new.db").display());
    let told = centre.good(&["--set", &set, "restore", "monday.lull"]);
    assert!(told.contains("3 leads") && told.contains("monday.lull"), "{told}");
    assert_eq!(leads_in(&centre, "new.db"), "3");
    // A second time it is not empty any more.
    let again = centre.run(&["--set", &set, "restore", "monday.lull"], "");
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("an empty one; its table campaigns has rows"), "{again:?}");
    assert_eq!(leads_in(&centre, "new.db"), "3");
    let missing = centre.run(&["--set", "data.database=none.db", "restore", "tuesday.lull"], "");
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.err.contains("tuesday.lull"), "{missing:?}");
}

#[test]
fn a_database_is_copied_when_the_service_is_stopped_and_not_before() {
    let mut centre = centre_with_customers();
    let early = centre.run(&["db", "copy", "other.db"], "");
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.err.contains("is in use by another lull"), "{early:?}");
    centre.kill();
    let ran = centre.run(&["db", "copy", "other.db", "--json"], "");
    assert_eq!(ran.code, 0, "{ran:?}");
    let told: Value = serde_json::from_str(&ran.out).expect("--json gives JSON");
    let tables = told["tables"].as_array().expect("tables with their rows");
    let leads = tables.iter().find(|table| table[0] == "leads").expect("leads are copied");
    assert_eq!((&leads[1], told["digest"].as_str().map(str::len)), (&3.into(), Some(64)), "{told}");
    assert_eq!(leads_in(&centre, "other.db"), "3");
    let shown = centre.run(&["db", "copy", "postgres://lull:secret@nowhere.invalid/lull"], "");
    assert_eq!(shown.code, 1, "{shown:?}");
    assert!(shown.err.contains("--password-file") && !shown.err.contains("secret"), "{shown:?}");
    let nowhere = centre.run(&["db", "copy", "postgres://lull@127.0.0.1:1/lull"], "");
    assert_eq!(nowhere.code, 1, "{nowhere:?}");
    assert!(nowhere.err.contains("cannot open the database postgres://lull@127.0.0.1:1/lull"), "{nowhere:?}");
}

#[test]
fn a_check_says_what_is_wrong_and_ends_with_3() {
    let mut centre = centre_with_customers();
    assert!(centre.good(&["db", "check"]).contains("is sound"));
    assert!(centre.good(&["db", "migrate"]).contains("already"));
    centre.kill();
    centre.change(
        "insert into results (direction, call_id, revision, agent_id, result, disposition, answers, note, at, talk_ms,
                              wrap_up_ms)
         values ('outbound', 4711, 1, 1, 'accepted', 'accepted', '{}', '', 0, 0, 0)",
    );
    let ran = centre.run(&["db", "check"], "");
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.out.contains("4711 is a result of an attempt that is not there"), "{ran:?}");
    let none = centre.run(&["--set", "data.database=none.db", "db", "check"], "");
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.err.contains("there is no database of lull"), "{none:?}");
}
