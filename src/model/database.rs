//! Where the database is: a file of SQLite, or a database of a PostgreSQL server.

use std::fmt;
use std::path::{Path, PathBuf};

/// The prefixes of an address that PostgreSQL's own tools understand.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabasePlace {
    /// SQLite in this file.
    File(PathBuf),
    /// PostgreSQL.
    Server(ServerDatabase),
}

/// A database of a PostgreSQL server.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerDatabase {
    url: String,
    password: Option<String>,
    folder: PathBuf,
}

/// What is wrong with the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Addresses are shown, in reports and errors; passwords are not.
    #[error("the address has a password in it")]
    Password,
    /// The server has many databases.
    #[error("the address names no database")]
    NoDatabase,
}

impl DatabasePlace {
    /// Reads an address as people write it: `postgres://…`, or the path of a file, seen from `folder`. What must be kept
    /// beside the database (the journal of results it could not take, what an import sorts) is in `folder` where the
    /// database is a server's, else beside the file.
    ///
    /// # Errors
    /// The address of a server has a password in it, or names no database.
    pub fn read(text: &str, folder: &Path) -> Result<DatabasePlace, AddressFault> {
        let Some(rest) = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) else {
            return Ok(DatabasePlace::File(folder.join(text)));
        };
        let (host, path) = rest.split_once('/').ok_or(AddressFault::NoDatabase)?;
        let (path, options) = path.split_once('?').unwrap_or((path, ""));
        let user = host.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || options.split('&').any(|option| option.starts_with("password=")) {
            return Err(AddressFault::Password);
        }
        if path.is_empty() && !options.split('&').any(|option| option.starts_with("dbname=")) {
            return Err(AddressFault::NoDatabase);
        }
        let server = ServerDatabase { url: text.to_owned(), password: None, folder: folder.to_path_buf() };
        Ok(DatabasePlace::Server(server))
    }

    /// The same place with the password that the server asks for.
    #[must_use]
    pub fn with_password(mut self, password: Option<String>) -> DatabasePlace {
        if let DatabasePlace::Server(server) = &mut self {
            server.password = password;
        }
        self
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            DatabasePlace::File(path) => Some(path),
            DatabasePlace::Server(_) => None,
        }
    }

    /// The file `kind` that is kept beside the database.
    pub fn beside(&self, kind: &str) -> PathBuf {
        match self {
            DatabasePlace::File(path) => beside(path, kind),
            DatabasePlace::Server(server) => server.folder.join(format!("postgres.{kind}")),
        }
    }
}

/// The file `kind` beside a file: its name and one word more.
pub fn beside(path: &Path, kind: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(kind);
    path.with_file_name(name)
}

impl From<&DatabasePlace> for DatabasePlace {
    fn from(place: &DatabasePlace) -> DatabasePlace {
        place.clone()
    }
}

impl From<&PathBuf> for DatabasePlace {
    fn from(path: &PathBuf) -> DatabasePlace {
        DatabasePlace::File(path.clone())
    }
}

impl From<&Path> for DatabasePlace {
    fn from(path: &Path) -> DatabasePlace {
        DatabasePlace::File(path.to_path_buf())
    }
}

/// Without the password, which is never part of it.
impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabasePlace::File(path) => path.display().fmt(f),
            DatabasePlace::Server(server) => f.write_str(&server.url),
        }
    }
}

impl ServerDatabase {
    /// The address, without a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The password.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }
}

impl fmt::Debug for ServerDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DatabasePlace, AddressFault> {
        DatabasePlace::read(text, Path::new("/var/lib/lull"))
    }

    #[test]
    fn a_path_is_a_file_and_an_address_a_server() {
        let file = read("lull.db").unwrap();
        assert_eq!(file.file(), Some(Path::new("/var/lib/lull/lull.db")));
        assert_eq!(file.beside("results"), Path::new("/var/lib/lull/lull.db.results"));
        assert_eq!(read("/data/lull.db").unwrap().to_string(), "/data/lull.db");
        for address in ["postgres://lull@db.example:5433/lull", "postgresql:///lull?host=/run/postgresql"] {
            let server = read(address).unwrap();
            assert_eq!((server.file(), server.to_string()), (None, address.to_owned()));
            assert_eq!(server.beside("results"), Path::new("/var/lib/lull/postgres.results"));
        }
    }

    #[test]
    fn a_password_is_neither_taken_in_the_address_nor_shown() {
        assert_eq!(read("postgres://lull:secret@db/lull"), Err(AddressFault::Password));
        assert_eq!(read("postgres:///lull?host=db&password=secret"), Err(AddressFault::Password));
        assert_eq!(read("postgres://db"), Err(AddressFault::NoDatabase));
        assert_eq!(read("postgres://db/?sslmode=require"), Err(AddressFault::NoDatabase));
        let server = read("postgres://lull@db/lull").unwrap().with_password(Some("secret".to_owned()));
        assert!(!format!("{server:?} {server}").contains("secret"));
    }
}
