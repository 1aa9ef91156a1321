//! Who gets in, and to what.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::json;

use super::rig::{PASSWORD, Rig, request};
use crate::web::access::Role;
use crate::web::openapi;

#[tokio::test]
async fn a_login_opens_a_session_by_cookie_and_a_logout_ends_it() {
    let rig = Rig::new().await;
    rig.add_user("mei", Role::Manager).await;
    let body = json!({"login": "mei", "password": PASSWORD});
    let answered = rig.send("POST", "/login", None, Some(body)).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.json()["user"]["role"], "manager");
    assert!(answered.json().get("token").is_none(), "the token was given without being asked for");
    let cookie = answered.header("set-cookie").to_owned();
    assert!(cookie.starts_with("lull=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let with_cookie = |method: &str, path: &str| {
        let mut request = request(method, path, None, None);
        request.headers_mut().insert(header::COOKIE, format!("other=1; {pair}").parse().unwrap());
        request
    };
    assert_eq!(rig.answer(with_cookie("GET", "/me")).await.json()["login"], "mei");
    let out = rig.answer(with_cookie("POST", "/logout")).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let after = rig.answer(with_cookie("GET", "/me")).await;
    assert_eq!((after.status, after.code().as_str()), (StatusCode::UNAUTHORIZED, "not_logged_in"));
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host_and_secure() {
    let rig = Rig::new().await;
    rig.settings.send_modify(|settings| std::sync::Arc::make_mut(settings).secure_cookie = true);
    rig.add_user("mei", Role::Manager).await;
    let answered = rig.send("POST", "/login", None, Some(json!({"login": "mei", "password": PASSWORD}))).await;
    let cookie = answered.header("set-cookie");
    assert!(cookie.starts_with("__Host-lull=") && cookie.contains("; Secure") && cookie.contains("Path=/"), "{cookie}");
}

#[tokio::test]
async fn an_unknown_login_and_a_wrong_password_are_answered_alike() {
    let rig = Rig::new().await;
    rig.add_user("mei", Role::Manager).await;
    let wrong = rig.send("POST", "/login", None, Some(json!({"login": "mei", "password": "wrong wrong wrong"}))).await;
    let unknown =
        rig.send("POST", "/login", None, Some(json!({"login": "eve", "password": "wrong wrong wrong"}))).await;
    let told = |answered: &super::rig::Answered| {
        let mut body = answered.json();
        body.as_object_mut().unwrap().remove("instance");
        (answered.status, body)
    };
    assert_eq!(told(&wrong), told(&unknown));
    assert_eq!(wrong.code(), "bad_credentials");
    assert!(!wrong.text.contains("argon2") && !wrong.text.contains("sql"));
}

#[tokio::test]
async fn an_account_takes_five_tries_a_minute_and_then_says_when_to_come_back() {
    let rig = Rig::new().await;
    rig.add_user("mei", Role::Manager).await;
    let wrong = || json!({"login": "mei", "password": "wrong wrong wrong"});
    for _ in 0..5 {
        assert_eq!(rig.send("POST", "/login", None, Some(wrong())).await.code(), "bad_credentials");
    }
    let right = json!({"login": "MEI", "password": PASSWORD});
    let refused = rig.send("POST", "/login", None, Some(right)).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "throttled"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=13).contains(&wait), "{wait}");
    rig.later(Duration::from_secs(wait));
    let right = json!({"login": "mei", "password": PASSWORD});
    assert_eq!(rig.send("POST", "/login", None, Some(right)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_network_that_guesses_many_logins_waits_but_a_shift_that_logs_in_does_not() {
    let rig = Rig::new().await;
    for index in 0..8 {
        rig.add_user(&format!("agent{index}"), Role::Agent).await;
        rig.log_in(&format!("agent{index}")).await;
    }
    for index in 0..6 {
        let body = json!({"login": format!("guess{index}"), "password": "wrong wrong wrong"});
        assert_eq!(rig.send("POST", "/login", None, Some(body)).await.code(), "bad_credentials");
    }
    let body = json!({"login": "guess6", "password": "wrong wrong wrong"});
    assert_eq!(rig.send("POST", "/login", None, Some(body)).await.code(), "throttled");
}

#[tokio::test]
async fn each_operation_is_open_to_the_roles_its_description_names_and_to_nobody_else() {
    let rig = Rig::new().await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((*role, rig.token(*role).await));
    }
    let description = serde_json::to_value(openapi()).unwrap();
    let mut operations = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        let below = path.strip_prefix("/api/v1").unwrap();
        let address = example_address(below);
        for (method, operation) in item.as_object().unwrap() {
            if !["get", "put", "post", "patch", "delete"].contains(&method.as_str()) || below == "/logout" {
                continue;
            }
            operations += 1;
            let roles = operation["security"][0].get("session").and_then(|roles| roles.as_array().cloned());
            let body = (method != "get").then(|| json!({"no_such_field": 1}));
            let nobody = rig.send(method, &address, None, body.clone()).await;
            let what = format!("{method} {below}");
            let Some(roles) = roles else {
                assert_ne!(nobody.code(), "not_logged_in", "{what} is described as open");
                continue;
            };
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{what} without a session");
            assert_eq!(nobody.code(), "not_logged_in", "{what} without a session");
            for (role, token) in &tokens {
                let answered = rig.send(method, &address, Some(token), body.clone()).await;
                let allowed = roles.iter().any(|named| named == role.as_str());
                let denied = answered.code() == "forbidden";
                assert_eq!(allowed, !denied, "{what} as {role:?}: {} {}", answered.status, answered.text);
                assert_ne!(answered.status, StatusCode::INTERNAL_SERVER_ERROR, "{what} as {role:?}");
            }
        }
    }
    assert!(operations > 35, "only {operations} operations were tried");
}

fn example_address(path: &str) -> String {
    let id = match path {
        path if path.starts_with("/leads") => "lead_0000000000001",
        path if path.starts_with("/users") => "user_0000000000001",
        path if path.starts_with("/suppressions") => "sup_0000000000001",
        path if path.starts_with("/webhooks") => "hook_0000000000001",
        path if path.starts_with("/exports") => "exp_0000000000001",
        path if path.starts_with("/recordings") => "att_0000000000001",
        path if path.starts_with("/keys") => "key_0000000000001",
        path if path.starts_with("/consents") => "con_0000000000001",
        path if path.starts_with("/uploads") => "upl_0000000000001",
        path if path.starts_with("/import-jobs") => "job_0000000000001",
        _ => "imp_0000000000001",
    };
    path.replace("{key}", "no-such-campaign")
        .replace("{order}", "100014")
        .replace("{stage}", "sent")
        .replace("{name}", "blend")
        .replace("{id}", id)
        .replace("{secret}", "wrong")
}

#[tokio::test]
async fn a_request_from_another_sites_page_is_refused_before_anything_happens() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Operator).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        let mut request = request("POST", "/reload", Some(&token), None);
        request.headers_mut().insert(name, value.parse().unwrap());
        let answered = rig.answer(request).await;
        assert_eq!(
            (answered.status, answered.code().as_str()),
            (StatusCode::FORBIDDEN, "cross_site"),
            "{name}: {value}"
        );
    }
    let mut request = request("POST", "/reload", Some(&token), None);
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(rig.answer(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_token_is_not_covered_up_by_a_good_cookie() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for bad in ["Bearer nonsense", "Basic abc", "Bearer", "Bearer "] {
        let mut request = request("GET", "/me", None, None);
        request.headers_mut().insert(header::COOKIE, format!("lull={token}").parse().unwrap());
        request.headers_mut().insert(header::AUTHORIZATION, bad.parse().unwrap());
        assert_eq!(rig.answer(request).await.status, StatusCode::UNAUTHORIZED, "{bad}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_safe() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for path in ["/me", "/no-such-address", "/campaigns"] {
        let answered = rig.get(path, &token).await;
        let policy = answered.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answered.header("x-content-type-options"), "nosniff");
        assert_eq!(answered.header("referrer-policy"), "no-referrer");
        assert!(answered.header("permissions-policy").contains("microphone=(self)"));
        assert_eq!(answered.header("cache-control"), "no-store");
        assert!(!answered.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_problem_names_the_request_and_speaks_the_readers_language() {
    let rig = Rig::new().await;
    let mut request = request("GET", "/me", None, None);
    request.headers_mut().insert("accept-language", "zh-CN,zh;q=0.9".parse().unwrap());
    request.headers_mut().insert("x-request-id", "proxy-17".parse().unwrap());
    let answered = rig.answer(request).await;
    assert_eq!(answered.header("content-type"), "application/problem+json");
    assert_eq!(answered.json()["title"], "未登录");
    assert_eq!(answered.json()["instance"], "proxy-17");
    assert_eq!(answered.json()["type"], "urn:lull:problem:not_logged_in");
    assert_eq!(answered.header("x-request-id"), "proxy-17");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_of_the_user() {
    let rig = Rig::new().await;
    let other = rig.token(Role::Agent).await;
    let mine = rig.log_in("agent").await;
    let next = "another five quiet lulls";
    let change = |old: &str| json!({"password": {"old": old, "new": next}, "language": "zh-CN"});
    let wrong = rig.send("PATCH", "/me", Some(&mine), Some(change("not my password at all"))).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "bad_field"));
    let changed = rig.send("PATCH", "/me", Some(&mine), Some(change(PASSWORD))).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(changed.json()["language"], "zh-CN");
    let fresh = changed.header("set-cookie").split([';', '=']).nth(1).unwrap().to_owned();
    assert_eq!(rig.get("/me", &fresh).await.status, StatusCode::OK);
    assert_eq!(rig.get("/me", &mine).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.get("/me", &other).await.status, StatusCode::UNAUTHORIZED);
    let login = json!({"login": "agent", "password": next});
    assert_eq!(rig.send("POST", "/login", None, Some(login)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_for_a_shift() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    rig.later(Duration::from_secs(25 * 3600));
    assert_eq!(rig.get("/me", &token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn methods_and_addresses_that_do_not_exist_are_told_apart() {
    let rig = Rig::new().await;
    let answered = rig.send("DELETE", "/me", None, None).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
    let answered = rig.send("GET", "/nothing", None, None).await;
    assert_eq!((answered.status, answered.code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    let mut outside = request("GET", "", None, None);
    *outside.uri_mut() = "/api/v2/me".parse().unwrap();
    *outside.body_mut() = Body::empty();
    assert_eq!(rig.answer(outside).await.status, StatusCode::NOT_FOUND);
}
