//! What the columns of a kind of file mean, under a name, so that it is said once.
//!
//! Read [`ListTemplate`] first.

use serde::Serialize;

use super::Store;
use super::db::{Row, json, params, statements};
use super::error::StoreError;
use super::import::{MappedColumn, Mapping};
use crate::model::time::Timestamp;

/// Longest name, in characters.
const NAME_MAX: usize = 60;
/// Most templates: they are compared with each file that is looked at.
const TEMPLATES_MAX: u64 = 200;

/// A saved mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListTemplate {
    /// What it is called.
    pub name: String,
    /// What the columns are for.
    pub mapping: Mapping,
    /// Who saved it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

statements! {
    ALL = "select name, mapping, changed_by, changed_at from list_templates order by name limit 1000";
    ONE = "select name, mapping, changed_by, changed_at from list_templates where name = $1";
    OTHERS = "select count(*) as count from list_templates where name <> $1";
    SAVE = "
        insert into list_templates (name, mapping, changed_by, changed_at) values ($1, $2, $3, $4)
        on conflict (name) do update set
            mapping = excluded.mapping, changed_by = excluded.changed_by, changed_at = excluded.changed_at";
    REMOVE = "delete from list_templates where name = $1";
}

impl Store {
    /// All templates, by name.
    pub async fn templates(&self) -> Result<Vec<ListTemplate>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(ALL, vec![]).await?.iter().map(template).collect()
    }

    /// One template.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this name.
    pub async fn template(&self, name: &str) -> Result<ListTemplate, StoreError> {
        let mut conn = self.reader().await?;
        let row = conn.row(ONE, params![name]).await?;
        template(&row.ok_or_else(|| StoreError::NotFound { what: "template of lists", name: name.to_owned() })?)
    }

    /// The template that says most of a file with these headings, of those that fit it.
    pub async fn fitting_template(&self, headings: &[String]) -> Result<Option<ListTemplate>, StoreError> {
        let fits = |one: &ListTemplate| one.mapping.fits(headings.iter().map(String::as_str));
        let all = self.templates().await?.into_iter().filter(fits);
        Ok(all.max_by_key(|one| (one.mapping.columns().len(), one.changed_at)))
    }

    /// Saves a template, over one of the same name.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a name or a mapping that is empty, a name that is too long, and where there are too many.
    pub async fn save_template(&self, name: &str, mapping: Mapping, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let unfit =
            |what, value: &str, expected: String| Err(StoreError::Unfit { what, value: value.to_owned(), expected });
        if !(1..=NAME_MAX).contains(&name.trim().chars().count()) || name.chars().any(char::is_control) {
            return unfit("name of the template", name, format!("1 to {NAME_MAX} characters that can be read"));
        }
        if mapping.is_empty() {
            return unfit("mapping of the template", name, "at least one column".to_owned());
        }
        let (ids, name, by) = (self.ids(), name.trim().to_owned(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                if conn.one(OTHERS, params![name.as_str()]).await?.count("count")? >= TEMPLATES_MAX {
                    let expected = format!("at most {TEMPLATES_MAX} templates; remove one");
                    return Err(StoreError::Unfit { what: "template", value: name, expected });
                }
                conn.run(SAVE, params![name.as_str(), json(&mapping), by.as_str(), at]).await?;
                let detail = format!("{} columns", mapping.columns().len());
                super::audit::note(conn, &ids, at, &by, "list_template_saved", &name, &detail).await
            })
        })
        .await
    }

    /// Removes a template.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this name.
    pub async fn remove_template(&self, name: &str, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let (ids, name, by) = (self.ids(), name.to_owned(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                if conn.run(REMOVE, params![name.as_str()]).await? == 0 {
                    return Err(StoreError::NotFound { what: "template of lists", name });
                }
                super::audit::note(conn, &ids, at, &by, "list_template_removed", &name, "").await
            })
        })
        .await
    }
}

fn template(row: &Row) -> Result<ListTemplate, StoreError> {
    let columns: Vec<MappedColumn> = row.json("mapping")?;
    let mapping =
        Mapping::new(columns).map_err(|error| StoreError::Unreadable { what: "mapping", value: error.to_string() })?;
    Ok(ListTemplate {
        name: row.text("name")?,
        mapping,
        changed_by: row.text("changed_by")?,
        changed_at: row.time("changed_at")?,
    })
}
