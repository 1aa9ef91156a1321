//! The JSON Schema of campaign files, for editors: what a key is, whether it is needed, what is unknown.
//!
//! It is made from the tables of `campaigns/README.md`, which a test holds to the reader, so that nothing is said twice. What
//! contradicts something else in the file or is not in the installation only `lull campaign check` finds.

use serde_json::{Map, Value, json};

const REFERENCE: &str = include_str!("../../../campaigns/README.md");

/// A row of the reference.
struct Key<'r> {
    path: &'r str,
    kind: &'r str,
    default: &'r str,
    example: &'r str,
    meaning: &'r str,
}

/// A schema of JSON Schema 2020-12.
pub fn schema() -> Value {
    let mut root = object("A campaign of Lull");
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("Lull campaign"));
    for key in keys() {
        let described = describe(&key);
        put(&mut root, key.path, key.default == "required", described);
    }
    Value::Object(root)
}

/// The rows of all tables that begin with a key of the file.
fn keys() -> impl Iterator<Item = Key<'static>> {
    REFERENCE.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let [path, kind, default, example, meaning, ""] = &cells[..] else { return None };
        let path = path.strip_prefix('`')?.strip_suffix('`')?;
        Some(Key { path, kind, default, example, meaning })
    })
}

fn describe(key: &Key<'_>) -> Map<String, Value> {
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let mut described = match key.kind {
        "table" | "tables" => object(key.meaning),
        "list of tables" => fields(json!({ "type": "array", "items": object("") })),
        "switch" => fields(json!({ "type": "boolean" })),
        "integer" => fields(json!({ "type": "integer" })),
        "share" => fields(json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        // A phone number is written in quotes.
        "number" if !key.example.starts_with("`\"") => fields(json!({ "type": "number" })),
        "names" | "texts" | "numbers" | "dates" | "spans" => fields(texts()),
        "dates, or a calendar" => fields(json!({ "anyOf": [texts(), { "type": "string" }] })),
        _ => fields(json!({ "type": "string" })),
    };
    described.insert("description".to_owned(), json!(key.meaning));
    let value = |text: &str| serde_json::from_str::<Value>(text.strip_prefix('`')?.strip_suffix('`')?).ok();
    if let Some(default) = value(key.default) {
        described.insert("default".to_owned(), default);
    }
    if let Some(example) = value(key.example) {
        described.insert("examples".to_owned(), json!([example]));
    }
    described
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn object(description: &str) -> Map<String, Value> {
    fields(json!({
        "type": "object", "description": description, "properties": {}, "required": [], "additionalProperties": false,
    }))
}

/// Puts a key where its path says: `a.b` is a field, `a[].b` a field of each item, `a.*` any field.
fn put(into: &mut Map<String, Value>, path: &str, required: bool, described: Map<String, Value>) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (name, in_items) = first.strip_suffix("[]").map_or((first, false), |name| (name, true));
    let place = if name == "*" { "additionalProperties" } else { "properties" };
    let Some(rest) = rest else {
        if name == "*" {
            into.insert(place.to_owned(), Value::Object(described));
            return;
        }
        if let Some(Value::Object(fields)) = into.get_mut(place) {
            fields.insert(name.to_owned(), Value::Object(described));
        }
        if let Some(Value::Array(names)) = into.get_mut("required").filter(|_| required) {
            names.push(json!(name));
        }
        return;
    };
    let field = match into.get_mut(place) {
        Some(Value::Object(any)) if name == "*" => Some(any),
        Some(Value::Object(fields)) => fields.get_mut(name).and_then(Value::as_object_mut),
        _ => None,
    };
    let inside = match field {
        Some(field) if in_items => field.get_mut("items").and_then(Value::as_object_mut),
        field => field,
    };
    if let Some(inside) = inside {
        put(inside, rest, required, described);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a value breaks of the few words that the schema uses.
    fn broken(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(choices) = schema["anyOf"].as_array() {
            let fits = choices.iter().any(|choice| {
                let mut none = Vec::new();
                broken(choice, value, at, &mut none);
                none.is_empty()
            });
            return found.extend((!fits).then(|| format!("{at}: none of the choices")));
        }
        let fits = match schema["type"].as_str().expect("every schema has a type") {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            "number" => value.is_number(),
            other => panic!("{other} is not among the types"),
        };
        if !fits {
            return found.push(format!("{at}: {value} is no {}", schema["type"]));
        }
        for (place, item) in value.as_array().into_iter().flatten().enumerate() {
            broken(&schema["items"], item, &format!("{at}[{place}]"), found);
        }
        for (name, field) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => found.push(format!("{at} is unknown")),
                (Value::Null, any) => broken(any, field, &at, found),
                (known, _) => broken(known, field, &at, found),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.get(name).is_none() {
                found.push(format!("{at}.{name} is missing"));
            }
        }
    }

    fn faults(text: &str) -> Vec<String> {
        let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        let mut found = Vec::new();
        broken(&schema(), &value, "", &mut found);
        found
    }

    #[test]
    fn the_shipped_files_fit_and_mistakes_of_form_do_not() {
        let shipped = [
            include_str!("../../../campaigns/family-plan.toml"),
            include_str!("../../../campaigns/churn-rescue.toml"),
            include_str!("../../../campaigns/care-reminder.toml"),
        ];
        for text in shipped {
            assert_eq!(faults(text), Vec::<String>::new());
        }
        let with = |piece: &str, by: &str| {
            assert!(shipped[0].contains(piece), "{piece}");
            faults(&shipped[0].replacen(piece, by, 1))
        };
        assert_eq!(
            with("ring_timeout_s = ", "ring_timeout = "),
            [".ring_timeout is unknown", ".ring_timeout_s is missing"]
        );
        assert_eq!(with("tier = 3", "tier = \"3\""), [".tier: \"3\" is no \"integer\""]);
        assert_eq!(
            with("[retry.busy]\nafter_s", "[retry.busy]\nafter"),
            [".retry.busy.after is unknown", ".retry.busy.after_s is missing"]
        );
    }

    #[test]
    fn every_key_of_the_reference_is_in_it_with_what_it_means() {
        let schema = schema();
        for key in keys() {
            let mut place = &schema;
            for part in key.path.split('.') {
                let name = part.trim_end_matches("[]");
                place = if name == "*" { &place["additionalProperties"] } else { &place["properties"][name] };
                assert!(place.is_object(), "{}", key.path);
                if part.ends_with("[]") {
                    place = &place["items"];
                }
            }
            assert!(place["description"].is_string(), "{}", key.path);
        }
        assert!(keys().count() > 100);
        assert_eq!(schema["properties"]["tier"]["default"], 1);
        assert_eq!(schema["properties"]["limits"]["properties"]["budget"]["required"], json!(["amount"]));
    }
}
