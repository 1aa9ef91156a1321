//! Customers' phones: an SMS gateway (the SMSC simulator of the tests), and what customers answer to what they are sent.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child as Process, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{DemoError, io};
use crate::chance::Chance;

/// Who the service is to the gateway.
pub const SYSTEM_ID: &str = "lull";
/// And its password: nobody else can reach it.
pub const PASSWORD: &str = "demo";
/// Number of ours that messages come from and answers go to.
pub const OURS: &str = "10690000";

/// Shares of customers who are interested, who want to be left alone, and who write something that a person is to read.
const INTERESTED: f64 = 0.3;
const STOPS: f64 = 0.03;
const OTHER: f64 = 0.03;
/// Mean time until somebody answers, in seconds.
const THINKS_S: f64 = 25.0;
/// Longest.
const THINKS_MAX_S: f64 = 180.0;

const YES: [&str; 5] = ["1", "Y", "是", "办理", "１"];
const NO: [&str; 4] = ["STOP", "退订", "T", "R"];
const WORDS: [&str; 4] = ["多少钱？", "Who are you?", "晚上再说", "1 please"];

/// What the phones have seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Messages that came.
    pub received: u64,
    /// Customers who answered that they are interested, and whose answer was taken.
    pub interested: u64,
    /// Customers who wanted no more.
    pub stopped: u64,
}

/// The running gateway.
#[derive(Debug)]
pub struct Phones {
    process: Process,
    seen: Arc<Mutex<Seen>>,
    _reader: JoinHandle<()>,
}

/// What a customer answers, and after how long; the same for the same number and seed.
fn answer(seed: u64, number: &str) -> Option<(Kind, &'static str, Duration)> {
    let mut chance = Chance::of(seed, &format!("sms {number}"));
    let place = chance.unit();
    let (kind, text) = if place < INTERESTED {
        (Kind::Interested, *chance.pick(&YES))
    } else if place < INTERESTED + STOPS {
        (Kind::Stop, *chance.pick(&NO))
    } else if place < INTERESTED + STOPS + OTHER {
        (Kind::Other, *chance.pick(&WORDS))
    } else {
        return None;
    };
    let thinks = chance.exponential(THINKS_S).clamp(2.0, THINKS_MAX_S);
    Some((kind, text, Duration::from_secs_f64(thinks)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Interested,
    Stop,
    Other,
}

impl Phones {
    /// Starts the gateway on this port.
    ///
    /// # Errors
    /// Node is not there.
    pub fn start(port: u16, seed: u64, folder: &Path) -> Result<Phones, DemoError> {
        let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/ui");
        let log = std::fs::File::create(folder.join("phones.log")).map_err(io("making a log"))?;
        let mut command = Command::new("node");
        command.current_dir(ui).args(["e2e/smsc.mjs", SYSTEM_ID, PASSWORD, &port.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).process_group(0);
        let mut process = command.spawn().map_err(io("starting the SMS gateway of the demo (node)"))?;
        let seen = Arc::<Mutex<Seen>>::default();
        let heard = Arc::clone(&seen);
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let reader = tokio::spawn(async move {
            let (Some(mut input), Some(output)) = (input, output) else { return };
            let mut lines = BufReader::new(output).lines();
            let (say, mut said) = mpsc::channel::<Value>(64);
            let asked = json!({ "receipts": "DELIVRD" });
            let mut next = Some(asked);
            let mut kinds: Vec<Kind> = Vec::new();
            let mut written_to = BTreeSet::new();
            loop {
                if let Some(what) = next.take()
                    && input.write_all(format!("{what}\n").as_bytes()).await.is_err()
                {
                    return;
                }
                tokio::select! {
                    what = said.recv() => {
                        let Some(mut what) = what else { return };
                        // Answers are told apart by their place.
                        let kind = match what["kind"].as_str() {
                            Some("interested") => Kind::Interested,
                            Some("stop") => Kind::Stop,
                            _ => Kind::Other,
                        };
                        what["deliver"]["n"] = json!(kinds.len());
                        kinds.push(kind);
                        next = Some(json!({ "deliver": what["deliver"] }));
                    }
                    line = lines.next_line() => {
                        let Ok(Some(line)) = line else { return };
                        let told: Value = serde_json::from_str(&line).unwrap_or_default();
                        let mut seen = heard.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(to) = told["submitted"]["to"].as_str() {
                            seen.received += 1;
                            // What comes later is thanks or goodbye, and needs no answer.
                            if written_to.insert(to.to_owned()) {
                                reply(seed, to, &say);
                            }
                        } else if told["answered"]["status"] == 0 {
                            let place = told["answered"]["n"].as_u64().and_then(|n| usize::try_from(n).ok());
                            match place.and_then(|place| kinds.get(place)) {
                                Some(Kind::Interested) => seen.interested += 1,
                                Some(Kind::Stop) => seen.stopped += 1,
                                Some(Kind::Other) | None => {}
                            }
                        }
                    }
                }
            }
        });
        Ok(Phones { process, seen, _reader: reader })
    }

    /// What they have seen so far.
    pub fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the gateway still runs.
    ///
    /// # Errors
    /// It has ended.
    pub fn check(&mut self) -> Result<(), DemoError> {
        match self.process.try_wait() {
            Ok(Some(status)) => Err(DemoError::Ended(format!("the SMS gateway ended: {status}; see phones.log"))),
            Ok(None) | Err(_) => Ok(()),
        }
    }
}

/// Has a customer answer, after some thought.
fn reply(seed: u64, to: &str, say: &mpsc::Sender<Value>) {
    let Some((kind, text, after)) = answer(seed, to) else { return };
    let kind = match kind {
        Kind::Interested => "interested",
        Kind::Stop => "stop",
        Kind::Other => "other",
    };
    let octets: String = text.encode_utf16().flat_map(u16::to_be_bytes).map(|byte| format!("{byte:02x}")).collect();
    let what = json!({ "kind": kind, "deliver": { "from": to, "to": OURS, "text": octets, "coding": 8 } });
    let say = say.clone();
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        // Nobody listens any more when the demo is over.
        let _over = say.send(what).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_answer_in_the_shares_that_are_written_down_and_always_alike() {
        let answers: Vec<_> = (0..10_000).map(|n| answer(7, &format!("1212{n}"))).collect();
        assert_eq!(answers[17], answer(7, "121217"));
        let share = |kind| answers.iter().flatten().filter(|one| one.0 == kind).count() as f64 / 10_000.0;
        assert!((share(Kind::Interested) - INTERESTED).abs() < 0.02);
        assert!((share(Kind::Stop) - STOPS).abs() < 0.01);
        let longest = answers.iter().flatten().map(|one| one.2).max().unwrap();
        assert!(longest <= Duration::from_secs_f64(THINKS_MAX_S));
    }
}
