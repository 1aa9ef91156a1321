//! Reading a document key by key, collecting what is wrong with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::{Complaint, ComplaintCode, Complaints, Document, Fields, Node, Place, SourceKind, Value, did_you_mean};

/// Longest piece of a file repeated in a complaint, in characters.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// Collects complaints, and the keys that were asked for, while a document is read.
#[derive(Debug)]
pub struct Reader<'d> {
    document: &'d Document,
    complaints: RefCell<Vec<Complaint>>,
    known: RefCell<BTreeSet<String>>,
}

impl<'d> Reader<'d> {
    /// Begins with the document's own complaints about its syntax.
    pub fn new(document: &'d Document) -> Reader<'d> {
        let complaints = RefCell::new(document.complaints.clone());
        Reader { document, complaints, known: RefCell::default() }
    }

    /// The outermost table.
    pub fn root(&'d self) -> Table<'d> {
        static EMPTY: Fields = Fields::new();
        let fields = match &self.document.root.value {
            Value::Table(fields) => fields,
            _ => &EMPTY,
        };
        Table::new(self, fields, self.document.root.place, String::new(), String::new())
    }

    /// Adds a complaint.
    pub fn complain(&self, complaint: Complaint) {
        self.complaints.borrow_mut().push(complaint);
    }

    /// Every key that was asked for, with `*` for names given by people and `[]` for the items of a list.
    pub fn known_keys(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }

    /// The value that was read, unless there is something to complain about.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Complaints> {
        let mut complaints = self.complaints.into_inner();
        match value {
            Some(value) if complaints.is_empty() => return Ok(value),
            Some(_) | None => {}
        }
        // A running service reads files again: a reader that forgot to say why must not end it.
        debug_assert!(!complaints.is_empty(), "a value may only be missing if a complaint says why");
        if complaints.is_empty() {
            let says = "the file cannot be used, and no reason was found".to_owned();
            complaints.push(Complaint::new(ComplaintCode::WrongValue, self.document.root.place, "", says));
        }
        Err(Complaints::new(self.document, complaints))
    }
}

/// A value with its place, to be judged together with others.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub place: Place,
    /// Its key with its tables.
    pub key: String,
}

/// A value that is about to be read.
#[derive(Debug)]
pub struct Spot<'r> {
    reader: &'r Reader<'r>,
    /// The value.
    pub node: &'r Node,
    /// Its key with its tables.
    pub key: String,
}

/// What can be read from a value.
pub trait Readable: Sized {
    /// The value, or `None` after a complaint.
    fn read(spot: &Spot<'_>) -> Option<Self>;
}

impl<'r> Spot<'r> {
    /// Where it is written.
    pub fn place(&self) -> Place {
        self.node.place
    }

    /// Whether it is a table; a complaint otherwise is made by whoever reads it as one.
    pub fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    /// As it is written, cut if it is long.
    pub fn shown(&self) -> String {
        if self.key.ends_with("password") {
            return "the value".to_owned();
        }
        let text = self.reader.document.text_at(self.node.place);
        let line = text.lines().next().unwrap_or("");
        if line.chars().count() > SHOWN_CHARACTERS_MAX || line.len() < text.len() {
            let head: String = line.chars().take(SHOWN_CHARACTERS_MAX).collect();
            format!("`{head}…`")
        } else {
            format!("`{line}`")
        }
    }

    /// Complains and gives `None`.
    pub fn wrong<T>(&self, code: ComplaintCode, says: impl Into<String>, expected: impl Into<String>) -> Option<T> {
        let complaint = Complaint::new(code, self.place(), &self.key, says.into()).expecting(expected);
        self.reader.complain(complaint);
        None
    }

    /// Complains that the value is of another type.
    pub fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let kind = match &self.node.value {
            Value::Text(_) => "text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Switch(_) => "true or false",
            Value::Moment(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        };
        let says = match &self.node.value {
            Value::Table(_) => "this is a table".to_owned(),
            _ => format!("{} is {kind}", self.shown()),
        };
        self.wrong(ComplaintCode::WrongType, says, format!("expected {expected}"))
    }

    /// The text, if it is one. A variable of the environment is text even if it looks like a number.
    pub fn text(&self, expected: &str) -> Option<&'r str> {
        let document = self.reader.document;
        match &self.node.value {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Float(_) | Value::Switch(_) | Value::Moment(_)
                if document.sources.get(self.node.place.source).is_some_and(|s| s.kind >= SourceKind::Environment) =>
            {
                Some(document.text_at(self.node.place))
            }
            _ => self.wrong_type(expected),
        }
    }

    /// The items of a list.
    pub fn items(&self, expected: &str) -> Option<Vec<Spot<'r>>> {
        match &self.node.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, node)| Spot { reader: self.reader, node, key: format!("{}[{index}]", self.key) })
                    .collect(),
            ),
            _ => self.wrong_type(expected),
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text("a word in quotes")?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let expected = did_you_mean(text, words.iter().map(|(word, _)| *word)).unwrap_or_default();
        self.wrong(ComplaintCode::WrongValue, format!("{} is not known here", self.shown()), expected)
    }

    /// Reads a name or other word by its own parser.
    pub fn parsed<T: std::str::FromStr<Err: fmt::Display>>(&self, expected: &str) -> Option<T> {
        let text = self.text(expected)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.wrong(ComplaintCode::WrongValue, error.to_string(), format!("expected {expected}")),
        }
    }
}

/// A table of the document while it is read. Keys that nobody asked for are complained about when it is dropped.
#[derive(Debug)]
pub struct Table<'r> {
    reader: &'r Reader<'r>,
    fields: &'r Fields,
    place: Place,
    key: String,
    pattern: String,
    asked: RefCell<Vec<&'static str>>,
    rest_accepted: Cell<bool>,
}

impl<'r> Table<'r> {
    fn new(reader: &'r Reader<'r>, fields: &'r Fields, place: Place, key: String, pattern: String) -> Table<'r> {
        Table { reader, fields, place, key, pattern, asked: RefCell::default(), rest_accepted: Cell::new(false) }
    }

    /// Where the table begins.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The reader that collects the complaints.
    pub fn reader(&self) -> &'r Reader<'r> {
        self.reader
    }

    /// The value of a key, if it is there.
    pub fn spot(&self, key: &'static str) -> Option<Spot<'r>> {
        self.asked.borrow_mut().push(key);
        self.reader.known.borrow_mut().insert(join(&self.pattern, key));
        self.fields.get(key).map(|(_, node)| Spot { reader: self.reader, node, key: join(&self.key, key) })
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    /// A value that may be left out.
    pub fn optional<T: Readable>(&self, key: &'static str) -> Option<T> {
        self.spot(key).and_then(|spot| T::read(&spot))
    }

    /// A value that may be left out, with its place.
    pub fn optional_at<T: Readable>(&self, key: &'static str) -> Option<At<T>> {
        let spot = self.spot(key)?;
        T::read(&spot).map(|value| At { value, place: spot.place(), key: spot.key })
    }

    /// A value that must be there.
    pub fn required<T: Readable>(&self, key: &'static str) -> Option<T> {
        self.required_at(key).map(|at| at.value)
    }

    /// A value that must be there, with its place.
    pub fn required_at<T: Readable>(&self, key: &'static str) -> Option<At<T>> {
        if !self.has(key) {
            self.missing(key);
        }
        self.optional_at(key)
    }

    /// A value that means `fallback` if it is left out; `None` after a complaint.
    pub fn or<T: Readable>(&self, key: &'static str, fallback: T) -> Option<T> {
        match self.spot(key) {
            Some(spot) => T::read(&spot),
            None => Some(fallback),
        }
    }

    /// A number within limits that means `fallback` if it is left out; `None` after a complaint.
    pub fn within<T>(&self, key: &'static str, limits: RangeInclusive<T>, fallback: T) -> Option<T>
    where
        T: Readable + PartialOrd + fmt::Display + Copy,
    {
        match self.spot(key) {
            Some(spot) => in_limits(&spot, limits),
            None => Some(fallback),
        }
    }

    /// A number within limits that may be left out.
    pub fn optional_within<T>(&self, key: &'static str, limits: RangeInclusive<T>) -> Option<T>
    where
        T: Readable + PartialOrd + fmt::Display + Copy,
    {
        self.spot(key).and_then(|spot| in_limits(&spot, limits))
    }

    /// A number within limits that must be there.
    pub fn required_within<T>(&self, key: &'static str, limits: RangeInclusive<T>) -> Option<T>
    where
        T: Readable + PartialOrd + fmt::Display + Copy,
    {
        if !self.has(key) {
            self.missing(key);
        }
        self.optional_within(key, limits)
    }

    /// One of a few words, which means `fallback` if it is left out; `None` after a complaint.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)], fallback: T) -> Option<T> {
        match self.spot(key) {
            Some(spot) => spot.one_of(words),
            None => Some(fallback),
        }
    }

    /// A table inside, if it is there.
    pub fn table(&self, key: &'static str) -> Option<Table<'r>> {
        let spot = self.spot(key)?;
        self.inner(&spot, join(&self.pattern, key))
    }

    /// A table inside that must be there.
    pub fn required_table(&self, key: &'static str) -> Option<Table<'r>> {
        if !self.has(key) {
            self.missing(key);
        }
        self.table(key)
    }

    /// The tables of a list, such as `[[script]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'r>> {
        let pattern = join(&self.pattern, key) + "[]";
        let items = self.spot(key).and_then(|spot| spot.items("a list of tables"));
        items.into_iter().flatten().filter_map(|spot| self.inner(&spot, pattern.clone())).collect()
    }

    /// The tables inside by the names people gave them, such as `[trunks.carrier]`.
    pub fn named(&self, key: &'static str) -> Vec<(At<String>, Table<'r>)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        outer
            .entries()
            .into_iter()
            .filter_map(|(name, spot)| {
                let table = outer.inner(&spot, join(&outer.pattern, "*"))?;
                Some((name, table))
            })
            .collect()
    }

    /// Keys that people choose, with their values; none of them is unknown.
    pub fn entries(&self) -> Vec<(At<String>, Spot<'r>)> {
        // Every key is accepted from here on.
        self.asked.borrow_mut().push("*");
        self.reader.known.borrow_mut().insert(join(&self.pattern, "*"));
        self.fields
            .iter()
            .map(|(name, (place, node))| {
                let key = join(&self.key, name);
                let spot = Spot { reader: self.reader, node, key: key.clone() };
                (At { value: name.clone(), place: *place, key }, spot)
            })
            .collect()
    }

    fn inner(&self, spot: &Spot<'r>, pattern: String) -> Option<Table<'r>> {
        match &spot.node.value {
            Value::Table(fields) => Some(Table::new(self.reader, fields, spot.place(), spot.key.clone(), pattern)),
            _ => spot.wrong_type("a table"),
        }
    }

    /// Reads a value as a table, where it may be something else too.
    pub fn table_at(&self, spot: &Spot<'r>, key: &'static str) -> Option<Table<'r>> {
        self.inner(spot, join(&self.pattern, key))
    }

    /// Complains that a key is missing.
    pub fn missing(&self, key: &str) {
        let says = format!("`{key}` is missing");
        let complaint = Complaint::new(ComplaintCode::MissingKey, self.place, &join(&self.key, key), says);
        let table =
            if self.key.is_empty() { "at the top of the file".to_owned() } else { format!("in `{}`", self.key) };
        self.reader.complain(complaint.expecting(format!("add it {table}")));
    }

    /// The rest of the table cannot be judged, because what decides its meaning is wrong: no complaints about it.
    pub fn accept_rest(&self) {
        self.rest_accepted.set(true);
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        if self.rest_accepted.get() || asked.contains(&"*") {
            return;
        }
        for (key, (place, _)) in self.fields {
            if asked.contains(&key.as_str()) {
                continue;
            }
            let says = format!("`{key}` is not a known key");
            let mut complaint = Complaint::new(ComplaintCode::UnknownKey, *place, &join(&self.key, key), says);
            complaint.expected = did_you_mean(key, asked.iter().copied());
            self.reader.complain(complaint);
        }
    }
}

fn in_limits<T>(spot: &Spot<'_>, limits: RangeInclusive<T>) -> Option<T>
where
    T: Readable + PartialOrd + fmt::Display + Copy,
{
    let value = T::read(spot)?;
    if limits.contains(&value) {
        return Some(value);
    }
    let expected = format!("expected {} to {}", limits.start(), limits.end());
    spot.wrong(ComplaintCode::OutOfRange, format!("{} is out of range", spot.shown()), expected)
}

fn join(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

impl Readable for String {
    fn read(spot: &Spot<'_>) -> Option<String> {
        spot.text("text in quotes").map(str::to_owned)
    }
}

impl Readable for bool {
    fn read(spot: &Spot<'_>) -> Option<bool> {
        match &spot.node.value {
            Value::Switch(switch) => Some(*switch),
            _ => spot.wrong_type("true or false, without quotes"),
        }
    }
}

impl Readable for f64 {
    fn read(spot: &Spot<'_>) -> Option<f64> {
        match &spot.node.value {
            Value::Float(Some(float)) if float.is_finite() => Some(*float),
            Value::Integer(Some(integer)) => Some(*integer as f64),
            _ => spot.wrong_type("a number, without quotes"),
        }
    }
}

macro_rules! readable_integers {
    ($($integer:ty),*) => {$(
        impl Readable for $integer {
            fn read(spot: &Spot<'_>) -> Option<$integer> {
                match &spot.node.value {
                    Value::Integer(integer) => match integer.and_then(|integer| <$integer>::try_from(integer).ok()) {
                        Some(fits) => Some(fits),
                        None => spot.wrong(
                            ComplaintCode::OutOfRange,
                            format!("{} is out of range", spot.shown()),
                            format!("expected {} to {}", <$integer>::MIN, <$integer>::MAX),
                        ),
                    },
                    _ => spot.wrong_type("a whole number, without quotes"),
                }
            }
        }
    )*};
}

readable_integers!(u8, u16, u32, u64);

impl<T: Readable> Readable for Vec<T> {
    fn read(spot: &Spot<'_>) -> Option<Vec<T>> {
        let items: Vec<Option<T>> = spot.items("a list in square brackets")?.iter().map(T::read).collect();
        items.into_iter().collect()
    }
}

macro_rules! readable_words {
    ($($word:ty: $expected:literal;)*) => {$(
        impl Readable for $word {
            fn read(spot: &Spot<'_>) -> Option<$word> {
                spot.parsed($expected)
            }
        }
    )*};
}

readable_words! {
    crate::model::name::CampaignKey: "a name such as family-plan";
    crate::model::name::TrunkName: "the name of a trunk";
    crate::model::name::QueueName: "the name of a queue";
    crate::model::name::GroupName: "the name of an agent group";
    crate::model::name::ProfileName: "the name of a compliance profile such as cn";
    crate::model::name::PromptName: "the name of a prompt";
    crate::model::name::GatewayName: "the name of an SMS gateway";
    crate::model::zone::Zone: "an IANA name such as Asia/Shanghai";
    crate::model::calling_hours::DaySpan: "a span such as 09:00-12:00";
}

impl Readable for crate::model::phone::PhoneNumber {
    fn read(spot: &Spot<'_>) -> Option<Self> {
        let expected = "a number in international form, such as +8613800138000";
        let text = spot.text(expected)?;
        match crate::model::phone::PhoneNumber::from_e164(text) {
            Ok(number) => Some(number),
            Err(error) => spot.wrong(ComplaintCode::WrongValue, error.to_string(), format!("expected {expected}")),
        }
    }
}
