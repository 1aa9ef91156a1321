use std::collections::BTreeSet;

use super::*;
use crate::model::campaign_file;
use crate::model::document::{Complaints, Document, Node, Reader, SourceKind, Value};
use crate::model::profile_file::SHIPPED;
use crate::model::settings::IdleThreshold;

/// A directory with a main file and whatever else is given by relative path.
fn installation(main: &str, others: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in others.iter().chain([&("lull.toml", main)]) {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let sources = Sources { file: Some(directory.path().join("lull.toml")), ..Sources::default() };
    (directory, sources)
}

fn complaints(main: &str) -> String {
    let (_directory, sources) = installation(main, &[]);
    load(&sources).expect_err(&format!("accepted: {main}")).to_string()
}

fn default() -> Config {
    load(&Sources::default()).unwrap_or_else(|complaints: Complaints| panic!("{complaints}"))
}

#[test]
fn the_default_file_alone_is_a_whole_configuration() {
    let config = default();
    let settings = config.settings();
    assert_eq!(settings.groups.len(), 1);
    assert_eq!(settings.zone, "Asia/Shanghai");
    assert!(config.phones.is_empty(), "no account without a password of the operator's");
    assert!(config.http.listen.ip().is_loopback(), "nobody else reaches the pages before the operator says so");
    assert!(!config.rtp.allow_loopback);
}

#[test]
fn shipped_campaigns_run_against_the_default_file() {
    let known = default().known();
    for (file, text) in [
        ("family-plan.toml", include_str!("../../campaigns/family-plan.toml")),
        ("churn-rescue.toml", include_str!("../../campaigns/churn-rescue.toml")),
        ("care-reminder.toml", include_str!("../../campaigns/care-reminder.toml")),
    ] {
        campaign_file::read(file, text, Some(&known)).unwrap_or_else(|complaints| panic!("{complaints}"));
    }
}

/// The default file with every key that has no value switched on.
fn everything_switched_on() -> String {
    let switched = DEFAULT.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        Some(_) | None => line,
    });
    switched.collect::<Vec<_>>().join("\n")
}

fn keys(node: &Node, path: &str, keys: &mut BTreeSet<String>) {
    match &node.value {
        Value::Table(fields) => {
            for (name, (_, inner)) in fields {
                let named = ["trunks", "numbers", "queues", "groups", "phones", "gateways", "prompts"].contains(&path);
                let key =
                    if path.is_empty() { name.clone() } else { format!("{path}.{}", if named { "*" } else { name }) };
                keys.insert(key.clone());
                self::keys(inner, &key, keys);
            }
        }
        Value::List(items) => {
            let tables = items.iter().filter(|item| matches!(item.value, Value::Table(_)));
            tables.for_each(|item| self::keys(item, &format!("{path}[]"), keys));
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Switch(_) | Value::Moment(_) => {}
    }
}

#[test]
fn the_default_file_documents_every_key_and_every_documented_key_is_right() {
    let all = everything_switched_on();
    let without_inline: Vec<&str> = all.lines().filter(|line| !line.starts_with("password = ")).collect();
    let main = without_inline.join("\n").replace("tls = \"off\"", "tls = \"files\"");
    let secrets = [
        ("secrets/database", "a database's password\n"),
        ("secrets/carrier", "a carrier's password\n"),
        ("secrets/seat-1", "a seat's password\n"),
        ("secrets/smsc", "8 signs!\n"),
        ("secrets/sms-api", "a provider's password\n"),
        ("secrets/sms-callback", "a provider's secret\n"),
        ("profiles/xx.toml", &SHIPPED[0].1.replace("\"cn\"", "\"xx\"")),
    ];
    let (_directory, sources) = installation(&main, &secrets);
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(config.phones["seat-1"].password.reveal(), "a seat's password");
    assert!(config.profiles.contains_key(&"xx".parse().unwrap()) && config.profiles.len() == SHIPPED.len() + 1);

    let document = Document::parse(SourceKind::File, "all.toml", &all);
    let mut documented = BTreeSet::new();
    keys(&document.root, "", &mut documented);
    let gathered = load::gather(&sources).unwrap();
    let reader = Reader::new(&gathered);
    read::config(&reader.root(), sources.file.as_deref().and_then(Path::parent).unwrap()).unwrap();
    let known = reader.known_keys();
    assert_eq!(known.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not in default.toml");
    assert_eq!(documented.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "only in default.toml");
}

#[test]
fn later_sources_win_and_every_value_says_where_it_came_from() {
    let (directory, mut sources) = installation(
        "[http]\nlisten = \"127.0.0.1:9000\"\n[rtp]\nport_min = 30000\nport_max = 30999\n[installation]\ntitle = \"A\"\n",
        &[
            ("conf.d/20.toml", "[installation]\ntitle = \"C\"\n"),
            ("conf.d/10.toml", "[installation]\ntitle = \"B\"\nregion = \"GB\"\n"),
        ],
    );
    sources.environment = vec![
        ("LULL_HTTP__LISTEN".into(), "127.0.0.1:9001".into()),
        ("LULL_GROUPS__BLEND__IDLE_THRESHOLD".into(), "0.5".into()),
        ("LULL_TRUNKS__CARRIER_BACKUP__CHANNELS_MAX".into(), "7".into()),
        ("LULL_CONFIG".into(), "somebody else's".into()),
        ("PATH".into(), "/bin".into()),
    ];
    sources.flags = vec![("http.listen".into(), "127.0.0.1:9002".into())];
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(config.http.listen.port(), 9002);
    assert_eq!(config.installation.title, "C");
    assert_eq!(config.trunks[&"carrier-backup".parse().unwrap()].channels_max, 7);
    assert_eq!(config.groups[&"blend".parse().unwrap()].idle_threshold, IdleThreshold::Above(0.5));
    assert_eq!(config.data.database, directory.path().join("./lull.db").as_path().into());
    let origin = |key: &str| {
        let setting = config.explain().iter().find(|setting| setting.key == key);
        setting.unwrap_or_else(|| panic!("{key}")).origin.replace(&directory.path().display().to_string(), "")
    };
    assert_eq!(origin("http.listen"), "--http.listen");
    assert_eq!(origin("rtp.port_min"), "/lull.toml:4");
    assert_eq!(origin("installation.title"), "/conf.d/20.toml:2");
    assert_eq!(origin("groups.blend.idle_threshold"), "LULL_GROUPS__BLEND__IDLE_THRESHOLD");
    assert_eq!(origin("numbers.\"+861000000000\".queue"), "default");
    assert_eq!(origin("log.level"), "default");
}

#[test]
fn example_tables_are_gone_as_soon_as_the_operator_writes_one() {
    let (_directory, sources) = installation(
        "[trunks.pbx]\ntargets = [\"pbx.example.com:5060\", \"srv:example.com\", \"[2001:db8::5]:5060\"]\nchannels_max = 4\ncalls_per_second = 1\n",
        &[],
    );
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(config.trunks.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["pbx"]);
    let trunk = &config.trunks[&"pbx".parse().unwrap()];
    assert_eq!(trunk.targets[1], Target::Srv { domain: "example.com".into() });
    assert_eq!(trunk.targets[2], Target::Host { host: "2001:db8::5".into(), port: 5060 });
    assert_eq!(config.queues.len(), 1, "other examples stay");
}

#[test]
fn mistakes_name_file_line_column_value_and_expectation() {
    for (main, says) in [
        ("[htpp]\nlisten = 1\n", "lull.toml:1:2: htpp: `htpp` is not a known key; did you mean `http`?"),
        (
            "[http]\nlissten = \"x\"\n",
            "lull.toml:2:1: http.lissten: `lissten` is not a known key; did you mean `listen`?",
        ),
        ("[http]\nlisten = \"localhost\"\n", "lull.toml:2:10: http.listen:"),
        ("[http]\ntls = \"files\"\n", "`certificate_file` is missing"),
        ("[installation]\nzone = \"Asia/Peking\"\n", "`Asia/Peking` is not a time zone"),
        ("[installation]\nregion = \"XX\"\n", "`XX` is not a region"),
        ("[sip]\nlisteners = [{ transport = \"upd\", address = \"0.0.0.0:5060\" }]\n", "did you mean `udp`?"),
        (
            "[trunks.t]\ntargets = [\"h:5061\"]\ntransport = \"tls\"\nchannels_max = 1\ncalls_per_second = 1\n",
            "no listener speaks tls, so nothing could be sent to this trunk; add { transport = \"tls\"",
        ),
        ("[sip]\nkey_file = \"tls/sip.key\"\n", "`certificate_file` is missing"),
        ("[sip]\nresolver = \"192.0.2.53\"\n", "expected an address and a port such as 192.0.2.53:53"),
        ("[sip]\nphone_networks = [\"10.0.0.1/8\"]\n", "the network is 10.0.0.0/8"),
        ("[rtp]\nport_min = 20001\n", "20001 is odd"),
        ("[rtp]\nport_min = 40000\n", "port_min 40000 is above port_max 29999"),
        ("[trunks.t]\nchannels_max = 1\ncalls_per_second = 1\n", "trunks.t.targets: `targets` is missing"),
        ("[trunks.t]\ntargets = [\"h\"]\nchannels_max = 1\ncalls_per_second = 1\n", "`h` is not a target"),
        ("[trunks.T]\ntargets = [\"h:5060\"]\nchannels_max = 1\ncalls_per_second = 1\n", "contains `T`"),
        (
            "[trunks.t]\ntargets = [\"h:1\"]\nchannels_max = 1\ncalls_per_second = 1\npassword = \"p\"\n",
            "`username` is missing",
        ),
        ("[numbers]\n\"+861000000000\" = { queue = \"servce\" }\n", "`servce` is not a queue; did you mean `service`?"),
        ("[numbers]\n\"0086 10\" = { queue = \"service\" }\n", "`0086 10` is not a number"),
        ("[numbers]\n\"+861000000000\" = { }\n", "`queue` is missing"),
        ("[phones.seat]\npassword = \"short\"\n", "the password is too short"),
        ("[phones.seat]\npassword_file = \"nowhere\"\n", "nowhere cannot be read"),
        ("[phones.seat]\n", "`password_file` is missing"),
        ("[gateways.g]\ntarget = \"h\"\n", "`h` is not a target"),
        ("[gateways.g]\ntarget = \"srv:example.com\"\n", "not looked up by SRV"),
        ("[gateways.g]\ntarget = \"h:2775\"\npassword = \"123456789\"\n", "the password is too long"),
        ("[gateways.g]\nsenders = [\"Lull Outbound\"]\n", "`Lull Outbound` cannot be a sender"),
        ("[gateways.g]\nsenders = []\n", "name at least one"),
        ("[gateways.g]\nsystem_id = \"longer than fifteen\"\n", "expected at most 15 ASCII characters"),
        ("[gateways.g]\nprotocol = \"smpp-4\"\n", "did you mean `smpp-3.4`?"),
        ("[gateways.g]\nprotocol = \"http\"\ntarget = \"h:1\"\n", "`target` is not a known key"),
        ("[gateways.g]\nurl = \"https://h/\"\n", "`url` is not a known key"),
        ("[prompts]\nhold = \"builtin:hodl\"\n", "`hodl` is not a built-in prompt; did you mean `hold`?"),
        ("[groups.g]\ntitle = \"G\"\nidle_threshold = 0.1\nhysteresis = 0.2\n", "the gate would never close"),
        ("[groups.g]\ntitle = \"G\"\nqueues = [\"x\"]\n", "`x` is not a queue"),
        (
            "[queues.service]\ntitle = \"S\"\nhold_prompt = \"hold\"\nclosed_prompt = \"closed\"\noverflow_prompt = \"nothing\"\n",
            "`nothing` is not a prompt",
        ),
        ("[log]\nlevel = \"lull=lots\"\n", "log.level"),
        ("[access]\nsession_idle_s = 90000\n", "shorter than session_idle_s"),
        ("http = 1\n", "is a number; expected a table"),
    ] {
        let told = complaints(main);
        assert!(told.contains(says), "{main}\n→ {told}");
    }
}

#[test]
fn one_mistake_is_told_once() {
    assert_eq!(complaints("[rtp]\nport_min = \"x\"\n").lines().count(), 1);
    assert_eq!(complaints("[http]\ntls = \"fils\"\nlisten = 3\n").lines().count(), 2);
    assert_eq!(complaints("[phones.seat]\npassword = \"short\"\n").lines().count(), 1);
}

#[test]
fn the_password_of_a_database_is_not_part_of_its_address() {
    let main = "[data]\ndatabase = \"postgres://lull@db.example/lull\"\npassword = \"of the database\"\n";
    let (_directory, sources) = installation(main, &[]);
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    let crate::model::database::DatabasePlace::Server(server) = &config.data.database else { panic!("it is a server") };
    assert_eq!((server.url(), server.password()), ("postgres://lull@db.example/lull", Some("of the database")));
    assert!(!format!("{config:?}").contains("of the database"));
    let (_directory, sources) = installation("[data]\ndatabase = \"postgres://lull:pw@db/lull\"\n", &[]);
    let told = load(&sources).expect_err("an address with a password").to_string();
    assert!(told.contains("password_file"), "{told}");
}

#[test]
fn secrets_are_shown_nowhere() {
    let secret = "correct horse battery";
    let main = format!(
        "[phones.seat]\npassword = {secret:?}\n[trunks.t]\ntargets = [\"h:5060\"]\nchannels_max = 1\ncalls_per_second = 1\nusername = \"u\"\npassword = {secret:?}\n"
    );
    let (_directory, sources) = installation(&main, &[]);
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(config.phones["seat"].password.reveal(), secret);
    assert!(!format!("{config:?}").contains("horse"));
    let shown = serde_json::to_string(config.explain()).unwrap();
    assert!(!shown.contains("horse") && shown.contains("(set)"), "{shown}");
}

#[test]
fn a_reload_tells_what_changes_and_what_needs_a_restart() {
    let before = default();
    let (_directory, sources) =
        installation("[rtp]\nport_max = 25000\n[groups.blend]\ntitle = \"B\"\nreserve = 2\n", &[]);
    let after = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    let differences = before.differences(&after);
    let told = |section: &str| differences.iter().find(|d| d.section == section).map(|d| d.restart);
    assert_eq!(told("rtp"), Some(true));
    assert_eq!(told("groups"), Some(false));
    assert_eq!(told("trunks"), None);
    assert!(before.differences(&default()).is_empty());
}

#[test]
fn a_trunk_dials_only_what_its_prefixes_allow() {
    let mut trunk = default().trunks[&"carrier".parse().unwrap()].clone();
    let number = |text: &str| PhoneNumber::from_e164(text).unwrap();
    assert!(trunk.may_dial(&number("+8613800138000")) && !trunk.may_dial(&number("+88213123456")));
    assert!(!trunk.may_dial(&number("+449098790000")), "premium rate");
    trunk.denied_prefixes = vec!["+86138".into()];
    assert!(!trunk.may_dial(&number("+8613800138000")) && trunk.may_dial(&number("+8613900139000")));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(&Sources { file: Some("/nonexistent/lull.toml".into()), ..Sources::default() }).unwrap_err();
    assert!(
        error.to_string().starts_with("/nonexistent/lull.toml:1:1: the file /nonexistent/lull.toml cannot be read"),
        "{error}"
    );
}

#[test]
fn a_spoilt_line_is_read_or_complained_about() {
    let read = |text: &str| {
        let document = Document::parse(SourceKind::File, "lull.toml", text);
        let reader = Reader::new(&document);
        let config = read::config(&reader.root(), Path::new("/nonexistent"));
        reader.finish(config)
    };
    let sound = everything_switched_on().replace("password = \"…\"", "password = \"long enough for a phone\"");
    let lines: Vec<&str> = sound.lines().collect();
    let needs_files = |line: &&str| line.starts_with("password_file") || line.starts_with("profiles = ");
    let sound = lines.into_iter().filter(|line| !needs_files(line)).collect::<Vec<_>>().join("\n");
    read(&sound).unwrap_or_else(|complaints| panic!("{complaints}"));
    let refused = crate::model::document::spoilt(&sound).filter(|spoilt| read(spoilt).is_err()).count();
    assert!(refused > 500, "only {refused} were refused");
}

/// A gateway by HTTP with something in the place of a line of it.
fn http_gateway(line: &str, other: &str) -> String {
    let usual = r#"
[gateways.g]
protocol = "http"
url = "https://sms.example/v1?key={password}"
method = "POST"
content_type = "application/json"
body = '{"to": "{to}", "text": "{text}"}'
headers = ["X-Account: {username}"]
username = "lull"
password = "secret"
senders = ["10690000"]
[gateways.g.answer]
throttled = [429]
id = "/id"
code = "/code"
taken_codes = ["0"]
[gateways.g.callback]
proof = "signature"
password = "a secret of sixteen"
[gateways.g.callback.signature]
header = "X-Signature"
signed = "{body}"
[gateways.g.callback.receipts]
id = "/id"
state = "/state"
delivered = ["ok"]
"#;
    assert!(usual.contains(line), "{line} is not in it");
    usual.replacen(line, other, 1)
}

#[test]
fn a_gateway_by_http_is_read_and_what_cannot_work_is_refused_with_its_place() {
    let (_directory, sources) = installation(&http_gateway("", ""), &[]);
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    let GatewayProtocol::Http(gateway) = &config.gateways[&"g".parse().unwrap()].protocol else { panic!("http") };
    assert_eq!(gateway.settings.answer.refused, [401, 403, 404, 405, 407], "what is usual where nothing is said");
    assert!(gateway.callback.is_some());
    let shown = format!("{:?} {:?}", config.gateways, config.explain());
    assert!(!shown.contains("secret of sixteen") && !shown.contains("\"secret\""), "{shown}");
    for (line, other, says) in [
        ("url = \"https://sms.example/v1?key={password}\"\n", "", "`url` is missing"),
        ("https://sms.example/v1", "sms.example", "is not an address"),
        ("https://sms.example/v1", "https://ann:pw@sms.example", "has a user or a password in it"),
        ("{to}", "{two}", "`{two}` is not a field"),
        ("\"{text}\"", "{text", "with its fields filled in it is not JSON"),
        ("\"text\": \"{text}\"", "\"text\": 1", "would not say what is sent to whom"),
        ("method = \"POST\"", "method = \"GET\"", "a GET has no body"),
        ("body = '{\"to\": \"{to}\", \"text\": \"{text}\"}'\n", "", "`body` is missing"),
        ("X-Account: {username}", "X-Account {username}", "is not a header"),
        ("X-Account: {username}", "X Account: 1", "cannot be the name of a header"),
        ("X-Account: {username}", "Host: elsewhere", "the service writes `host` itself"),
        ("X-Account: {username}", "X-Text: {text}", "a header cannot have the text"),
        ("X-Account: {username}", "Authorization: Bearer 123", "shown by `lull doctor`"),
        ("username = \"lull\"\n", "", "`username` is missing"),
        ("password = \"secret\"\n", "", "`password_file` is missing"),
        ("throttled = [429]", "throttled = [42]", "42 is no status of HTTP"),
        ("id = \"/id\"", "id = \"id\"", "`id` is not a place in JSON"),
        ("id = \"/id\"", "id = \"header:no name\"", "cannot be the name of a header"),
        ("taken_codes = [\"0\"]\n", "", "`taken_codes` is missing"),
        ("code = \"/code\"\n", "", "`code` is missing"),
        ("a secret of sixteen", "short", "the password is too short"),
        ("password = \"a secret of sixteen\"\n", "", "gateways.g.callback.password_file: `password_file` is missing"),
        ("proof = \"signature\"", "proof = \"address\"", "`signature` is not a known key"),
        ("proof = \"signature\"", "proof = \"trust\"", "expected one of `signature`, `address`"),
        ("header = \"X-Signature\"\n", "", "`header` is missing"),
        ("signed = \"{body}\"", "signed = \"{timestamp}{body}\"", "cannot be what is signed"),
        ("signed = \"{body}\"", "timestamp_header = \"X-Time\"\nsigned = \"{body}\"", "cannot be what is signed"),
        ("delivered = [\"ok\"]", "", "`delivered` is missing"),
        ("state = \"/state\"\n", "", "`state` is missing"),
    ] {
        let told = complaints(&http_gateway(line, other));
        assert!(told.contains(says), "{line} → {other}\n{told}");
    }
}

#[test]
fn the_gateways_of_the_documentation_can_be_configured_as_they_stand_there() {
    let text = include_str!("../../docs/messages.md");
    let examples: Vec<&str> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let gateways: String = examples.into_iter().filter(|example| example.starts_with("[gateways.")).collect();
    let secrets = ["smsc", "forms", "forms-callback", "cn", "cn-callback"].map(|name| format!("secrets/{name}"));
    let secrets: Vec<(&str, &str)> = secrets
        .iter()
        .map(|name| (name.as_str(), if name.ends_with("back") { "a secret of sixteen" } else { "8 signs!" }))
        .collect();
    let (_directory, sources) = installation(&gateways, &secrets);
    let config = load(&sources).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(config.gateways.len(), 3);
}
