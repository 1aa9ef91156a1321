//! The pages in headless Chromium, against the running service.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::rig::{AGENT_HZ, CUSTOMER_HZ, Centre, Child, Ear, Law, PASSWORD, Phone, Plan, SOON, Sipp, scenario, until};

/// Chromium and Node on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);

fn ui() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui")
}

/// Runs a part of the browser's tests (`src/ui/e2e`) against a centre that is up.
#[track_caller]
pub fn browse(centre: &Centre, part: &str, given: &[(&str, &str)]) {
    assert!(ui().join("dist/index.html").exists(), "the browser app is not built: run `make ui`, then build again");
    assert!(
        ui().join("node_modules/playwright-core").exists(),
        "the browser tests' packages are not installed: run `make ui`"
    );
    let mut command = Command::new("node");
    command.current_dir(ui()).arg("e2e/run.mjs").arg(format!("http://{}", centre.http())).arg(part);
    command.args(given.iter().map(|(key, value)| format!("{key}={value}")));
    command.arg(format!("shots={}", std::env::temp_dir().display()));
    let mut node = Child::start(&format!("browser: {part} (node)"), &mut command);
    let status = node.ended(WITHIN);
    assert_eq!(status.code(), Some(0), "{}", node.said());
}

#[test]
fn a_manager_logs_in_steers_a_campaign_and_brings_in_a_list() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let list = "number,name\n13800000001,Ann\n13800000002,Ben\n13800000002,Ben\nno number at all,Cat\n";
    centre.write("may.csv", list);
    let file = centre.path("may.csv").display().to_string();
    browse(&centre, "manager", &[("login", "boss"), ("password", PASSWORD), ("list", &file)]);
    assert_eq!(centre.value("select state from campaigns"), "running");
    assert_eq!(centre.value("select why from campaign_revisions where revision = 2"), "they are slow to answer");
    assert_eq!(centre.value("select count(*) from leads"), 2);
    assert_eq!(centre.value("select language from users where login = 'boss'"), "zh-CN");
}

#[test]
fn a_damaged_list_is_brought_in_step_by_step_corrected_and_taken_back_in_two_languages() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let text = "客户的号;姓名;城市\n13800000001;欧阳娜娜;上海\n1.38E+10;王芳;北京\n13800000001;欧阳娜娜;上海\n\
                13800000002.5;李雷;广州\n13800000003;韩梅梅\n不知道;张三;武汉\n13800000006;王小明;武汉\n";
    let (bytes, _, lost) = encoding_rs::GB18030.encode(text);
    assert!(!lost);
    std::fs::write(centre.path("fair.csv"), bytes).expect("a file can be written");
    // As the downloaded file of rejected rows looks once somebody has corrected it.
    let corrected = "客户的号,姓名,城市,error_line,error_column,error_code,error_message\n13800000004,王芳,北京,3,客户的号,number_rounded,x\n\
                     13800000002,李雷,广州,5,客户的号,decimal,x\n13800000003,韩梅梅,深圳,6,,ragged_row,x\n\
                     13800000005,张三,武汉,7,客户的号,not_a_number,x\n";
    centre.write("corrected.csv", corrected);
    let numbers = (0..80_000).map(|place| format!("139{place:08}\n"));
    centre.write("long.csv", &("phone\n".to_owned() + &numbers.collect::<String>()));
    let path = |name: &str| centre.path(name).display().to_string();
    let (list, corrected, long) = (path("fair.csv"), path("corrected.csv"), path("long.csv"));
    let given =
        [("login", "boss"), ("password", PASSWORD), ("list", &list), ("corrected", &corrected), ("long", &long)];
    browse(&centre, "imports", &given);
    let leads = centre.rows("select number, name, extra from leads where number like '+86138%' order by number");
    assert_eq!(leads.len(), 2, "the second import was taken back: {leads:?}");
    assert_eq!((&leads[0]["name"], &leads[0]["extra"]), (&"欧阳娜娜".into(), &"{\"Town\":\"上海\"}".into()));
    assert_eq!(centre.value("select count(*) from imports where state = 'undone'"), 1);
    assert_eq!(centre.value("select count(*) from import_jobs where dry_run and state = 'done'"), 4);
    assert_eq!(centre.value("select count(distinct import_id) from leads where number like '+86139%'"), 1);
}

#[test]
fn a_manager_keeps_promises_sets_controls_fetches_a_file_and_gives_a_key_to_a_program() {
    let mut centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    centre.customers(&["+8613800000001", "+8613800000002"]);
    let late_ms = 1_700_000_000_000u64;
    centre.change(&format!(
        "update leads set state = 'callback', due_at = {late_ms}, callback_at = {late_ms}, rank = rank + 100
         where number = '+8613800000001';
         update leads set state = 'callback', due_at = 4000000000000, callback_at = 4000000000000, rank = rank + 100
         where number = '+8613800000002';
         insert into results (direction, call_id, revision, campaign, lead_id, agent_id, result, disposition, answers, note,
                              at, talk_ms, wrap_up_ms)
         select 'inbound', 1, 1, campaign, id, 1, 'later', 'callback', '{{}}', 'after lunch', {late_ms}, 1, 1
         from leads where number = '+8613800000001'"
    ));
    let listed = centre.good(&["callback", "list", "--state", "overdue"]);
    assert!(listed.contains("+8613800000001") && listed.contains("after lunch"), "{listed}");
    assert!(!listed.contains("+8613800000002"), "{listed}");
    let found = centre.good(&["results", "search", "spring", "LUNCH"]);
    assert!(found.contains("after lunch") && found.contains("1 found in 1 results"), "{found}");
    centre.good(&["export", "leads", "leads.csv", "--campaign", "spring"]);
    let leads = centre.read("leads.csv");
    assert!(leads.starts_with("lead,campaign,list,number") && leads.contains("after lunch"), "{leads}");
    let without = centre.run(&["export", "leads", "leads.csv"], "");
    assert!(without.code == 1 && without.err.contains("--campaign KEY"), "{without:?}");
    centre.serve();
    browse(&centre, "pages", &[("login", "boss"), ("password", PASSWORD)]);
    assert_eq!(centre.value("select count(*) from leads where state = 'given_up'"), 2);
    let trail = "select count(*) from audit where who = 'boss' and what in ('callback_moved', 'callback_cancelled')";
    assert_eq!(centre.value(trail), 3);
    let controls =
        "select coalesce(cast(reserve as text), 'as configured') from group_controls where group_name = 'blend'";
    assert_eq!(centre.value(controls), "as configured");
    assert_eq!(centre.value("select count(*) from exports"), 0);
    assert_eq!(centre.value("select revoked_by from api_keys where name = 'crm'"), "boss");
}

#[test]
fn an_agent_takes_a_real_call_at_the_desk_and_records_its_result() {
    let centre = Centre::running(Plan::default());
    let ear = Ear::open(crate::rig::CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 500), 1);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&["+8613800000001"]);
    let given = [("manager", "boss"), ("agent", "agent-1"), ("password", PASSWORD), ("customer", "Customer 0")];
    browse(&centre, "call", &given);
    carrier.finish(Duration::from_secs(10));
    phone.until_hears(CUSTOMER_HZ, 2, 0);
    let attempt = centre.until_ended("+8613800000001");
    assert_eq!((&attempt["result"], &attempt["disposition"]), (&"taken".into(), &"accepted".into()), "{attempt}");
    let note = centre.value("select note from results");
    assert_eq!(note, "Wants it from the first of the month.");
}

#[test]
fn a_manager_hears_a_recording_in_the_list_of_attempts_and_on_the_customers_page() {
    let recorded = Plan { campaign_tables: "[recording]\non = true\n".to_owned(), ..Plan::default() };
    let centre = Centre::running(recorded);
    let ear = Ear::open(crate::rig::CARRIER, CUSTOMER_HZ, Law::A);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 8, 200), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&["+8613800000001"]);
    let desk = centre.agent_ready(1);
    desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 60, 0);
    desk.hang_up();
    carrier.finish(SOON);
    until("the recording is complete", SOON, || {
        (centre.value("select state from recordings") == "whole").then_some(())
    });
    let given = [("login", "boss"), ("password", PASSWORD), ("number", "+8613800000001")];
    browse(&centre, "recordings", &given);
    assert_eq!(centre.value("select count(*) from audit where what = 'recording_heard' and who = 'boss'"), 1);
    // Somebody took the file away, and nobody has noticed so far.
    let file = centre.value("select file from recordings");
    let file = centre.path("data/recordings").join(file.as_str().expect("a file"));
    std::fs::remove_file(file).expect("the recording");
    browse(&centre, "recordings", &[given.as_slice(), &[("lost", "yes")]].concat());
}

#[test]
fn a_manager_is_offered_what_a_change_would_have_done_before_it_is_applied() {
    let centre = Centre::running(Plan::default());
    let ear = Ear::open(crate::rig::CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 100), 1);
    let _phone = Phone::registered(&centre, 1, AGENT_HZ);
    centre.customers(&["+8613800000001"]);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    desk.hang_up();
    desk.record(&screen["view"]["call"]["call"], "taken", "Agreed.").good();
    centre.until_ended("+8613800000001");
    carrier.finish(SOON);
    browse(&centre, "whatif", &[("login", "boss"), ("password", PASSWORD), ("dials", "1")]);
    assert_eq!(centre.value("select count(*) from group_controls where reserve is not null"), 0);
    assert_eq!(centre.value("select count(*) from campaign_revisions"), 1);
}
