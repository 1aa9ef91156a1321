//! The machine: zone data, clock, limits, disk.

use std::io::Write;
use std::path::Path;

use super::Finding;
use crate::config::{Config, tzdata};
use crate::model::time::Timestamp;
use crate::model::zone::{self, DatabaseOrigin};

/// Zone data older than this many years is missing changes of law.
const TZDATA_YEARS_MAX: i16 = 2;
/// No clock shows an earlier time than the release of this program: 2026-01-01.
const EARLIEST_MS: i64 = 1_767_225_600_000;
/// Nor a later time than its certificate would outlive: 2060-01-01.
const LATEST_MS: i64 = 2_840_140_800_000;
/// Files open besides calls: database, logs, connections of browsers.
const FILES_BESIDES_CALLS: u64 = 512;
/// Two sockets for each of the two legs of a call.
const FILES_PER_CALL: u64 = 4;
/// Bytes of the kernel's largest socket buffer below which bursts of SIP are lost.
const SOCKET_BUFFER_MIN: u64 = 1024 * 1024;
/// Bytes that must be writable: a day of a small centre.
const PROBE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of an hour of a recorded call: G.711 with two channels.
const RECORDED_HOUR: u64 = 2 * 8_000 * 3_600;
/// A disk with room for fewer hours of calls is nearly full: half a day of a small centre.
const RECORDED_HOURS_MIN: u64 = 50;

pub(super) fn tzdata(now: Timestamp) -> Finding {
    let database = zone::database();
    let origin = match database.origin() {
        DatabaseOrigin::Bundled => "built in".to_owned(),
        DatabaseOrigin::System { directory } => format!("from {directory}"),
    };
    let system = tzdata::system_version(Path::new(tzdata::SYSTEM_DIRECTORY));
    let system = system.map_or_else(|| "the system has none".to_owned(), |version| format!("the system has {version}"));
    let says = format!("version {}, {origin}; {system}", database.version());
    let year: i16 = database.version().get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
    let this_year = now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).year();
    if this_year.saturating_sub(year) >= TZDATA_YEARS_MAX {
        let advice = "update the system's tzdata package or Lull: calling windows may be wrong";
        return Finding::warning("tzdata_old", "time zone data", says, advice);
    }
    Finding::ok("tzdata", "time zone data", says)
}

/// The year, and that the database was not written in the future.
pub(super) fn clock(now: Timestamp, database: Option<&Path>) -> Finding {
    const SUBJECT: &str = "clock";
    let advice = "set the clock and keep it with NTP: calling windows are judged by it";
    if !(EARLIEST_MS..LATEST_MS).contains(&now.as_millis()) {
        return Finding::error("clock_wrong", SUBJECT, format!("it shows {now}"), advice);
    }
    let metadata = database.and_then(|path| std::fs::metadata(path).ok());
    let written = metadata.and_then(|metadata| metadata.modified().ok());
    let written = written.and_then(|at| jiff::Timestamp::try_from(at).ok()).map(Timestamp::from);
    if let Some(written) = written
        && written.since(now).as_secs() > 60
    {
        let says = format!("it shows {now}, but the database was written at {written}");
        return Finding::error("clock_back", SUBJECT, says, advice);
    }
    Finding::ok("clock", SUBJECT, format!("it shows {now}"))
}

/// Sockets of as many calls as the trunks can carry, and some.
pub(super) fn open_files(config: &Config) -> Finding {
    const SUBJECT: &str = "open files";
    let calls: u64 = config.trunks.values().map(|trunk| u64::from(trunk.channels_max)).sum();
    let needed = calls * FILES_PER_CALL + FILES_BESIDES_CALLS;
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else {
        return Finding::warning(
            "open_files_unknown",
            SUBJECT,
            "the limit cannot be read here",
            format!("make sure it is at least {needed}"),
        );
    };
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_ascii_whitespace().next());
    match limit.map(|limit| if limit == "unlimited" { Ok(u64::MAX) } else { limit.parse::<u64>() }) {
        Some(Ok(limit)) if limit >= needed => {
            Finding::ok("open_files", SUBJECT, format!("limit {limit}, {needed} needed for {calls} channels"))
        }
        Some(Ok(limit)) => {
            let says = format!("limit {limit}, but {calls} channels need {needed}");
            let advice = format!("raise it: LimitNOFILE={needed} in the service's unit, or ulimit -n {needed}");
            Finding::error("open_files_low", SUBJECT, says, advice)
        }
        Some(Err(_)) | None => Finding::warning(
            "open_files_unknown",
            SUBJECT,
            "the limit cannot be understood",
            format!("make sure it is at least {needed}"),
        ),
    }
}

/// `rmem_max` or `wmem_max`.
pub(super) fn socket_buffer(name: &str) -> Finding {
    let subject = format!("socket buffer {name}");
    let read = std::fs::read_to_string(format!("/proc/sys/net/core/{name}"));
    match read.ok().and_then(|text| text.trim().parse::<u64>().ok()) {
        Some(bytes) if bytes >= SOCKET_BUFFER_MIN => Finding::ok("socket_buffer", &subject, format!("{bytes} bytes")),
        Some(bytes) => {
            let says = format!("{bytes} bytes: bursts of calls may be lost");
            let advice = format!("sysctl -w net.core.{name}={}", 4 * SOCKET_BUFFER_MIN);
            Finding::warning("socket_buffer_small", &subject, says, advice)
        }
        None => {
            let says = "the limit cannot be read here";
            Finding::warning(
                "socket_buffer_unknown",
                &subject,
                says,
                format!("make sure it is at least {SOCKET_BUFFER_MIN} bytes"),
            )
        }
    }
}

/// Writes and removes a probe file.
pub(super) fn data_directory(directory: &Path) -> Finding {
    const SUBJECT: &str = "data directory";
    // An empty path is the working directory.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let shown = directory.display();
    let probe = directory.join(format!(".lull-probe-{}", std::process::id()));
    let written = std::fs::File::create_new(&probe).and_then(|mut file| {
        let piece = vec![0x5a; 1024 * 1024];
        for _ in 0..PROBE_BYTES / piece.len() {
            file.write_all(&piece)?;
        }
        file.sync_all()
    });
    // Only a file this function made carries this process's number.
    let removed = std::fs::remove_file(&probe);
    match (written, removed) {
        (Ok(()), Ok(())) => Finding::ok("data_directory", SUBJECT, format!("{shown} takes {} MB", PROBE_BYTES >> 20)),
        (Ok(()), Err(error)) => {
            let says = format!("the probe {} cannot be removed: {error}", probe.display());
            Finding::warning("data_directory", SUBJECT, says, "remove it by hand")
        }
        (Err(error), _) => {
            let says = format!("{shown} does not take {} MB: {error}", PROBE_BYTES >> 20);
            Finding::error(
                "data_directory",
                SUBJECT,
                says,
                "make it exist, writable for the service, on a disk with room",
            )
        }
    }
}

/// Whether recordings can be written, and for how many hours of calls there is room.
pub(super) fn recordings(folder: &Path) -> Finding {
    const SUBJECT: &str = "recordings";
    let shown = folder.display();
    if !folder.exists() {
        return Finding::ok("recordings", SUBJECT, format!("{shown} will be made when the service starts"));
    }
    let probe = folder.join(format!(".lull-probe-{}", std::process::id()));
    let written = std::fs::File::create_new(&probe).and_then(|mut file| file.write_all(&[0x5a; 4096]));
    // Only a file this function made carries this process's number.
    let removed = std::fs::remove_file(&probe);
    if let Err(error) = written.and(removed) {
        let says = format!("{shown} does not take files: {error}");
        let advice = "make it a directory that the service may write to; calls go on without recordings until then";
        return Finding::error("recordings", SUBJECT, says, advice);
    }
    let room = match rustix::fs::statvfs(folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            let says = format!("how much room there is in {shown} cannot be read: {error}");
            return Finding::warning("recordings_room", SUBJECT, says, "look at it with df");
        }
    };
    let says = format!("{shown} has room for {} hours of calls ({} MB)", room / RECORDED_HOUR, room >> 20);
    if room / RECORDED_HOUR < RECORDED_HOURS_MIN {
        let advice = "make room, or set retention.recordings_days lower: without room calls go on and are not recorded";
        return Finding::warning("recordings_full", SUBJECT, says, advice);
    }
    Finding::ok("recordings", SUBJECT, says)
}
