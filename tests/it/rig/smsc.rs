//! An SMSC simulator: another program (`src/ui/e2e/smsc.mjs`) that speaks SMPP by a library of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{SOON, until};

/// Who Lull is to it.
pub const SYSTEM_ID: &str = "lull";
/// And the password of that.
pub const SMSC_PASSWORD: &str = "secret";

/// A running simulator. It ends with its handle.
#[derive(Debug)]
pub struct Smsc {
    child: Child,
    input: ChildStdin,
    told: Arc<Mutex<Vec<Value>>>,
    /// Where it listens.
    pub port: u16,
    delivered: u64,
}

impl Smsc {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start() -> Smsc {
        let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui");
        let mut command = Command::new("node");
        command.current_dir(ui).args(["e2e/smsc.mjs", SYSTEM_ID, SMSC_PASSWORD]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("node cannot be started ({error}): run `make ui`"));
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let heard = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let told = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the simulator says {line}"));
                heard.lock().expect("not poisoned").push(told);
            }
        });
        let mut smsc = Smsc { child, input, told, port: 0, delivered: 0 };
        let listening = smsc.until_told("it listens", |told| told["listening"].as_u64());
        smsc.port = u16::try_from(listening).expect("a port");
        smsc
    }

    /// Tells it what to do.
    #[track_caller]
    pub fn ask(&mut self, what: &Value) {
        writeln!(self.input, "{what}").expect("the simulator listens");
    }

    /// All that it told of a kind, oldest first.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let told = self.told.lock().expect("not poisoned");
        told.iter().filter(|one| !one[kind].is_null()).map(|one| one[kind].clone()).collect()
    }

    /// Waits until it has told something; gives what `find` makes of it.
    #[track_caller]
    pub fn until_told<T>(&self, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        until(what, SOON, || self.told.lock().expect("not poisoned").iter().find_map(&find))
    }

    /// Waits until Lull is bound.
    #[track_caller]
    pub fn until_bound(&self) {
        self.until_told("Lull is bound", |told| told["bound"].as_str().map(str::to_owned));
    }

    /// Waits until so many parts were handed over; gives them.
    #[track_caller]
    pub fn until_submitted(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} parts are handed over"), SOON, || {
            Some(self.all("submitted")).filter(|submitted| submitted.len() >= count)
        })
    }

    /// Hands a message of a customer to Lull and waits until it is acknowledged; the status of that.
    #[track_caller]
    pub fn deliver(&mut self, mut message: Value) -> i64 {
        self.delivered += 1;
        let n = self.delivered;
        message["n"] = n.into();
        self.ask(&json!({ "deliver": message }));
        self.until_told("the message is acknowledged", |told| {
            let answered = &told["answered"];
            (answered["n"] == n).then(|| answered["status"].as_i64().expect("a status"))
        })
    }

    /// A text from a customer, in UCS-2 where it needs it.
    #[track_caller]
    pub fn text(&mut self, from: &str, text: &str) -> i64 {
        let octets: String = text.encode_utf16().flat_map(u16::to_be_bytes).map(|byte| format!("{byte:02x}")).collect();
        self.deliver(json!({ "from": from, "to": "10690000", "text": octets, "coding": 8 }))
    }
}

impl Drop for Smsc {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
