//! What is in force and where it came from; what another configuration would change.

use serde::{Deserialize, Serialize};

use super::Config;
use crate::model::document::{Document, Node, SourceKind, Value};

/// One value in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Setting {
    /// The key with its tables.
    pub key: String,
    /// The value as TOML; `(set)` for a secret.
    pub value: String,
    /// `default`, `FILE:LINE`, the name of a variable, or a flag.
    pub origin: String,
}

/// A section that another configuration changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Difference {
    /// The section, such as `trunks`.
    pub section: String,
    /// Whether the process must be started again for it to take effect.
    pub restart: bool,
}

impl Config {
    /// Which sections of `other` differ, and which of them need a restart.
    pub fn differences(&self, other: &Config) -> Vec<Difference> {
        let sections = [
            // The zone and the region are read by many; sockets and files are opened once.
            ("installation", self.installation != other.installation, false),
            ("data", self.data != other.data, true),
            ("retention", self.retention != other.retention, false),
            ("lists", self.lists != other.lists, false),
            ("http", self.http != other.http, true),
            (
                "webhooks",
                self.webhooks != other.webhooks,
                self.webhooks.authorities_file != other.webhooks.authorities_file,
            ),
            ("access", self.access != other.access, false),
            ("log", self.log != other.log, true),
            ("sip", self.sip != other.sip, self.sip.sockets() != other.sip.sockets()),
            ("rtp", self.rtp != other.rtp, true),
            ("trunks", self.trunks != other.trunks, false),
            ("numbers", self.numbers != other.numbers, false),
            ("queues", self.queues != other.queues, false),
            ("groups", self.groups != other.groups, false),
            ("phones", self.phones != other.phones, false),
            ("gateways", self.gateways != other.gateways, false),
            ("prompts", self.prompts != other.prompts, false),
            ("profiles", self.profiles != other.profiles, false),
        ];
        let changed = sections.into_iter().filter(|(_, changed, _)| *changed);
        changed.map(|(section, _, restart)| Difference { section: section.to_owned(), restart }).collect()
    }
}

/// All leaves of the document, by key.
pub(super) fn settings(document: &Document) -> Vec<Setting> {
    let mut settings = Vec::new();
    collect(document, &document.root, String::new(), &mut settings);
    settings
}

fn collect(document: &Document, node: &Node, key: String, settings: &mut Vec<Setting>) {
    if let Value::Table(fields) = &node.value {
        for (name, (_, inner)) in fields {
            // Names that are not bare keys of TOML are written as they would be in a file.
            let bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            let name = if bare { name.clone() } else { format!("{name:?}") };
            let key = if key.is_empty() { name } else { format!("{key}.{name}") };
            collect(document, inner, key, settings);
        }
        return;
    }
    let value = if key.ends_with("password") { "(set)".to_owned() } else { shown(node) };
    settings.push(Setting { key, value, origin: origin(document, node) });
}

fn shown(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => format!("{text:?}"),
        Value::Integer(integer) => integer.map_or_else(|| "?".to_owned(), |integer| integer.to_string()),
        Value::Float(float) => float.map_or_else(|| "?".to_owned(), |float| format!("{float:?}")),
        Value::Switch(switch) => switch.to_string(),
        Value::Moment(moment) => moment.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Table(fields) => {
            let inner: Vec<String> = fields
                .iter()
                .map(|(key, (_, node))| {
                    let value = if key == "password" { "(set)".to_owned() } else { shown(node) };
                    format!("{key} = {value}")
                })
                .collect();
            format!("{{ {} }}", inner.join(", "))
        }
    }
}

fn origin(document: &Document, node: &Node) -> String {
    match document.sources.get(node.place.source) {
        Some(source) => match source.kind {
            SourceKind::Default => "default".to_owned(),
            SourceKind::File => format!("{}:{}", source.name, document.line_and_column(node.place).0),
            SourceKind::Environment | SourceKind::Flag => source.name.clone(),
        },
        None => "default".to_owned(),
    }
}
