//! Texts with fields, such as `{"to": "{to}"}`, as a gateway's request is described in the configuration.
//!
//! A field is filled in so that it cannot be anything but a value where it stands: escaped for a JSON string, or for a form and a
//! query. Braces that hold no field are themselves, so that JSON is written as it is. Read [`Template::parse`] first.

use std::fmt::Write as _;

use crate::model::document::did_you_mean;

/// The fields, as they are written.
const FIELDS: [(&str, Field); 9] = [
    ("to", Field::To),
    ("to_digits", Field::ToDigits),
    ("to_national", Field::ToNational),
    ("from", Field::From),
    ("text", Field::Text),
    ("id", Field::Id),
    ("username", Field::Username),
    ("password", Field::Password),
    ("basic", Field::Basic),
];

/// What is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The customer's number in E.164.
    To,
    /// The same without the plus sign.
    ToDigits,
    /// The number as it is dialled within its country.
    ToNational,
    /// What is shown as the sender.
    From,
    /// The whole text.
    Text,
    /// Our id of the message.
    Id,
    /// The user name of the configuration.
    Username,
    /// The password.
    Password,
    /// User name and password as HTTP's Basic scheme has them.
    Basic,
}

/// How values are written so that they stay values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// As they are.
    Plain,
    /// Within a string of JSON.
    Json,
    /// In a form or a query: everything but letters, digits and `-_.~` as octets of UTF-8 with a percent sign.
    Percent,
}

/// A text with fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    escaping: Escaping,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// A text names a field that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{{{field}}}` is not a field")]
pub struct UnknownField {
    /// As it was written.
    pub field: String,
    /// What may have been meant, and all there are.
    pub expected: String,
}

impl Template {
    /// Reads a text. A word of small letters in braces is a field.
    ///
    /// # Errors
    /// The first field that there is not.
    pub fn parse(text: &str, escaping: Escaping) -> Result<Template, UnknownField> {
        let mut pieces = Vec::new();
        let mut written = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, inside) = rest.split_at(open);
            written += before;
            let word = inside.get(1..).and_then(|after| after.split_once('}')).map(|(word, _)| word);
            let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let Some(word) = word.filter(is_word) else {
                written.push('{');
                rest = inside.get(1..).unwrap_or_default();
                continue;
            };
            let Some((_, field)) = FIELDS.iter().find(|(name, _)| *name == word) else {
                let expected = did_you_mean(word, FIELDS.map(|(name, _)| name)).unwrap_or_default();
                return Err(UnknownField { field: word.to_owned(), expected });
            };
            if !written.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut written)));
            }
            pieces.push(Piece::Field(*field));
            rest = inside.get(word.len() + 2..).unwrap_or_default();
        }
        written += rest;
        if !written.is_empty() {
            pieces.push(Piece::Text(written));
        }
        Ok(Template { pieces, escaping })
    }

    /// Whether a field is in it.
    pub fn has(&self, field: Field) -> bool {
        self.pieces.contains(&Piece::Field(field))
    }

    /// With its fields filled in.
    pub fn fill<'v>(&self, value: impl Fn(Field) -> std::borrow::Cow<'v, str>) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled += text,
                Piece::Field(field) => escape(&value(*field), self.escaping, &mut filled),
            }
        }
        filled
    }
}

fn escape(value: &str, escaping: Escaping, to: &mut String) {
    match escaping {
        Escaping::Plain => to.push_str(value),
        Escaping::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            to.push_str(quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default());
        }
        Escaping::Percent => {
            for byte in value.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => to.push(char::from(byte)),
                    // Writing to a text cannot fail.
                    _ => drop(write!(to, "%{byte:02X}")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::sms::http::form;

    fn filled(text: &str, escaping: Escaping, value: &str) -> String {
        Template::parse(text, escaping).unwrap().fill(|_| Cow::Borrowed(value))
    }

    #[test]
    fn fields_are_filled_in_and_braces_of_json_stay() {
        assert_eq!(
            filled("{\"to\":[\"{to}\"],\"o\":{},\"x\":{\"y\":1}}", Escaping::Json, "+86 \"1\"\n"),
            "{\"to\":[\"+86 \\\"1\\\"\\n\"],\"o\":{},\"x\":{\"y\":1}}"
        );
        assert_eq!(filled("To={to}&x=1", Escaping::Percent, "+1 &退"), "To=%2B1%20%26%E9%80%80&x=1");
        assert_eq!(filled("Bearer {password}", Escaping::Plain, "a%b"), "Bearer a%b");
        assert_eq!(filled("", Escaping::Json, "x"), "");
        for braces in ["{", "}", "{}", "{ to }", "{To}", "{to", "{{", "x{}y{"] {
            assert_eq!(filled(braces, Escaping::Plain, "x"), braces);
        }
        assert_eq!(filled("{{to}}", Escaping::Plain, "x"), "{x}");
    }

    #[test]
    fn a_field_that_there_is_not_is_told_with_those_there_are() {
        let fault = Template::parse("{\"mobile\": \"{too}\"}", Escaping::Json).unwrap_err();
        assert_eq!(fault.to_string(), "`{too}` is not a field");
        assert_eq!(fault.expected, "did you mean `to`?");
        let fault = Template::parse("{signature}", Escaping::Json).unwrap_err();
        assert!(fault.expected.contains("`to_national`"), "{}", fault.expected);
    }

    proptest! {
        #[test]
        fn whatever_a_customer_is_told_stays_one_value(value in any::<String>()) {
            let json = filled("{\"text\": \"{text}\", \"n\": 1}", Escaping::Json, &value);
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, serde_json::json!({ "text": value, "n": 1 }));
            let read = form(filled("a=1&text={text}&z=2", Escaping::Percent, &value).as_bytes());
            prop_assert_eq!(read, serde_json::json!({ "a": "1", "text": value, "z": "2" }));
        }

        #[test]
        fn no_text_makes_the_reader_fail(text in "[{}a-z_\"退]{0,40}") {
            if let Ok(template) = Template::parse(&text, Escaping::Plain) {
                let filled = template.fill(|_| Cow::Borrowed(""));
                prop_assert!(filled.len() <= text.len());
            }
        }
    }
}
