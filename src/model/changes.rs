//! What differs between two texts of a campaign: in meaning, key by key, and line by line.
//!
//! Nothing here judges a change; [`changes`] tells what a person would have to look for, [`lines`] shows where it is written.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::campaign::Campaign;

/// Lines shown before and after one that changed.
const CONTEXT: usize = 2;

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Change {
    /// Where, such as `pacing.mode` or `results[accepted].title`.
    pub key: String,
    /// What it was; `null` where it was not there.
    pub from: Option<Value>,
    /// What it becomes; `null` where it will not be there.
    pub to: Option<Value>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// It is in both texts.
    Kept,
    /// It is in the later text only.
    Added,
    /// It is in the earlier text only.
    Removed,
    /// Some lines that are in both are left out here.
    Gap,
}

/// A line of one or both texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Line {
    /// What became of it.
    pub kind: LineKind,
    /// Its text, without the end of line.
    pub text: String,
}

/// What two texts of a campaign differ in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Differences {
    /// Values, by key. Empty where only words without meaning differ: comments, order, spaces.
    pub values: Vec<Change>,
    /// Lines that differ, with those around them.
    pub lines: Vec<Line>,
}

/// Compares two texts with what they define; before the first, nothing is defined.
pub fn differences(from: Option<(&Campaign, &str)>, to: (&Campaign, &str)) -> Differences {
    let values = changes(from.map(|(campaign, _)| campaign), to.0);
    Differences { values, lines: lines(from.map_or("", |(_, text)| text), to.1) }
}

/// The values that differ, in the order of their keys.
pub fn changes(from: Option<&Campaign>, to: &Campaign) -> Vec<Change> {
    let leaves = |campaign: &Campaign| {
        let mut leaves = BTreeMap::new();
        // A campaign always has a JSON form: it is stored as that.
        flatten(String::new(), serde_json::to_value(campaign).unwrap_or_default(), &mut leaves);
        leaves
    };
    let (mut before, after) = (from.map(leaves).unwrap_or_default(), leaves(to));
    let mut changes: Vec<Change> = Vec::new();
    for (key, to) in after {
        let from = before.remove(&key);
        if from.as_ref() != Some(&to) {
            changes.push(Change { key, from, to: Some(to) });
        }
    }
    changes.extend(before.into_iter().map(|(key, from)| Change { key, from: Some(from), to: None }));
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes
}

/// Values by key. What has a key of its own in a list is found by it, so that inserting one does not change all that follow.
fn flatten(key: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                flatten(if key.is_empty() { name } else { format!("{key}.{name}") }, member, leaves);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (place, item) in items.into_iter().enumerate() {
                let name = ["key", "title", "name"].iter().find_map(|name| item.get(name)?.as_str().map(str::to_owned));
                let name = name.unwrap_or_else(|| (place + 1).to_string());
                flatten(format!("{key}[{name}]"), item, leaves);
            }
        }
        // What is not there and what is said to be nothing are the same.
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(_) => {}
        value => drop(leaves.insert(key, value)),
    }
}

/// The lines that differ, with a few around them.
pub fn lines(from: &str, to: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(from, to);
    let mut lines = Vec::new();
    for (place, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        let skipped = group.first().is_some_and(|first| first.old_range().start > 0);
        if place > 0 || skipped {
            lines.push(Line { kind: LineKind::Gap, text: String::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let kind = match change.tag() {
                ChangeTag::Equal => LineKind::Kept,
                ChangeTag::Insert => LineKind::Added,
                ChangeTag::Delete => LineKind::Removed,
            };
            lines.push(Line { kind, text: change.value().trim_end_matches(['\n', '\r']).to_owned() });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::campaign_file;

    const TEXT: &str = include_str!("../../campaigns/family-plan.toml");

    fn read(text: &str) -> Campaign {
        campaign_file::read("x.toml", text, None).unwrap_or_else(|complaints| panic!("{complaints}"))
    }

    fn told(from: &str, to: &str) -> Vec<String> {
        let shown = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let changes = changes(Some(&read(from)), &read(to));
        changes
            .iter()
            .map(|change| format!("{}: {} > {}", change.key, shown(&change.from), shown(&change.to)))
            .collect()
    }

    #[test]
    fn a_value_is_told_with_its_key_and_words_without_meaning_are_not() {
        assert_eq!(told(TEXT, TEXT), Vec::<String>::new());
        assert_eq!(told(TEXT, &format!("# a remark\n{TEXT}")), Vec::<String>::new());
        let to = TEXT.replacen("priority = 60", "priority = 61", 1);
        assert_eq!(told(TEXT, &to), ["priority: 60 > 61"]);
    }

    #[test]
    fn a_result_that_is_inserted_changes_none_of_the_others() {
        let first = TEXT.find("[[results]]").unwrap();
        let (before, after) = TEXT.split_at(first);
        let more = "[[results]]\nkey = \"someday\"\ntitle = \"Later\"\ndisposition = \"callback\"\n\n";
        let told = told(TEXT, &format!("{before}{more}{after}"));
        assert!(!told.is_empty() && told.iter().all(|line| line.starts_with("results[someday].")), "{told:?}");
        assert!(told.contains(&"results[someday].title: - > \"Later\"".to_owned()), "{told:?}");
    }

    #[test]
    fn of_a_new_campaign_everything_is_new() {
        let all = changes(None, &read(TEXT));
        assert!(all.iter().all(|change| change.from.is_none() && change.to.is_some()));
        assert!(all.iter().any(|change| change.key == "key"));
    }

    #[test]
    fn lines_are_shown_with_those_around_them_and_a_mark_where_some_are_left_out() {
        let from = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let shown: Vec<(LineKind, String)> =
            lines(from, "a\nb\nc\nd\nE\nf\ng\nh\n").into_iter().map(|line| (line.kind, line.text)).collect();
        let line = |kind, text: &str| (kind, text.to_owned());
        use LineKind::{Added, Gap, Kept, Removed};
        let expected = [
            line(Gap, ""),
            line(Kept, "c"),
            line(Kept, "d"),
            line(Removed, "e"),
            line(Added, "E"),
            line(Kept, "f"),
            line(Kept, "g"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(lines(from, from), []);
    }
}
