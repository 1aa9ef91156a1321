//! Outreach in the store: who is in an audience, one message for each, hours, pauses, and what became of all.

use super::*;
use crate::model::calling_hours::WeeklyHours;
use crate::model::id::MessageId;
use crate::model::lead::SuppressionReason;
use crate::model::message::MessageState;
use crate::model::name::{GatewayName, OutreachName};
use crate::model::outreach::{Outreach, Template, Variant, Way};
use crate::model::selection::Condition;

fn name() -> OutreachName {
    "wave".parse().unwrap()
}

fn gateway() -> GatewayName {
    "smsc".parse().unwrap()
}

fn outreach(texts: &[(&str, &str)]) -> Outreach {
    let variant =
        |text: &str| Variant { share: 1, text: BTreeMap::from([("zh".to_owned(), Template::parse(text).unwrap())]) };
    Outreach {
        list: "list".to_owned(),
        only: vec![],
        gateway: None,
        sender: None,
        variants: texts.iter().map(|(name, text)| (name.parse().unwrap(), variant(text))).collect(),
        language_column: "language".to_owned(),
        language: "zh".to_owned(),
        hours: None,
        first_day: None,
        last_day: None,
        per_minute: None,
        called_anyway: false,
    }
}

fn hours(text: &str) -> WeeklyHours {
    let text = format!("every-day = [\"{text}\"]");
    let document = crate::model::document::Document::parse(crate::model::document::SourceKind::File, "hours", &text);
    let reader = crate::model::document::Reader::new(&document);
    crate::model::calendar::read_hours(&reader.root()).unwrap()
}

fn way() -> Way {
    Way {
        gateway: gateway(),
        sender: "10690000".to_owned(),
        hours: vec![hours("00:00-24:00")],
        landing: Some("https://l.example".to_owned()),
        link_days: 14,
        over: false,
    }
}

async fn person(rig: &Rig, to: &str, cells: &[(&str, &str)]) -> LeadId {
    let lead = NewLead {
        number: number(to),
        name: "王芳".to_owned(),
        zones: vec!["Asia/Shanghai".to_owned()],
        zone_source: ZoneSource::Number,
        priority: 50,
        score: None,
        replied_at: None,
        extra: cells.iter().map(|(column, cell)| ((*column).to_owned(), (*cell).to_owned())).collect(),
    };
    rig.store.add_lead(&key("spring"), rig.list, lead, NOW).await.unwrap().unwrap()
}

fn mobile(n: u32) -> String {
    format!("+86138000{n:05}")
}

impl Rig {
    async fn outreach_row(&self) -> OutreachRow {
        self.store.outreach(&key("spring"), &name()).await.unwrap().unwrap()
    }

    async fn starts(&self, outreach: &Outreach) {
        assert!(self.store.start_outreach(&key("spring"), &name(), "ann", NOW).await.unwrap());
        let mut row = self.outreach_row().await;
        while !row.gathered {
            self.store.gather_audience(&row, outreach, NOW).await.unwrap();
            row = self.outreach_row().await;
        }
    }

    async fn releases(&self, outreach: &Outreach, way: &Way, at: Timestamp) -> Released {
        let row = self.outreach_row().await;
        self.store.release_messages(&row, outreach, way, 100, at).await.unwrap()
    }

    /// Texts and numbers of what a gateway takes now.
    async fn leaves(&self, at: Timestamp) -> Vec<(MessageId, String, String)> {
        let claimed = self.store.claim_messages(&gateway(), 100, at).await.unwrap();
        claimed.into_iter().map(|one| (one.id, one.number.as_str()[9..].to_owned(), one.text)).collect()
    }

    /// How many there are by what became of them.
    async fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for one in self.store.outreach_counts(&key("spring"), &name()).await.unwrap() {
            let what = match (one.message, one.skipped) {
                (Some(state), _) => state.as_str().to_owned(),
                (None, Some(why)) => format!("{why:?}"),
                (None, None) => "waiting".to_owned(),
            };
            *counts.entry(what).or_insert(0) += one.count;
        }
        counts
    }
}

fn counted(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

#[tokio::test]
async fn everybody_in_the_audience_gets_one_message_and_who_does_not_is_told_why() {
    let rig = Rig::new().await;
    let outreach = Outreach {
        only: vec![Condition {
            column: "city".to_owned(),
            is: vec!["上海".to_owned()],
            not: vec![],
            at_least: None,
            at_most: None,
        }],
        ..outreach(&[("a", "【Lull】{name}，{tariff}新套餐 {link} 拒收请回复R")])
    };
    person(&rig, &mobile(1), &[("city", "上海"), ("tariff", "199")]).await;
    person(&rig, &mobile(2), &[("city", "北京"), ("tariff", "199")]).await;
    person(&rig, &mobile(3), &[("city", "上海")]).await;
    person(&rig, "+862161234567", &[("city", "上海"), ("tariff", "99")]).await;
    let long = "长".repeat(700);
    person(&rig, &mobile(5), &[("city", "上海"), ("tariff", &long)]).await;
    rig.starts(&outreach).await;
    assert!(!rig.store.start_outreach(&key("spring"), &name(), "ben", NOW).await.unwrap(), "it runs already");
    assert_eq!(rig.outreach_row().await.looked_at, 5);
    assert_eq!(rig.releases(&outreach, &way(), after(1)).await, Released { given: 1, put_off: 2 });
    assert_eq!(rig.releases(&outreach, &way(), after(2)).await, Released::default());
    assert_eq!(rig.counts().await, counted(&[("queued", 1), ("Blank", 1), ("Landline", 1), ("TooLong", 1)]));
    let left = rig.leaves(after(3)).await;
    assert_eq!(left.len(), 1);
    let (id, ending, text) = &left[0];
    let (before, rest) = text.split_once("https://l.example/r/").unwrap();
    let (token, behind) = rest.split_once(' ').unwrap();
    assert_eq!((ending.as_str(), before, behind), ("00001", "【Lull】王芳，199新套餐 ", "拒收请回复R"));
    let link = rig.store.link(token).await.unwrap().unwrap();
    assert_eq!((link.message, link.number.as_str()), (Some(*id), mobile(1).as_str()));
    let rows = rig.store.recipients((&key("spring"), &name()), ("blank", ""), None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].detail.as_deref(), rows[0].number.as_str()), (1, Some("tariff"), &*mobile(3)));
    let rows = rig.store.recipients((&key("spring"), &name()), ("sending", "a"), None, 10).await.unwrap();
    assert_eq!((rows.len(), rows[0].message, rows[0].name.as_deref()), (1, Some(*id), Some("王芳")));

    // Whoever comes onto the list later is reached when it is started again, and nobody else once more.
    assert!(rig.store.finish_outreach(&key("spring"), &name(), "x", after(4)).await.unwrap());
    person(&rig, &mobile(6), &[("city", "上海"), ("tariff", "299")]).await;
    rig.starts(&outreach).await;
    assert_eq!(rig.releases(&outreach, &way(), after(5)).await, Released { given: 1, put_off: 0 });
    assert_eq!(rig.leaves(after(6)).await.len(), 1);
}

#[tokio::test]
async fn a_look_at_the_audience_says_what_would_be_sent_and_sends_nothing() {
    let rig = Rig::new().await;
    let outreach = outreach(&[("a", "{name} {link}"), ("b", &format!("{{city|here}} {{nick}} {}", "x".repeat(160)))]);
    for n in 1..=20 {
        person(&rig, &mobile(n), &[("city", "上海")]).await;
    }
    let seen = rig.store.audience(&key("spring"), &name(), &outreach, "https://l/123", 1000).await.unwrap();
    assert_eq!((seen.looked_at, seen.people, seen.whole), (20, 20, true));
    assert_eq!((seen.unknown, seen.columns), (vec!["nick".to_owned()], vec!["city".to_owned()]));
    let [text] = &seen.texts[..] else { panic!("{:?}", seen.texts) };
    let [skipped] = &seen.skipped[..] else { panic!("{:?}", seen.skipped) };
    assert_eq!(text.people + skipped.people, 20);
    assert_eq!((skipped.why, skipped.detail.as_deref()), (Skipped::Blank, Some("nick")));
    assert_eq!((text.sms, text.parts_max, text.samples.len()), (text.people, 1, 3));
    assert_eq!(text.samples[0].text, "王芳 https://l/123");
    let some = rig.store.audience(&key("spring"), &name(), &outreach, "", 7).await.unwrap();
    assert_eq!((some.looked_at, some.whole), (7, false));
    assert!(rig.store.outreaches(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_wait_for_the_recipients_morning_and_get_lost_with_the_last_day() {
    let rig = Rig::new().await;
    let outreach = outreach(&[("a", "Hello {name}")]);
    person(&rig, &mobile(1), &[]).await;
    rig.starts(&outreach).await;
    // It is 11:34 in Shanghai.
    let afternoon = Way { hours: vec![hours("10:00-19:00"), hours("13:00-20:00")], ..way() };
    assert_eq!(rig.releases(&outreach, &afternoon, after(1)).await, Released { given: 0, put_off: 1 });
    let next = rig.store.next_recipient_at(&key("spring"), &name()).await.unwrap().unwrap();
    assert_eq!(next.to_string(), "2026-11-22T05:00:00.000Z");
    assert_eq!(rig.releases(&outreach, &afternoon, after(60)).await, Released::default());
    let over = Way { over: true, ..afternoon.clone() };
    person(&rig, &mobile(2), &[]).await;
    assert_eq!(rig.releases(&outreach, &afternoon, next).await, Released { given: 1, put_off: 0 });
    assert!(rig.store.finish_outreach(&key("spring"), &name(), "x", next).await.unwrap());
    rig.starts(&outreach).await;
    assert_eq!(rig.releases(&outreach, &over, next).await, Released { given: 0, put_off: 1 });
    assert_eq!(rig.counts().await, counted(&[("queued", 1), ("TooLate", 1)]));
    assert_eq!(rig.store.next_recipient_at(&key("spring"), &name()).await.unwrap(), None);
}

#[tokio::test]
async fn a_pause_takes_back_what_has_not_left_and_it_leaves_once_with_the_new_text() {
    let rig = Rig::new().await;
    let (typo, right) = (outreach(&[("a", "Helo {link}")]), outreach(&[("a", "Hello {link}")]));
    for n in 1..=5 {
        person(&rig, &mobile(n), &[]).await;
    }
    rig.starts(&typo).await;
    rig.releases(&typo, &way(), after(1)).await;
    let claimed = rig.store.claim_messages(&gateway(), 2, after(2)).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(rig.store.pause_outreach(&key("spring"), &name(), "ben", after(3)).await.unwrap());
    assert!(!rig.store.pause_outreach(&key("spring"), &name(), "ben", after(3)).await.unwrap());
    let row = rig.outreach_row().await;
    assert_eq!((row.state, row.state_by.as_str(), row.started_by.as_str()), (OutreachState::Paused, "ben", "ann"));
    assert_eq!(rig.counts().await, counted(&[("sending", 2), ("waiting", 3)]));
    // One that a gateway did not take after all does not leave either, as long as it is paused.
    let handed =
        vec![(claimed[0].id, claimed[0].at, Handed::NotSent), (claimed[1].id, claimed[1].at, Handed::Taken(vec![]))];
    rig.store.messages_handed(&gateway(), handed, after(4)).await.unwrap();
    assert_eq!(rig.leaves(after(5)).await, vec![]);
    assert_eq!(rig.releases(&right, &way(), after(5)).await, Released::default());

    assert!(rig.store.start_outreach(&key("spring"), &name(), "ben", after(6)).await.unwrap());
    assert_eq!(rig.releases(&right, &way(), after(7)).await, Released { given: 4, put_off: 0 });
    let left = rig.leaves(after(8)).await;
    assert!(left.len() == 4 && left.iter().all(|(_, _, text)| text.starts_with("Hello ")), "{left:?}");
    let mut numbers: Vec<String> = left.into_iter().map(|(_, number, _)| number).collect();
    numbers.push(claimed[1].number.as_str()[9..].to_owned());
    numbers.sort();
    assert_eq!(numbers, ["00001", "00002", "00003", "00004", "00005"]);
    assert_eq!(rig.counts().await, counted(&[("sending", 4), ("sent", 1)]));
    let links = rig.store.landing_counts(&key("spring")).await.unwrap().links;
    assert_eq!(links, 5, "those of what was taken back are gone");
}

#[tokio::test]
async fn nobody_is_called_before_the_reply_or_reached_after_it() {
    let rig = Rig::new().await;
    let audience = Selection { after_reply: vec!["list".to_owned()], ..Selection::default() };
    let changed = Campaign { leads: audience.clone(), ..campaign("spring") };
    rig.store.apply_campaign(changed, "with an audience", "ann", "test", NOW).await.unwrap();
    let outreach = outreach(&[("a", "Hello")]);
    for n in 1..=4 {
        person(&rig, &mobile(n), &[]).await;
    }
    let due = async || -> Vec<String> {
        let (of, none) = (key("spring"), HashSet::new());
        let leads = rig.store.fetch_leads(&of, &audience, after(7200), 100, &none, &|_| true).await;
        leads.unwrap().into_iter().map(|lead| lead.number.as_str()[9..].to_owned()).collect()
    };
    assert_eq!(due().await, Vec::<String>::new());
    rig.starts(&outreach).await;
    // Between gathering and release one registers on a page, one opts out, one of two messages waits for its gateway.
    let registration = Registration {
        campaign: key("spring"),
        number: number(&mobile(1)),
        name: String::new(),
        consent: "call me".to_owned(),
        consent_version: "1".to_owned(),
        consent_until: None,
        channel: "web".to_owned(),
        source: "page".to_owned(),
        at: after(1),
        priority: 90,
        list: "replies".to_owned(),
        extra: BTreeMap::new(),
        preferred: None,
        message: None,
        link: None,
    };
    rig.store.pre_register(registration, "page", after(1)).await.unwrap();
    assert_eq!(due().await, ["00001"]);
    let stop = |n: u32| Suppression {
        number: number(&mobile(n)),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: "test".to_owned(),
        note: String::new(),
        expires_at: None,
    };
    rig.store.suppress(stop(2), "ann", after(1)).await.unwrap();
    assert_eq!(rig.releases(&outreach, &way(), after(2)).await, Released { given: 2, put_off: 2 });
    rig.store.suppress(stop(3), "ann", after(3)).await.unwrap();
    let left = rig.leaves(after(4)).await;
    assert_eq!(left.iter().map(|(_, number, _)| number.as_str()).collect::<Vec<_>>(), ["00004"]);
    assert_eq!(
        rig.counts().await,
        counted(&[("Replied", 1), ("NotOpen", 1), (MessageState::Suppressed.as_str(), 1), ("sending", 1)])
    );
}

#[tokio::test]
async fn what_a_gateway_does_not_take_in_time_is_taken_back_and_judged_again() {
    let rig = Rig::new().await;
    let outreach = outreach(&[("a", "Hello")]);
    for n in 1..=3 {
        person(&rig, &mobile(n), &[]).await;
    }
    rig.starts(&outreach).await;
    let row = rig.outreach_row().await;
    let released = rig.store.release_messages(&row, &outreach, &way(), 2, after(1)).await.unwrap();
    assert_eq!(released, Released { given: 2, put_off: 0 }, "one has no room and keeps their turn");
    assert_eq!(rig.counts().await, counted(&[("queued", 2), ("waiting", 1)]));
    // The gateway comes back two hours later, when it is night: nothing leaves, whoever looks first.
    let night = after(7200);
    assert_eq!(rig.leaves(night).await, vec![]);
    assert!(rig.store.take_back_messages(&key("spring"), &name(), night, night).await.unwrap());
    assert_eq!(rig.counts().await, counted(&[("waiting", 3)]));
    let closed = Way { hours: vec![hours("10:00-12:00")], ..way() };
    assert_eq!(rig.releases(&outreach, &closed, night).await, Released { given: 0, put_off: 3 });
    let morning = rig.store.next_recipient_at(&key("spring"), &name()).await.unwrap().unwrap();
    assert_eq!(rig.releases(&outreach, &closed, morning).await, Released { given: 3, put_off: 0 });
    assert_eq!(rig.leaves(morning).await.len(), 3);
    assert!(!rig.store.take_back_messages(&key("spring"), &name(), morning, morning).await.unwrap());
}

#[tokio::test]
async fn hours_are_those_of_the_number_that_is_written_to_and_nobody_comes_in_twice() {
    let rig = Rig::new().await;
    let outreach = outreach(&[("a", "Hello")]);
    let lead = person(&rig, &mobile(1), &[]).await;
    rig.starts(&outreach).await;
    // The number that was written to is in another zone than the one that is dialled next.
    let text = format!(
        "insert into lead_numbers (lead_id, place, campaign, number, zones, zone_source, kind)
         values ({}, 1, 'spring', '{}', '[\"America/Los_Angeles\"]', 'number', 'mobile')",
        lead.0,
        mobile(1)
    );
    rig.beside().await.run_made("TEST", &text, vec![]).await.unwrap();
    let noon = Way { hours: vec![hours("10:00-13:00")], ..way() };
    assert_eq!(rig.releases(&outreach, &noon, after(1)).await, Released { given: 0, put_off: 1 });
    // The lead is taken back and comes in again: the same person.
    rig.beside().await.run_made("TEST", &format!("delete from leads where id = {}", lead.0), vec![]).await.unwrap();
    assert!(rig.store.finish_outreach(&key("spring"), &name(), "x", after(2)).await.unwrap());
    person(&rig, &mobile(1), &[]).await;
    rig.starts(&outreach).await;
    assert_eq!(rig.counts().await.values().sum::<u64>(), 1);
}
