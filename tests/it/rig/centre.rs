//! A contact centre of its own for one test: folder, configuration, campaign, people, and the program.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::child::Child;
use super::desk::Desk;
use super::disk::Disk;
use super::http::Api;
use super::ports::{audio_ports, free_port};
use super::sound::Tone;
use super::turn::Turn;
use super::{CARRIER, HOLD_HZ, INFORMATION_HZ, SERVICE, SOON, until};

/// Everybody's password in the tests.
pub const PASSWORD: &str = "correct horse battery staple";
/// The campaign of the tests.
const CAMPAIGN: &str = "spring";

/// What a test is about; the rest is as harmless as can be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Agents `agent-1`…, with phones `seat-1`….
    pub agents: u32,
    /// Phones are rung for each call.
    pub per_call: bool,
    /// Idleness above which the gate opens.
    pub idle_threshold: f64,
    /// Agents kept out of outbound.
    pub reserve: u32,
    /// Shortest ringing before a call is given up.
    pub ring_min_s: f64,
    /// Longest ringing.
    pub ring_timeout_s: u32,
    /// How the carrier is reached.
    pub transport: &'static str,
    /// Where the carrier is, as the list of the file, with `FIRST` and `OTHER` for the places of its two servers; empty:
    /// at the first.
    pub targets: String,
    /// Further lines of the trunk.
    pub trunk: String,
    /// Further lines about SIP.
    pub sip: String,
    /// Further lines of the campaign, before its tables.
    pub campaign: String,
    /// Tables at the end of the campaign.
    pub campaign_tables: String,
    /// The pacing table.
    pub pacing: &'static str,
    /// A disk of its own for the service's data.
    pub disk: Option<Disk>,
    /// Its files may be kept from growing: see [`Centre::limit_files`].
    pub files_limited: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            agents: 1,
            per_call: false,
            idle_threshold: 0.1,
            reserve: 0,
            ring_min_s: 15.0,
            ring_timeout_s: 30,
            transport: "udp",
            targets: String::new(),
            trunk: String::new(),
            sip: String::new(),
            campaign: String::new(),
            campaign_tables: String::new(),
            pacing: "mode = \"progressive\"",
            disk: None,
            files_limited: false,
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// One installation, and the service while it runs.
#[derive(Debug)]
pub struct Centre {
    service: Option<Child>,
    folder: TempDir,
    plan: Plan,
    /// The database, where it is a server's.
    server: Option<String>,
    http_port: u16,
    /// Where the service speaks SIP.
    pub sip_port: u16,
    /// Where it speaks SIP under TLS, if a trunk does.
    pub tls_port: u16,
    /// Where the carrier does.
    pub trunk_port: u16,
    /// Where another server of the carrier may.
    pub other_port: u16,
    /// The ports of its audio, the first and the last.
    pub audio: (u16, u16),
    _turn: Turn,
}

/// A new database on the server of `LULL_TEST_POSTGRES`, where there is one; named as the folder.
fn database_of_its_own(folder: &TempDir) -> Option<String> {
    let server = std::env::var("LULL_TEST_POSTGRES").ok()?;
    let name = folder.path().file_name()?.to_string_lossy().into_owned();
    psql(&server, &format!("create database \"{name}\""));
    let (host, options) =
        server.split_once("/postgres?").expect("the address names the database postgres and a folder");
    Some(format!("{host}/{name}?{options}"))
}

/// What an independent client of the server answers.
#[track_caller]
fn psql(database: &str, sql: &str) -> String {
    let arguments = [database, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql];
    let output = Command::new("psql").args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("psql cannot be started ({error}): run packaging/test-packages"));
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The same command, to which a file that may not grow is an error and no reason to end.
fn deaf_to_limits(command: &Command) -> Command {
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' XFSZ && exec \"$0\" \"$@\""]);
    deaf.arg(command.get_program()).args(command.get_args());
    deaf
}

impl Centre {
    /// Writes the files; nothing runs yet, nobody can log in, the campaign is not applied.
    pub fn written(plan: Plan) -> Centre {
        let turn = Turn::take();
        let folder = tempfile::Builder::new().prefix("lull-it-").tempdir().expect("a folder can be made");
        // A full disk is one of ours, so the database is as well.
        let server = if plan.disk.is_none() { database_of_its_own(&folder) } else { None };
        let mut centre = Centre {
            service: None,
            folder,
            plan,
            server,
            http_port: free_port(),
            sip_port: free_port(),
            tls_port: free_port(),
            trunk_port: free_port(),
            other_port: free_port(),
            audio: audio_ports(),
            _turn: turn,
        };
        let at = |port: u16| format!("{CARRIER}:{port}");
        let (first, other) = (at(centre.trunk_port), at(centre.other_port));
        centre.plan.targets = centre.plan.targets.replace("FIRST", &first).replace("OTHER", &other);
        Tone::new(HOLD_HZ).write(&centre.path("hold.wav"), 4);
        Tone::new(INFORMATION_HZ).write(&centre.path("information.wav"), 2);
        fs::create_dir(centre.path("profiles")).expect("a folder can be made");
        centre.write("lull.toml", &centre.settings());
        centre.write("profiles/test.toml", &centre.profile());
        centre.write("spring.toml", &centre.campaign());
        centre
    }

    /// Everything is prepared: campaign applied and started, a manager `boss`, an operator `ops`, the agents.
    #[track_caller]
    pub fn prepared(plan: Plan) -> Centre {
        let centre = Centre::written(plan);
        centre.good(&["campaign", "apply", "spring.toml", "--start"]);
        centre.add_user(&["boss", "--role", "manager"]);
        for seat in 1..=centre.plan.agents {
            let (login, phone) = (format!("agent-{seat}"), format!("seat-{seat}"));
            let mut arguments = vec![login.as_str(), "--role", "agent", "--phone", &phone, "--group", "blend"];
            if centre.plan.per_call {
                arguments.push("--per-call");
            }
            centre.add_user(&arguments);
        }
        centre
    }

    /// Prepared and running.
    #[track_caller]
    pub fn running(plan: Plan) -> Centre {
        let mut centre = Centre::prepared(plan);
        centre.serve();
        centre
    }

    /// Starts the service and waits until it is ready.
    #[track_caller]
    pub fn serve(&mut self) {
        let child = self.start_service();
        child.until_says("ready pages=", SOON);
        self.service = Some(child);
        until("the service is ready", SOON, || {
            let reply = Api::anonymous(self.http()).send("GET", "/readyz", None).ok()?;
            (reply.status == 200).then_some(())
        });
    }

    /// Starts the service and does not wait.
    #[track_caller]
    pub fn start_service(&self) -> Child {
        let plain = self.command(&["serve", "--until-stdin-closes"]);
        let mut command = match &self.plan.disk {
            Some(disk) => self.settled(disk.under(&plain)),
            None if self.plan.files_limited => self.settled(deaf_to_limits(&plain)),
            None => plain,
        };
        Child::start("lull serve", &mut command)
    }

    /// The running service.
    #[track_caller]
    pub fn service(&mut self) -> &mut Child {
        self.service.as_mut().expect("the service was started")
    }

    /// `kill -9`, and wait until it is gone.
    #[track_caller]
    pub fn kill(&mut self) {
        self.service().kill();
        self.service = None;
    }

    /// No file of the running service grows beyond so many bytes from now on; with `None` all do again. Anybody may do that to
    /// processes of their own, so that it tells of a disk that fails wherever tests run.
    #[track_caller]
    pub fn limit_files(&self, bytes: Option<u64>) {
        let soft = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let (limit, process) = (format!("--fsize={soft}:unlimited"), self.service_id().to_string());
        let status = Command::new("prlimit").args(["--pid", &process, &limit]).status();
        assert!(status.as_ref().is_ok_and(|status| status.success()), "prlimit {limit}: {status:?}");
    }

    /// Where the pages are.
    pub fn http(&self) -> SocketAddr {
        SocketAddr::new(SERVICE.parse().expect("an address"), self.http_port)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    /// Reads a file in the folder.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Password of a phone.
    pub fn phone_password(&self, seat: u32) -> String {
        format!("phone-password-{seat}")
    }

    pub(super) fn trunk_transport(&self) -> &'static str {
        self.plan.transport
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lull"));
        command.args(arguments);
        self.settled(command)
    }

    /// In the folder of the installation, and with nothing of the outer environment that the program would heed.
    fn settled(&self, mut command: Command) -> Command {
        command.current_dir(self.folder()).env_remove("LULL_CONFIG").env("NO_COLOR", "1");
        command
    }

    /// The process of the running service.
    #[track_caller]
    pub(super) fn service_id(&self) -> u32 {
        self.service.as_ref().expect("the service was started").id()
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A command that complains about its arguments does not read.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("a command can be waited for");
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments, "");
        assert_eq!(ran.code, 0, "lull {arguments:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Adds a person, with the password that everybody has.
    #[track_caller]
    pub fn add_user(&self, arguments: &[&str]) {
        let mut all = vec!["user", "add"];
        all.extend(arguments);
        all.push("--password-stdin");
        let ran = self.run(&all, &format!("{PASSWORD}\n"));
        assert_eq!(ran.code, 0, "lull {all:?}: {}{}", ran.out, ran.err);
    }

    /// Brings customers onto the list of the campaign.
    #[track_caller]
    pub fn customers(&self, numbers: &[&str]) {
        let mut text = "number,name\n".to_owned();
        for (index, number) in numbers.iter().enumerate() {
            text += &format!("{number},Customer {index}\n");
        }
        self.write("list.csv", &text);
        self.good(&["list", "import", CAMPAIGN, "list.csv"]);
    }

    /// The API as a user.
    #[track_caller]
    pub fn api(&self, login: &str) -> Api {
        Api::login(self.http(), login, PASSWORD)
    }

    /// The manager.
    #[track_caller]
    pub fn boss(&self) -> Api {
        self.api("boss")
    }

    /// Waits until the wallboard shows something; gives the picture.
    #[track_caller]
    pub fn until_board(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.until_board_of(&self.boss(), what, is_so)
    }

    /// The same for somebody who is logged in already.
    #[track_caller]
    pub fn until_board_of(&self, boss: &Api, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let end = super::now() + SOON;
        while super::now() < end {
            last = boss.get("/api/v1/board").good();
            if is_so(&last) {
                return last;
            }
            std::thread::park_timeout(super::LOOK);
        }
        panic!("{what}: not within {SOON:?}; the board says {last}");
    }

    /// Signs an agent in and makes it ready. The phone must be registered.
    #[track_caller]
    pub fn agent_ready(&self, seat: u32) -> Desk {
        let desk = Desk::sign_in(self.api(&format!("agent-{seat}")));
        desk.ready();
        desk
    }

    /// The operator.
    #[track_caller]
    pub fn operator(&self) -> Api {
        self.add_user(&["ops", "--role", "operator"]);
        self.api("ops")
    }

    /// The database, as the program names it.
    pub fn database(&self) -> String {
        self.server.clone().unwrap_or_else(|| "data/lull.db".to_owned())
    }

    /// What an independent reader finds in the database.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        if let Some(server) = &self.server {
            let sql = format!("select coalesce(json_agg(found), '[]') from ({sql}) found");
            return serde_json::from_str(&psql(server, &sql)).expect("psql gives JSON");
        }
        let database = self.path("data/lull.db");
        let output = Command::new("sqlite3")
            .args(["-readonly", "-json", "-cmd", ".timeout 5000"])
            .arg(&database)
            .arg(sql)
            .output()
            .unwrap_or_else(|error| panic!("sqlite3 cannot be started ({error}): run packaging/test-packages"));
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        if output.stdout.is_empty() {
            return Vec::new();
        }
        serde_json::from_slice(&output.stdout).expect("sqlite3 gives JSON")
    }

    /// Leaves the database as a process leaves it that was killed before it wrote down which dialogs are up. The service
    /// must not run.
    #[track_caller]
    pub fn forget_dialogs(&self) {
        self.change("delete from dialogs");
    }

    /// Changes the database behind the program's back. The service must not run.
    #[track_caller]
    pub fn change(&self, sql: &str) {
        if let Some(server) = &self.server {
            psql(server, sql);
            return;
        }
        let database = self.path("data/lull.db");
        let done = Command::new("sqlite3").arg(&database).arg(sql).status();
        assert!(done.is_ok_and(|status| status.success()), "sqlite3 could not write to {}", database.display());
    }

    /// The first value of the first row; `null` without rows.
    #[track_caller]
    pub fn value(&self, sql: &str) -> Value {
        let rows = self.rows(sql);
        rows.first().and_then(|row| row.as_object()?.values().next().cloned()).unwrap_or_default()
    }

    /// Waits until the only attempt to a number has ended, or the latest of several; gives its row.
    #[track_caller]
    pub fn until_ended(&self, number: &str) -> Value {
        let sql = format!("select * from attempts where number = '{number}' and state = 'ended' order by id desc");
        until(&format!("the attempt to {number} has ended"), SOON, || self.rows(&sql).into_iter().next())
    }

    fn settings(&self) -> String {
        let (audio_min, audio_max) = self.audio;
        let (sip, http, carrier) = (self.sip_port, self.http_port, self.trunk_port);
        let Plan { transport, targets, trunk, sip: more_sip, idle_threshold, reserve, .. } = &self.plan;
        let carrier = format!("\"{CARRIER}:{carrier}\"");
        let targets = if targets.is_empty() { &carrier } else { targets };
        let tls = match *transport {
            "tls" => format!("  {{ transport = \"tls\", address = \"{SERVICE}:{}\" }},\n", self.tls_port),
            _ => String::new(),
        };
        let database = match &self.server {
            Some(server) => format!("database = \"{server}\"\n"),
            None => String::new(),
        };
        let mut text = format!(
            r#"
[installation]
title = "Test centre"

[data]
directory = "data"
profiles = "profiles"
{database}
[http]
listen = "{SERVICE}:{http}"

[access]
logins_per_minute = 600

[log]
level = "info,lull=debug"

[sip]
listeners = [
  {{ transport = "udp", address = "{SERVICE}:{sip}" }},
  {{ transport = "tcp", address = "{SERVICE}:{sip}" }},
{tls}]
phone_networks = ["127.0.0.1/32"]
{more_sip}

[rtp]
address = "{SERVICE}"
port_min = {audio_min}
port_max = {audio_max}
allow_loopback = true

[trunks.carrier]
targets = [{targets}]
transport = "{transport}"
channels_max = 20
calls_per_second = 50.0
burst = 3
keep_alive_s = 0
allowed_prefixes = ["+86"]
{trunk}

[numbers]
"+861000000000" = {{ campaign = "spring", queue = "service" }}
"+861000000086" = {{ queue = "service" }}
"+861000000087" = {{ prompt = "information" }}

[queues.service]
title = "Service"
service_level_target = 0.8
within_s = 10
wait_max_s = 60
waiting_max = 10
hold_prompt = "hold"
closed_prompt = "information"
overflow_prompt = "information"

[groups.blend]
title = "Blend"
queues = ["service"]
outbound = true
idle_threshold = {idle_threshold:?}
hysteresis = 0.05
dwell_s = 0.0
smoothing_s = 0.0
reserve = {reserve}
wrap_up_s = 1

[prompts]
hold = "hold.wav"
information = "information.wav"
"#
        );
        for seat in 1..=self.plan.agents.max(1) {
            text += &format!("[phones.seat-{seat}]\npassword = \"{}\"\n", self.phone_password(seat));
        }
        text
    }

    fn profile(&self) -> String {
        format!(
            r#"
name = "test"
title = "Tests"
notice = "For tests only."
sources = []
abandon_rate_max = 1.0
connect_deadline_s = 2.0
ring_min_s = {:?}
attempt_caps = [{{ max = 20, within_s = 86400 }}]
consent_required = false
information_message = "Who called."
[hours]
every-day = ["00:00-24:00"]
"#,
            self.plan.ring_min_s
        )
    }

    fn campaign(&self) -> String {
        let Plan { ring_timeout_s, campaign, campaign_tables, pacing, .. } = &self.plan;
        format!(
            r#"key = "{CAMPAIGN}"
title = "Spring"
group = "blend"
profile = "test"
caller_id = "+861000000000"
trunks = ["carrier"]
ring_timeout_s = {ring_timeout_s}
wrap_up_s = 60
information_message = "information"
abandon_rate_max = 1.0
{campaign}

[offer]
name = "Spring plan"

[[script]]
title = "Opening"
text = "Good day, is this {{name}}?"

[[results]]
key = "taken"
title = "Took it"
disposition = "accepted"

[[results]]
key = "refused"
title = "Not interested"
disposition = "declined"

[[results]]
key = "stop"
title = "Do not call"
disposition = "do_not_call"

[[results]]
key = "later"
title = "Callback"
disposition = "callback"

[hours]
every-day = ["00:00-24:00"]

[pacing]
{pacing}
{campaign_tables}
"#
        )
    }
}
