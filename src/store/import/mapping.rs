//! What the columns of a file are for, where somebody says it rather than leaving it to their headings.
//!
//! Read [`Mapping`] first; how headings are understood without one is in `headers`.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ImportError;
use super::headers::{COLUMNS_MAX, Meaning, plain};
use crate::model::numbers::NumberKind;

/// Longest name of a custom field, in characters.
const NAME_MAX: usize = 100;
/// Longest heading: some people write sentences.
const HEADING_MAX: usize = 1000;

/// What a column can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnUse {
    /// A phone number; of several the first is dialled first.
    Number,
    /// A mobile number.
    Mobile,
    /// A number at home.
    Home,
    /// A number at work.
    Work,
    /// The customer's name.
    Name,
    /// The time zone, as an IANA name.
    Zone,
    /// The priority, 0 to 99.
    Priority,
    /// How promising the customer is, for the order of dialling.
    Score,
    /// When the customer replied.
    Replied,
    /// Kept with the lead and shown to the agent.
    Custom,
    /// Not kept.
    Ignore,
}

impl ColumnUse {
    /// The words, as files and commands write them.
    const WORDS: [(&'static str, ColumnUse); 11] = [
        ("number", ColumnUse::Number),
        ("mobile", ColumnUse::Mobile),
        ("home", ColumnUse::Home),
        ("work", ColumnUse::Work),
        ("name", ColumnUse::Name),
        ("zone", ColumnUse::Zone),
        ("priority", ColumnUse::Priority),
        ("score", ColumnUse::Score),
        ("replied", ColumnUse::Replied),
        ("custom", ColumnUse::Custom),
        ("ignore", ColumnUse::Ignore),
    ];

    /// The kind of number it is for; `None` where it is for something else.
    pub(super) fn number(self) -> Option<NumberKind> {
        match self {
            ColumnUse::Number => Some(NumberKind::Other),
            ColumnUse::Mobile => Some(NumberKind::Mobile),
            ColumnUse::Home => Some(NumberKind::Home),
            ColumnUse::Work => Some(NumberKind::Work),
            ColumnUse::Name
            | ColumnUse::Zone
            | ColumnUse::Priority
            | ColumnUse::Score
            | ColumnUse::Replied
            | ColumnUse::Custom
            | ColumnUse::Ignore => None,
        }
    }

    pub(super) fn of_number(kind: NumberKind) -> ColumnUse {
        match kind {
            NumberKind::Mobile => ColumnUse::Mobile,
            NumberKind::Home => ColumnUse::Home,
            NumberKind::Work => ColumnUse::Work,
            NumberKind::Other => ColumnUse::Number,
        }
    }

    /// What it means to an import besides a number; `None` where it means nothing to it.
    pub(super) fn meaning(self) -> Option<Meaning> {
        match self {
            ColumnUse::Name => Some(Meaning::Name),
            ColumnUse::Zone => Some(Meaning::Zone),
            ColumnUse::Priority => Some(Meaning::Priority),
            ColumnUse::Score => Some(Meaning::Score),
            ColumnUse::Replied => Some(Meaning::Replied),
            ColumnUse::Number
            | ColumnUse::Mobile
            | ColumnUse::Home
            | ColumnUse::Work
            | ColumnUse::Custom
            | ColumnUse::Ignore => None,
        }
    }

    pub(super) fn of(meaning: Meaning) -> ColumnUse {
        match meaning {
            Meaning::Name => ColumnUse::Name,
            Meaning::Zone => ColumnUse::Zone,
            Meaning::Priority => ColumnUse::Priority,
            Meaning::Score => ColumnUse::Score,
            Meaning::Replied => ColumnUse::Replied,
            Meaning::Number
            | Meaning::Reason
            | Meaning::Scope
            | Meaning::Expires
            | Meaning::Note
            | Meaning::Text
            | Meaning::TextVersion
            | Meaning::Channel
            | Meaning::At => ColumnUse::Custom,
        }
    }
}

/// The word of [`ColumnUse::WORDS`].
impl std::fmt::Display for ColumnUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = ColumnUse::WORDS.iter().find(|(_, role)| role == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

/// One column and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappedColumn {
    /// Its heading. Case, spaces and punctuation do not matter.
    pub heading: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub role: ColumnUse,
    /// What a custom field is called; its heading, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// As it is read.
impl std::fmt::Display for MappedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.heading, self.role)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, ":{name}"))
    }
}

/// As `Heading=number`; a custom field may have a name, `Heading=custom:City`.
impl FromStr for MappedColumn {
    type Err = ImportError;

    fn from_str(text: &str) -> Result<MappedColumn, ImportError> {
        let wrong = || ImportError::Cell {
            what: "mapping",
            value: text.to_owned(),
            expected:
                "HEADING=USE, where USE is number, mobile, home, work, name, zone, priority, score, replied, custom, \
                       custom:NAME or ignore"
                    .to_owned(),
        };
        let (heading, said) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (word, name) = match said.split_once(':') {
            Some((word, name)) => (word, Some(name.trim().to_owned())),
            None => (said, None),
        };
        let role = ColumnUse::WORDS.iter().find(|(known, _)| word.trim().eq_ignore_ascii_case(known));
        let role = role.map(|(_, role)| *role).ok_or_else(wrong)?;
        Ok(MappedColumn { heading: heading.trim().to_owned(), role, name })
    }
}

/// What some columns are for. All others are understood by their headings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Mapping(Vec<MappedColumn>);

impl Mapping {
    /// A mapping that does not contradict itself.
    ///
    /// # Errors
    /// [`ImportError::Cell`] names the column and what was expected: a heading that is empty, too long or there twice; two
    /// columns for one purpose; a name of a custom field that is empty, too long or there twice, or of something else.
    pub fn new(columns: Vec<MappedColumn>) -> Result<Mapping, ImportError> {
        let wrong = |value: &str, expected: String| {
            Err(ImportError::Cell { what: "mapping of the column", value: value.to_owned(), expected })
        };
        if columns.len() > COLUMNS_MAX {
            return wrong("", format!("at most {COLUMNS_MAX} columns"));
        }
        let (mut headings, mut names, mut roles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for column in &columns {
            let fits = |text: &str, most| (1..=most).contains(&text.trim().chars().count());
            if !fits(&column.heading, HEADING_MAX) {
                return wrong(&column.heading, format!("a heading of 1 to {HEADING_MAX} characters"));
            }
            if !headings.insert(plain(&column.heading)) {
                return wrong(&column.heading, "each heading once".to_owned());
            }
            if column.role.meaning().is_some() && !roles.insert(column.role) {
                return wrong(&column.heading, "one column for each purpose; another has this one already".to_owned());
            }
            match (&column.name, column.role) {
                (None, _) => {}
                (Some(name), ColumnUse::Custom) if fits(name, NAME_MAX) && !name.chars().any(char::is_control) => {
                    if !names.insert(plain(name)) {
                        return wrong(&column.heading, "a name that no other custom field has".to_owned());
                    }
                }
                (Some(_), ColumnUse::Custom) => {
                    return wrong(&column.heading, format!("a name of 1 to {NAME_MAX} characters"));
                }
                (Some(_), _) => return wrong(&column.heading, "a name for a custom field only".to_owned()),
            }
        }
        Ok(Mapping(columns))
    }

    /// Its columns.
    pub fn columns(&self) -> &[MappedColumn] {
        &self.0
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file with these headings has every column that this one names.
    pub fn fits<'h>(&self, headings: impl IntoIterator<Item = &'h str>) -> bool {
        let there: BTreeSet<String> = headings.into_iter().map(plain).collect();
        !self.0.is_empty() && self.0.iter().all(|column| there.contains(&plain(&column.heading)))
    }

    /// What is said here goes before what is said there, column by column.
    ///
    /// # Errors
    /// As [`Mapping::new`], where both together contradict each other.
    pub fn over(self, other: Mapping) -> Result<Mapping, ImportError> {
        let own: BTreeSet<String> = self.0.iter().map(|column| plain(&column.heading)).collect();
        // A purpose that is given anew is taken from the column that had it.
        let roles: BTreeSet<ColumnUse> =
            self.0.iter().map(|column| column.role).filter(|role| role.meaning().is_some()).collect();
        let rest = other.0.into_iter().filter(|column| !own.contains(&plain(&column.heading)));
        let numbers = self.0.iter().any(|column| column.role.number().is_some());
        let taken = |role: ColumnUse| roles.contains(&role) || (numbers && role.number().is_some());
        let rest = rest.filter(|column| !taken(column.role));
        Mapping::new(self.0.iter().cloned().chain(rest).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(texts: &[&str]) -> Result<Mapping, ImportError> {
        Mapping::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_column_is_written_as_heading_and_use() {
        let column: MappedColumn = "a=b = Custom: City ".parse().unwrap();
        let expected =
            MappedColumn { heading: "a=b".to_owned(), role: ColumnUse::Custom, name: Some("City".to_owned()) };
        assert_eq!((column.to_string().as_str(), column), ("a=b=custom:City", expected));
        for wrong in ["phone", "phone=", "phone=fax", "phone=number2"] {
            let told = wrong.parse::<MappedColumn>().unwrap_err().to_string();
            assert!(told.contains(&format!("`{wrong}`")) && told.contains("custom:NAME"), "{told}");
        }
    }

    #[test]
    fn a_mapping_that_contradicts_itself_is_refused_by_the_column() {
        for (columns, says) in [
            (vec!["Phone=number", "phone = ignore"], "each heading once"),
            (vec!["a=name", "b=name"], "one column for each purpose"),
            (vec!["a=custom:City", "b=custom:city"], "no other custom field"),
            (vec!["a=name:City"], "custom field only"),
            (vec!["a=custom:"], "1 to 100 characters"),
            (vec![" =name"], "heading of 1 to 1000"),
        ] {
            let told = mapping(&columns).unwrap_err().to_string();
            assert!(told.contains(says), "{columns:?}: {told}");
        }
        assert_eq!(mapping(&["a=custom", "b=custom", "c=ignore", "d=ignore"]).unwrap().columns().len(), 4);
    }

    #[test]
    fn a_mapping_fits_a_file_that_has_all_its_columns_and_may_be_said_over() {
        let saved = mapping(&["Mobile No.=number", "客户=name", "x=ignore"]).unwrap();
        assert!(saved.fits(["客户", "X", "mobileno", "more"]));
        assert!(!saved.fits(["客户", "mobileno"]) && !Mapping::default().fits(["a"]));
        let over = mapping(&["other=number", "x=custom"]).unwrap().over(saved).unwrap();
        assert_eq!(over, mapping(&["other=number", "x=custom", "客户=name"]).unwrap());
    }
}
