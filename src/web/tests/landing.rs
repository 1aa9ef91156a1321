//! Landing pages: what visitors see, what forms do, and what is refused.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::rig::{Answered, FAMILY_PLAN, Rig, number, request};
use crate::engine::event::Event;
use crate::web::access::Role;

const PHONE: &str = "Mozilla/5.0 (Linux; Android 14; zh-cn) AppleWebKit/537.36 Chrome/116.0 Mobile MicroMessenger/8.0";
const ANN: &str = "+8613800138000";

/// A rig with the family plan, and a manager.
async fn planned(extra: &str) -> (Rig, String) {
    let mut rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let text = FAMILY_PLAN.replacen("#embed_from = [\"https://www.example.com\"]", extra, 1);
    let answered =
        rig.send("PUT", "/campaigns/family-plan", Some(&manager), Some(json!({"text": text, "why": "x"}))).await;
    assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
    assert!(matches!(rig.event().await, Event::CampaignApplied { .. }));
    (rig, manager)
}

/// The path of a new link for a number.
async fn link(rig: &Rig, manager: &str, number: &str) -> String {
    let made = rig.send("POST", "/campaigns/family-plan/links", Some(manager), Some(json!({ "number": number }))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let address = made.json()["address"].as_str().unwrap().to_owned();
    address.strip_prefix("https://go.example").unwrap().to_owned()
}

async fn open(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> Answered {
    let mut builder = Request::builder().uri(path).header(header::HOST, "go.example");
    if !headers.iter().any(|(name, _)| *name == "user-agent") {
        builder = builder.header(header::USER_AGENT, PHONE);
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    rig.answer(builder.body(Body::empty()).unwrap()).await
}

async fn post(rig: &Rig, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answered {
    let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let mut builder = Request::builder()
        .method("POST")
        .uri(path)
        .header(header::HOST, "go.example")
        .header(header::USER_AGENT, PHONE)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    rig.answer(builder.body(Body::from(body.join("&"))).unwrap()).await
}

/// What stands in a hidden field.
fn hidden(page: &Answered, name: &str) -> String {
    let (_, after) = page.text.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page:?}"));
    after.split('"').next().unwrap().to_owned()
}

async fn counts(rig: &Rig, manager: &str) -> Value {
    let view = rig.get("/campaigns/family-plan/landing", manager).await;
    assert_eq!(view.status, StatusCode::OK, "{view:?}");
    view.json()
}

async fn consents(rig: &Rig, manager: &str) -> Value {
    rig.get("/consents?number=%2B8613800138000", manager).await.json()
}

#[tokio::test]
async fn a_page_is_small_scriptless_in_the_visitors_language_and_shows_the_number_masked() {
    let (rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    let english = open(&rig, &path, &[("accept-language", "en-GB,en;q=0.9,zh;q=0.8")]).await;
    assert_eq!(english.status, StatusCode::OK);
    assert!(english.text.contains("<html lang=\"en\">") && english.text.contains("The family plan"), "{english:?}");
    assert!(english.text.contains("+86138****8000") && !english.text.contains("13800138000"), "{english:?}");
    assert!(english.text.contains("I agree to one call about the family plan."), "{english:?}");
    let chinese = open(&rig, &format!("{path}?lang=zh"), &[("accept-language", "en")]).await;
    assert!(
        chinese.text.contains("<html lang=\"zh-CN\">") && chinese.text.contains("家庭共享套餐，首月半价"),
        "{chinese:?}"
    );
    for page in [&english, &chinese] {
        assert!(page.text.len() < 15_000 && !page.text.contains("<script"), "{}", page.text.len());
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.ends_with("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-robots-tag", "noindex, nofollow"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.header(name), value, "{name}");
        }
        assert_eq!(page.header("set-cookie"), "");
    }
    let style = open(&rig, "/landing.css", &[]).await;
    assert!(style.text.len() < 5_000 && style.header("content-type").starts_with("text/css"));
    // Nobody sends codes here: the page for everybody says so.
    let page = open(&rig, "/p/family-plan", &[("accept-language", "en")]).await;
    assert!(page.text.contains("Only customers who were invited"), "{page:?}");
}

#[tokio::test]
async fn who_has_a_link_registers_once_with_exactly_the_words_shown() {
    let (mut rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    let page = open(&rig, &format!("{path}?lang=en"), &[]).await;
    let action = format!("{path}?lang=en");
    let form = hidden(&page, "form");
    // It is Sunday, 10:00 in China; the first time that is offered is later today.
    let (_, after) = page.text.split_once("<option value=\"\">As soon as possible</option><option value=\"").unwrap();
    let when = after.split('"').next().unwrap();
    let without = post(&rig, &action, &[("form", &form), ("do", "register"), ("when", when)], &[]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(without.text.contains("Please tick that you agree"), "{without:?}");
    assert!(
        without.text.contains(&format!("<option value=\"{when}\" selected>")),
        "what was chosen is kept: {without:?}"
    );
    let past = post(&rig, &action, &[("form", &form), ("do", "register"), ("agree", "yes"), ("when", "1")], &[]).await;
    assert!(past.text.contains("Please choose another") && past.text.contains(" checked>"), "{past:?}");
    assert_eq!(consents(&rig, &manager).await.as_array().unwrap().len(), 0);

    let fields = [("form", form.as_str()), ("do", "register"), ("agree", "yes"), ("when", when)];
    let done = post(&rig, &action, &fields, &[("x-forwarded-for", "198.51.100.7")]).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    assert!(done.text.contains("Thank you"), "{done:?}");
    loop {
        if matches!(rig.event().await, Event::LeadsChanged { campaign, .. } if campaign.as_str() == "family-plan") {
            break;
        }
    }
    let again = post(&rig, &action, &fields, &[]).await;
    assert!(again.status == StatusCode::OK && again.text.contains("Thank you"), "{again:?}");
    let entries = consents(&rig, &manager).await;
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_eq!(entries[0]["text"], "I agree to one call about the family plan. I can opt out at any time.");
    assert_eq!((&entries[0]["channel"], &entries[0]["text_version"]), (&json!("web"), &json!("1")));
    let source = entries[0]["source"].as_str().unwrap();
    // No proxy is trusted here: what one says of the address does not count.
    assert!(source.starts_with("page family-plan link ") && source.ends_with(" ip 0.0.0.0"), "{source}");
    assert_eq!(counts(&rig, &manager).await["registrations"], 1);
    let made = rig.store.audit_trail(None, 100).await.unwrap();
    assert!(made.iter().any(|one| one.what == "link_made" && one.who == "manager" && one.detail == ANN), "{made:?}");
}

#[tokio::test]
async fn who_opts_out_is_suppressed_at_once_and_is_told_so_when_registering_later() {
    let (mut rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    let page = open(&rig, &path, &[]).await;
    let out = post(&rig, &path, &[("form", &hidden(&page, "form")), ("do", "opt_out")], &[]).await;
    assert!(out.status == StatusCode::OK && out.text.contains("You are off our list"), "{out:?}");
    loop {
        if let Event::Suppressed { number, campaign, .. } = rig.event().await {
            assert_eq!((number.as_str(), campaign), (ANN, None));
            break;
        }
    }
    let entries = rig.get("/suppressions?number=%2B8613800138000", &manager).await.json();
    assert_eq!((&entries[0]["reason"], &entries[0]["campaign"]), (&json!("opt_out"), &json!(null)), "{entries}");
    assert_eq!(consents(&rig, &manager).await[0]["kind"], "revoked");
    let page = open(&rig, &path, &[]).await;
    let fields = [("form", &*hidden(&page, "form")), ("do", "register"), ("agree", "yes")];
    let asked = post(&rig, &path, &fields, &[]).await;
    assert!(asked.text.contains("We will not call you"), "{asked:?}");
}

#[tokio::test]
async fn forged_old_and_foreign_forms_do_nothing() {
    let (rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    let other = link(&rig, &manager, "+8613800138001").await;
    let form = hidden(&open(&rig, &path, &[]).await, "form");
    let of_other = hidden(&open(&rig, &other, &[]).await, "form");
    let made_up = form.replace(form.split('.').nth(1).unwrap(), "000000000000000000000000");
    for forged in ["", "x", of_other.as_str(), made_up.as_str()] {
        let fields = [("form", forged), ("do", "register"), ("agree", "yes")];
        let refused = post(&rig, &path, &fields, &[]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{forged}");
        assert!(refused.text.contains("send it once more") && refused.text.contains(" checked>"), "{refused:?}");
    }
    let fields = [("form", form.as_str()), ("do", "register"), ("agree", "yes")];
    for headers in [
        [("sec-fetch-site", "cross-site"), ("origin", "https://go.example")],
        [("origin", "https://evil.example"), ("accept", "*/*")],
    ] {
        let refused = post(&rig, &path, &fields, &headers).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    rig.later(std::time::Duration::from_secs(2 * 3600 + 1));
    let old = post(&rig, &path, &fields, &[]).await;
    assert!(old.text.contains("open for too long"), "{old:?}");
    assert_eq!(consents(&rig, &manager).await.as_array().unwrap().len(), 0);
    // The words changed after the page was shown: what is agreed to is not what is in force.
    let form = hidden(&open(&rig, &path, &[]).await, "form");
    let text = FAMILY_PLAN.replace("I agree to one call about", "I agree to three calls about");
    let body = json!({"text": text, "why": "bolder"});
    assert_eq!(rig.send("PUT", "/campaigns/family-plan", Some(&manager), Some(body)).await.status, StatusCode::OK);
    let changed = post(&rig, &path, &[("form", &form), ("do", "register"), ("agree", "yes")], &[]).await;
    assert!(changed.text.contains("three calls") && changed.text.contains("send it once more"), "{changed:?}");
    assert_eq!(consents(&rig, &manager).await.as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn people_are_counted_when_their_browser_shows_the_page_and_programs_apart() {
    let (rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    let style = format!("{path}/page.css");
    let preview = open(&rig, &path, &[("user-agent", "WhatsApp/2.23.20.0 A")]).await;
    assert!(preview.status == StatusCode::OK && !preview.text.contains("page.css"), "{preview:?}");
    open(&rig, &style, &[("user-agent", "facebookexternalhit/1.1")]).await;
    open(&rig, &style, &[("sec-purpose", "prefetch")]).await;
    let before = counts(&rig, &manager).await;
    assert_eq!(
        (&before["visits"], &before["previews"], &before["links"]),
        (&json!(0), &json!(1), &json!(1)),
        "{before}"
    );
    let page = open(&rig, &path, &[]).await;
    assert!(page.text.contains(&format!("<link rel=\"stylesheet\" href=\"{style}\">")), "{page:?}");
    assert_eq!(counts(&rig, &manager).await["visits"], 0, "a page that is fetched is not yet seen");
    assert_eq!(open(&rig, &style, &[]).await.status, StatusCode::OK);
    open(&rig, &style, &[]).await;
    open(&rig, "/r/111111111111/page.css", &[]).await;
    open(&rig, "/p/family-plan/page.css", &[]).await;
    open(&rig, "/p/family-plan/page.css", &[]).await;
    let after = counts(&rig, &manager).await;
    assert_eq!((&after["visits"], &after["visited"], &after["previews"]), (&json!(2), &json!(1), &json!(1)), "{after}");
}

#[tokio::test]
async fn what_is_over_or_unknown_or_no_form_at_all_is_a_page_with_the_right_status() {
    let (rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    for unknown in ["/r/111111111111", "/r/x", "/r/%FF", "/p/none", "/p/Not-A-Key"] {
        let page = open(&rig, unknown, &[("accept-language", "zh")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{unknown}");
        assert!(page.text.contains("没有这个页面"), "{unknown}: {page:?}");
        assert_eq!(post(&rig, unknown, &[("do", "register")], &[]).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    let big = "x".repeat(10 << 20);
    let raw = |body: String, kind: &str| {
        let builder = Request::builder().method("POST").uri(&path).header(header::HOST, "go.example");
        builder.header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(rig.answer(raw(big, form)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let fields: String = (0..300).map(|at| format!("{at}=&")).collect();
    for (body, kind) in [(fields.as_str(), form), ("do=%FF", form), ("{}", "application/json"), ("do=else", form)] {
        let refused = rig.answer(raw(body.to_owned(), kind)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{kind}");
        assert!(refused.text.contains("Nothing was recorded"), "{refused:?}");
    }

    let form = hidden(&open(&rig, &path, &[]).await, "form");
    rig.later(std::time::Duration::from_secs(14 * 86_400));
    let over = open(&rig, &path, &[]).await;
    assert_eq!(over.status, StatusCode::GONE);
    assert!(over.text.contains("This offer is over") && !over.text.contains("8000"), "{over:?}");
    let late = post(&rig, &path, &[("form", &form), ("do", "register"), ("agree", "yes")], &[]).await;
    assert_eq!(late.status, StatusCode::GONE);
    // The manager's login is long over.
    let recorded = async || rig.store.consents_of(&number(ANN)).await.unwrap();
    assert_eq!(recorded().await, []);
    // Whoever was written to can opt out all the same.
    let out = post(&rig, &path, &[("form", &hidden(&over, "form")), ("do", "opt_out")], &[]).await;
    assert!(out.status == StatusCode::OK && out.text.contains("off our list"), "{out:?}");
    assert_eq!(recorded().await[0].kind, crate::store::ConsentKind::Revoked);
}

#[tokio::test]
async fn only_named_sites_may_show_the_page_and_the_api_says_how() {
    let (rig, manager) = planned("embed_from = [\"https://a.example\", \"http://localhost:81\"]").await;
    let page = open(&rig, "/p/family-plan", &[]).await;
    let policy = page.header("content-security-policy");
    assert!(policy.ends_with("frame-ancestors https://a.example http://localhost:81"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "");
    let view = counts(&rig, &manager).await;
    assert_eq!(view["address"], "https://go.example/p/family-plan");
    assert!(view["embed"].as_str().unwrap().starts_with("<iframe src=\"https://go.example/p/family-plan\""), "{view}");
    assert_eq!(view["trouble"], "no_gateway", "{view}");
    let mut settings = (**rig.settings.borrow()).clone();
    settings.landing_url = None;
    rig.settings.send_replace(std::sync::Arc::new(settings));
    let view = counts(&rig, &manager).await;
    assert!(view["address"].is_null() && view["trouble"] == "no_landing_url", "{view}");
    let made = rig.send("POST", "/campaigns/family-plan/links", Some(&manager), Some(json!({ "number": ANN }))).await;
    assert!(made.status == StatusCode::CONFLICT && made.text.contains("landing_url"), "{made:?}");
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get("/campaigns/family-plan/landing", &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn forms_that_come_too_often_keep_what_was_chosen_and_say_when_to_come_again() {
    let (rig, manager) = planned("").await;
    let path = link(&rig, &manager, ANN).await;
    let form = hidden(&open(&rig, &path, &[]).await, "form");
    let fields = [("form", form.as_str()), ("do", "register"), ("agree", "yes")];
    let mut last = None;
    for _ in 0..31 {
        last = Some(post(&rig, &path, &fields, &[]).await);
    }
    let refused = last.unwrap();
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    assert!(refused.text.contains("a little too often") && refused.text.contains(" checked>"), "{refused:?}");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 60);
    rig.later(std::time::Duration::from_secs(60));
    assert_eq!(post(&rig, &path, &fields, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn where_landing_pages_stand_alone_there_is_nothing_else() {
    use tower::ServiceExt as _;
    let (rig, manager) = planned("").await;
    let alone = crate::web::landing_router(rig.state.clone());
    let status = async |path: &str| {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        alone.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status("/p/family-plan").await, StatusCode::OK);
    assert_eq!(status(&link(&rig, &manager, ANN).await).await, StatusCode::OK);
    for elsewhere in ["/", "/api/v1/campaigns", "/api/v1/openapi.json", "/livez", "/index.html", "/campaigns"] {
        assert_eq!(status(elsewhere).await, StatusCode::NOT_FOUND, "{elsewhere}");
    }
    let bare = request("GET", "/campaigns", None, None);
    assert_eq!(rig.answer(bare).await.status, StatusCode::UNAUTHORIZED);
}
