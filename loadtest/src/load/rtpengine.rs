//! rtpengine as a control: a relay by another hand, told what to relay by its own protocol.
//!
//! Its ng protocol is a cookie, a space, and a bencoded dictionary in a datagram. Read [`Rtpengine`] first.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout};

use super::{LoadError, procfs, sipp};
use crate::sip::sdp::{self, Law};

/// A request that has no answer by then is sent again.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// It must answer by then.
const START_WITHIN: Duration = Duration::from_secs(5);

/// A value of the ng protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bencode {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Bencode>),
    /// A dictionary.
    Dictionary(BTreeMap<String, Bencode>),
}

/// A running rtpengine. It is ended when this is dropped.
pub struct Rtpengine {
    child: Child,
    control: UdpSocket,
    serial: u64,
}

impl Rtpengine {
    /// Starts it in user space on this machine.
    ///
    /// # Errors
    /// It is not installed or does not start.
    pub async fn start(folder: &Path) -> Result<Rtpengine, LoadError> {
        let address = sipp::free_address()?;
        let log = std::fs::File::create(folder.join("rtpengine.log"))?;
        let mut command = Command::new("rtpengine");
        command.args(["--table=-1", "--interface=127.0.0.1", "--foreground", "--log-stderr", "--log-level=4"]);
        command.args(["--port-min=40000", "--port-max=44999", "--config-file=none"]);
        command.arg(format!("--listen-ng={address}")).current_dir(folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|error| LoadError::Program { program: "rtpengine", error })?;
        let control = UdpSocket::bind("127.0.0.1:0").await?;
        control.connect(address).await?;
        let mut rtpengine = Rtpengine { child, control, serial: 0 };
        let end = Instant::now() + START_WITHIN;
        loop {
            let asked = rtpengine.ask([("command", "ping")]).await;
            if asked.is_ok() {
                return Ok(rtpengine);
            }
            if Instant::now() > end || procfs::usage(rtpengine.child.id())?.is_zombie {
                let said = std::fs::read_to_string(folder.join("rtpengine.log")).unwrap_or_default();
                return Err(LoadError::Other(format!("rtpengine does not start: {}", said.trim())));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sets up a call between two ends. Gives the addresses that the first and the second end send to.
    ///
    /// # Errors
    /// It refuses.
    pub async fn join(
        &mut self,
        call: &str,
        one: SocketAddr,
        other: SocketAddr,
    ) -> Result<(SocketAddr, SocketAddr), LoadError> {
        let offer = sdp::write(one, 1, &[Law::Mu]);
        let from = format!("{call}-a");
        let to = format!("{call}-b");
        let said = [("command", "offer"), ("call-id", call), ("from-tag", &from), ("ICE", "remove"), ("sdp", &offer)];
        let for_other = self.ask(said).await?;
        let answer = sdp::write(other, 1, &[Law::Mu]);
        let said = [
            ("command", "answer"),
            ("call-id", call),
            ("from-tag", &from),
            ("to-tag", &to),
            ("ICE", "remove"),
            ("sdp", &answer),
        ];
        let for_one = self.ask(said).await?;
        let address = |answer: &BTreeMap<String, Bencode>| match answer.get("sdp") {
            Some(Bencode::Text(text)) => sdp::read(text.as_bytes()).map(|remote| remote.address),
            _ => None,
        };
        match (address(&for_one), address(&for_other)) {
            (Some(one), Some(other)) => Ok((one, other)),
            _ => Err(LoadError::Other("rtpengine gave no usable description".into())),
        }
    }

    async fn ask<const N: usize>(&mut self, said: [(&str, &str); N]) -> Result<BTreeMap<String, Bencode>, LoadError> {
        self.serial += 1;
        let cookie = format!("lull{}", self.serial);
        let words = said.into_iter().map(|(key, value)| (key.to_owned(), Bencode::Text(value.to_owned()))).collect();
        let request = format!("{cookie} {}", write(&Bencode::Dictionary(words)));
        let mut buffer = vec![0; 65_536];
        for _ in 0..3 {
            // A refused datagram means that it does not listen yet.
            let _ = self.control.send(request.as_bytes()).await;
            while let Ok(Ok(length)) = timeout(ANSWER_WITHIN, self.control.recv(&mut buffer)).await {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let Some(body) = text.strip_prefix(&format!("{cookie} ")) else { continue };
                let Some((Bencode::Dictionary(answer), "")) = read(body) else { continue };
                return match answer.get("result") {
                    Some(Bencode::Text(result)) if result == "ok" || result == "pong" => Ok(answer),
                    _ => Err(LoadError::Other(format!("rtpengine refuses: {body}"))),
                };
            }
        }
        Err(LoadError::Other("rtpengine does not answer".into()))
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(value: &Bencode) -> String {
    match value {
        Bencode::Number(number) => format!("i{number}e"),
        Bencode::Text(text) => format!("{}:{text}", text.len()),
        Bencode::List(list) => format!("l{}e", list.iter().map(write).collect::<String>()),
        Bencode::Dictionary(words) => {
            let words: String =
                words.iter().map(|(key, value)| format!("{}:{key}{}", key.len(), write(value))).collect();
            format!("d{words}e")
        }
    }
}

/// A value and what follows it. `None`: it is none.
fn read(text: &str) -> Option<(Bencode, &str)> {
    match text.as_bytes().first()? {
        b'i' => {
            let (number, rest) = text[1..].split_once('e')?;
            Some((Bencode::Number(number.parse().ok()?), rest))
        }
        b'l' => {
            let (mut rest, mut list) = (&text[1..], Vec::new());
            while !rest.starts_with('e') {
                let (value, next) = read(rest)?;
                list.push(value);
                rest = next;
            }
            Some((Bencode::List(list), &rest[1..]))
        }
        b'd' => {
            let (mut rest, mut words) = (&text[1..], BTreeMap::new());
            while !rest.starts_with('e') {
                let (Bencode::Text(key), next) = read(rest)? else { return None };
                let (value, next) = read(next)?;
                words.insert(key, value);
                rest = next;
            }
            Some((Bencode::Dictionary(words), &rest[1..]))
        }
        _ => {
            let (length, rest) = text.split_once(':')?;
            let (value, rest) = rest.split_at_checked(length.parse().ok()?)?;
            Some((Bencode::Text(value.to_owned()), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let words = BTreeMap::from([
            ("command".to_owned(), Bencode::Text("offer".into())),
            ("flags".to_owned(), Bencode::List(vec![Bencode::Number(-7), Bencode::Text(String::new())])),
        ]);
        let value = Bencode::Dictionary(words);
        let text = write(&value);
        assert_eq!(text, "d7:command5:offer5:flagsli-7e0:ee");
        assert_eq!(read(&text), Some((value, "")));
    }

    #[test]
    fn what_is_cut_short_is_no_value() {
        for text in ["", "d7:command", "5:four", "i12", "l4:four", "d1:ai1ee", "x"] {
            let whole = read(text).is_some_and(|(_, rest)| rest.is_empty());
            assert_eq!(whole, text == "d1:ai1ee", "{text}");
        }
    }
}
