//! The commands, as a person or a script uses them.

use serde_json::Value;

use crate::rig::{Api, Centre, PASSWORD, Plan, free_port};

#[test]
fn a_wrong_campaign_key_is_told_with_file_line_column_and_what_was_meant() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let wrong = centre.read("spring.toml").replace("ring_timeout_s", "ring_timeout");
    centre.write("wrong.toml", &wrong);
    for command in [vec!["campaign", "check", "wrong.toml"], vec!["campaign", "apply", "wrong.toml"]] {
        let ran = centre.run(&command, "");
        assert_eq!(ran.code, 3, "{command:?}: {}{}", ran.out, ran.err);
        let told = format!("{}{}", ran.out, ran.err);
        let line = wrong.lines().position(|line| line.starts_with("ring_timeout ")).expect("it is there") + 1;
        assert!(told.contains(&format!("wrong.toml:{line}:1")), "{told}");
        assert!(told.contains("did you mean `ring_timeout_s`?"), "{told}");
    }
    let json = centre.run(&["campaign", "check", "wrong.toml", "--json"], "");
    let found: Value = serde_json::from_str(&json.out).expect("--json gives JSON");
    let complaints = found[0]["complaints"].as_array().expect("a list of complaints");
    let unknown = complaints.iter().find(|c| c["code"] == "unknown_key").unwrap_or_else(|| panic!("{found}"));
    assert_eq!((&unknown["key"], &unknown["column"]), (&"ring_timeout".into(), &1.into()), "{found}");
    assert_eq!(centre.value("select max(revision) from campaign_revisions"), 1, "nothing was applied");
}

#[test]
fn a_campaign_is_planned_applied_compared_and_given_back_to_the_last_byte() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let text = centre.read("spring.toml");
    let changed = text.replacen("ring_timeout_s = 30", "# longer\nring_timeout_s = 40", 1);
    centre.write("changed.toml", &changed);
    let plan = centre.run(&["campaign", "plan", "spring.toml", "changed.toml"], "");
    assert_eq!(plan.code, 3, "{plan:?}");
    assert!(plan.out.contains("spring.toml: `spring` is at revision 1 already"), "{plan:?}");
    assert!(plan.out.contains("ring_timeout_s: 30 -> 40"), "{plan:?}");
    assert!(plan.out.contains("- ring_timeout_s = 30") && plan.out.contains("+ # longer"), "{plan:?}");
    assert_eq!(centre.value("select max(revision) from campaign_revisions"), 1, "nothing was applied");
    assert_eq!(centre.run(&["campaign", "plan", "spring.toml"], "").code, 0);
    centre.good(&["campaign", "apply", "changed.toml", "--why", "they are slow to answer"]);
    assert_eq!(centre.good(&["campaign", "export", "spring"]), changed);
    assert_eq!(centre.good(&["campaign", "export", "spring", "--revision", "1"]), text);
    let diff = centre.run(&["campaign", "diff", "spring"], "");
    assert_eq!(diff.code, 3, "{diff:?}");
    assert!(diff.out.contains("from revision 1 to 2") && diff.out.contains("ring_timeout_s: 30 -> 40"), "{diff:?}");
    assert!(centre.good(&["campaign", "diff", "spring", "--from", "2", "--to", "2"]).contains("are the same"));
    let history = centre.good(&["campaign", "history", "spring"]);
    assert!(history.lines().next().is_some_and(|line| line.contains("they are slow to answer")), "{history}");
    let missing = centre.run(&["campaign", "export", "spring", "--revision", "7"], "");
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.err.contains("revision") && missing.err.contains("7 of spring"), "{missing:?}");
}

#[test]
fn a_key_is_shown_once_used_by_a_program_and_revoked() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let none = centre.run(&["key", "add", "crm", "--role", "manager", "--scope", "list:write"], "");
    assert!(none.code == 1 && none.err.contains("no part `list`") && none.err.contains("lists"), "{none:?}");
    let wrong = centre.run(&["key", "add", "crm", "--role", "manager", "--scope", "lists"], "");
    assert!(wrong.code == 2 && wrong.err.contains("PART:read"), "{wrong:?}");
    let told = centre.good(&["key", "add", "crm", "--role", "manager", "--scope", "campaigns:read"]);
    let key = told.lines().next().expect("the key");
    let program = Api::with_token(centre.http(), key);
    assert_eq!(program.get("/api/v1/campaigns/spring").status, 200);
    assert_eq!(program.get("/api/v1/board").status, 403);
    let listed = centre.good(&["key", "list"]);
    assert!(listed.contains("crm") && listed.contains("campaigns:read; good; used 20"), "{listed}");
    assert!(!listed.contains(key), "the text is kept nowhere");
    centre.good(&["key", "revoke", "crm"]);
    assert_eq!(program.get("/api/v1/campaigns/spring").status, 401);
    assert!(centre.good(&["key", "list"]).contains("revoked"), "it stays on record");
}

#[test]
fn a_campaign_that_names_a_missing_trunk_is_refused_by_name() {
    let centre = Centre::written(Plan::default());
    centre.write("wrong.toml", &centre.read("spring.toml").replace("[\"carrier\"]", "[\"carier\"]"));
    let ran = centre.run(&["campaign", "apply", "wrong.toml"], "");
    let told = format!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, 3, "{told}");
    assert!(told.contains("carier") && told.contains("did you mean `carrier`?"), "{told}");
}

#[test]
fn an_unknown_key_of_the_configuration_stops_every_command_and_names_its_place() {
    let centre = Centre::written(Plan::default());
    let wrong = centre.read("lull.toml").replace("idle_threshold", "idle_treshold");
    centre.write("lull.toml", &wrong);
    for command in [vec!["serve"], vec!["campaign", "list"], vec!["doctor"]] {
        let ran = centre.run(&command, "");
        assert_eq!(ran.code, 1, "{command:?}: {}{}", ran.out, ran.err);
        let line = wrong.lines().position(|line| line.starts_with("idle_treshold")).expect("it is there") + 1;
        assert!(ran.err.contains(&format!("lull.toml:{line}:1")), "{}", ran.err);
        assert!(ran.err.contains("did you mean `idle_threshold`?"), "{}", ran.err);
    }
}

#[test]
fn wrong_use_of_the_command_line_ends_with_2() {
    let centre = Centre::written(Plan::default());
    for command in [vec!["dance"], vec!["list", "import"], vec!["user", "add", "x", "--role", "king"]] {
        let ran = centre.run(&command, "");
        assert_eq!(ran.code, 2, "{command:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("--help"), "{}", ran.err);
    }
}

#[test]
fn the_rows_of_a_list_are_accounted_for_one_by_one() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    centre.good(&["suppression", "add", "+8613800000009", "--reason", "opt_out"]);
    let list = "客户编号,手机号,姓名,城市\n\
                A1,13800000001,王芳,上海\n\
                A2,+86 138 0000 0002,李雷,北京\n\
                A3,13800000001,王芳,上海\n\
                A4,12,短号,上海\n\
                A5,13800000009,免打扰,上海\n\
                A6,,无号码,上海\n";
    centre.write("list.csv", list);
    let ran = centre.run(&["list", "import", "spring", "list.csv", "--json"], "");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    let told: Value = serde_json::from_str(&ran.out).expect("--json gives JSON");
    let counts = &told["counts"];
    assert_eq!(counts["rows"], 6, "{told}");
    assert_eq!(counts["accepted"], 2, "{told}");
    assert_eq!(counts["duplicate"], 1, "{told}");
    assert_eq!(counts["suppressed"], 1, "{told}");
    assert_eq!(counts["invalid"], 2, "{told}");
    let rejected = centre.read("list.csv.rejected.csv");
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(lines.len(), 5, "a header and four rows:\n{rejected}");
    assert!(lines[0].starts_with("客户编号,手机号,姓名,城市,error_line,error_column,error_code"), "{rejected}");
    assert!(lines.iter().any(|line| line.starts_with("A4,12,短号,上海,5,")), "{rejected}");
    let numbers = centre.rows("select number, zones from leads order by number");
    assert_eq!(numbers.len(), 2);
    assert_eq!(numbers[0]["number"], "+8613800000001");
    assert_eq!(numbers[1]["zones"], "[\"Asia/Shanghai\"]");
}

#[test]
fn a_consent_is_evidence_that_can_be_handed_over_and_checked() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    assert!(centre.good(&["consent", "verify"]).contains("the ledger is empty"));
    let number = "+8613800000001";
    centre.good(&["consent", "add", number, "--text", "请给我打电话", "--channel", "sms", "--source", "message 7"]);
    let told = centre.good(&["consent", "verify"]);
    let end = told
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("end of the chain: "))
        .expect("the end is told")
        .to_owned();
    centre.good(&["consent", "revoke", number, "--channel", "call"]);
    centre.good(&["consent", "evidence", number, "--out", "evidence.json"]);
    let evidence: Value = serde_json::from_str(&centre.read("evidence.json")).expect("evidence is JSON");
    assert_eq!(
        (&evidence["number"], &evidence["entries"][0]["text"]),
        (&number.into(), &"请给我打电话".into()),
        "{evidence}"
    );
    assert_eq!(evidence["entries"][1]["kind"], "revoked", "{evidence}");
    assert_eq!(end, format!("1:{}", evidence["entries"][0]["hash"].as_str().expect("a hash is text")));
    let again = centre.run(&["consent", "evidence", number, "--out", "evidence.json"], "");
    assert_eq!(again.code, 1, "evidence is not written over: {}", again.out);
    assert!(centre.good(&["consent", "verify", "--end", &end]).contains("2 entries, each as it was recorded"));
    assert_eq!(centre.run(&["consent", "verify", "--end", "7"], "").code, 2);

    // Somebody with the database at hand.
    centre.change("update consents set text = '别打电话' where kind = 'given'");
    let ran = centre.run(&["consent", "verify", "--end", &end, "--json"], "");
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    let told: Value = serde_json::from_str(&ran.out).expect("--json gives JSON");
    assert_eq!(
        told["faults"],
        serde_json::json!([{"kind": "changed", "place": 1, "consent": evidence["entries"][0]["id"]}])
    );
}

#[test]
fn a_list_that_is_no_list_is_refused_with_a_reason_and_changes_nothing() {
    let centre = Centre::prepared(Plan { agents: 0, ..Plan::default() });
    let cases: [(&str, &[u8], &str); 3] = [
        ("headless.csv", b"13800000001,x\n13800000002,y\n", "column"),
        ("empty.csv", b"", "empty"),
        ("latin.csv", b"number,name\n13800000001,M\xfcller\n", "UTF-8"),
    ];
    for (name, bytes, expected) in cases {
        std::fs::write(centre.path(name), bytes).expect("a file can be written");
        let ran = centre.run(&["list", "import", "spring", name], "");
        let told = format!("{}{}", ran.out, ran.err);
        assert!(ran.code == 1 || ran.code == 3, "{name}: {} {told}", ran.code);
        assert!(told.contains(expected), "{name}: {told}");
    }
    let ran = centre.run(&["list", "import", "spring", "nowhere.csv"], "");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nowhere.csv"), "{}", ran.err);
    let ran = centre.run(&["list", "import", "autumn", "headless.csv"], "");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("autumn"), "{}", ran.err);
    assert_eq!(centre.rows("select 1 from leads").len(), 0);
}

#[test]
fn a_short_password_is_refused_and_an_agent_needs_a_phone_that_exists() {
    let centre = Centre::written(Plan::default());
    let short = centre.run(&["user", "add", "eve", "--role", "manager", "--password-stdin"], "short\n");
    assert_eq!(short.code, 1);
    assert!(short.err.contains("characters"), "{}", short.err);
    let command = ["user", "add", "bob", "--role", "agent", "--phone", "seat-9", "--password-stdin"];
    let phoneless = centre.run(&command, &format!("{PASSWORD}\n"));
    assert_eq!(phoneless.code, 1);
    assert!(phoneless.err.contains("seat-9") && phoneless.err.contains("seat-1"), "{}", phoneless.err);
}

#[test]
fn doctor_shows_what_is_in_force_and_where_it_came_from() {
    let centre = Centre::written(Plan::default());
    let ran = centre.run(&["doctor", "--json"], "");
    assert!(ran.code == 0 || ran.code == 3, "{}{}", ran.out, ran.err);
    let told: Value = serde_json::from_str(&ran.out).expect("--json gives JSON");
    let text = told.to_string();
    assert!(text.contains("groups.blend.idle_threshold") && text.contains("lull.toml"), "{text}");
    assert!(!text.contains("phone-password-1"), "a password is shown: {text}");
}

#[test]
fn a_taken_port_is_named_and_the_program_ends_with_1() {
    let centre = Centre::written(Plan::default());
    let taken = std::net::UdpSocket::bind(("127.0.0.1", centre.sip_port)).expect("the port is free");
    let ran = centre.run(&["serve"], "");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("cannot listen for SIP") && ran.err.contains(&centre.sip_port.to_string()), "{}", ran.err);
    drop(taken);
    let taken = std::net::TcpListener::bind(centre.http()).expect("the port is free");
    let ran = centre.run(&["serve"], "");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(&centre.http().to_string()), "{}", ran.err);
    drop(taken);
}

#[test]
fn a_second_service_on_the_same_database_is_refused_and_the_first_goes_on() {
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let (http, sip) = (free_port(), free_port());
    let settings = [
        format!("http.listen=127.0.0.1:{http}"),
        format!("sip.listeners=[{{ transport = \"udp\", address = \"127.0.0.1:{sip}\" }}]"),
    ];
    let ran = centre.run(&["serve", "--set", &settings[0], "--set", &settings[1]], "");
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(&centre.database()), "the database is named: {}", ran.err);
    assert_eq!(centre.boss().get("/api/v1/board").status, 200);
    // Commands still work beside the service.
    centre.customers(&["+8613800000001"]);
    assert_eq!(centre.rows("select 1 from leads").len(), 1);
}

#[test]
fn whoever_mistypes_is_told_what_was_looked_at_and_what_there_is() {
    let centre = Centre::written(Plan { agents: 0, ..Plan::default() });
    let says = |arguments: &[&str], code: i32, all: &[&str]| {
        let ran = centre.run(arguments, "");
        assert_eq!(ran.code, code, "lull {arguments:?}: {ran:?}");
        let told = ran.out + &ran.err;
        all.iter().for_each(|text| assert!(told.contains(text), "lull {arguments:?}: `{text}` is not in: {told}"));
    };
    centre.write("list.csv", "number\n13800138000\n");
    centre.write("notes.md", &"no campaign at all\n".repeat(60));
    says(&["--config", "nope.toml", "user", "list"], 1, &["nope.toml", "No such file"]);
    says(&["campaign", "apply", "nope.toml"], 3, &["nope.toml", "No such file"]);
    says(&["campaign", "check", "notes.md"], 3, &["… and 40 more. Is this the file that was meant?", "60 mistakes"]);
    says(&["--set", "http.listen", "user", "list"], 1, &["--set http.listen", "expected KEY=VALUE"]);
    says(&["--set", "trunks.carrier.transport=tls", "doctor"], 1, &["no listener speaks tls", "sip.listeners"]);
    says(&["--set", "data.directory=/proc/no", "serve"], 1, &["the data folder /proc/no cannot be made"]);
    says(&["list", "import", "sprnig", "list.csv"], 1, &["no campaign `sprnig`", "lull campaign apply FILE"]);
    centre.good(&["campaign", "apply", "spring.toml"]);
    says(&["list", "import", "sprnig", "list.csv"], 1, &["no campaign `sprnig`", "campaigns: spring"]);
    says(&["list", "import", "spring", "nope.csv"], 1, &["nope.csv", "No such file"]);
    says(&["reload"], 1, &["no service runs on the data folder data", "lull serve"]);
    let agent = ["user", "add", "ann", "--role", "agent", "--phone", "seat-9", "--password-stdin"];
    says(&agent, 1, &["no phone `seat-9`", "phones: seat-1"]);
}

#[test]
fn limits_that_are_set_live_hold_after_a_crash_until_they_go_back_and_say_who_set_them() {
    let mut centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let shown = centre.good(&["campaign", "limit", "spring"]);
    assert!(shown.contains("lines_max          no limit") && shown.contains("abandon_rate_max   1"), "{shown}");
    let set = centre.good(&["campaign", "limit", "spring", "--abandon-rate-max", "0.004", "--lines-max", "3"]);
    assert!(set.contains("lines_max          3 (set live; the definition says no limit)"), "{set}");
    let is_capped = |board: &Value| board["campaigns"][0]["abandon_rate_max"] == 0.004;
    centre.until_board("the cap that was set", is_capped);
    let boss = centre.boss();
    let changes = boss.get("/api/v1/campaigns/spring/changes").good();
    assert_eq!((&changes[0]["what"], &changes[0]["by"]), (&"campaign_limits".into(), &"command line".into()));
    assert_eq!(changes[0]["controls"], serde_json::json!({"abandon_rate_max": 0.004, "lines_max": 3}));
    centre.kill();
    let none = centre.run(&["campaign", "limit", "spring", "--lines-max", "9"], "");
    assert!(none.code == 1 && none.err.contains("no service runs here"), "{none:?}");
    centre.serve();
    centre.until_board("the cap after the start", is_capped);
    let lax = centre.run(&["campaign", "limit", "spring", "--abandon-rate-max", "1.5"], "");
    assert!(lax.code == 2 && lax.err.contains("expected a number from 0 to 1"), "{lax:?}");
    let wrong = centre.run(&["campaign", "limit", "spring", "--to-definition", "ringing_max"], "");
    assert!(wrong.code == 2 && wrong.err.contains("expected one of lines_max"), "{wrong:?}");
    let back = ["campaign", "limit", "spring", "--to-definition", "abandon_rate_max", "--to-definition", "lines_max"];
    assert!(!centre.good(&back).contains("set live"), "as the definition says");
    centre.until_board("the definition's cap", |board| board["campaigns"][0]["abandon_rate_max"] == 1.0);
    let limits = centre.boss().get("/api/v1/campaigns/spring/limits").good();
    assert_eq!((&limits[0]["set"], &limits[0]["changed_by"]), (&false.into(), &"command line".into()), "{limits}");
}
