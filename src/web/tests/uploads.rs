//! Files that come in pieces.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use tokio::sync::mpsc;

use super::rig::{Answered, Rig, request};
use crate::web::access::Role;
use crate::web::live::Written;

/// Announces a file; its address below the API's base.
pub(super) async fn announce(rig: &Rig, token: &str, name: &str, length: usize) -> String {
    let body = json!({"name": name, "length": length});
    let answered = rig.send("POST", "/uploads", Some(token), Some(body)).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{answered:?}");
    assert_eq!((answered.header("upload-offset"), answered.json()["offset"].as_u64()), ("0", Some(0)));
    answered.header("location").strip_prefix("/api/v1").unwrap().to_owned()
}

fn piece(token: &str, path: &str, offset: usize, body: Body) -> Request<Body> {
    let mut request = request("PATCH", path, Some(token), None);
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, "application/offset+octet-stream".parse().unwrap());
    headers.insert("upload-offset", offset.to_string().parse().unwrap());
    *request.body_mut() = body;
    request
}

pub(super) async fn send(rig: &Rig, token: &str, path: &str, offset: usize, bytes: &[u8]) -> Answered {
    rig.answer(piece(token, path, offset, Body::from(bytes.to_vec()))).await
}

/// A file that has come; its id.
pub(super) async fn whole(rig: &Rig, token: &str, name: &str, bytes: &[u8]) -> String {
    let path = announce(rig, token, name, bytes.len()).await;
    assert_eq!(send(rig, token, &path, 0, bytes).await.status, StatusCode::NO_CONTENT);
    path.strip_prefix("/uploads/").unwrap().to_owned()
}

async fn offset(rig: &Rig, token: &str, path: &str) -> String {
    let head = rig.send("HEAD", path, Some(token), None).await;
    assert_eq!((head.status, head.header("cache-control")), (StatusCode::OK, "no-store"));
    head.header("upload-offset").to_owned()
}

#[tokio::test]
async fn a_file_goes_on_where_it_ended_and_a_piece_from_elsewhere_is_told_the_place() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let path = announce(&rig, &token, "五月 ../x.csv", 10).await;
    let first = send(&rig, &token, &path, 0, b"0123").await;
    assert_eq!((first.status, first.header("upload-offset")), (StatusCode::NO_CONTENT, "4"));
    let again = send(&rig, &token, &path, 0, b"0123").await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::CONFLICT, "offset_differs"));
    assert_eq!(again.header("upload-offset"), "4");
    let beyond = send(&rig, &token, &path, 4, b"456789abc").await;
    assert_eq!((beyond.status, beyond.code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    assert_eq!(offset(&rig, &token, &path).await, "4");
    assert_eq!(send(&rig, &token, &path, 4, b"456789").await.header("upload-offset"), "10");
    let said = rig.get(&path, &token).await.json();
    assert_eq!((&said["name"], &said["length"], &said["offset"]), (&json!("五月 ../x.csv"), &json!(10), &json!(10)));
    let file = rig.directory.path().join(path.strip_prefix('/').unwrap()).join("content");
    assert_eq!(std::fs::read(file).unwrap(), b"0123456789");
}

#[tokio::test]
async fn what_came_of_a_piece_that_broke_off_is_kept_and_a_second_at_once_is_refused() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let path = announce(&rig, &token, "list.csv", 100).await;
    let (sender, body): (mpsc::Sender<Result<Bytes, std::io::Error>>, Body) = Written::channel();
    let (router, broken) = (rig.router.clone(), piece(&token, &path, 0, body));
    let sending = tokio::spawn(async move { tower::ServiceExt::oneshot(router, broken).await.unwrap() });
    sender.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
    let file = rig.directory.path().join(path.strip_prefix('/').unwrap()).join("content");
    while std::fs::metadata(&file).unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    let second = send(&rig, &token, &path, 5, b"x").await;
    assert_eq!((second.status, second.code().as_str()), (StatusCode::CONFLICT, "conflict"), "{second:?}");
    assert_eq!(rig.send("DELETE", &path, Some(&token), None).await.status, StatusCode::CONFLICT);
    sender.send(Err(std::io::Error::other("the line broke"))).await.unwrap();
    assert_eq!(sending.await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(offset(&rig, &token, &path).await, "5");
    assert_eq!(send(&rig, &token, &path, 5, b"then").await.header("upload-offset"), "9");
}

#[tokio::test]
async fn uploads_are_bounded_in_size_and_number_and_belong_to_who_sends_them() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let try_one = async |name: &str, length: u64| {
        rig.send("POST", "/uploads", Some(&token), Some(json!({"name": name, "length": length}))).await
    };
    for (name, length, pointer) in
        [("a", 0, "/length"), ("a", (1 << 20) + 1, "/length"), (" ", 5, "/name"), ("a\nb", 5, "/name")]
    {
        let refused = try_one(name, length).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{refused:?}");
    }
    let mut paths = Vec::new();
    for index in 0..8 {
        paths.push(announce(&rig, &token, &format!("{index}.csv"), 5).await);
    }
    let ninth = try_one("9.csv", 5).await;
    assert_eq!((ninth.status, ninth.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    rig.add_user("other", Role::Manager).await;
    let other = rig.log_in("other").await;
    for method in ["GET", "DELETE"] {
        assert_eq!(rig.send(method, &paths[0], Some(&other), None).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(send(&rig, &other, &paths[0], 0, b"x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/uploads", &other).await.json(), json!([]));
    assert_eq!(rig.send("DELETE", &paths[0], Some(&token), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get("/uploads", &token).await.json().as_array().unwrap().len(), 7);
    assert_eq!(try_one("9.csv", 5).await.status, StatusCode::CREATED);
    let mut no_offset = request("PATCH", &paths[1], Some(&token), None);
    no_offset.headers_mut().insert(header::CONTENT_TYPE, "application/offset+octet-stream".parse().unwrap());
    assert_eq!(rig.answer(no_offset).await.code(), "bad_header");
    let as_text = request("PATCH", &paths[1], Some(&token), Some(json!(0)));
    assert_eq!(rig.answer(as_text).await.code(), "media_type");
}

#[tokio::test]
async fn a_file_that_nobody_goes_on_with_is_removed_after_two_days() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let old = announce(&rig, &token, "old.csv", 5).await;
    rig.later(Duration::from_secs(47 * 3600));
    let token = rig.log_in("manager").await;
    announce(&rig, &token, "new.csv", 5).await;
    assert_eq!(offset(&rig, &token, &old).await, "0");
    rig.later(Duration::from_secs(2 * 3600));
    announce(&rig, &token, "newer.csv", 5).await;
    assert_eq!(rig.get(&old, &token).await.status, StatusCode::NOT_FOUND);
    let names: Vec<String> = rig
        .get("/uploads", &token)
        .await
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["new.csv", "newer.csv"]);
}

#[tokio::test]
async fn a_file_is_shown_before_it_is_imported_with_the_template_that_fits_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (text, ..) = encoding_rs::GB18030.encode("客户电话号;姓名\n13800000001;欧阳娜娜\n13800000002;王小明\n");
    let id = whole(&rig, &token, "list.csv", &text).await;
    let shown = rig.get(&format!("/uploads/{id}/preview"), &token).await.json();
    assert_eq!((&shown["encoding"], &shown["delimiter"]), (&json!("gb18030"), &json!(";")), "{shown}");
    assert_eq!(
        shown["columns"],
        json!([{"heading": "客户电话号", "use": "custom"}, {"heading": "姓名", "use": "name"}])
    );
    assert_eq!(shown["rows"][0], json!({"line": 2, "cells": ["13800000001", "欧阳娜娜"]}));
    assert_eq!((&shown["fault"], &shown["template"]), (&json!(null), &json!(null)));
    let columns = json!({"columns": [{"heading": "客户电话号", "use": "number"}]});
    let path = "/list-templates/%E5%B1%95%E4%BC%9A%20A";
    let saved = rig.send("PUT", path, Some(&token), Some(columns)).await;
    assert_eq!((saved.status, &saved.json()["name"]), (StatusCode::OK, &json!("展会 A")), "{saved:?}");
    let shown = rig.get(&format!("/uploads/{id}/preview?delimiter=comma"), &token).await.json();
    assert_eq!(shown["columns"].as_array().unwrap().len(), 1, "{shown}");
    let shown = rig.get(&format!("/uploads/{id}/preview?encoding=gb18030"), &token).await.json();
    assert_eq!(shown["template"]["name"], "展会 A", "{shown}");
    let twice = json!({"columns": [{"heading": "a", "use": "name"}, {"heading": "b", "use": "name"}]});
    let refused = rig.send("PUT", path, Some(&token), Some(twice)).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/columns", "{refused:?}");
    assert_eq!(rig.send("DELETE", path, Some(&token), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(path, &token).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/list-templates", &token).await.json(), json!([]));
    let bad = rig.get(&format!("/uploads/{id}/preview?encoding=morse"), &token).await;
    assert_eq!(bad.code(), "bad_query");
    let half = announce(&rig, &token, "half.csv", 5).await;
    assert_eq!(rig.get(&format!("{half}/preview"), &token).await.code(), "conflict");
}
