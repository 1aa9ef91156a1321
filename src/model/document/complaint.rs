//! What is wrong with a file: where, what is written there, and what was expected.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Document, Place, Source, SourceKind};

/// Complaints that are drawn; a file that is no such file at all has one for each of its lines.
const SHOWN_MAX: usize = 20;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Its kind.
    pub code: ComplaintCode,
    /// Where it is.
    pub place: Place,
    /// The key with its tables, such as `retry.busy.after_s`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, naming the value.
    pub says: String,
    /// What was expected, or what to do.
    pub expected: Option<String>,
}

/// Kinds of complaints, stable for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintCode {
    /// Not TOML.
    Syntax,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be there.
    MissingKey,
    /// Text where a number was expected, and the like.
    WrongType,
    /// A number beyond its limits.
    OutOfRange,
    /// A value that means nothing.
    WrongValue,
    /// A name of something that does not exist.
    UnknownName,
    /// The same thing twice.
    Duplicate,
    /// Right by itself, but not together with something else.
    Conflict,
}

impl Complaint {
    /// A complaint without an expectation.
    pub fn new(code: ComplaintCode, place: Place, key: &str, says: String) -> Complaint {
        Complaint { code, place, key: key.to_owned(), says, expected: None }
    }

    /// With what was expected.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Complaint {
        self.expected = Some(expected.into());
        self
    }
}

/// Everything that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaints {
    sources: Vec<Source>,
    list: Vec<Complaint>,
}

/// A complaint for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Located {
    /// File, variable of the environment or flag.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The key with its tables.
    pub key: String,
    /// Kind of complaint.
    pub code: ComplaintCode,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to do.
    pub expected: Option<String>,
}

impl Complaints {
    /// Those of a document, in the order of files and lines.
    ///
    /// Where the syntax is broken, what follows from it is left out: missing keys, and the value on the same line.
    pub fn new(document: &Document, mut list: Vec<Complaint>) -> Complaints {
        let line = |place: Place| (place.source, document.line_and_column(place).0);
        let broken: Vec<(usize, usize)> =
            list.iter().filter(|c| c.code == ComplaintCode::Syntax).map(|c| line(c.place)).collect();
        list.retain(|c| match c.code {
            ComplaintCode::Syntax => true,
            ComplaintCode::MissingKey => broken.is_empty(),
            _ => !broken.contains(&line(c.place)),
        });
        list.sort_by_key(|complaint| (complaint.place.source, complaint.place.from));
        Complaints { sources: document.sources.clone(), list }
    }

    /// A file that could not be read at all.
    pub fn unreadable(file: &str, why: &std::io::Error) -> Complaints {
        let source = Source { kind: SourceKind::File, name: file.to_owned(), text: String::new() };
        let place = Place { source: 0, from: 0, to: 0 };
        let says = format!("the file {file} cannot be read: {why}");
        Complaints { sources: vec![source], list: vec![Complaint::new(ComplaintCode::Syntax, place, "", says)] }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is nothing to complain about.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The complaints themselves.
    pub fn iter(&self) -> impl Iterator<Item = &Complaint> {
        self.list.iter()
    }

    /// For programs.
    pub fn located(&self) -> Vec<Located> {
        self.list.iter().map(|complaint| self.locate(complaint)).collect()
    }

    /// With the lines they are about, for a terminal; `colour` draws boxes and colours.
    pub fn rendered(&self, colour: bool) -> String {
        let theme = if colour { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
        let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
        let mut out = String::new();
        for complaint in self.list.iter().take(SHOWN_MAX) {
            let shown = Shown { complaint, source: self.sources.get(complaint.place.source) };
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&complaint.says);
            }
            out.push('\n');
        }
        if self.list.len() > SHOWN_MAX {
            let more = self.list.len() - SHOWN_MAX;
            out.push_str(&format!("… and {more} more. Is this the file that was meant?\n"));
        }
        out
    }

    fn locate(&self, complaint: &Complaint) -> Located {
        let source = self.sources.get(complaint.place.source);
        let (line, column) = line_and_column(source.map_or("", |source| &source.text), complaint.place.from);
        Located {
            file: source.map_or_else(String::new, |source| source.name.clone()),
            line,
            column,
            key: complaint.key.clone(),
            code: complaint.code,
            message: complaint.says.clone(),
            expected: complaint.expected.clone(),
        }
    }
}

/// One line for each: `file:line:column: key: what is wrong; what was expected`.
impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let at = self.locate(complaint);
            match self.sources.get(complaint.place.source).map(|source| source.kind) {
                Some(SourceKind::Environment | SourceKind::Flag) => write!(f, "{}: ", at.file)?,
                Some(SourceKind::Default | SourceKind::File) | None => {
                    write!(f, "{}:{}:{}: ", at.file, at.line, at.column)?;
                }
            }
            if !at.key.is_empty() {
                write!(f, "{}: ", at.key)?;
            }
            f.write_str(&at.message)?;
            if let Some(expected) = &at.expected {
                write!(f, "; {expected}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Complaints {}

/// Line and column from 1, columns in characters.
pub(super) fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

struct Shown<'a> {
    complaint: &'a Complaint,
    source: Option<&'a Source>,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.complaint.key.is_empty() {
            write!(f, "{}: ", self.complaint.key)?;
        }
        f.write_str(&self.complaint.says)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.complaint.expected.as_ref().map(|expected| Box::new(expected) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.filter(|source| !source.text.is_empty()).map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let place = self.complaint.place;
        let text = self.source.map_or("", |source| source.text.as_str());
        // A caret under the first line of a long value is enough.
        let length = text.get(place.from..place.to).and_then(|at| at.lines().next()).map_or(0, str::len);
        Some(Box::new(std::iter::once(miette::LabeledSpan::new_with_span(None, (place.from, length)))))
    }
}

impl miette::SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let contents = self.text.read_span(span, before, after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.name.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}
