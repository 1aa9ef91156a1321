//! The API from outside: accounts, lists, ledgers, and what an answer of success is worth.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{Api, Centre, PASSWORD, Plan, SOON, until};

#[test]
fn nothing_is_answered_without_a_login_and_a_wrong_password_is_not_explained() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let nobody = Api::anonymous(centre.http());
    for path in ["/api/v1/board", "/api/v1/campaigns", "/api/v1/users", "/api/v1/desk"] {
        assert_eq!(nobody.get(path).status, 401, "{path}");
    }
    let wrong = nobody.post("/api/v1/login", &json!({ "login": "boss", "password": "not the password at all" }));
    let unknown = nobody.post("/api/v1/login", &json!({ "login": "nobody", "password": PASSWORD }));
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.json()["detail"], unknown.json()["detail"]);
}

#[test]
fn passwords_that_are_tried_too_often_are_told_to_wait() {
    let mut centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    centre.write("lull.toml", &centre.read("lull.toml").replace("logins_per_minute = 600", "logins_per_minute = 3"));
    centre.serve();
    let nobody = Api::anonymous(centre.http());
    let guess = || nobody.post("/api/v1/login", &json!({ "login": "boss", "password": "guess guess guess" }));
    let refused = until("the guesses are throttled", SOON, || {
        let reply = guess();
        assert!(reply.status == 401 || reply.status == 429, "{}: {}", reply.status, reply.text());
        (reply.status == 429).then_some(reply)
    });
    let wait: u32 = refused.header("retry-after").expect("it says how long").parse().expect("in seconds");
    assert!((1..=60).contains(&wait), "{wait}");
}

#[test]
fn each_role_does_its_own_work_only() {
    let centre = Centre::running(Plan::default());
    let boss = centre.boss();
    let agent = centre.api("agent-1");
    assert_eq!(agent.get("/api/v1/board").status, 403);
    assert_eq!(agent.post("/api/v1/campaigns/spring/state", &json!({ "state": "paused" })).status, 403);
    assert_eq!(boss.post("/api/v1/desk/sign-in", &json!({})).status, 403);
    let disabled = boss.get("/api/v1/users").good();
    let id = disabled.as_array().and_then(|all| all.iter().find(|user| user["login"] == "agent-1"));
    let path = format!("/api/v1/users/{}", id.expect("the agent is listed")["id"].as_str().expect("an id"));
    boss.patch(&path, &json!({ "disabled": true })).good();
    assert_eq!(agent.get("/api/v1/desk").status, 401, "a disabled user is signed out at once");
}

#[test]
fn an_uploaded_list_gives_back_its_rejected_rows_with_their_place() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    let list = "mobile,name,city\n13800000001,王芳,上海\nnonsense,李雷,北京\n13800000001,王芳,上海\n";
    let report = boss.upload("/api/v1/campaigns/spring/lists?name=May", "text/csv", list.as_bytes()).good();
    for (part, count) in [("rows", 3), ("accepted", 1), ("duplicate", 1), ("invalid", 1), ("suppressed", 0)] {
        assert_eq!(report[part], count, "{part}: {report}");
    }
    let run = report["id"].as_str().expect("an id");
    let rejected = boss.get(&format!("/api/v1/imports/{run}/rejected.csv"));
    assert_eq!(rejected.status, 200);
    let text = rejected.text();
    assert!(text.contains("nonsense,李雷,北京,3,"), "{text}");
    assert_eq!(centre.value("select count(*) from leads"), 1);
}

#[test]
fn lists_come_as_they_leave_excel_and_the_same_one_again_changes_nothing() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    let (saved_as_csv, ..) =
        encoding_rs::GB18030.encode("手机,姓名,城市\n13800000001,欧阳娜娜,上海\n13800000002,王小明,北京\n");
    let report = boss.upload("/api/v1/campaigns/spring/lists?name=May", "text/csv", &saved_as_csv).good();
    assert_eq!((&report["accepted"], &report["resumed"]), (&json!(2), &json!(false)), "{report}");
    let again = boss.upload("/api/v1/campaigns/spring/lists?name=May", "text/csv", &saved_as_csv).good();
    assert_eq!(
        (&again["id"], &again["accepted"], &again["resumed"]),
        (&report["id"], &json!(2), &json!(true)),
        "{again}"
    );
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, (number, city)) in [(13_800_000_002_f64, "广州"), (13_800_000_003_f64, "武汉")].into_iter().enumerate()
    {
        sheet.write_number(row as u32 + 1, 0, number).expect("a cell");
        sheet.write_string(row as u32 + 1, 1, city).expect("a cell");
    }
    sheet.write_string(0, 0, "电话").expect("a cell");
    sheet.write_string(0, 1, "城市").expect("a cell");
    let bytes = book.save_to_buffer().expect("a workbook");
    let xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let report = boss.upload("/api/v1/campaigns/spring/lists?name=June&on_duplicate=update", xlsx, &bytes).good();
    assert_eq!(
        (&report["accepted"], &report["updated"], &report["rows"]),
        (&json!(1), &json!(1), &json!(2)),
        "{report}"
    );
    let leads = centre.rows("select number, name, extra from leads order by number");
    assert_eq!(leads[0]["name"], "欧阳娜娜");
    assert_eq!((&leads[1]["name"], &leads[1]["extra"]), (&json!("王小明"), &json!("{\"城市\":\"广州\"}")));
    assert_eq!(leads.len(), 3);
    let unknown = boss.upload("/api/v1/campaigns/spring/lists?name=July&encoding=morse", "text/csv", b"phone\n1\n");
    assert_eq!(unknown.status, 400, "{}", unknown.text());
    assert!(unknown.text().contains("gb18030"), "{}", unknown.text());
}

#[test]
fn what_the_api_refuses_names_the_field_and_changes_nothing() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    let unknown_key =
        boss.post("/api/v1/suppressions", &json!({ "number": "+8613800000001", "reason": "opt_out", "x": 1 }));
    assert_eq!(unknown_key.status, 422, "{}", unknown_key.text());
    let bad_number = boss.post("/api/v1/suppressions", &json!({ "number": "12", "reason": "opt_out" }));
    assert_eq!(bad_number.status, 422, "{}", bad_number.text());
    assert_eq!(bad_number.json()["errors"][0]["pointer"], "/number", "{}", bad_number.text());
    let threshold = boss.patch("/api/v1/groups/blend", &json!({ "idle_threshold": 7.0 }));
    assert_eq!(threshold.status, 422, "{}", threshold.text());
    let campaign = boss.put("/api/v1/campaigns/spring", &json!({ "text": "key = 'spring'\ntitel = 'x'\n", "why": "" }));
    assert_eq!(campaign.status, 422, "{}", campaign.text());
    let named = campaign.json()["errors"].as_array().map(Vec::len).unwrap_or_default();
    assert!(named > 1, "all mistakes at once: {}", campaign.text());
    assert_eq!(centre.value("select count(*) from suppressions"), 0);
    assert_eq!(centre.value("select max(revision) from campaign_revisions"), 1);
}

#[test]
fn what_the_api_acknowledged_is_there_after_kill_9() {
    let mut centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    boss.post("/api/v1/campaigns/spring/state", &json!({ "state": "paused" })).good();
    boss.patch("/api/v1/groups/blend", &json!({ "idle_threshold": 0.73, "reserve": 2 })).good();
    boss.post("/api/v1/suppressions", &json!({ "number": "+8613800000001", "reason": "complaint" })).good();
    boss.post(
        "/api/v1/consents",
        &json!({ "number": "+8613800000002", "purpose": "spring", "text": "Call me.", "text_version": "1", "channel": "web" }),
    )
    .good();
    boss.upload("/api/v1/campaigns/spring/lists?name=May", "text/csv", b"number\n13800000003\n").good();
    // In the same breath, so that nothing can be written a moment later.
    centre.kill();
    assert_eq!(centre.value("select state from campaigns"), "paused");
    assert_eq!(centre.value("select count(*) from suppressions"), 1);
    assert_eq!(centre.value("select count(*) from consents"), 1);
    assert_eq!(centre.value("select count(*) from leads"), 1);
    assert_eq!(centre.value("pragma integrity_check"), "ok");
    centre.serve();
    let board = centre.boss().get("/api/v1/board").good();
    let snapshot = snapshot(&board);
    assert_eq!(snapshot["campaigns"][0]["state"], "paused", "{snapshot}");
    assert_eq!(snapshot["groups"][0]["idle_threshold"], 0.73, "{snapshot}");
    assert_eq!(snapshot["groups"][0]["reserve"], 2, "{snapshot}");
}

#[test]
fn a_password_is_as_long_as_the_configuration_wants_wherever_it_is_set() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let demand = |characters: u32| {
        let settings = centre.read("lull.toml").lines().filter(|line| !line.starts_with("password_length_min")).fold(
            String::new(),
            |text, line| {
                let more =
                    if line == "[access]" { format!("\npassword_length_min = {characters}") } else { String::new() };
                text + line + &more + "\n"
            },
        );
        centre.write("lull.toml", &settings);
        centre.good(&["reload"]);
    };
    let (short, says) = ("nineteen characters", "19 characters; at least 20 are needed (access.password_length_min)");
    demand(20);
    for command in [&["user", "add", "ann", "--role", "manager"][..], &["user", "password", "boss"][..]] {
        let refused = centre.run(&[command, &["--password-stdin"][..]].concat(), &format!("{short}\n"));
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.err.contains(says) && !refused.err.contains(short), "{refused:?}");
    }
    let boss = centre.boss();
    let ann = json!({ "login": "ann", "name": "Ann", "role": "manager", "language": "en", "password": short });
    for refused in [
        boss.post("/api/v1/users", &ann),
        boss.patch("/api/v1/me", &json!({ "password": { "old": PASSWORD, "new": short } })),
    ] {
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains(says), "{}", refused.text());
    }
    demand(19);
    boss.post("/api/v1/users", &ann).good();
}

#[test]
fn recordings_and_journals_that_are_old_enough_are_removed_and_the_log_says_so() {
    let mut centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let settings = centre.read("lull.toml") + "[retention]\nrecordings_days = 30\njournal_days = 7\n";
    centre.write("lull.toml", &settings);
    let aged = |name: &str, days: u64| {
        let path = centre.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        let file = std::fs::File::create(path).expect("a file can be made");
        let now = file.metadata().and_then(|metadata| metadata.modified()).expect("files have times");
        file.set_modified(now - Duration::from_secs(days * 86_400)).expect("a time can be set");
    };
    let files = [
        ("data/recordings/old.wav", 31, false),
        ("data/recordings/young.wav", 29, true),
        ("data/recordings/notes.txt", 400, true),
        ("data/journal/2026-01-01T000000Z-000.jsonl", 8, false),
        ("data/journal/2026-01-02T000000Z-000.jsonl", 6, true),
    ];
    files.iter().for_each(|(name, days, _)| aged(name, *days));
    centre.serve();
    for kind in ["recordings", "journal"] {
        centre.service().until_says(&format!("kind=\"{kind}\" files=1"), SOON);
    }
    for (name, _, stays) in files {
        assert_eq!(centre.path(name).exists(), stays, "{name}");
    }
}

#[test]
fn why_campaigns_dialled_is_forgotten_after_its_days_and_the_log_says_so() {
    let mut centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    centre.write("lull.toml", &(centre.read("lull.toml") + "[retention]\ndecisions_days = 3\n"));
    for (id, days) in [(1, 4), (2, 2)] {
        let at = format!("cast(strftime('%s', 'now', '-{days} days') as integer) * 1000");
        centre.change(&format!(
            "insert into decisions (id, campaign, at, placed, binding, idle, idle_with_slot, slots, pending, abandons_left) \
             values ({id}, 'spring', {at}, 1, 'price', 1, 1, 1, 1, 1)"
        ));
    }
    centre.serve();
    centre.service().until_says("kind=\"decisions\" rows=1", SOON);
    let page = centre.boss().get("/api/v1/campaigns/spring/decisions").good();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["items"][0]["at"], centre.value("select at from decisions where id = 2"), "{page}");
}

#[test]
fn the_service_ends_when_its_input_is_closed_and_says_goodbye_to_browsers() {
    let mut centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    assert_eq!(centre.boss().get("/api/v1/board").status, 200);
    centre.service().close_stdin();
    let status = centre.service().ended(SOON);
    assert_eq!(status.code(), Some(0));
    assert!(centre.service().said().contains("ended"), "it says that it has ended");
}

#[test]
fn the_pages_are_served_with_a_policy_that_lets_no_foreign_script_in() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let page = Api::anonymous(centre.http()).get("/");
    assert_eq!(page.status, 200, "{}", page.text());
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{policy}");
    assert!(!policy.contains("script-src 'unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let described = Api::anonymous(centre.http()).get("/api/v1/openapi.json");
    assert!(described.status == 200 || described.status == 401, "{}", described.status);
}

/// The picture inside a board answer.
fn snapshot(board: &Value) -> Value {
    if board["groups"].is_array() { board.clone() } else { board["snapshot"].clone() }
}

#[test]
fn a_request_that_is_sent_again_under_its_key_is_answered_and_not_done_again() {
    let mut centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    let keyed = |boss: &Api, key: &str| boss.with_header("Idempotency-Key", key);
    let consent = json!({
        "number": "+8613800000001", "purpose": "*", "text": "call me", "text_version": "1", "channel": "web",
    });
    let first = keyed(&boss, "a-1").post("/api/v1/consents", &consent);
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{}", first.text());
    let again = keyed(&boss, "a-1").post("/api/v1/consents", &consent);
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!((again.text(), again.header("content-type")), (first.text(), first.header("content-type")));
    let count = "select count(*) from consents";
    assert_eq!(centre.value(count), 1, "although it says no time, which is now, it was recorded once");
    // Another request, another caller and no key are each something new.
    let mut other = consent.clone();
    other["channel"] = "sms".into();
    let reused = keyed(&boss, "a-1").post("/api/v1/consents", &other);
    assert_eq!((reused.status, &reused.json()["code"]), (422, &json!("idempotency_key_reused")), "{}", reused.text());
    let elsewhere =
        keyed(&boss, "a-1").post("/api/v1/suppressions", &json!({ "number": "+8613800000002", "reason": "opt_out" }));
    assert_eq!(elsewhere.status, 422, "{}", elsewhere.text());
    centre.add_user(&["chief", "--role", "manager"]);
    assert_eq!(
        keyed(&centre.api("chief"), "a-1").post("/api/v1/consents", &other).header("idempotency-replayed"),
        None
    );
    assert_eq!(centre.value(count), 2);
    // What was refused may be corrected under its key.
    let wrong = keyed(&boss, "b-1").post("/api/v1/suppressions", &json!({ "number": "12", "reason": "opt_out" }));
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    let right = json!({ "number": "+8613800000003", "reason": "opt_out" });
    keyed(&boss, "b-1").post("/api/v1/suppressions", &right).good();
    let bad = keyed(&boss, &"x".repeat(256)).post("/api/v1/suppressions", &right);
    assert_eq!((bad.status, &bad.json()["code"]), (400, &json!("bad_header")), "{}", bad.text());
    assert_eq!(keyed(&Api::anonymous(centre.http()), "a-1").post("/api/v1/consents", &consent).status, 401);
    // It is kept on the disk, and nothing in it tells what was asked.
    centre.kill();
    centre.serve();
    let after = keyed(&centre.boss(), "a-1").post("/api/v1/consents", &consent);
    assert_eq!((after.text(), after.header("idempotency-replayed")), (first.text(), Some("true")));
    let kept = centre.rows("select id, request from kept_answers");
    assert!(kept.len() == 3 && !format!("{kept:?}").contains("a-1"), "{kept:?}");
}

#[test]
fn of_requests_under_one_key_at_the_same_time_one_is_done() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss().with_header("Idempotency-Key", "all at once");
    // Without a time it is now: done twice, it would be there twice.
    let consent = json!({
        "number": "+8613800000001", "purpose": "*", "text": "call me", "text_version": "1", "channel": "web",
    });
    let ask = || boss.post("/api/v1/consents", &consent);
    let replies: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().expect("it was asked")).collect()
    });
    let done = replies.iter().filter(|one| one.status == 201 && one.header("idempotency-replayed").is_none()).count();
    assert_eq!(done, 1, "{replies:?}");
    for reply in replies.iter().filter(|one| one.status != 201) {
        assert_eq!((reply.status, &reply.json()["code"]), (409, &json!("idempotency_key_in_use")), "{}", reply.text());
    }
    assert_eq!(centre.value("select count(*) from consents"), 1);
}

#[test]
fn who_changes_a_campaign_that_somebody_else_changed_meanwhile_is_told_so() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    let read = boss.get("/api/v1/campaigns/spring/text");
    let tag = read.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, "\"revision-1\"");
    let text = read.good()["text"].as_str().expect("a text").to_owned();
    let with_timeout = |seconds: u32| json!({ "text": text.replacen("ring_timeout_s = 30", &format!("ring_timeout_s = {seconds}"), 1) });
    let based_on = |tag: &str| boss.with_header("If-Match", tag);
    let applied = based_on(&tag).put("/api/v1/campaigns/spring", &with_timeout(40));
    assert_eq!((applied.status, applied.header("etag")), (200, Some("\"revision-2\"")), "{}", applied.text());
    let late = based_on(&tag).put("/api/v1/campaigns/spring", &with_timeout(50));
    assert_eq!((late.status, &late.json()["code"]), (412, &json!("revision_differs")), "{}", late.text());
    assert_eq!(late.json()["errors"][0]["value"], "2", "{}", late.text());
    // Whoever lost the answer may say the same again; whoever names nothing changes what there is.
    assert_eq!(based_on(&tag).put("/api/v1/campaigns/spring", &with_timeout(40)).good()["changed"], false);
    assert_eq!(based_on("W/\"revision-2\"").put("/api/v1/campaigns/spring", &with_timeout(50)).status, 412);
    assert_eq!(boss.put("/api/v1/campaigns/spring", &with_timeout(50)).good()["revision"], 3);
    assert_eq!(based_on("*").put("/api/v1/campaigns/spring", &with_timeout(60)).good()["revision"], 4);
    let new = boss.with_header("If-None-Match", "*").put("/api/v1/campaigns/spring", &with_timeout(70));
    assert_eq!(new.status, 412, "{}", new.text());
    assert_eq!(centre.value("select max(revision) from campaign_revisions"), 4);
}

#[test]
fn whoever_has_an_answer_already_is_not_sent_it_again() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let boss = centre.boss();
    for path in
        ["/api/v1/users", "/api/v1/campaigns/spring/text", "/api/v1/campaigns/spring/lists", "/api/v1/openapi.json"]
    {
        let first = boss.get(path);
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no tag: {}", first.head)).to_owned();
        let same = boss.with_header("If-None-Match", &format!("\"other\", {tag}")).get(path);
        assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag.as_str())), "{path}");
        let other = boss.with_header("If-None-Match", "\"other\"").get(path);
        assert_eq!((other.status, other.text()), (200, first.text()), "{path}");
    }
    let tag = boss.get("/api/v1/users").header("etag").expect("a tag").to_owned();
    centre.add_user(&["mei", "--role", "marketing"]);
    let changed = boss.with_header("If-None-Match", &tag).get("/api/v1/users");
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    let nobody = Api::anonymous(centre.http()).with_header("If-None-Match", "*");
    assert_eq!(nobody.get("/api/v1/users").status, 401);
}
