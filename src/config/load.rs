//! Finds the files, the variables and the flags, and lays them over one another.

use std::path::{Path, PathBuf};

use super::explain;
use super::{Config, DEFAULT, DEFAULT_NAME, read};
use crate::model::document::{Complaints, Document, Reader, SourceKind, Value};

/// Where the main file is looked for when no flag names it.
const PLACES: [&str; 2] = ["lull.toml", "/etc/lull/lull.toml"];
/// Tables whose default entries are examples: gone as soon as the operator writes the table.
const EXAMPLES: [&str; 4] = ["trunks", "numbers", "queues", "groups"];
/// Most files of `conf.d`: more is a wrong directory.
const FILES_MAX: usize = 200;

/// What the configuration is made of.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The main file; `None`: the defaults alone.
    pub file: Option<PathBuf>,
    /// Variables of the environment; those that are not `LULL_SECTION__KEY` are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags: the key with dots, such as `http.listen`, and its value.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The file that was named, or else the first of the usual places that exists; and the process's environment.
    pub fn of_process(file: Option<PathBuf>) -> Sources {
        let file = file.or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.is_file()));
        // A variable that is not Unicode cannot be one of ours.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Sources { file, environment: environment.collect(), flags: Vec::new() }
    }
}

/// Reads everything. Nothing is in force unless all of it is right.
pub fn load(sources: &Sources) -> Result<Config, Complaints> {
    let document = gather(sources)?;
    let base = sources.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let reader = Reader::new(&document);
    let config = read::config(&reader.root(), &base);
    let mut config = reader.finish(config)?;
    config.settings_in_force = explain::settings(&document);
    Ok(config)
}

/// All sources as one document.
pub(super) fn gather(sources: &Sources) -> Result<Document, Complaints> {
    let mut operators = Vec::new();
    for path in files(sources)? {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| Complaints::unreadable(&name, &error))?;
        operators.push(Document::parse(SourceKind::File, &name, &text));
    }
    let mut document = Document::parse(SourceKind::Default, DEFAULT_NAME, DEFAULT);
    if let Value::Table(defaults) = &mut document.root.value {
        for table in EXAMPLES {
            if operators
                .iter()
                .any(|file| matches!(&file.root.value, Value::Table(fields) if fields.contains_key(table)))
            {
                defaults.remove(table);
            }
        }
    }
    for file in operators {
        document.overlay(file);
    }
    let mut variables: Vec<&(String, String)> = sources.environment.iter().collect();
    variables.sort();
    for (name, value) in variables {
        // Without a section it is somebody else's variable, such as LULL_CONFIG.
        if let Some(path) = name.strip_prefix("LULL_").filter(|path| path.contains("__")) {
            let path: Vec<String> = path.split("__").map(str::to_owned).collect();
            document.set(SourceKind::Environment, name, &path, value);
        }
    }
    for (key, value) in &sources.flags {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        document.set(SourceKind::Flag, &format!("--{key}"), &path, value);
    }
    Ok(document)
}

/// The main file, then `conf.d/*.toml` beside it in the order of their names.
fn files(sources: &Sources) -> Result<Vec<PathBuf>, Complaints> {
    let Some(main) = &sources.file else { return Ok(Vec::new()) };
    let directory = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let mut files = vec![main.clone()];
    if !directory.is_dir() {
        return Ok(files);
    }
    let unreadable = |error: std::io::Error| Complaints::unreadable(&directory.display().to_string(), &error);
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            parts.push(path);
        }
    }
    if parts.len() > FILES_MAX {
        return Err(unreadable(std::io::Error::other(format!("{} files; at most {FILES_MAX} are read", parts.len()))));
    }
    parts.sort();
    files.append(&mut parts);
    Ok(files)
}
