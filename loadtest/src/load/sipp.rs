//! SIPp as a process: as the control, and as a carrier that does not tire.
//!
//! Each measurement has a fresh one: a SIPp that was overloaded once stays bad. Read [`Sipp`] first.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::LoadError;
use super::procfs;

/// Receive buffer asked for, in bytes: the default loses bursts.
const BUFFER_BYTES: &str = "4194304";
/// SIPp must have opened its socket by then.
const START_WITHIN: Duration = Duration::from_secs(5);
/// How often its end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Counters of a run, from its statistics file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Calls begun, in either direction.
    pub calls: u64,
    /// Calls that went as the scenario has it.
    pub successful: u64,
    /// Others.
    pub failed: u64,
    /// Messages that were sent again.
    pub retransmissions: u64,
}

/// A SIPp that runs. It is ended when this is dropped.
#[derive(Debug)]
pub struct Sipp {
    child: Child,
    statistics: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Sipp {
    /// The called side of SIPp's own pair of scenarios.
    ///
    /// # Errors
    /// SIPp is not installed or does not start.
    pub async fn builtin_uas(folder: &Path) -> Result<Sipp, LoadError> {
        Sipp::start(folder, "uas", &["-sn", "uas"], None).await
    }

    /// The calling side of it. Ends by itself after so many calls.
    ///
    /// # Errors
    /// SIPp is not installed or does not start.
    pub async fn builtin_uac(folder: &Path, to: SocketAddr, rate: u32, calls: u32) -> Result<Sipp, LoadError> {
        let (rate, calls) = (rate.to_string(), calls.to_string());
        Sipp::start(folder, "uac", &["-sn", "uac", "-r", &rate, "-m", &calls], Some(to)).await
    }

    /// The called side that answers and hangs up at once.
    ///
    /// # Errors
    /// SIPp is not installed or does not start.
    pub async fn hangs_up(folder: &Path) -> Result<Sipp, LoadError> {
        let scenario = folder.join("uas_hangs_up_at_once.xml");
        std::fs::write(&scenario, include_str!("../../sipp/uas_hangs_up_at_once.xml"))?;
        let scenario = scenario.to_string_lossy().into_owned();
        Sipp::start(folder, "carrier", &["-sf", &scenario], None).await
    }

    async fn start(folder: &Path, name: &str, what: &[&str], to: Option<SocketAddr>) -> Result<Sipp, LoadError> {
        let address = free_address()?;
        let media = free_address()?.port().to_string();
        let statistics = folder.join(format!("{name}-{}.csv", address.port()));
        let mut command = Command::new("sipp");
        command.args(what).args(["-i", "127.0.0.1", "-p", &address.port().to_string(), "-mp", &media]);
        command.args(["-nostdin", "-buff_size", BUFFER_BYTES, "-trace_stat", "-fd", "1", "-stf"]).arg(&statistics);
        command.args(["-trace_err", "-error_file"]).arg(statistics.with_extension("errors"));
        command.args(to.map(|to| to.to_string())).current_dir(folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| LoadError::Program { program: "sipp", error })?;
        let mut sipp = Sipp { child, statistics, address };
        let end = Instant::now() + START_WITHIN;
        // It listens when nobody else can.
        while UdpSocket::bind(address).is_ok() {
            if sipp.usage()?.is_zombie || Instant::now() > end {
                return Err(LoadError::Other(format!("sipp {} does not start", what.join(" "))));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(sipp)
    }

    /// Processor time so far.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn usage(&mut self) -> Result<procfs::Usage, LoadError> {
        Ok(procfs::usage(self.child.id())?)
    }

    /// Waits until it has made all its calls. Gives its processor time and counters.
    ///
    /// # Errors
    /// It takes longer than this.
    pub async fn finish(mut self, within: Duration) -> Result<(Duration, Counters), LoadError> {
        let end = Instant::now() + within;
        // Not waited for until its times are read: they are gone with the process.
        while !self.usage()?.is_zombie {
            if timeout_at(end, sleep(LOOK_EVERY)).await.is_err() {
                return Err(LoadError::Other(format!("sipp did not finish within {} s", within.as_secs())));
            }
        }
        let cpu = self.usage()?.cpu;
        Ok((cpu, self.counters()?))
    }

    /// Its counters, as of the last second.
    ///
    /// # Errors
    /// There are none yet.
    pub fn counters(&self) -> Result<Counters, LoadError> {
        let text = std::fs::read_to_string(&self.statistics)?;
        parse_counters(&text).ok_or_else(|| LoadError::Other("the statistics of sipp are not as expected".into()))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on this machine that was free a moment ago.
///
/// # Errors
/// None is.
pub fn free_address() -> std::io::Result<SocketAddr> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The last complete line of a file of names and values, separated by semicolons.
fn parse_counters(text: &str) -> Option<Counters> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split(';').collect();
    let values: Vec<&str> = lines.rfind(|line| line.split(';').count() >= names.len())?.split(';').collect();
    let value = |name: &str| -> Option<u64> {
        let place = names.iter().position(|other| *other == name)?;
        values.get(place)?.trim().parse().ok()
    };
    Some(Counters {
        calls: value("TotalCallCreated")?,
        successful: value("SuccessfulCall(C)")?,
        failed: value("FailedCall(C)")?,
        retransmissions: value("Retransmissions(C)")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str =
        "StartTime;TotalCallCreated;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);Retransmissions(C);";

    #[test]
    fn counters_are_those_of_the_last_complete_line() {
        let text =
            format!("{NAMES}\n2026-01-01\t10:00;100;9;90;0;1;\n2026-01-01\t10:01;200;9;195;3;2;\n2026-01-01\t10:02;30");
        let expected = Counters { calls: 200, successful: 195, failed: 3, retransmissions: 2 };
        assert_eq!(parse_counters(&text), Some(expected));
    }

    #[test]
    fn a_file_without_values_or_with_other_names_is_not_understood() {
        assert_eq!(parse_counters(NAMES), None);
        assert_eq!(parse_counters("A;B\n1;2\n"), None);
    }
}
