//! Passwords of the configuration, which are never printed.

use std::fmt;
use std::path::Path;

/// A password. It is compared and sent, but shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a password.
    pub fn new(password: impl Into<String>) -> Secret {
        Secret(password.into())
    }

    /// The password itself, to answer or check a challenge with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Longest file that a password is read from, in bytes.
const FILE_BYTES_MAX: usize = 4096;

/// The first line of a file, as a password.
///
/// # Errors
/// Says what is wrong with the file.
pub fn first_line(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if text.len() > FILE_BYTES_MAX {
        return Err(format!("{shown} is too long for a password file"));
    }
    let line = text.lines().next().map(str::trim_end).filter(|line| !line.is_empty());
    line.map(Secret::new).ok_or_else(|| format!("{shown} is empty"))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}
