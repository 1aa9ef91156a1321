//! An installation without carriers, and what is asked of its database by others than Lull.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Bench;
use crate::load::LoadError;
use crate::load::installed::{self, BLEND};

/// The campaign that lists come to, and the one that is dialled meanwhile.
pub(super) const LISTED: &str = "listed";
pub(super) const DIALLED: &str = "dialled";

/// Configuration, campaigns, database.
pub(super) struct Installation {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    /// The file, or the address of the server's database.
    pub(super) database: String,
    is_server: bool,
}

impl Installation {
    /// Makes one with both campaigns.
    pub(super) fn new(bench: &Bench, name: &str) -> Result<Installation, LoadError> {
        let folder = super::fresh(&bench.folder, name)?;
        let database = match &bench.server {
            None => folder.join("lull.db").display().to_string(),
            Some(server) => {
                let database = format!("{}_{name}", bench.folder.file_name().unwrap_or_default().to_string_lossy());
                psql(server, &format!("create database \"{database}\""))?;
                let (host, options) = server
                    .split_once("/postgres?")
                    .ok_or_else(|| LoadError::Other(format!("{server}: expected …/postgres?host=…")))?;
                format!("{host}/{database}?{options}")
            }
        };
        std::fs::create_dir_all(folder.join("profiles"))?;
        std::fs::write(folder.join("profiles/load.toml"), profile())?;
        std::fs::write(folder.join("lull.toml"), configuration(&database))?;
        let (program, is_server) = (bench.program.clone(), bench.server.is_some());
        let installation = Installation { program, folder, database, is_server };
        for key in [LISTED, DIALLED] {
            std::fs::write(installation.folder.join(format!("{key}.toml")), campaign(key))?;
            installation.lull(&["campaign", "apply", &format!("{key}.toml"), "--start"])?;
        }
        Ok(installation)
    }

    /// A command that is waited for. An import that rejects rows ends with 3, which is no failure.
    pub(super) fn lull(&self, arguments: &[&str]) -> Result<String, LoadError> {
        let output = self.command(arguments).output()?;
        if output.status.success() || (arguments.contains(&"import") && output.status.code() == Some(3)) {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said)).concat();
        Err(LoadError::Other(format!("lull {} failed: {said}", arguments.join(" "))))
    }

    /// A command that runs on.
    pub(super) fn start(&self, arguments: &[&str]) -> Result<Child, LoadError> {
        Ok(self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?)
    }

    /// A list of this campaign with a line for each, read by the program as anybody's.
    pub(super) fn people(&self, campaign: &str, numbers: impl Iterator<Item = String>) -> Result<(), LoadError> {
        let lines = numbers.map(|number| format!("{number}\n"));
        std::fs::write(self.folder.join("people.csv"), "number\n".to_owned() + &lines.collect::<String>())?;
        self.lull(&["list", "import", campaign, "people.csv", "--name", "people"]).map(drop)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--config", "lull.toml"]).args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// What an independent client answers, one row a line.
    pub(super) fn ask(&self, sql: &str) -> Result<String, LoadError> {
        match self.is_server {
            true => psql(&self.database, sql),
            false => sqlite(Path::new(&self.database), &[sql]),
        }
    }

    /// Fills tables by these statements, without their indexes, which are made again afterwards: that is many times quicker.
    pub(super) fn fill(&self, tables: &[&str], statements: &[String]) -> Result<(), LoadError> {
        let named = tables.iter().map(|table| format!("'{table}'")).collect::<Vec<_>>().join(", ");
        let indexes = match self.is_server {
            true => format!(
                "select indexname || '|' || indexdef from pg_indexes i
                 where tablename in ({named}) and not exists (select 1 from pg_constraint c where c.conname = i.indexname)"
            ),
            false => format!(
                "select name || '|' || replace(sql, char(10), ' ') from sqlite_master
                 where type = 'index' and sql is not null and tbl_name in ({named})"
            ),
        };
        let indexes = self.ask(&indexes)?;
        let indexes: Vec<(&str, &str)> = indexes.lines().filter_map(|line| line.split_once('|')).collect();
        let mut script = String::new();
        for (name, _) in &indexes {
            script += &format!("drop index {name};\n");
        }
        for statement in statements {
            script += &format!("{statement};\n");
        }
        for (_, index) in &indexes {
            script += &format!("{index};\n");
        }
        if self.is_server {
            script += &tables.iter().map(|table| format!("analyze {table};\n")).collect::<String>();
        } else {
            // Nobody else has the file open, and whoever is cut short begins again.
            script = format!(
                "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -500000;
                 pragma temp_store = file;\n{script}pragma journal_mode = wal;\n"
            );
        }
        let file = self.folder.join("fill.sql");
        std::fs::write(&file, script)?;
        if self.is_server {
            let arguments = [self.database.as_str(), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"];
            answer("psql", Command::new("psql").args(arguments).arg(&file).output())?;
        } else {
            let read = format!(".read \"{}\"", file.display());
            sqlite(Path::new(&self.database), &[".bail on", &read])?;
        }
        Ok(())
    }

    /// The accepted leads as a file in an order that no index has, loaded by the database's own tool into a table like
    /// that of leads, empty, with its indexes; the seconds it took.
    pub(super) fn bulk_load(&self) -> Result<f64, LoadError> {
        let file = self.folder.join("accepted.csv");
        let scattered = "order by (cast(substr(number, 5) as bigint) * 7919) % 1000003, number";
        let leads = format!("select * from leads where campaign = '{LISTED}' {scattered}");
        let load = if self.is_server {
            psql(&self.database, &format!("\\copy ({leads}) to '{}' csv", file.display()))?;
            psql(&self.database, "create table raw (like leads including all)")?;
            format!("\\copy raw from '{}' csv", file.display())
        } else {
            let written = sqlite(Path::new(&self.database), &[".mode csv", &leads])?;
            std::fs::write(&file, written)?;
            String::new()
        };
        let begin = tokio::time::Instant::now();
        if self.is_server {
            psql(&self.database, &load)?;
        } else {
            // The same schema in another file. `.import` knows no null: what the checks say of empty texts is not asked.
            let raw = self.folder.join("raw.db");
            let schema = sqlite(Path::new(&self.database), &[".schema leads"])?;
            sqlite(&raw, &["pragma journal_mode = wal", &schema])?;
            let import = format!(".import --csv \"{}\" leads", file.display());
            let begin = tokio::time::Instant::now();
            sqlite(&raw, &["pragma ignore_check_constraints = on", &import])?;
            return Ok(begin.elapsed().as_secs_f64());
        }
        Ok(begin.elapsed().as_secs_f64())
    }
}

/// What sqlite3 answers.
fn sqlite(database: &Path, commands: &[&str]) -> Result<String, LoadError> {
    let output =
        Command::new("sqlite3").args(["-batch", "-cmd", ".timeout 10000"]).arg(database).args(commands).output();
    answer("sqlite3", output)
}

/// What psql answers.
pub(super) fn psql(database: &str, sql: &str) -> Result<String, LoadError> {
    let arguments = [database, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"];
    answer("psql", Command::new("psql").args(arguments).args(["--command", sql]).output())
}

fn answer(program: &'static str, output: std::io::Result<std::process::Output>) -> Result<String, LoadError> {
    let output = output.map_err(|error| LoadError::Program { program, error })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(LoadError::Other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))))
}

fn configuration(database: &str) -> String {
    format!(
        r#"[installation]
title = "Measurement"
zone = "Asia/Shanghai"
region = "CN"

[data]
database = "{database}"
profiles = "profiles"

[trunks.carrier]
targets = ["127.0.0.1:9"]
channels_max = 10
calls_per_second = 1.0

{BLEND}"#
    )
}

/// As in earnest: nobody is called.
const ABANDON_RATE_MAX: f64 = 0.03;

fn profile() -> String {
    installed::profile(ABANDON_RATE_MAX, 15)
}

fn campaign(key: &str) -> String {
    installed::campaign(key, "+861000000000", ABANDON_RATE_MAX, "mode = \"progressive\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaign_and_profile_are_read_without_complaint() {
        assert!(lull::model::profile_file::read("load.toml", &profile()).is_ok());
        let read = lull::model::campaign_file::read("x", &campaign(LISTED), None);
        assert!(read.is_ok(), "{:?}", read.err().map(|complaints| complaints.located()));
    }
}
