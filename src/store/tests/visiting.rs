//! Landing pages in the store: links that only their holders know, visits, codes, and forms that are done once.

use super::*;

const ANN: &str = "+8613800000001";

fn link_of(to: &str) -> NewLink {
    NewLink { campaign: key("spring"), number: number(to), lead: None, message: None, expires_at: after(3600) }
}

#[tokio::test]
async fn a_link_is_found_by_its_token_alone_which_the_database_does_not_hold() {
    let rig = Rig::new().await;
    let asked: Vec<_> = (0..1000).map(|at| link_of(&format!("+86138{at:08}"))).collect();
    let tokens = rig.store.make_links(asked, NOW).await.unwrap();
    assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 1000);
    let found = rig.store.link(&tokens[7]).await.unwrap().unwrap();
    assert_eq!(found.number, number("+8613800000007"));
    assert_eq!((found.campaign, found.expires_at), (key("spring"), after(3600)));
    for wrong in ["", "1", "000000000000", &format!("{}1", tokens[7]), "é".repeat(6).as_str()] {
        assert_eq!(rig.store.link(wrong).await.unwrap(), None, "{wrong}");
    }
    let mut conn = rig.store.reader().await.unwrap();
    let text = "select count(*) as count from links where token_hash = $1";
    let kept = conn.rows_made("KEPT", text, vec![tokens[7].as_str().into()]).await.unwrap();
    assert_eq!(kept[0].int("count").unwrap(), 0);
    let elsewhere = NewLink { campaign: key("none"), ..link_of(ANN) };
    assert!(matches!(rig.store.make_links(vec![elsewhere], NOW).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn one_link_in_a_message_is_made_in_the_transaction_of_the_message() {
    let rig = Rig::new().await;
    let ids = rig.store.ids();
    let token = rig
        .store
        .write(move |conn| Box::pin(async move { links::make(conn, &ids, &link_of(ANN), NOW).await }))
        .await
        .unwrap();
    assert_eq!(token.len(), 12);
    assert!(rig.store.link(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn a_page_that_is_loaded_again_is_one_visit_and_what_programs_look_at_is_counted_apart() {
    let rig = Rig::new().await;
    let token = rig.store.make_links(vec![link_of(ANN)], NOW).await.unwrap().remove(0);
    let id = rig.store.link(&token).await.unwrap().unwrap().id;
    let visit = async |link, kind, seconds| {
        rig.store.note_visit(&key("spring"), link, kind, "Mozilla/5.0", after(seconds)).await.unwrap();
    };
    visit(Some(id), VisitKind::Preview, 1).await;
    visit(Some(id), VisitKind::Visit, 10).await;
    visit(Some(id), VisitKind::Visit, 20).await;
    visit(Some(id), VisitKind::Visit, 4000).await;
    visit(None, VisitKind::Visit, 30).await;
    let counts = rig.store.landing_counts(&key("spring")).await.unwrap();
    assert_eq!(counts, LandingCounts { links: 1, visits: 3, visited: 1, previews: 1, registrations: 0 });
    assert_eq!(rig.store.landing_counts(&key("other")).await.unwrap(), LandingCounts::default());
    let lead = rig.lead_of("spring", rig.list, ANN, 50, "Asia/Shanghai").await;
    let of_lead = Visits { count: 2, last_at: Some(after(4000)) };
    assert_eq!(rig.store.visits_of_lead(lead).await.unwrap(), of_lead);
    let other = rig.lead_of("spring", rig.list, "+8613800000002", 50, "Asia/Shanghai").await;
    assert_eq!(rig.store.visits_of_lead(other).await.unwrap(), Visits::default());
    assert_eq!(rig.store.forget_links(after(3700)).await.unwrap(), 4);
    let counts = rig.store.landing_counts(&key("spring")).await.unwrap();
    assert_eq!(counts, LandingCounts { links: 0, visits: 1, visited: 1, previews: 0, registrations: 0 });
}

fn registration(to: &str) -> FormAct {
    FormAct::Register(Box::new(Registration {
        campaign: key("spring"),
        number: number(to),
        name: String::new(),
        consent: "I agree to one call.".to_owned(),
        consent_version: "1".to_owned(),
        consent_until: None,
        channel: "web".to_owned(),
        source: "page spring ip 127.0.0.1".to_owned(),
        at: NOW,
        priority: 90,
        list: "web".to_owned(),
        extra: BTreeMap::new(),
        preferred: None,
        message: None,
        link: None,
    }))
}

fn opts_out(of: &str) -> FormAct {
    FormAct::OptOut { number: number(of), text: "Do not call me".to_owned(), source: "page spring".to_owned() }
}

fn form(id: &str, act: FormAct, code: Option<&str>) -> SentForm {
    SentForm { id: id.to_owned(), campaign: key("spring"), act, code: code.map(str::to_owned) }
}

impl Rig {
    async fn sends(&self, form: SentForm, seconds: u64) -> FormDone {
        self.store.take_form(form, after(seconds)).await.unwrap()
    }

    async fn asks_code(&self, to: &str, seconds: u64) -> CodeAsked {
        let message = NewMessage {
            gateway: "smsc".parse().unwrap(),
            number: number(to),
            sender: "10690000".to_owned(),
            text: "Your code: {code}.".to_owned(),
            campaign: Some(key("spring")),
        };
        let form = format!("asked {seconds}");
        self.store.send_code(&form, &key("spring"), message, after(seconds)).await.unwrap()
    }

    /// The code of the last message.
    async fn code(&self, to: &str) -> String {
        let told = self.store.messages(Some(to), None, 1).await.unwrap().remove(0).text;
        told.strip_prefix("Your code: ").unwrap().trim_end_matches('.').to_owned()
    }
}

/// Six digits that are not these.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn a_form_that_comes_twice_is_done_once_and_answered_alike() {
    let rig = Rig::new().await;
    let first = rig.sends(form("a", registration(ANN), None), 1).await;
    assert_eq!(first, FormDone { answer: FormAnswer::Registered, is_due: true, again: false });
    let again = rig.sends(form("a", registration(ANN), None), 2).await;
    assert_eq!(again, FormDone { answer: FormAnswer::Registered, is_due: false, again: true });
    assert_eq!(rig.store.landing_counts(&key("spring")).await.unwrap().registrations, 1);
    let consents = rig.store.consents_of(&number(ANN)).await.unwrap();
    assert_eq!(consents.len(), 1);
    assert_eq!((consents[0].text.as_str(), consents[0].channel.as_str()), ("I agree to one call.", "web"));
    // It is still answered as it was after the customer opted out by another form, and registers nobody again.
    assert_eq!(rig.sends(form("b", opts_out(ANN), None), 3).await.answer, FormAnswer::OptedOut);
    assert_eq!(rig.sends(form("a", registration(ANN), None), 4).await, again);
    let suppressed = rig.sends(form("c", registration(ANN), None), 5).await;
    assert_eq!(suppressed, FormDone { answer: FormAnswer::Suppressed, is_due: false, again: false });
}

#[tokio::test]
async fn who_opts_out_on_the_page_gets_neither_calls_nor_messages_and_what_waits_is_withdrawn() {
    let rig = Rig::new().await;
    rig.lead(ANN).await;
    rig.asks_code(ANN, 0).await;
    assert_eq!(rig.due().await.len(), 1);
    rig.sends(form("a", opts_out(ANN), None), 1).await;
    assert_eq!(rig.due().await, []);
    assert!(rig.store.is_written_off(&number(ANN), None, after(2)).await.unwrap());
    let message = rig.store.messages(Some(ANN), None, 1).await.unwrap().remove(0);
    assert_eq!(message.state, crate::model::message::MessageState::Suppressed);
    let entry = rig.store.consents_of(&number(ANN)).await.unwrap().remove(0);
    assert_eq!((entry.kind, entry.source.as_str()), (ConsentKind::Revoked, "page spring"));
}

#[tokio::test]
async fn a_code_proves_its_number_once_within_ten_minutes_and_five_tries() {
    let rig = Rig::new().await;
    let try_code =
        async |id: &str, code: &str, seconds| rig.sends(form(id, registration(ANN), Some(code)), seconds).await.answer;
    assert_eq!(try_code("none", "000000", 0).await, FormAnswer::WrongCode);
    assert_eq!(rig.asks_code(ANN, 1).await, CodeAsked::Sent);
    assert_eq!(rig.asks_code(ANN, 1).await, CodeAsked::Sent);
    assert_eq!(rig.store.messages(Some(ANN), None, 9).await.unwrap().len(), 1);
    let code = rig.code(ANN).await;
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_eq!(try_code("a", &other(&code), 2).await, FormAnswer::WrongCode);
    assert_eq!(try_code("a", &code, 3).await, FormAnswer::Registered);
    assert_eq!(try_code("b", &code, 4).await, FormAnswer::WrongCode);
    // Late.
    assert_eq!(rig.asks_code(ANN, 5).await, CodeAsked::Sent);
    let code = rig.code(ANN).await;
    assert_eq!(try_code("c", &code, 5 + 600).await, FormAnswer::WrongCode);
    // Tried too often.
    assert_eq!(rig.asks_code(ANN, 700).await, CodeAsked::Sent);
    let code = rig.code(ANN).await;
    for _ in 0..5 {
        assert_eq!(try_code("d", &other(&code), 701).await, FormAnswer::WrongCode);
    }
    assert_eq!(try_code("d", &code, 702).await, FormAnswer::WrongCode);
    // Three in an hour.
    assert_eq!(rig.asks_code(ANN, 703).await, CodeAsked::TooMany);
    assert_eq!(rig.asks_code(ANN, 3602).await, CodeAsked::Sent);
    assert_eq!(rig.store.forget_forms(after(3601)).await.unwrap(), 7);
}

#[tokio::test]
async fn no_code_goes_to_a_number_that_is_suppressed() {
    let rig = Rig::new().await;
    rig.sends(form("a", opts_out(ANN), None), 1).await;
    assert_eq!(rig.asks_code(ANN, 2).await, CodeAsked::Suppressed);
    assert_eq!(rig.store.messages(Some(ANN), None, 9).await.unwrap(), []);
}
