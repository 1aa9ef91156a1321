//! `lull list template`: what the columns of a kind of file are for, saved under a name.

use clap::{Args, Subcommand};

use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::store::{ListTemplate, MappedColumn, Mapping};

/// What the columns of a kind of file are for, saved under a name.
#[derive(Debug, Subcommand)]
pub(crate) enum Templates {
    /// Lists templates.
    List,
    /// Shows what a template says of each column.
    Show(Named),
    /// Saves a template, over one of the same name.
    Save(Save),
    /// Removes a template.
    Remove(Named),
}

/// A template.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name.
    name: String,
}

/// A template to be saved.
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Its name.
    name: String,
    /// A column and what it is for: number, name, zone, priority, custom, custom:NAME or ignore. May be given repeatedly.
    #[arg(long = "map", value_name = "HEADING=USE", required = true)]
    map: Vec<MappedColumn>,
}

impl Templates {
    pub(crate) fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        match self {
            Templates::List => {
                let all = installation.with_store(|store, _| async move { store.templates().await })?;
                show(place.json, &all, || list(&all));
            }
            Templates::Show(Named { name }) => {
                let one = installation.with_store(|store, _| async move { store.template(&name).await })?;
                show(place.json, &one, || columns(&one));
            }
            Templates::Save(Save { name, map }) => {
                let (mapping, saved) = (Mapping::new(map)?, name.clone());
                installation
                    .with_store(|store, now| async move { store.save_template(&name, mapping, BY, now).await })?;
                show(place.json, &serde_json::json!({ "saved": saved }), || {
                    format!("Use it with: lull list import CAMPAIGN FILE --template '{saved}'")
                });
            }
            Templates::Remove(Named { name }) => {
                let removed = name.clone();
                installation.with_store(|store, now| async move { store.remove_template(&name, BY, now).await })?;
                show(place.json, &serde_json::json!({ "removed": removed }), || format!("`{removed}` is removed."));
            }
        }
        Ok(Outcome::Done)
    }
}

fn list(all: &[ListTemplate]) -> String {
    if all.is_empty() {
        return "There are no templates. Save one: lull list template save NAME --map 'Heading=number'".to_owned();
    }
    let row = |one: &ListTemplate| {
        let count = one.mapping.columns().len();
        let columns = if count == 1 { "1 column".to_owned() } else { format!("{count} columns") };
        vec![one.name.clone(), columns, one.changed_by.clone(), one.changed_at.to_string()]
    };
    in_columns(&all.iter().map(row).collect::<Vec<_>>())
}

fn columns(one: &ListTemplate) -> String {
    one.mapping.columns().iter().map(|column| format!("{column}\n")).collect()
}
