//! A process that ends with the test, and everything it says.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::now;

/// What is shown of a process that failed.
const SHOWN_BYTES: usize = 6_000;

/// A running process.
#[derive(Debug)]
pub struct Child {
    name: String,
    inner: std::process::Child,
    voice: Arc<Voice>,
    stdin: Option<ChildStdin>,
}

/// What a process has said so far on both its streams.
#[derive(Debug, Default)]
struct Voice {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    text: String,
    ended: u8,
}

impl Child {
    /// Starts it. A program that is not installed fails the test with what to do.
    #[track_caller]
    pub fn start(name: &str, command: &mut Command) -> Child {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut inner = spawned.unwrap_or_else(|error| {
            panic!("{name} cannot be started ({:?}: {error}): run packaging/test-packages", command.get_program())
        });
        let voice = Arc::new(Voice::default());
        listen(&voice, inner.stdout.take().expect("stdout is piped"));
        listen(&voice, inner.stderr.take().expect("stderr is piped"));
        let stdin = inner.stdin.take();
        Child { name: name.to_owned(), inner, voice, stdin }
    }

    /// Everything it has said.
    pub fn said(&self) -> String {
        self.voice.said.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub fn until_says(&self, what: &str, within: Duration) {
        self.until_says_after(0, what, within);
    }

    /// Waits until it says something after the first `from` bytes.
    #[track_caller]
    pub fn until_says_after(&self, from: usize, what: &str, within: Duration) {
        let end = now() + within;
        let mut said = self.voice.said.lock().unwrap_or_else(PoisonError::into_inner);
        while !said.text.get(from..).is_some_and(|text| text.contains(what)) {
            let left = end.saturating_duration_since(now());
            if left.is_zero() || said.ended == 2 {
                let why = if said.ended == 2 { "ended before it said" } else { "did not say in time" };
                panic!("{} {why} `{what}`. It said:\n{}", self.name, tail(&said.text));
            }
            said = self.voice.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        let end = now() + within;
        let mut said = self.voice.said.lock().unwrap_or_else(PoisonError::into_inner);
        while said.ended < 2 {
            let left = end.saturating_duration_since(now());
            assert!(!left.is_zero(), "{} did not end within {within:?}. It said:\n{}", self.name, tail(&said.text));
            said = self.voice.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(said);
        self.inner.wait().expect("a child can be waited for")
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.inner.try_wait(), Ok(None))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.inner.kill());
        drop(self.inner.wait());
    }

    /// Sends a signal by name, such as `TERM`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.inner.id())).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal could be sent to {}", self.name);
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- {} said:\n{}", self.name, tail(&self.said()));
        }
    }
}

fn listen(voice: &Arc<Voice>, stream: impl Read + Send + 'static) {
    let voice = Arc::clone(voice);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let mut said = voice.said.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&line);
            // A phone shows its meter by writing over the same line again and again.
            said.text.extend(text.split_inclusive('\r').filter(|piece| !piece.contains("(bit/s)")));
            line.clear();
            voice.more.notify_all();
        }
        voice.said.lock().unwrap_or_else(PoisonError::into_inner).ended += 1;
        voice.more.notify_all();
    });
}

fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(SHOWN_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
