use super::*;

fn complaints(text: &str, read: impl Fn(&Table<'_>) -> Option<()>) -> Vec<String> {
    let document = Document::parse(SourceKind::File, "test.toml", text);
    let reader = Reader::new(&document);
    let value = read(&reader.root());
    match reader.finish(value) {
        Ok(()) => Vec::new(),
        Err(complaints) => complaints.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_with_its_place() {
    let text = "title = 7\nafer_s = 3\n[retry]\nmax = 300\n";
    let told = complaints(text, |root| {
        let title: Option<String> = root.required("title");
        let after: Option<u32> = root.required("after_s");
        let max: Option<u8> = root.table("retry").and_then(|retry| retry.required("max"));
        (title.is_some() && after.is_some() && max.is_some()).then_some(())
    });
    assert_eq!(
        told,
        [
            "test.toml:1:1: after_s: `after_s` is missing; add it at the top of the file",
            "test.toml:1:9: title: `7` is a number; expected text in quotes",
            "test.toml:2:1: afer_s: `afer_s` is not a known key; did you mean `after_s`?",
            "test.toml:4:7: retry.max: `300` is out of range; expected 0 to 255",
        ]
    );
}

#[test]
fn columns_count_characters_and_not_bytes() {
    let told = complaints("\"活动\" = 1\n", |_| Some(()));
    assert_eq!(told, ["test.toml:1:1: 活动: `活动` is not a known key"]);
    let told =
        complaints("t = { \"名\" = 1, x = 2 }", |root| root.table("t").and_then(|t| t.required::<u8>("名").map(drop)));
    assert!(told[0].starts_with("test.toml:1:16: t.x:"), "{told:?}");
}

#[test]
fn broken_syntax_is_a_complaint_too() {
    let told = complaints("a = \nb = 1\n", |root| {
        root.optional::<u8>("a");
        root.required::<u8>("b").map(drop)
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("test.toml:1:"), "{told:?}");
}

#[test]
fn an_overlay_wins_and_keeps_its_own_place() {
    let mut document = Document::parse(SourceKind::Default, "default.toml", "[a]\nx = 1\ny = 2\n");
    document.overlay(Document::parse(SourceKind::File, "lull.toml", "[a]\nx = \"no\"\n"));
    document.set(SourceKind::Environment, "LULL_A__Y", &["A".into(), "Y".into()], "many");
    let reader = Reader::new(&document);
    let root = reader.root();
    let table = root.table("a").unwrap();
    let (x, y): (Option<u8>, Option<u8>) = (table.required("x"), table.required("y"));
    drop((table, root));
    let error = reader.finish(x.zip(y)).unwrap_err().to_string();
    assert_eq!(
        error,
        "lull.toml:2:5: a.x: `\"no\"` is text; expected a whole number, without quotes\n\
         LULL_A__Y: a.y: `many` is text; expected a whole number, without quotes"
    );
}

#[test]
fn a_variable_that_looks_like_a_number_can_be_text() {
    let mut document = Document::parse(SourceKind::File, "lull.toml", "[trunks.my-carrier]\n");
    let path: Vec<String> = ["TRUNKS", "MY_CARRIER", "PASSWORD"].map(String::from).to_vec();
    document.set(SourceKind::Environment, "LULL_TRUNKS__MY_CARRIER__PASSWORD", &path, "0123");
    let reader = Reader::new(&document);
    let named = reader.root().named("trunks");
    assert_eq!(named[0].0.value, "my-carrier");
    assert_eq!(named[0].1.required::<String>("password").as_deref(), Some("0123"));
}

#[test]
fn a_password_is_not_repeated_in_a_complaint() {
    let told = complaints("password = 123456\n", |root| root.required::<String>("password").map(drop));
    assert!(!told[0].contains("123456"), "{told:?}");
}

#[test]
fn a_rendered_complaint_shows_the_line() {
    let document = Document::parse(SourceKind::File, "spring.toml", "x = 1\nmode = \"predictve\"\n");
    let reader = Reader::new(&document);
    let root = reader.root();
    root.spot("x");
    let spot = root.spot("mode").unwrap();
    spot.wrong::<()>(ComplaintCode::WrongValue, "`predictve` is not a mode", "did you mean `ratio`?");
    drop(root);
    let shown = reader.finish(None::<()>).unwrap_err().rendered(false);
    assert!(shown.contains("spring.toml:2:8"), "{shown}");
    assert!(shown.contains("mode = \"predictve\""), "{shown}");
    assert!(shown.contains("did you mean"), "{shown}");
}
