//! Files on their way in: one folder for each, with what is known of it beside what has come.
//!
//! How much has come is the length of the file and is written down nowhere else, so that a crash leaves no two truths. Read
//! [`Shelf`] first.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncSeekExt as _;

use crate::model::id::UploadId;
use crate::model::time::Timestamp;

/// What is known of a file.
const ABOUT: &str = "about.json";
/// What has come of it.
const CONTENT: &str = "content";

/// What was said of a file before it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::web) struct About {
    /// What its sender calls it. Never part of a path.
    pub(in crate::web) name: String,
    /// Its whole length, in bytes.
    pub(in crate::web) length: u64,
    /// Who sends it.
    pub(in crate::web) by: String,
    /// Since when.
    pub(in crate::web) at: Timestamp,
}

/// A file on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Upload {
    /// Its id.
    pub(in crate::web) id: UploadId,
    /// What was said of it.
    pub(in crate::web) about: About,
    /// How much has come, in bytes.
    pub(in crate::web) offset: u64,
}

impl Upload {
    /// Whether all of it has come.
    pub(in crate::web) fn is_whole(&self) -> bool {
        self.offset == self.about.length
    }
}

/// Where files wait.
#[derive(Clone, Debug)]
pub(in crate::web) struct Shelf(PathBuf);

impl Shelf {
    /// The shelf of a data directory.
    pub(in crate::web) fn of(data_dir: &Path) -> Shelf {
        Shelf(data_dir.join("uploads"))
    }

    fn folder(&self, id: UploadId) -> PathBuf {
        self.0.join(id.to_string())
    }

    /// Where the content of a file is.
    pub(in crate::web) fn content(&self, id: UploadId) -> PathBuf {
        self.folder(id).join(CONTENT)
    }

    /// Makes room for a file.
    pub(in crate::web) async fn add(&self, id: UploadId, about: About) -> io::Result<Upload> {
        let folder = self.folder(id);
        fs::create_dir_all(&folder).await?;
        File::create_new(folder.join(CONTENT)).await?.sync_all().await?;
        // Last: without it the folder is none of ours.
        let part = folder.join("about.part");
        fs::write(&part, serde_json::to_vec(&about)?).await?;
        fs::rename(&part, folder.join(ABOUT)).await?;
        Ok(Upload { id, about, offset: 0 })
    }

    /// A file; `None` where there is none.
    pub(in crate::web) async fn find(&self, id: UploadId) -> io::Result<Option<Upload>> {
        let folder = self.folder(id);
        let about = match fs::read(folder.join(ABOUT)).await {
            Ok(about) => serde_json::from_slice(&about)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let offset = fs::metadata(folder.join(CONTENT)).await?.len();
        Ok(Some(Upload { id, about, offset }))
    }

    /// All files, oldest first.
    pub(in crate::web) async fn all(&self) -> io::Result<Vec<Upload>> {
        let mut found = Vec::new();
        for name in self.names().await? {
            if let Ok(id) = name.parse()
                && let Some(upload) = self.find(id).await?
            {
                found.push(upload);
            }
        }
        found.sort_by_key(|upload| upload.id);
        Ok(found)
    }

    /// The content, to be written on from where it ends.
    pub(in crate::web) async fn open_end(&self, id: UploadId) -> io::Result<File> {
        let mut file = OpenOptions::new().write(true).open(self.content(id)).await?;
        file.seek(SeekFrom::End(0)).await?;
        Ok(file)
    }

    /// Removes a file.
    pub(in crate::web) async fn remove(&self, id: UploadId) -> io::Result<()> {
        match fs::remove_dir_all(self.folder(id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes what an earlier run of the service left behind: files that were sent in one request, and folders that were not
    /// finished. To be called before anything is received.
    pub(in crate::web) async fn clear_leftovers(&self) -> io::Result<()> {
        for name in self.names().await? {
            let folder = self.0.join(&name);
            if name.parse::<UploadId>().is_err() || !fs::try_exists(folder.join(ABOUT)).await? {
                fs::remove_dir_all(folder).await?;
            }
        }
        Ok(())
    }

    async fn names(&self) -> io::Result<Vec<String>> {
        let mut entries = match fs::read_dir(&self.0).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            if entry.file_type().await?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }
}
