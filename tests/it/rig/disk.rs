//! A small disk of its own for one service, which a test may fill.
//!
//! It is mounted where the service keeps its data, in a mount namespace that only the service is in: nothing else on the
//! machine sees it, and it is gone with the service. Other commands of the program therefore do not see it either.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::centre::Centre;

/// Copies the data onto the new disk, puts it in the place of the old folder, and becomes the service.
const MOUNT: &str = "mkdir -p disk && mount -t tmpfs -o size=\"$0\"m none disk && cp -a data/. disk/ \
                     && mount --bind disk data && exec \"$@\"";

/// The disk.
#[derive(Clone, Debug)]
pub struct Disk {
    mb: u32,
    flags: &'static [&'static str],
}

impl Disk {
    /// A disk of this size; `None` where nobody may mount one.
    pub fn of_mb(mb: u32) -> Option<Disk> {
        let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
        let works = |flags: &&&'static [&'static str]| {
            let mut command = Command::new("unshare");
            command.args(**flags).args(["mount", "-t", "tmpfs", "none", "/mnt"]);
            command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let flags = ways.iter().find(works).copied()?;
        Some(Disk { mb, flags })
    }

    /// The same command on this disk.
    pub(super) fn under(&self, command: &Command) -> Command {
        let mut under = Command::new("unshare");
        under.args(self.flags).args(["sh", "-c", MOUNT, &self.mb.to_string()]);
        under.arg(command.get_program()).args(command.get_args());
        under
    }

    /// Where this process sees the data of the service.
    fn data(&self, centre: &Centre) -> PathBuf {
        let inside = centre.path("data");
        let inside = inside.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", centre.service_id())).join(inside)
    }

    /// Leaves no room on it.
    #[track_caller]
    pub fn fill(&self, centre: &Centre) {
        let mut ballast = fs::File::create(self.data(centre).join("ballast")).expect("a file can be made");
        let zeros = [0; 4096];
        while std::io::Write::write_all(&mut ballast, &zeros).is_ok() {}
    }

    /// Makes room again.
    #[track_caller]
    pub fn free(&self, centre: &Centre) {
        fs::remove_file(self.data(centre).join("ballast")).expect("the ballast is there");
    }

    /// What an independent reader finds in a copy of the database.
    #[track_caller]
    pub fn rows(&self, centre: &Centre, sql: &str) -> Vec<Value> {
        for file in ["lull.db", "lull.db-wal"] {
            fs::copy(self.data(centre).join(file), centre.path("data").join(file)).expect("a file can be copied");
        }
        // The copy belongs to nobody; what it remembers of its readers does not hold.
        drop(fs::remove_file(centre.path("data/lull.db-shm")));
        centre.rows(sql)
    }
}
