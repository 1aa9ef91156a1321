//! Users, passwords and sign-ins.

use std::time::Duration;

use super::*;
use crate::model::agent::{Device, DeviceLeg};

const PASSWORD: &str = "vier gelbe Enten tauchen";

fn ann() -> NewUser {
    NewUser {
        login: "Ann.Li".to_owned(),
        name: "Ann Li".to_owned(),
        role: Role::Agent,
        language: "zh-CN".to_owned(),
        device: Some(Device { phone: "desk-12".to_owned(), leg: DeviceLeg::PerCall }),
        groups: vec!["sales".parse().unwrap()],
    }
}

#[tokio::test]
async fn a_user_signs_in_with_the_right_password_in_any_case_of_the_login() {
    let rig = Rig::new().await;
    let id = rig.store.add_user(ann(), PASSWORD, "root", NOW).await.unwrap();
    let user = rig.store.verify_password(" ANN.li", PASSWORD).await.unwrap().unwrap();
    assert_eq!((user.id, user.login.as_str(), user.device, user.groups), (id, "ann.li", ann().device, ann().groups));
    assert!(rig.store.verify_password("ann.li", "vier gelbe Enten tauchten").await.unwrap().is_none());
    assert!(rig.store.verify_password("bob", PASSWORD).await.unwrap().is_none());
    assert!(rig.store.verify_password("ann.li", &"x".repeat(1 << 20)).await.unwrap().is_none());
    let twice = rig.store.add_user(ann(), PASSWORD, "root", NOW).await.unwrap_err();
    assert_eq!(twice, StoreError::AlreadyExists { what: "user", name: "ann.li".to_owned() });
    let short = rig.store.add_user(NewUser { login: "bob".to_owned(), ..ann() }, "secret", "root", NOW).await;
    assert!(short.unwrap_err().to_string().contains("at least 15"));
    let spaced = rig.store.add_user(NewUser { login: "a b".to_owned(), ..ann() }, PASSWORD, "root", NOW).await;
    assert!(matches!(spaced, Err(StoreError::Unfit { what: "login name", .. })));
    let changed = NewUser { role: Role::Manager, device: None, ..ann() };
    rig.store.change_user(changed, "root", NOW).await.unwrap();
    assert_eq!(rig.store.users().await.unwrap()[0].role, Role::Manager);
}

#[tokio::test]
async fn a_sign_in_ends_by_idleness_by_age_by_revocation_and_with_a_new_password() {
    let rig = Rig::new().await;
    let user = rig.store.add_user(ann(), PASSWORD, "root", NOW).await.unwrap();
    let life = SessionLife { idle: Duration::from_secs(100), absolute: Duration::from_secs(250) };
    let begin = async || rig.store.create_session(user, life, "browser", NOW).await.unwrap();
    let find = async |token: &str, at: u64| rig.store.find_session(token, life, after(at)).await.unwrap();
    let (session, token) = begin().await;
    assert_eq!(token.len(), 64);
    assert_eq!(find(&token, 70).await.unwrap().session, session);
    assert!(find(&token, 160).await.is_some(), "the request at 70 s prolonged it");
    assert!(find(&token, 249).await.is_some());
    assert!(find(&token, 250).await.is_none(), "a day is a day");
    let (_, idle) = begin().await;
    assert!(find(&idle, 100).await.is_none());
    assert!(find("nonsense", 1).await.is_none());
    let (revoked, token) = begin().await;
    rig.store.revoke_session(revoked, after(1)).await.unwrap();
    assert!(find(&token, 2).await.is_none());
    let (_, token) = begin().await;
    rig.store.set_password(user, "fünf blaue Enten schlafen", "root", after(1)).await.unwrap();
    assert!(find(&token, 2).await.is_none());
    assert!(rig.store.verify_password("ann.li", PASSWORD).await.unwrap().is_none());
    let (_, token) = begin().await;
    rig.store.set_user_disabled(user, true, "root", after(1)).await.unwrap();
    assert!(find(&token, 2).await.is_none());
    assert!(rig.store.verify_password("ann.li", "fünf blaue Enten schlafen").await.unwrap().is_none());
    assert!(rig.store.sessions_of(user, after(2)).await.unwrap().is_empty());
    rig.store.set_user_disabled(user, false, "root", after(3)).await.unwrap();
    assert!(rig.store.verify_password("ann.li", "fünf blaue Enten schlafen").await.unwrap().is_some());
}

#[tokio::test]
async fn neither_token_nor_password_can_be_read_from_the_file() {
    let rig = Rig::in_file(Options::default()).await;
    let user = rig.store.add_user(ann(), PASSWORD, "root", NOW).await.unwrap();
    let (_, token) = rig.store.create_session(user, SessionLife::default(), "browser", NOW).await.unwrap();
    rig.store.close().await;
    let bytes = std::fs::read(rig.path()).unwrap();
    let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
    assert!(holds("ann.li"));
    assert!(!holds(PASSWORD) && !holds(&token));
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day_and_the_first_one_stays() {
    let rig = Rig::new().await;
    let answer = |body: &str| KeptAnswer {
        request: "hash".to_owned(),
        status: 201,
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    };
    rig.store.keep_answer("id".to_owned(), answer("{\"n\":1}"), NOW).await.unwrap();
    rig.store.keep_answer("id".to_owned(), answer("{}"), after(1)).await.unwrap();
    let end = NOW + ANSWERS_KEPT;
    assert_eq!(rig.store.kept_answer("id", after(5)).await.unwrap(), Some(answer("{\"n\":1}")));
    assert_eq!(rig.store.kept_answer("id", end).await.unwrap(), None);
    rig.store.keep_answer("id".to_owned(), answer("{}"), end).await.unwrap();
    assert_eq!(rig.store.kept_answer("id", end).await.unwrap(), Some(answer("{}")), "after its day the key is free");
    assert_eq!(rig.store.forget_answers(end).await.unwrap(), 0);
    assert_eq!(rig.store.forget_answers(end + ANSWERS_KEPT).await.unwrap(), 1);
}
