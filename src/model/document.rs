//! Files that people write, as a tree in which every key and value knows its place.
//!
//! Not serde: a derived reader stops at the first mistake, and a person who mends a file wants to hear of all of them at
//! once. Nothing here knows what the keys mean; `campaign_file`, `profile_file` and `config` do. Read [`Document`],
//! [`Table`] and [`Complaint`] first.

mod complaint;
mod spelling;
mod table;

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

pub use complaint::{Complaint, ComplaintCode, Complaints, Located};
pub(super) use spelling::slips;
pub use spelling::{did_you_mean, nearest};
pub use table::{At, Readable, Reader, Spot, Table};

/// Largest file that is read, in bytes. A campaign with long scripts is a few dozen kilobytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Something values come from: a file, or one variable of the environment, or one flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// Path of the file, name of the variable, or the flag.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// Kinds of sources, in the order in which later ones override earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// Built into the program.
    Default,
    /// A file.
    File,
    /// A variable of the environment.
    Environment,
    /// A flag of the command line.
    Flag,
}

/// Where something is written: bytes `from..to` of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into [`Document::sources`].
    pub source: usize,
    /// First byte.
    pub from: usize,
    /// First byte after it.
    pub to: usize,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it is written; for a table, its header.
    pub place: Place,
}

/// A value as TOML knows it.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer; `None` if it does not fit 64 bits.
    Integer(Option<i64>),
    /// A floating-point number; `None` if it is not one after all.
    Float(Option<f64>),
    /// True or false.
    Switch(bool),
    /// A date, a time, or both.
    Moment(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Fields),
}

/// The contents of a table, by key, with the place of the key.
pub type Fields = BTreeMap<String, (Place, Node)>;

/// One file, or several laid over one another.
#[derive(Clone, Debug)]
pub struct Document {
    /// What its values come from.
    pub sources: Vec<Source>,
    /// The whole tree.
    pub root: Node,
    /// What could not be parsed.
    pub complaints: Vec<Complaint>,
}

impl Document {
    /// Parses TOML. What is wrong with the syntax is among the complaints; the rest of the file is read all the same.
    pub fn parse(kind: SourceKind, name: &str, text: &str) -> Document {
        let source = Source { kind, name: name.to_owned(), text: text.to_owned() };
        let start = Place { source: 0, from: 0, to: 0 };
        let mut complaints = Vec::new();
        if text.len() > FILE_BYTES_MAX {
            let says = format!("the file has {} bytes", text.len());
            let expected = format!("at most {FILE_BYTES_MAX} bytes");
            complaints.push(Complaint::new(ComplaintCode::Syntax, start, "", says).expecting(expected));
            return Document {
                sources: vec![source],
                root: Node { value: Value::Table(Fields::new()), place: start },
                complaints,
            };
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let place = Place { source: 0, from: span.start, to: span.end };
            complaints.push(Complaint::new(ComplaintCode::Syntax, place, "", error.message().to_owned()));
        }
        let root = Node { value: Value::Table(fields(root.get_ref())), place: start };
        Document { sources: vec![source], root, complaints }
    }

    /// Lays another document over this one: its values win, tables are merged.
    pub fn overlay(&mut self, mut other: Document) {
        let shift = self.sources.len();
        self.sources.append(&mut other.sources);
        other.root.shift(shift);
        for mut complaint in other.complaints {
            complaint.place.source += shift;
            self.complaints.push(complaint);
        }
        self.root.overlay(other.root);
    }

    /// Sets one value from outside a file: a variable of the environment or a flag. Numbers, switches and lists are
    /// read as TOML; everything else is text.
    ///
    /// A part of the path matches an existing key whatever its letter case, and with `_` for `-`, because names of
    /// variables have neither.
    pub fn set(&mut self, kind: SourceKind, name: &str, path: &[String], text: &str) {
        let place = Place { source: self.sources.len(), from: 0, to: text.len() };
        self.sources.push(Source { kind, name: name.to_owned(), text: text.to_owned() });
        let value = loose_value(text, place);
        let mut node = &mut self.root;
        for part in path {
            if !matches!(node.value, Value::Table(_)) {
                node.value = Value::Table(Fields::new());
                node.place = place;
            }
            let Value::Table(fields) = &mut node.value else { return };
            let key = fields.keys().find(|key| same_but_for_spelling(key, part)).cloned();
            let key = key.unwrap_or_else(|| part.to_ascii_lowercase());
            let empty = Node { value: Value::Table(Fields::new()), place };
            node = &mut fields.entry(key).or_insert((place, empty)).1;
        }
        *node = Node { value, place };
    }

    /// The text at a place.
    pub fn text_at(&self, place: Place) -> &str {
        self.sources.get(place.source).and_then(|source| source.text.get(place.from..place.to)).unwrap_or("")
    }

    /// Line and column of a place, both from 1; columns count characters.
    pub fn line_and_column(&self, place: Place) -> (usize, usize) {
        complaint::line_and_column(self.sources.get(place.source).map_or("", |source| &source.text), place.from)
    }
}

impl Node {
    fn shift(&mut self, sources: usize) {
        self.place.source += sources;
        match &mut self.value {
            Value::Table(fields) => {
                for (place, node) in fields.values_mut() {
                    place.source += sources;
                    node.shift(sources);
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| item.shift(sources)),
            Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Switch(_) | Value::Moment(_) => {}
        }
    }

    fn overlay(&mut self, over: Node) {
        match (&mut self.value, over.value) {
            (Value::Table(under), Value::Table(over)) => {
                for (key, (place, node)) in over {
                    match under.get_mut(&key) {
                        Some((key_place, existing)) => {
                            *key_place = place;
                            existing.overlay(node);
                        }
                        None => {
                            under.insert(key, (place, node));
                        }
                    }
                }
            }
            (under, over) => *under = over,
        }
        self.place = over.place;
    }
}

fn same_but_for_spelling(key: &str, part: &str) -> bool {
    key.len() == part.len()
        && key.bytes().zip(part.bytes()).all(|(k, p)| k.eq_ignore_ascii_case(&p) || (k == b'-' && p == b'_'))
}

fn fields(table: &DeTable<'_>) -> Fields {
    let place = |span: std::ops::Range<usize>| Place { source: 0, from: span.start, to: span.end };
    table.iter().map(|(key, value)| (key.get_ref().to_string(), (place(key.span()), node(value)))).collect()
}

fn node(value: &toml::Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let place = Place { source: 0, from: span.start, to: span.end };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok()),
        DeValue::Float(float) => Value::Float(float.as_str().parse().ok()),
        DeValue::Boolean(switch) => Value::Switch(*switch),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(fields(table)),
    };
    Node { value, place }
}

/// `[1, 2]`, `3`, `true` are what they look like; anything else is text, so that nobody has to quote for a shell.
fn loose_value(text: &str, place: Place) -> Value {
    let wrapped = format!("value = {text}");
    let parsed = DeTable::parse(&wrapped).ok().and_then(|root| {
        let mut fields = fields(root.get_ref());
        if fields.len() == 1 { fields.remove("value") } else { None }
    });
    match parsed {
        Some((_, mut node)) => {
            everywhere(&mut node, place);
            node.value
        }
        None => Value::Text(text.to_owned()),
    }
}

/// Inside a variable there are no lines to point at.
fn everywhere(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| everywhere(item, place)),
        Value::Table(fields) => {
            for (key_place, node) in fields.values_mut() {
                *key_place = place;
                everywhere(node, place);
            }
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Switch(_) | Value::Moment(_) => {}
    }
}

/// Every way in which one line of a file can be spoilt by hand: left out, or with a value of another kind.
#[cfg(test)]
pub(crate) fn spoilt(text: &str) -> impl Iterator<Item = String> {
    const VALUES: [&str; 13] =
        ["3", "-1", "0", "1e400", "nan", "\"x\"", "\"\"", "true", "[]", "[1]", "[[]]", "{}", "1979-05-27"];
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len()).flat_map(move |index| {
        let line = lines[index];
        let key = line.split_once(" = ").filter(|_| !line.starts_with('#')).map(|(key, _)| key);
        let mut changes = vec![String::new(), line.replace(']', ""), line.replace('"', ""), line.to_uppercase()];
        changes.extend(key.into_iter().flat_map(|key| VALUES.iter().map(move |value| format!("{key} = {value}"))));
        let lines = lines.clone();
        changes.into_iter().map(move |change| {
            let mut lines = lines.clone();
            lines[index] = &change;
            lines.join("\n")
        })
    })
}

#[cfg(test)]
mod tests;
