//! What comes in with a request, read strictly: unknown fields, wrong types and long bodies are problems with a place.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use super::problem::{ErrorItem, Kind, Problem};

/// Longest JSON body, in bytes: a campaign's text with a long script, and room.
pub const JSON_MAX: usize = 512 * 1024;

/// A JSON body.
#[derive(Debug)]
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Sent<T>, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Sent(value)),
            Err(rejection) => Err(json_problem(&rejection)),
        }
    }
}

fn json_problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(error) => {
            let told = innermost(error);
            let (path, detail) = told.split_once(": ").unwrap_or((".", &told));
            let item = ErrorItem::at(pointer(path), "bad_field", detail);
            Problem::new(Kind::BadField, detail).with_errors(vec![item])
        }
        JsonRejection::JsonSyntaxError(error) => Problem::new(Kind::MalformedJson, innermost(error)),
        JsonRejection::MissingJsonContentType(_) => {
            Problem::new(Kind::MediaType, "expected the header `Content-Type: application/json`")
        }
        other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::TooLarge, format!("the body is longer than {JSON_MAX} bytes"))
        }
        other => Problem::new(Kind::MalformedJson, other.body_text()),
    }
}

/// The sentence of the error below axum's own, which begins with the path of the field.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    // Two steps down: axum's rejection, its boxed error, then the one that knows the field.
    for _ in 0..2 {
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    cause.to_string()
}

/// `a.b[2].c` as `/a/b/2/c`.
fn pointer(path: &str) -> String {
    if path == "." {
        return String::new();
    }
    let mut pointer = String::new();
    for part in path.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(part);
    }
    pointer
}

/// The query parameters.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<T>, Problem> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        asked.map(|Query(value)| Asked(value)).map_err(|rejection| {
            let told = innermost(&rejection);
            Problem::new(Kind::BadQuery, told)
        })
    }
}

/// The name or id in the path. One that cannot exist is not found.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: FromStr<Err: Display> + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named<T>, Problem> {
        let Path(text): Path<String> = Path::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::not_found(rejection.body_text()))?;
        text.parse().map(Named).map_err(|error| Problem::new(Kind::NotFound, error_text(&error)))
    }
}

/// Two names in the path, one within the other.
#[derive(Debug)]
pub struct NamedIn<A, B>(pub A, pub B);

impl<A, B, S> FromRequestParts<S> for NamedIn<A, B>
where
    A: FromStr<Err: Display> + Send,
    B: FromStr<Err: Display> + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<NamedIn<A, B>, Problem> {
        let Path((outer, inner)): Path<(String, String)> = Path::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::not_found(rejection.body_text()))?;
        let outer = outer.parse().map_err(|error| Problem::new(Kind::NotFound, error_text(&error)))?;
        let inner = inner.parse().map_err(|error| Problem::new(Kind::NotFound, error_text(&error)))?;
        Ok(NamedIn(outer, inner))
    }
}

fn error_text(error: &dyn Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::pointer;

    #[test]
    fn a_path_becomes_a_json_pointer() {
        assert_eq!(pointer("."), "");
        assert_eq!(pointer("action.outcome.answers"), "/action/outcome/answers");
        assert_eq!(pointer("groups[3]"), "/groups/3");
        assert_eq!(pointer("a[0].b"), "/a/0/b");
    }
}
