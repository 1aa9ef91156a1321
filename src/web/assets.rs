//! The browser app, embedded when the program was built, or a page that says how to build it.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use super::frame::Nonce;
use super::problem::{Kind, Problem};

/// What the page's builder writes where the nonce of each answer goes.
const NONCE_PLACE: &str = "__LULL_NONCE__";
/// Bytes of chance in a nonce.
const NONCE_BYTES: usize = 16;

#[derive(RustEmbed)]
#[folder = "src/ui/dist"]
#[allow_missing = true]
struct App;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Lull</title>\
<h1>The browser app was not built into this program</h1>\
<p>The service runs, and its API answers under <code>/api/v1</code> \
(<a href=\"/api/v1/openapi.json\">description</a>).</p>\
<p>To get the pages, build with <code>make</code>, which builds <code>src/ui</code> first, and start the program \
again.</p></html>";

/// Serves a file of the app; an address of one of its pages gets the app itself.
pub(super) async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::new(Kind::MethodNotAllowed, "pages are read with GET").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.is_empty() || path == "index.html" {
        return index();
    }
    if let Some(file) = App::get(path) {
        let etag = etag(&file.metadata.sha256_hash());
        let kept =
            request.headers().get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == etag.as_bytes());
        let headers = [
            (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
            (header::CACHE_CONTROL, cache_control(path).to_owned()),
            (header::ETAG, etag),
        ];
        if kept {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        return (headers, file.data).into_response();
    }
    // A page of the app has no dot in its last part; a missing file does, and must not come back as a page.
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') || path.starts_with("api/") {
        return Problem::not_found(format!("address /{path}")).into_response();
    }
    index()
}

/// The page that starts the app, with a fresh nonce for its style elements.
fn index() -> Response {
    let Some(file) = App::get("index.html") else { return Html(NOT_BUILT).into_response() };
    let mut bytes = [0; NONCE_BYTES];
    if let Err(error) = getrandom::fill(&mut bytes) {
        return Problem::internal("making a nonce", error).into_response();
    }
    let nonce: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let page = String::from_utf8_lossy(&file.data).replace(NONCE_PLACE, &nonce);
    let mut response = Html(page).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Nonce(nonce));
    response
}

fn etag(hash: &[u8]) -> String {
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Files below `assets/` have a hash of their content in their name.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_a_hash_in_their_name_are_kept_for_ever() {
        assert!(cache_control("assets/index-4f3a.js").contains("immutable"));
        assert_eq!(cache_control("favicon.svg"), "no-cache");
    }
}
