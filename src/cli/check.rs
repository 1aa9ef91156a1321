//! `lull campaign check`: tells everything that is wrong with campaign files and changes nothing.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::Outcome;
use crate::config::Config;
use crate::model::campaign::Campaign;
use crate::model::campaign_file;
use crate::model::document::{Complaints, Located};

/// Check campaign files against the configuration; nothing is changed.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Campaign files (TOML).
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// What was found about one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    campaign: Option<String>,
    complaints: Vec<Located>,
}

/// Checks the files one by one. Findings if any of them is wrong.
pub fn run(args: &CheckArgs, config: &Config, json: bool, colour: bool, out: &mut dyn Write) -> io::Result<Outcome> {
    let mut checked = Vec::new();
    let mut outcome = Outcome::Done;
    for path in &args.files {
        let file = path.display().to_string();
        match read(path, config) {
            Ok(campaign) => {
                if !json {
                    writeln!(out, "{file}: `{}` can be applied", campaign.key)?;
                }
                checked.push(Checked { file, campaign: Some(campaign.key.to_string()), complaints: Vec::new() });
            }
            Err(complaints) => {
                outcome = Outcome::Findings;
                if !json {
                    write!(out, "{}", complaints.rendered(colour))?;
                    writeln!(out, "{file}: {}", counted(complaints.len()))?;
                }
                checked.push(Checked { file, campaign: None, complaints: complaints.located() });
            }
        }
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &checked)?;
        writeln!(out)?;
    }
    Ok(outcome)
}

/// Reads a campaign file from disk.
pub fn read(path: &std::path::Path, config: &Config) -> Result<Campaign, Complaints> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Complaints::unreadable(&name, &error))?;
    campaign_file::read(&name, &text, Some(&config.known()))
}

fn counted(mistakes: usize) -> String {
    if mistakes == 1 { "1 mistake".to_owned() } else { format!("{mistakes} mistakes") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn check(files: &[(&str, &str)], json: bool) -> (Outcome, String) {
        let directory = tempfile::tempdir().unwrap();
        let files = files.iter().map(|(name, text)| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
        let args = CheckArgs { files: files.collect() };
        let config = load(&Sources::default()).unwrap_or_else(|complaints| panic!("{complaints}"));
        let mut out = Vec::new();
        let outcome = run(&args, &config, json, false, &mut out).unwrap();
        (outcome, String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_built_in_prompt_of_the_configuration_can_be_played() {
        let shelf = crate::media::prompt::PromptShelf::built_in();
        let playable: Vec<&str> = shelf.names().collect();
        let mut configurable = crate::config::BUILTIN_PROMPTS;
        configurable.sort_unstable();
        assert_eq!(playable, configurable);
    }

    const GOOD: &str = include_str!("../../campaigns/family-plan.toml");

    #[test]
    fn a_right_file_is_named_and_a_wrong_one_shows_its_line() {
        assert_eq!(check(&[("good.toml", GOOD)], false).0, Outcome::Done);
        let bad = GOOD.replace("tier = 3", "teir = 3");
        let (outcome, told) = check(&[("good.toml", GOOD), ("bad.toml", &bad)], false);
        assert_eq!(outcome, Outcome::Findings);
        assert!(told.contains("good.toml: `family-plan` can be applied"), "{told}");
        assert!(
            told.contains("teir = 3") && told.contains("did you mean `tier`?") && told.contains("1 mistake"),
            "{told}"
        );
    }

    #[test]
    fn programs_get_file_line_column_and_code() {
        let (_, told) = check(&[("bad.toml", &GOOD.replace("tier = 3", "tier = 9"))], true);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let complaint = &told[0]["complaints"][0];
        assert_eq!(complaint["code"], "out_of_range");
        assert_eq!((&complaint["line"], &complaint["column"]), (&13.into(), &8.into()), "{complaint}");
        assert_eq!(told[0]["campaign"], serde_json::Value::Null);
    }
}
