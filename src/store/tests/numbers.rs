//! Several numbers of a person: brought in, dialled in turn, suppressed together.

use super::importing::{broken_off, errors, import, plan, reader};
use super::*;
use crate::model::lead::{LeadState, SuppressionReason};
use crate::model::numbers::{NumberKind, NumberRules};

const FILE: &str = "姓名,手机,家庭电话,单位电话\n\
    王芳,13800000001,13800000011,13800000021\n\
    李伟,13800000002,,x12\n\
    张敏,,13800000013,\n\
    赵强,13800000011,13800000014,\n\
    陈静,13800000005,13800000002,13800000025\n";

async fn people(rig: &Rig) -> ImportCounts {
    import(rig, FILE).await.unwrap().counts
}

async fn due(rig: &Rig, at: Timestamp) -> Vec<Lead> {
    rig.store.fetch_leads(&key("spring"), &Selection::default(), at, 9, &HashSet::new(), &|_| true).await.unwrap()
}

fn ending(number: &PhoneNumber) -> &str {
    &number.as_str()[12..]
}

fn others(lead: &Lead) -> Vec<(&str, NumberKind, u32, bool)> {
    lead.numbers.others.iter().map(|other| (ending(&other.number), other.kind, other.tried, other.bad)).collect()
}

/// Dials a lead's number, and ends the attempt so.
async fn dial(rig: &mut Rig, lead: &Lead, at: Timestamp, disposition: Disposition, next: LeadNext) {
    let intent = Intent { at, ..rig.intent(lead.id, lead.number.as_str()) };
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    rig.store.end_attempt(end(attempt, disposition, Some(next))).await.unwrap();
}

#[tokio::test]
async fn a_person_has_the_numbers_of_the_row_and_a_number_is_one_persons() {
    let rig = Rig::new().await;
    let counts = people(&rig).await;
    assert_eq!((counts.rows, counts.accepted, counts.duplicate, counts.numbers_unread), (5, 4, 1, 1));
    let told: Vec<Vec<String>> = errors(&rig);
    assert_eq!((told.len(), told[1][0].as_str(), told[1][6].as_str()), (2, "赵强", "duplicate_in_file"));
    assert_eq!(told[1][7], "the number is in line 2 already");
    let leads = due(&rig, NOW).await;
    let first = &leads[0];
    assert_eq!((ending(&first.number), first.numbers.kind, first.numbers.place), ("01", Some(NumberKind::Mobile), 0));
    assert_eq!(others(first), [("11", NumberKind::Home, 0, false), ("21", NumberKind::Work, 0, false)]);
    let second = &leads[1];
    assert_eq!((ending(&second.number), second.numbers.others.len()), ("02", 0));
    let card = rig.store.lead(second.id).await.unwrap().unwrap();
    assert_eq!(card.extra.get("单位电话").map(String::as_str), Some("x12"), "nothing is lost");
    // A number that somebody has is left out of the row, and a row may begin with any of its numbers.
    let (third, fourth) = (&leads[2], &leads[3]);
    assert_eq!((ending(&third.number), others(third)), ("05", vec![("25", NumberKind::Work, 0, false)]));
    assert_eq!((ending(&fourth.number), fourth.numbers.kind), ("13", Some(NumberKind::Home)));
    // Each of them finds the person.
    let found = rig.store.leads_of_number(&number("+8613800000021")).await.unwrap();
    assert_eq!(found.iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["王芳"]);
    // The same file again is the same import, also when numbers have taken turns.
    let again = import(&rig, FILE).await.unwrap();
    assert!(again.resumed && again.counts == counts, "{:?}", again.counts);
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 4);
}

#[tokio::test]
async fn the_campaigns_order_says_which_number_is_the_first() {
    let rig = Rig::new().await;
    let numbers = NumberRules { order: vec![NumberKind::Work, NumberKind::Home], ..NumberRules::default() };
    let ordered = Campaign { numbers, ..campaign("spring") };
    rig.store.apply_campaign(ordered, "ordered", "ann", "test", NOW).await.unwrap();
    people(&rig).await;
    let leads = due(&rig, NOW).await;
    assert_eq!(
        (ending(&leads[0].number), leads[0].numbers.kind, leads[0].numbers.place),
        ("21", Some(NumberKind::Work), 2)
    );
    assert_eq!(others(&leads[0]), [("01", NumberKind::Mobile, 0, false), ("11", NumberKind::Home, 0, false)]);
}

#[tokio::test]
async fn attempts_are_counted_for_each_number_and_the_next_one_is_due_when_it_was_said() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    let home = LeadNext::Other { at: after(300), number: number("+8613800000011"), otherwise: None };
    dial(&mut rig, &lead, NOW, Disposition::NoAnswer, home).await;
    assert!(due(&rig, after(299)).await.iter().all(|other| other.id != lead.id));
    let next = due(&rig, after(300)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!((ending(&next.number), next.numbers.kind, next.numbers.tried), ("11", Some(NumberKind::Home), 0));
    assert_eq!(others(&next), [("01", NumberKind::Mobile, 1, false), ("21", NumberKind::Work, 0, false)]);
    // Attempts to the other number count for caps.
    let past: Vec<bool> = next.facts.past.iter().map(|past| past.elsewhere).collect();
    assert_eq!(past, [true]);
    let work = LeadNext::Other { at: after(600), number: number("+8613800000021"), otherwise: None };
    dial(&mut rig, &next, after(300), Disposition::InvalidNumber, work).await;
    let last = due(&rig, after(600)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!(others(&last), [("01", NumberKind::Mobile, 1, false), ("11", NumberKind::Home, 1, true)]);
    // The person is still one of the same import.
    assert!(import(&rig, FILE).await.unwrap().resumed);
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 4);
}

#[tokio::test]
async fn a_suppression_of_one_number_is_one_of_the_person_until_it_is_lifted() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    let stop = |text: &str| Suppression {
        number: number(text),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: "hand".to_owned(),
        note: String::new(),
        expires_at: None,
    };
    let suppressed = rig.store.suppress(stop("+8613800000021"), "ann", NOW).await.unwrap();
    let state = async |id| rig.store.lead(id).await.unwrap().unwrap().state;
    assert_eq!(state(lead.id).await, LeadState::GivenUp);
    rig.store.lift_suppression(suppressed, "ann", "by mistake", after(10)).await.unwrap();
    assert_eq!(state(lead.id).await, LeadState::Open);
    // While it rings at one number, another is suppressed: the last look before the next dial sees it.
    let ringing = due(&rig, after(20)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    let intent = Intent { at: after(20), ..rig.intent(lead.id, ringing.number.as_str()) };
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    rig.store.suppress(stop("+8613800000011"), "ann", after(30)).await.unwrap();
    let work = LeadNext::Other { at: after(60), number: number("+8613800000021"), otherwise: None };
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, Some(work))).await.unwrap();
    let next = due(&rig, after(60)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!((ending(&next.number), next.facts.suppressed), ("21", Some(SuppressionReason::OptOut)));
    // A row with a suppressed number is suppressed, whichever it is.
    let counts = import(&rig, "phone,home phone\n13800000031,13800000011\n").await.unwrap().counts;
    assert_eq!((counts.accepted, counts.suppressed), (0, 1));
}

#[tokio::test]
async fn further_numbers_are_added_to_people_who_are_there_up_to_five() {
    let rig = Rig::new().await;
    import(&rig, "phone,name\n13800000001,Ann\n13800000002,Bob\n").await.unwrap();
    let more = "phone,phone 2,phone 3,phone 4,phone 5,name\n\
        13800000001,13800000101,13800000102,13800000103,13800000104,Anna\n\
        13800000002,13800000001,,,,Bobby\n\
        13800000003,13800000203,,,,Cid\n";
    let adding = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::AddNumbers, ..Duplicates::default() },
        ..plan(&rig, more)
    };
    let counts = rig.store.import_leads(adding, reader(), &mut |_| {}).await.unwrap().counts;
    assert_eq!((counts.accepted, counts.updated, counts.duplicate), (1, 1, 1), "Bob has nothing new");
    let card = rig.store.leads_of_number(&number("+8613800000103")).await.unwrap().remove(0);
    let card = rig.store.lead(card.id).await.unwrap().unwrap();
    let numbers: Vec<&str> = card.numbers.iter().map(|(number, _)| ending(number)).collect();
    assert_eq!((card.name.as_str(), numbers), ("Ann", vec!["01", "01", "02", "03", "04"]));
    let update = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() },
        ..plan(&rig, "phone,phone 2,name\n13800000001,13800000105,Anne\n13800000104,,Annie\n")
    };
    let outcome = rig.store.import_leads(update, reader(), &mut |_| {}).await.unwrap();
    assert_eq!(outcome.counts.updated, 2, "any of the numbers is the person's");
    let card = rig.store.lead(card.id).await.unwrap().unwrap();
    assert_eq!((card.name.as_str(), card.numbers.len()), ("Annie", 5), "there is no sixth");
    // What was brought in goes with its numbers.
    let third = rig.store.leads_of_number(&number("+8613800000203")).await.unwrap().remove(0);
    let import = rig.store.imports(9).await.unwrap().into_iter().find(|row| row.counts.accepted == 1).unwrap().id;
    rig.store.undo_import(import, "ann", NOW, std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(rig.store.lead(third.id).await.unwrap(), None);
    assert_eq!(rig.store.leads_of_number(&number("+8613800000203")).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_call_is_promised_for_the_number_it_was_spoken_on_and_a_caller_is_known_by_any_number() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    let work = LeadNext::Other { at: after(300), number: number("+8613800000021"), otherwise: None };
    dial(&mut rig, &lead, NOW, Disposition::NoAnswer, work).await;
    // Back from the number that was called, and from one that was never called.
    for caller in ["+8613800000001", "+8613800000011"] {
        let story = rig.store.story(&number(caller)).await.unwrap().unwrap();
        assert_eq!(story.lead.unwrap().id, lead.id, "{caller}");
    }
    let promised = CallResult {
        call: CallRef::Inbound(crate::model::id::InboundId(7)),
        number: Some(number("+8613800000001")),
        disposition: Disposition::Callback,
        next: Some(LeadNext::Callback(crate::model::lead::Callback { at: after(900), agent: None })),
        ..result(AttemptId(1), lead.id, 5, Disposition::Callback)
    };
    rig.store.record_result(promised).await.unwrap();
    let next = due(&rig, after(900)).await.into_iter().find(|other| other.id == lead.id).unwrap();
    assert_eq!((ending(&next.number), next.callback.is_some()), ("01", true));
    // Put off with another number, that one is next; an intent for the one before is refused and no failure.
    rig.store.put_off(vec![(lead.id, after(1000), Some(number("+8613800000011")))]).await.unwrap();
    let stale = Intent { at: after(1000), ..rig.intent(lead.id, "+8613800000001") };
    assert_eq!(rig.record(stale).await, IntentOutcome::Refused(crate::model::attempt::Refusal::NoLeadDue));
}

#[tokio::test]
async fn the_zone_of_a_list_is_the_persons_and_an_undo_gives_each_number_its_own_back() {
    let mut rig = Rig::new().await;
    import(&rig, "phone,phone 2\n13800000001,+12025550101\n").await.unwrap();
    let lead = due(&rig, NOW).await.remove(0);
    let own = lead.numbers.others[0].zones.clone();
    assert_ne!(own, lead.zones);
    let update = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() },
        ..plan(&rig, "phone,time zone\n13800000001,Europe/London\n")
    };
    let update = rig.store.import_leads(update, reader(), &mut |_| {}).await.unwrap().import.unwrap();
    let lead = due(&rig, NOW).await.remove(0);
    let london = vec!["Europe/London".to_owned()];
    assert_eq!((&lead.zones, &lead.numbers.others[0].zones), (&london, &london));
    let second = LeadNext::Other { at: after(300), number: number("+12025550101"), otherwise: None };
    dial(&mut rig, &lead, NOW, Disposition::NoAnswer, second).await;
    assert_eq!(due(&rig, after(300)).await[0].zones, london);
    rig.store.undo_import(update, "ann", NOW, std::time::Duration::from_secs(60)).await.unwrap();
    let back = due(&rig, after(300)).await.remove(0);
    assert_eq!((back.number.as_str(), &back.zones), ("+12025550101", &own));
    assert_eq!(back.numbers.others[0].zones, ["Asia/Shanghai"]);
}

#[tokio::test]
async fn the_zone_of_a_list_that_is_undone_goes_from_the_person_and_from_every_number_that_stays() {
    let minute = std::time::Duration::from_secs(60);
    let (own, further) = ("+8613800000001", "+8613800000011");
    // The list that says the zone gives the further number itself; or one before or after it does.
    let zone = "phone,time zone\n13800000001,America/New_York\n";
    let number_alone = "phone,phone 2\n13800000001,13800000011\n";
    let both = "phone,phone 2,time zone\n13800000001,13800000011,America/New_York\n";
    for (files, undone) in [(vec![both], 0), (vec![zone, number_alone], 0), (vec![number_alone, zone], 1)] {
        let mut rig = Rig::new().await;
        import(&rig, "phone\n13800000001\n").await.unwrap();
        let mut imports = Vec::new();
        for (place, text) in files.iter().enumerate() {
            // What only adds numbers brings nothing up to date, so that it does not have the last word of the zone.
            let policy = match *text == number_alone {
                true => DuplicatePolicy::AddNumbers,
                false => DuplicatePolicy::Update,
            };
            let plan = ImportPlan { duplicates: with(policy), list: format!("list {place}"), ..plan(&rig, text) };
            imports.push(rig.store.import_leads(plan, reader(), &mut |_| {}).await.unwrap().import.unwrap());
        }
        let lead = due(&rig, NOW).await.remove(0);
        assert_eq!((lead.number.as_str(), lead.zones.as_slice()), (own, &["America/New_York".to_owned()][..]));
        let turn = |text: &str, at| LeadNext::Other { at, number: number(text), otherwise: None };
        dial(&mut rig, &lead, NOW, Disposition::NoAnswer, turn(further, after(10))).await;
        let lead = due(&rig, after(10)).await.remove(0);
        dial(&mut rig, &lead, after(10), Disposition::NoAnswer, LeadNext::Retry { at: after(20) }).await;
        let done = rig.store.undo_import(imports[undone], "ann", NOW, minute).await.unwrap();
        assert_eq!(done.restored, 1, "{files:?}: {done:?}");
        // Whichever number is next, and however often it becomes so.
        for (round, (is, then)) in [(further, own), (own, further), (further, own)].into_iter().enumerate() {
            let at = after(20 + round as u64 * 10);
            let lead = due(&rig, at).await.remove(0);
            assert_eq!(
                (lead.number.as_str(), lead.zones.as_slice()),
                (is, &["Asia/Shanghai".to_owned()][..]),
                "{files:?}"
            );
            assert_eq!(lead.numbers.others[0].zones, ["Asia/Shanghai"], "{files:?}");
            dial(&mut rig, &lead, at, Disposition::NoAnswer, turn(then, at + std::time::Duration::from_secs(10))).await;
        }
    }
}

/// People who were there, by the first of their numbers, with all of theirs.
async fn phone_book(rig: &Rig) -> Vec<(String, Vec<String>)> {
    let mut book = Vec::new();
    let mut last = None;
    loop {
        let page = rig.store.leads_of_campaign(&key("spring"), None, last, 500).await.unwrap();
        let Some(end) = page.last() else { break };
        last = Some(end.id);
        for card in page {
            let others = card.numbers.iter().map(|(number, kind)| format!("{number} {}", kind.as_str())).collect();
            book.push((format!("{} {}", card.number, card.name), others));
        }
    }
    book.sort();
    book
}

fn with(policy: DuplicatePolicy) -> Duplicates {
    Duplicates { policy, ..Duplicates::default() }
}

/// Two thousand people with one number each, and a file that gives many of them more: twice, across, too many, and to new ones.
fn crowd() -> (String, String) {
    let mut first = "phone,name\n".to_owned();
    (0..2000).for_each(|n| first += &format!("1380000{n:04},person {n}\n"));
    let mut more = "phone,phone 2,phone 3,phone 4,phone 5,name\n".to_owned();
    for n in 0..3000_u32 {
        let n = (n * 1_201) % 3000;
        let row = match n % 6 {
            // A number more; one that the row after the next has as well; nothing new.
            0 => format!("1380000{n:04},1381000{n:04},,,,a {n}"),
            1 => format!("1380000{n:04},1381000{:04},,,,b {n}", n + 1),
            2 => format!("1380000{n:04},1380000{:04},,,,c {n}", n - 1),
            // The person by the number that an earlier row gave, with another one, in another batch.
            3 => format!("1381000{:04},1382000{n:04},,,,d {n}", n - 3),
            // As many as a person may have, and one more by another row of the same person.
            4 => format!("1380000{n:04},1383000{n:04},1384000{n:04},1385000{n:04},1386000{n:04},e {n}"),
            _ => format!("1389000{n:04},1380000{n:04},1382500{n:04},,,f {n}"),
        };
        more += &row;
        more.push('\n');
    }
    (first, more)
}

#[tokio::test]
async fn an_import_that_adds_numbers_counts_the_same_wherever_it_is_broken_off_and_as_its_check_said() {
    let (first, more) = crowd();
    for policy in [DuplicatePolicy::AddNumbers, DuplicatePolicy::Update] {
        let undisturbed = Rig::new().await;
        import(&undisturbed, &first).await.unwrap();
        let adding = |rig: &Rig| ImportPlan { duplicates: with(policy), ..plan(rig, &more) };
        let check = ImportPlan { mode: ImportMode::DryRun, ..adding(&undisturbed) };
        let checked = undisturbed.store.import_leads(check, reader(), &mut |_| {}).await.unwrap();
        let mut steps = 0;
        let whole = undisturbed.store.import_leads(adding(&undisturbed), reader(), &mut |_| steps += 1).await.unwrap();
        assert!(whole.counts.updated > 500 && whole.counts.duplicate > 300 && steps > 4, "{:?}", whole.counts);
        assert_eq!((checked.counts, &checked.rejected), (whole.counts, &whole.rejected), "{policy:?}");
        let rig = Rig::new().await;
        import(&rig, &first).await.unwrap();
        for last in 1..steps {
            broken_off(&rig, adding(&rig), last).await;
        }
        let again = rig.store.import_leads(adding(&rig), reader(), &mut |_| {}).await.unwrap();
        assert!(again.resumed);
        assert_eq!((again.counts, &again.rejected), (whole.counts, &whole.rejected), "{policy:?}");
        assert_eq!(errors(&rig), errors(&undisturbed));
        assert_eq!(phone_book(&rig).await, phone_book(&undisturbed).await);
        let check = ImportPlan { mode: ImportMode::DryRun, ..adding(&rig) };
        let checked = rig.store.import_leads(check, reader(), &mut |_| {}).await.unwrap();
        assert_eq!((checked.resumed, checked.counts), (true, whole.counts), "a check counts what the import would");
    }
}

#[tokio::test]
async fn numbers_that_an_import_gave_go_when_it_is_taken_back_unless_they_were_called() {
    let mut rig = Rig::new().await;
    import(&rig, "phone,name\n13800000001,Ann\n13800000002,Bob\n13800000003,Cid\n13800000004,Dan\n").await.unwrap();
    let before = phone_book(&rig).await;
    let text = "phone,home phone,work phone\n\
        13800000001,13800000011,13800000021\n\
        13800000002,13800000012,\n\
        13800000003,13800000013,\n\
        13800000004,13800000014,\n";
    let adding = |rig: &Rig| ImportPlan { duplicates: with(DuplicatePolicy::AddNumbers), ..plan(rig, text) };
    let gave = rig.store.import_leads(adding(&rig), reader(), &mut |_| {}).await.unwrap().import.unwrap();
    // A later import adds one more to Ann.
    let later = ImportPlan {
        duplicates: with(DuplicatePolicy::AddNumbers),
        list: "July".to_owned(),
        ..plan(&rig, "phone,phone 2\n13800000001,13800000031\n")
    };
    let later = rig.store.import_leads(later, reader(), &mut |_| {}).await.unwrap().import.unwrap();
    let lead = async |rig: &Rig, text: &str| {
        let card = rig.store.leads_of_number(&number(text)).await.unwrap().remove(0);
        due(rig, after(900)).await.into_iter().find(|lead| lead.id == card.id).unwrap()
    };
    // Ann's home was called; Bob's would be next; Cid asked to be called at home; Dan was not called at all.
    let ann = lead(&rig, "+8613800000001").await;
    let home = LeadNext::Other { at: after(10), number: number("+8613800000011"), otherwise: None };
    dial(&mut rig, &ann, after(900), Disposition::NoAnswer, home).await;
    let ann = lead(&rig, "+8613800000001").await;
    let own = LeadNext::Other { at: after(20), number: number("+8613800000001"), otherwise: None };
    dial(&mut rig, &ann, after(901), Disposition::NoAnswer, own).await;
    for (whose, next) in [("02", "12"), ("03", "13")] {
        let lead = lead(&rig, &format!("+86138000000{whose}")).await;
        let next = LeadNext::Other { at: after(30), number: number(&format!("+86138000000{next}")), otherwise: None };
        dial(&mut rig, &lead, after(902), Disposition::NoAnswer, next).await;
    }
    let cid = lead(&rig, "+8613800000003").await;
    let promised = CallResult {
        call: CallRef::Inbound(crate::model::id::InboundId(7)),
        number: Some(number("+8613800000013")),
        disposition: Disposition::Callback,
        next: Some(LeadNext::Callback(crate::model::lead::Callback { at: after(800), agent: None })),
        ..result(AttemptId(1), cid.id, 5, Disposition::Callback)
    };
    rig.store.record_result(promised).await.unwrap();
    let day = std::time::Duration::from_secs(86_400);
    let expected = Undone { numbers: 3, numbers_kept: 2, ..Undone::default() };
    assert_eq!(rig.store.undo_outlook(gave, day).await.unwrap().would, expected);
    assert_eq!(rig.store.undo_import(gave, "ann", NOW, day).await.unwrap(), expected);
    let ann = lead(&rig, "+8613800000001").await;
    assert_eq!(others(&ann).iter().map(|other| other.0).collect::<Vec<_>>(), ["11", "31"], "what was called stays");
    let bob = lead(&rig, "+8613800000002").await;
    assert_eq!((ending(&bob.number), others(&bob)), ("02", vec![]), "the next is one that he has");
    let cid = lead(&rig, "+8613800000003").await;
    assert_eq!((ending(&cid.number), others(&cid)), ("13", vec![("03", NumberKind::Other, 1, false)]));
    let dan = phone_book(&rig).await.into_iter().find(|(whose, _)| whose.ends_with("Dan")).unwrap();
    assert_eq!(Some(&dan), before.iter().find(|(whose, _)| whose.ends_with("Dan")), "as if it had never been");
    for gone in ["21", "12", "14"] {
        assert_eq!(rig.store.leads_of_number(&number(&format!("+86138000000{gone}"))).await.unwrap(), vec![], "{gone}");
    }
    // The places of what is gone are no trouble to what comes.
    let again = rig.store.import_leads(adding(&rig), reader(), &mut |_| {}).await.unwrap();
    assert_eq!((again.resumed, again.counts.updated, again.counts.duplicate), (false, 3, 1), "Cid has nothing new");
    let ann = lead(&rig, "+8613800000001").await;
    assert_eq!(others(&ann).iter().map(|other| other.0).collect::<Vec<_>>(), ["11", "31", "21"]);
    let expected = Undone { numbers: 1, ..Undone::default() };
    assert_eq!(rig.store.undo_import(later, "ann", NOW, day).await.unwrap(), expected);
}

#[tokio::test]
async fn a_number_that_became_somebody_elses_is_passed_over() {
    let mut rig = Rig::new().await;
    people(&rig).await;
    let lead = due(&rig, NOW).await.remove(0);
    // While it rings at the mobile phone, somebody adds the home number as a person of its own.
    let intent = Intent { at: NOW, ..rig.intent(lead.id, lead.number.as_str()) };
    let attempt = intent.attempt;
    assert_eq!(rig.record(intent).await, IntentOutcome::Recorded);
    rig.lead("+8613800000011").await;
    let otherwise = Some(Box::new(LeadNext::Retry { at: after(7200) }));
    let home = LeadNext::Other { at: after(300), number: number("+8613800000011"), otherwise };
    rig.store.end_attempt(end(attempt, Disposition::NoAnswer, Some(home))).await.unwrap();
    let find = async |rig: &Rig, at| due(rig, at).await.into_iter().find(|other| other.id == lead.id);
    assert_eq!(find(&rig, after(7199)).await, None, "by the retry rule of its own number");
    let again = find(&rig, after(7200)).await.unwrap();
    assert_eq!(ending(&again.number), "01");
    // From now on it is known to be nobody's turn.
    assert_eq!(others(&again), [("11", NumberKind::Home, 0, true), ("21", NumberKind::Work, 0, false)]);
}
