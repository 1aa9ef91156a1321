//! The SMSC simulator of the tests, told to count instead of telling.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::load::LoadError;

/// Who clients are to it.
pub(super) const SYSTEM_ID: &str = "lull";
pub(super) const PASSWORD: &str = "secret";

/// A running simulator. It ends with its handle.
pub(super) struct Smsc {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(super) port: u16,
}

/// What it counted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) numbers: u64,
    pub(super) twice: u64,
    pub(super) first: Option<f64>,
    pub(super) last: Option<f64>,
    pub(super) stopped: u64,
    pub(super) late: f64,
    pub(super) over: u64,
}

impl Sum {
    /// Messages per second, from the first to the last.
    pub(super) fn per_second(&self) -> Option<f64> {
        let ms = self.last? - self.first?;
        (ms > 0.0).then(|| (self.count.saturating_sub(1)) as f64 * 1000.0 / ms)
    }
}

impl Smsc {
    /// Starts one that counts.
    pub(super) fn start() -> Result<Smsc, LoadError> {
        let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/ui");
        let mut command = Command::new("node");
        command.current_dir(ui).args(["e2e/smsc.mjs", SYSTEM_ID, PASSWORD]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| LoadError::Program { program: "node", error })?;
        let missing = || LoadError::Other("node has no pipes".to_owned());
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut smsc = Smsc { child, input, output, port: 0 };
        let listening = smsc.until("listening")?;
        smsc.port = listening.as_u64().and_then(|port| u16::try_from(port).ok()).ok_or_else(missing)?;
        smsc.ask(&json!({ "quiet": true }))?;
        Ok(smsc)
    }

    /// Tells it what to do.
    pub(super) fn ask(&mut self, what: &Value) -> Result<(), LoadError> {
        Ok(writeln!(self.input, "{what}")?)
    }

    /// What it has counted.
    pub(super) fn sum(&mut self) -> Result<Sum, LoadError> {
        self.ask(&json!({ "sum": true }))?;
        let told = self.until("sum")?;
        serde_json::from_value(told).map_err(|error| LoadError::Other(error.to_string()))
    }

    /// The next that it tells of a kind; what else it tells meanwhile is of no interest.
    fn until(&mut self, kind: &str) -> Result<Value, LoadError> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                return Err(LoadError::Other("the simulator ended: run `make ui`".to_owned()));
            }
            let mut told: Value = serde_json::from_str(&line).map_err(|error| LoadError::Other(error.to_string()))?;
            if !told[kind].is_null() {
                return Ok(told[kind].take());
            }
        }
    }
}

impl Drop for Smsc {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
