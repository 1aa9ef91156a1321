//! The demo's folder: made anew at each start, and never somebody else's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DemoError, io};

/// Says that a folder was made here.
const MARK: &str = ".made-by-lull-world";
/// Process number of the service, for the next start.
pub const PID: &str = "lull.pid";

/// Makes the folder, after removing an older one of this program's making.
///
/// # Errors
/// It exists and is not of this program's making, or it cannot be made.
pub async fn make(path: &Path) -> Result<PathBuf, DemoError> {
    if path.exists() {
        let empty = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if !path.join(MARK).is_file() && !empty {
            return Err(DemoError::Foreign(path.to_owned()));
        }
        end_leftover(path).await;
        std::fs::remove_dir_all(path).map_err(io(format!("removing the older {}", path.display())))?;
    }
    std::fs::create_dir_all(path).map_err(io(format!("making {}", path.display())))?;
    std::fs::write(path.join(MARK), "This folder is removed by the next `make demo`.\n")
        .map_err(io(format!("writing to {}", path.display())))?;
    path.canonicalize().map_err(io(format!("finding {}", path.display())))
}

/// Ends a service that an earlier demo could not end, because it was killed itself.
async fn end_leftover(path: &Path) {
    let Some(pid) = std::fs::read_to_string(path.join(PID)).ok().and_then(|text| text.trim().parse::<u32>().ok())
    else {
        return;
    };
    // The number may long be another process's: only a service with this folder's configuration is ended.
    let Ok(folder) = path.canonicalize() else { return };
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments = String::from_utf8_lossy(&arguments);
    if arguments.contains(&*folder.to_string_lossy()) && super::children::terminate(pid).await {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_start_removes_what_the_first_made_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let demo = home.path().join("demo");
        let made = make(&demo).await.unwrap();
        std::fs::write(made.join("lull.db"), "x").unwrap();
        make(&demo).await.unwrap();
        assert!(!made.join("lull.db").exists());
        std::fs::remove_file(made.join(MARK)).unwrap();
        std::fs::write(made.join("thesis.txt"), "x").unwrap();
        assert!(matches!(make(&demo).await, Err(DemoError::Foreign(_))));
        assert!(made.join("thesis.txt").exists());
    }
}
