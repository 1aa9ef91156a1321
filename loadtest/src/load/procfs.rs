//! What the system says about a process: processor time, memory, and whether datagrams were lost on this machine.
//!
//! Linux only, by way of `/proc`. Read [`Usage`] first.

use std::io;
use std::time::Duration;

/// Clock ticks in a second as `/proc` counts them: 100 on every Linux (USER_HZ, proc(5)).
const TICKS_PER_S: u64 = 100;

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all its threads, past ones included. In steps of 10 ms.
    pub cpu: Duration,
    /// It has ended and nobody has asked how; its times can still be read.
    pub is_zombie: bool,
}

/// The usage of a process.
///
/// # Errors
/// There is no such process.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text).ok_or_else(|| garbled("stat"))
}

/// Memory that is in use, in bytes: what the process alone has in RAM (Private_Dirty and Private_Clean are counted with
/// what it shares, as in `Rss`).
///
/// # Errors
/// There is no such process, or it has ended.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    // The roll-up walks the page tables and is exact; VmRSS of status is summed from counters that lag behind.
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let exact = rollup.as_deref().and_then(|text| parse_kib(text, "Rss:"));
    match exact {
        Some(kib) => Ok(kib * 1024),
        None => {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
            parse_kib(&status, "VmRSS:").map(|kib| kib * 1024).ok_or_else(|| garbled("status"))
        }
    }
}

/// Datagrams that were lost on this machine so far because a program did not read them in time.
///
/// # Errors
/// The system does not tell.
pub fn lost_datagrams() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/net/snmp")?;
    parse_snmp(&text, "Udp:", "RcvbufErrors").ok_or_else(|| garbled("snmp"))
}

/// Load of the machine over the last minute.
///
/// # Errors
/// The system does not tell.
pub fn load_average() -> io::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    text.split(' ').next().and_then(|word| word.parse().ok()).ok_or_else(|| garbled("loadavg"))
}

/// Processor time of the whole machine: what was worked, and what was taken by the host it runs on.
///
/// # Errors
/// The system does not tell.
pub fn machine() -> io::Result<(Duration, Duration)> {
    let text = std::fs::read_to_string("/proc/stat")?;
    parse_machine(&text).ok_or_else(|| garbled("stat"))
}

fn garbled(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc/…/{what} is not as documented"))
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / TICKS_PER_S)
}

/// Fields 3, 14 and 15 of proc(5); the name in parentheses may contain anything.
fn parse_stat(text: &str) -> Option<Usage> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let user: u64 = fields.nth(10)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Usage { cpu: ticks(user + system), is_zombie: state == "Z" })
}

fn parse_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A line of names followed by a line of values, both beginning with the protocol.
fn parse_snmp(text: &str, protocol: &str, counter: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split(' ').position(|name| name == counter)?;
    values.split(' ').nth(place)?.parse().ok()
}

/// user nice system idle iowait irq softirq steal …
fn parse_machine(text: &str) -> Option<(Duration, Duration)> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let field = |place: usize| fields.get(place).copied();
    let worked = field(0)? + field(1)? + field(2)? + field(5)? + field(6)?;
    Some((ticks(worked), ticks(field(7)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_parentheses_and_spaces() {
        let text = "42 (a) b (c) Z 1 42 42 0 -1 4194560 900 0 1 0 150 25 7 8 20 0 5 0 99 1000 10 18446744073709551615";
        let usage = parse_stat(text).expect("as documented");
        assert_eq!(usage, Usage { cpu: Duration::from_millis(1750), is_zombie: true });
        assert_eq!(parse_stat("42 (a"), None);
        assert_eq!(parse_stat("42 (a) S 1 2"), None);
    }

    #[test]
    fn memory_is_read_from_both_files() {
        let rollup = "55d0 ---p 00000000 00:00 0 [rollup]\nRss:               10240 kB\nPss:     9000 kB\n";
        assert_eq!(parse_kib(rollup, "Rss:"), Some(10_240));
        assert_eq!(parse_kib("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t  7 kB\n", "VmRSS:"), Some(7));
        assert_eq!(parse_kib("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn a_counter_is_found_by_its_name() {
        let text = "Tcp: A B\nTcp: 1 2\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\n\
                    Udp: 100 2 3 90 17 0\nUdpLite: InDatagrams\nUdpLite: 0\n";
        assert_eq!(parse_snmp(text, "Udp:", "RcvbufErrors"), Some(17));
        assert_eq!(parse_snmp(text, "Udp:", "Nothing"), None);
    }

    #[test]
    fn stolen_time_is_told_from_worked_time() {
        let text = "cpu  100 1 50 1000 7 2 3 40 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(parse_machine(text), Some((Duration::from_millis(1560), Duration::from_millis(400))));
    }

    #[test]
    fn this_process_uses_memory_and_is_alive() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).expect("it runs") > 100_000);
        assert!(!usage(pid).expect("it runs").is_zombie);
        assert!(lost_datagrams().is_ok() && machine().is_ok() && load_average().is_ok());
    }
}
