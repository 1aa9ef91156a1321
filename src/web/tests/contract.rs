//! The description of the API: complete, and the same as the file the browser app's client is generated from.

use crate::web::openapi;

/// Set to anything to write the file instead of comparing it.
const REGENERATE: &str = "LULL_REGENERATE";

#[test]
fn the_committed_description_of_the_api_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ui/openapi.json");
    let generated = openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "src/ui/openapi.json is stale: run `{REGENERATE}=1 cargo nextest run --lib description_of_the_api`, then \
         `npm run types` in src/ui, and commit both"
    );
}
