//! Lists on their way in: pieces, jobs, mappings, and taking them back, also over `kill -9`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{Api, Centre, Plan, until};

/// An import of some thousand rows by an unoptimised program on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

fn quiet() -> Centre {
    Centre::running(Plan { agents: 0, ..Plan::default() })
}

fn send(boss: &Api, path: &str, offset: usize, bytes: &[u8]) -> String {
    let api = boss.with_header("Upload-Offset", &offset.to_string());
    let sent = api.send("PATCH", path, Some(("application/offset+octet-stream", bytes))).expect("an answer");
    assert_eq!(sent.status, 204, "{}", sent.text());
    sent.header("upload-offset").expect("an offset").to_owned()
}

fn ended(boss: &Api, path: &str) -> Value {
    until("the job is over", WITHIN, || {
        let job = boss.get(path).good();
        (job["state"] != "queued" && job["state"] != "running").then_some(job)
    })
}

fn path_of(answer: &Value, what: &str) -> String {
    format!("/api/v1/{what}/{}", answer["id"].as_str().expect("an id"))
}

#[test]
fn a_file_and_its_import_go_on_after_kill_9_and_come_to_the_counts_of_an_undisturbed_run() {
    let mut centre = quiet();
    let boss = centre.boss();
    let mut text = "手机,姓名,城市\n".to_owned();
    (0..20_000_u64).for_each(|place| text += &format!("138{:08},王芳,上海\n", (place * 7919) % 19_000));
    let (bytes, ..) = encoding_rs::GB18030.encode(&text);
    let half = bytes.len() / 2;
    let upload = boss.post("/api/v1/uploads", &json!({ "name": "五月.csv", "length": bytes.len() })).good();
    let address = path_of(&upload, "uploads");
    assert_eq!(send(&boss, &address, 0, &bytes[..half]), half.to_string());
    centre.kill();
    centre.serve();
    assert_eq!(boss.get(&address).good()["offset"], half);
    assert_eq!(send(&boss, &address, half, &bytes[half..]), bytes.len().to_string());

    let ask = |name: &str| {
        let body = json!({ "upload": upload["id"], "name": name });
        path_of(&boss.post("/api/v1/campaigns/spring/import-jobs", &body).good(), "import-jobs")
    };
    let job = ask("May");
    until("rows are brought in", WITHIN, || {
        let seen = boss.get(&job).good();
        (seen["progress"]["rows_merged"].as_u64() > Some(0)).then_some(())
    });
    centre.kill();
    let so_far = centre.value("select count(*) from leads").as_u64().expect("a count");
    assert!(so_far > 0, "it was brought in batch by batch");
    centre.serve();
    let broken = boss.get(&job).good();
    assert_eq!((&broken["state"], &broken["problem"]), (&json!("broken_off"), &Value::Null), "{broken}");
    boss.post(&format!("{job}/resume"), &json!({})).good();
    let done = ended(&boss, &job);
    assert_eq!((&done["state"], &done["report"]["resumed"]), (&json!("done"), &json!(true)), "{done}");
    for (part, count) in [("rows", 20_000), ("accepted", 19_000), ("duplicate", 1000), ("left", 0)] {
        assert_eq!(done["report"][part], count, "{part}: {done}");
    }
    assert_eq!(centre.value("select count(*) from leads"), 19_000);
    assert_eq!(centre.value("select count(distinct import_id) from leads"), 1);

    // What is cancelled stays as far as it came, and is taken back by its import's id.
    let undo = format!("/api/v1/imports/{}/undo", done["import"].as_str().expect("an import"));
    assert_eq!(boss.get(&undo).good()["removed"], 19_000);
    assert_eq!(boss.post(&undo, &json!({})).good()["removed"], 19_000);
    let job = ask("June");
    until("rows are brought in again", WITHIN, || {
        let seen = boss.get(&job).good();
        (seen["progress"]["rows_merged"].as_u64() > Some(0)).then_some(())
    });
    boss.post(&format!("{job}/cancel"), &json!({})).good();
    let cancelled = ended(&boss, &job);
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    let there = centre.value("select count(*) from leads");
    assert_eq!((&cancelled["report"]["accepted"], cancelled["import"].is_string()), (&there, true), "{cancelled}");
    boss.post(&format!("{job}/resume"), &json!({})).good();
    assert_eq!(ended(&boss, &job)["report"]["accepted"], 19_000);
}

#[test]
fn columns_are_what_the_command_or_a_template_says_and_an_import_is_taken_back_within_its_hours() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    centre.write("fair.csv", "A,B,C\n王芳,13800000001,上海\n李雷,13800000002,北京\n");
    let says = |arguments: &[&str], code: i32, text: &str| {
        let ran = centre.run(arguments, "");
        assert_eq!(ran.code, code, "lull {arguments:?}: {ran:?}");
        let told = ran.out + &ran.err;
        assert!(told.contains(text), "lull {arguments:?}: `{text}` is not in: {told}");
    };
    let import = ["list", "import", "spring", "fair.csv"];
    let with = |more: &[&'static str]| [&import[..], more].concat();
    says(&import, 1, "no column is recognised as the phone number");
    says(&with(&["--map", "B"]), 2, "HEADING=USE");
    says(&with(&["--map", "B=number", "--map", "D=name"]), 1, "no column `D`");
    says(&with(&["--template", "fair"]), 1, "no template of lists `fair`");
    says(&["list", "template", "list"], 0, "There are no templates");
    says(&["list", "template", "save", "fair", "--map", "A=name", "--map", "b=number"], 0, "--template 'fair'");
    says(&["list", "template", "list"], 0, "2 columns");
    says(&["list", "template", "show", "fair"], 0, "A=name\nb=number");
    says(&with(&["--template", "fair", "--map", "C=custom:City"]), 0, "2 accepted");
    let leads = centre.rows("select name, extra from leads order by number");
    assert_eq!((&leads[0]["name"], &leads[0]["extra"]), (&json!("王芳"), &json!("{\"City\":\"上海\"}")));

    centre.write("more.csv", "phone,name\n13800000002,Lei\n13800000003,Ann\n");
    let told = centre.good(&["list", "import", "spring", "more.csv", "--on-duplicate", "update", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("--json gives JSON");
    let id = told["import"].as_str().expect("an import");
    says(&["--set", "lists.undo_hours=0", "list", "undo", id], 1, "since then it is too late");
    says(&["list", "undo", id], 0, "1 leads that were not dialled yet are removed, 1 say again what they said before.");
    let names = centre.rows("select name from leads order by number");
    assert_eq!(names, [json!({ "name": "王芳" }), json!({ "name": "李雷" })]);
    says(&["list", "template", "remove", "fair"], 0, "removed");
    says(&["list", "template", "show", "fair"], 1, "no template of lists `fair`");
}

#[test]
fn accepted_rows_that_can_never_be_dialled_are_told() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let text = centre.read("spring.toml");
    centre.write("ended.toml", &format!("{text}\n[limits]\nlast_day = \"2020-01-01\"\n"));
    centre.good(&["campaign", "apply", "ended.toml"]);
    centre.write("list.csv", "phone\n13800000001\n13800000002\n");
    let told = centre.good(&["list", "import", "spring", "list.csv", "--dry-run"]);
    assert!(told.contains("2 of the accepted have no calling hours before the campaign ends"), "{told}");
    centre.good(&["campaign", "apply", "spring.toml"]);
    let told = centre.good(&["list", "import", "spring", "list.csv", "--dry-run"]);
    assert!(!told.contains("no calling hours"), "{told}");
}
