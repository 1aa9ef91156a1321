//! The browser app, or the page that says how to build it.

use axum::http::StatusCode;

use super::rig::{Rig, request};

#[tokio::test]
async fn an_address_of_the_app_gets_a_page_and_a_missing_file_does_not() {
    let rig = Rig::new().await;
    let page = |path: &str| {
        let mut request = request("GET", "", None, None);
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    for path in ["/", "/board", "/campaigns/family-plan"] {
        let answered = rig.answer(page(path)).await;
        assert_eq!(answered.status, StatusCode::OK, "{path}");
        assert!(answered.header("content-type").starts_with("text/html"));
        assert!(answered.text.contains("Lull"), "{}", answered.text);
        assert!(answered.header("content-security-policy").contains("default-src 'self'"));
        assert!(!answered.text.contains("__LULL_NONCE__"));
    }
    for path in ["/assets/missing-1234.js", "/favicon.none", "/..%2f..%2fCargo.toml", "/api/nothing"] {
        assert_eq!(rig.answer(page(path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
