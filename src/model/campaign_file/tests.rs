use super::*;
use crate::model::campaign::{OnTimeOut, Pacing, Preview, WhenRecordingFails};
use crate::model::disposition::Disposition;
use crate::model::numbers::NumberKind;
use crate::model::profile_file;
use crate::model::selection::{Again, LeadOrder, Share};

const SHIPPED: [(&str, &str); 3] = [
    ("family-plan.toml", include_str!("../../../campaigns/family-plan.toml")),
    ("churn-rescue.toml", include_str!("../../../campaigns/churn-rescue.toml")),
    ("care-reminder.toml", include_str!("../../../campaigns/care-reminder.toml")),
];
const FAMILY_PLAN: &str = SHIPPED[0].1;
const REFERENCE: &str = include_str!("../../../campaigns/README.md");

fn known() -> Known {
    Known {
        profiles: profile_file::shipped(),
        groups: ["blend", "retention"].map(|name| name.parse().unwrap()).into(),
        trunks: ["carrier", "carrier-backup"].map(|name| name.parse().unwrap()).into(),
        prompts: ["information", "recording-consent"].map(|name| name.parse().unwrap()).into(),
        numbers: ["+861000000000", "+861000000001", "+442079460000"]
            .map(|number| PhoneNumber::from_e164(number).unwrap())
            .into(),
        gateways: [("smsc".parse().unwrap(), vec!["10690000".to_owned(), "Lull".to_owned()])].into(),
        landing_url: None,
    }
}

/// The complaints about the family plan with one piece of it replaced.
fn changed(piece: &str, by: &str) -> String {
    assert!(FAMILY_PLAN.contains(piece), "{piece} is not in the file");
    let text = FAMILY_PLAN.replacen(piece, by, 1);
    read("f.toml", &text, Some(&known())).expect_err(&format!("{by} was accepted")).to_string()
}

#[test]
fn shipped_campaigns_are_accepted_and_read_back_from_what_is_written() {
    for (file, text) in SHIPPED {
        let campaign = read(file, text, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
        assert_eq!(format!("{}.toml", campaign.key), file);
        let written = write(&campaign).unwrap();
        let again = read(file, &written, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}\n{written}"));
        assert_eq!(again, campaign);
    }
}

#[test]
fn what_becomes_of_a_campaign_whose_recordings_fail_is_read_and_written_back() {
    let (file, text) = SHIPPED.iter().find(|(file, _)| *file == "churn-rescue.toml").unwrap();
    let with = |word: &str| {
        let text = text.replacen("[recording]\n", &format!("[recording]\nwhen_it_fails = \"{word}\"\n"), 1);
        read(file, &text, Some(&known()))
    };
    let unsaid = read(file, text, Some(&known())).unwrap();
    assert_eq!(unsaid.recording.when_it_fails, WhenRecordingFails::GoOn);
    assert_eq!(with("go_on").unwrap(), unsaid);
    let pauses = with("pause").unwrap();
    assert_eq!(pauses.recording.when_it_fails, WhenRecordingFails::Pause);
    assert_eq!(read(file, &write(&pauses).unwrap(), Some(&known())).unwrap(), pauses);
    let complaint = with("paus").unwrap_err().to_string();
    assert!(complaint.contains("when_it_fails") && complaint.contains("`pause`"), "{complaint}");
}

#[test]
fn each_mistake_is_told_with_value_and_expectation() {
    for (piece, by, says) in [
        ("key = \"family-plan\"", "key = \"Family\"", "contains `F`"),
        ("title = \"家庭", "titel = \"家庭", "`titel` is not a known key; did you mean `title`?"),
        (
            "group = \"blend\"",
            "group = \"bland\"",
            "`bland` is not an outbound agent group of this installation; did you mean `blend`?",
        ),
        ("profile = \"cn\"", "profile = \"xy\"", "`xy` is not a profile of this installation"),
        ("\"+861000000000\"", "\"+861000000009\"", "+861000000009 is not a number of this installation; did you mean"),
        ("\"+861000000000\"", "\"01000000000\"", "not a number in international form"),
        ("[\"carrier\"]", "[\"carrier\", \"carrier\"]", "`carrier` is named twice"),
        ("[\"carrier\"]", "[]", "name at least one trunk"),
        (
            "ring_timeout_s = 30",
            "ring_timeout_s = 12",
            "12 s is shorter than the profile `cn` allows; let it ring for at least 15 s",
        ),
        ("ring_timeout_s = 30", "ring_timeout_s = \"30\"", "`\"30\"` is text; expected a whole number, without quotes"),
        ("priority = 60", "priority = 100", "`100` is out of range; expected 0 to 99"),
        ("tier = 3", "tier = 0", "expected 1 to 5"),
        (
            "attempts_max = 4",
            "abandon_rate_max = 0.05",
            "0.05 is more than the profile `cn` allows; expected at most 0.03",
        ),
        (
            "\"information\"",
            "\"informatoin\"",
            "`informatoin` is not a prompt of this installation; did you mean `information`?",
        ),
        ("mode = \"progressive\"", "mode = \"predictve\"", "`\"predictve\"` is not known here"),
        ("mode = \"progressive\"", "mode = \"ratio\"", "`lines_per_agent` is missing; add it in `pacing`"),
        (
            "mode = \"progressive\"",
            "mode = \"progressive\"\nlines_per_agent = 2",
            "`lines_per_agent` is not a known key",
        ),
        ("mode = \"progressive\"", "mode = \"preview\"\nringing_max = 2", "`ringing_max` is not a known key"),
        ("mode = \"progressive\"", "mode = \"preview\"\ntime_limit_s = 2", "`2` is out of range; expected 5 to 3600"),
        ("mode = \"progressive\"", "mode = \"preview\"\non_time_out = \"skip\"", "expected one of `dial`, `return`"),
        (
            "mode = \"progressive\"",
            "mode = \"preview\"\nskip_reasons = []",
            "write 1 to 20 of 1 to 80 characters; to allow no skip, `skips_max = 0`",
        ),
        ("[retry.busy]", "[retry.bussy]", "`bussy` is not a disposition; did you mean `busy`?"),
        ("[retry.busy]", "[retry.do_not_call]", "a number is not called again after `do_not_call`"),
        ("[retry.busy]", "[retry.not_dialled]", "made up for by itself; remove the rule"),
        ("after_s = 1200", "afer_s = 1200", "`afer_s` is not a known key; did you mean `after_s`?"),
        ("key = \"broadband\"", "key = \"family_size\"", "`family_size` is used twice"),
        ("key = \"broadband\"", "key = \"Broad band\"", "cannot be a column name"),
        ("\"其他运营商\"", "\"本公司\"", "`本公司` is a choice twice"),
        ("min = 1, max = 4", "min = 5, max = 4", "min 5 is more than max 4"),
        ("kind = \"date\"", "kind = \"day\"", "expected one of `choice`, `number`, `text`, `date`"),
        ("disposition = \"accepted\"", "disposition = \"busy\"", "`busy` is not a disposition an agent can give"),
        ("\"09:30-12:00\"", "\"12:00-09:30\"", "ends before it begins"),
        ("workdays = \"cn-workdays-2026\"", "workdays = [\"2026-13-01\"]", "`2026-13-01` is not a date"),
    ] {
        let complaints = changed(piece, by);
        assert!(complaints.contains(says), "{by}:\n{complaints}");
        assert!(complaints.starts_with("f.toml:"), "{complaints}");
    }
}

#[test]
fn replies_are_read_with_what_is_usual_and_a_word_that_opts_out_is_refused() {
    let campaign = read("f.toml", FAMILY_PLAN, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    let replies = campaign.replies.clone().unwrap();
    assert_eq!((replies.priority, replies.list.as_str(), replies.consent_version.as_str()), (90, "replies", "1"));
    for (piece, by, says) in [
        ("\"是\", \"办理\"", "\"是\", \"ｓｔｏｐ\"", "`ｓｔｏｐ` opts out, whatever a campaign says"),
        ("\"是\", \"办理\"", "\"是\", \"ｙ。\"", "is there already"),
        ("\"是\", \"办理\"", "\"是\", \"。\"", "has no letter and no digit"),
        ("interested = [\"1\", \"Y\", \"是\", \"办理\"]\n", "", "`interested` is missing"),
        ("[\"1\", \"Y\", \"是\", \"办理\"]", "[]", "name at least one word"),
        ("consent = \"回复1，即同意就家庭共享套餐接听一次来电。\"", "consent = \" \"", "the text is empty"),
        ("consent_days = 90", "consent_days = 0", "consent_days"),
        ("answer = ", "answr = ", "did you mean `answer`?"),
    ] {
        let complaints = changed(piece, by);
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
}

#[test]
fn a_landing_page_is_read_with_what_is_usual_and_needs_words_in_one_language() {
    let campaign = read("f.toml", FAMILY_PLAN, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    let landing = campaign.landing.clone().unwrap();
    assert_eq!((landing.priority, landing.list.as_str(), landing.link_days), (90, "web", 14));
    assert!(landing.for_everybody && landing.embed_from.is_empty());
    assert!(landing.en.unwrap().text.contains("\n\n"));
    let embed = "#embed_from = [\"https://www.example.com\"]";
    for (piece, by, says) in [
        ("headline = \"家庭共享套餐，首月半价\"\n", "", "`headline` is missing"),
        ("headline = \"家庭共享套餐，首月半价\"\n", "headline = \"\"\n", "the text is empty"),
        ("[landing.zh]", "[landing.zhh]", "did you mean `zh`?"),
        (embed, "embed_from = [\"www.example.com\"]", "`www.example.com` is not the origin of a site"),
        (embed, "embed_from = [\"https://a.example/shop\"]", "is not the origin of a site"),
        (embed, "embed_from = [\"https://a.example; script-src *\"]", "is not the origin of a site"),
        (embed, "embed_from = [\"http://a.example\"]", "is not the origin of a site"),
        (embed, "link_days = 0", "expected 1 to 365"),
        (embed, "gateway = \"smcs\"", "did you mean `smsc`?"),
    ] {
        let complaints = changed(piece, by);
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
    let (before, rest) = FAMILY_PLAN.split_once("[landing.zh]").unwrap();
    let after = rest.split_once("# In the customer's own time").unwrap().1;
    let none = format!("{before}\n#{after}");
    let complaints = read("f.toml", &none, Some(&known())).unwrap_err().to_string();
    assert!(complaints.contains("the page has no words"), "{complaints}");
    let embedded = FAMILY_PLAN.replacen(embed, "embed_from = [\"https://a.example:8443\", \"http://localhost:9\"]", 1);
    let embedded = read("f.toml", &embedded, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert_eq!(embedded.landing.unwrap().embed_from, ["https://a.example:8443", "http://localhost:9"]);
}

#[test]
fn what_is_promised_to_who_asked_to_be_called_is_read_and_what_contradicts_itself_is_refused() {
    let campaign = read("f.toml", FAMILY_PLAN, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    let rules = campaign.pre_registration.unwrap();
    let read = (rules.call_within_minutes, rules.escalate_before_minutes, rules.decay_hours, rules.priority_floor);
    assert_eq!((read, rules.rest_after_inbound_hours), ((Some(120), 30, Some(48), 50), 24));
    for (piece, by, says) in [
        ("call_within_minutes = 120", "call_within_minutes = 0", "call_within_minutes"),
        ("call_within_minutes = 120", "call_within_minute = 120", "did you mean `call_within_minutes`?"),
        ("call_within_minutes = 120", "escalate_before_minutes = 5", "it means nothing without `call_within_minutes`"),
        (
            "call_within_minutes = 120",
            "call_within_minutes = 30\nescalate_before_minutes = 30",
            "30 minutes before its end a promise of 30 minutes has not begun",
        ),
        ("decay_hours = 48", "priority_floor = 40", "it means nothing without `decay_hours`"),
    ] {
        let complaints = changed(piece, by);
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
}

#[test]
fn what_can_be_ordered_is_read_and_a_price_stands_in_one_place() {
    let campaign = read("f.toml", FAMILY_PLAN, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    let order = campaign.order.clone().unwrap();
    assert_eq!((order.currency.as_str(), order.address_required, order.items.len()), ("CNY", false, 2));
    assert_eq!((order.items[0].quantity, order.items[0].quantity_max), (1, 4));
    assert!((campaign.costs.per_delivery - 8.0).abs() < 1e-9);
    let budget = "[limits]\nbudget = { amount = 10, per_talk_minute = 0.2 }\n\n[order]";
    for (piece, by, says) in [
        ("currency = \"CNY\"", "currency = \"yuan\"", "`yuan` is not a currency"),
        ("price = 99.0", "price = 9.999", "with at most two decimals"),
        ("price = 99.0", "price = -1", "is not a price"),
        ("name = \"家庭网关\"", "name = \"家庭共享套餐 新卡\"", "is offered twice"),
        ("quantity_max = 4", "quantity = 5\nquantity_max = 4", "raise `quantity_max`"),
        ("[order]", budget, "`per_talk_minute` is said in `limits.budget` already"),
        ("per_sms = 0.05", "per_sms = -1", "per_sms"),
        ("per_sms = 0.05", "per_sm = 1", "did you mean `per_sms`?"),
    ] {
        let complaints = changed(piece, by);
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
    let text = FAMILY_PLAN.replacen("[order]", budget, 1).replacen("per_talk_minute = 0.15\n", "", 1);
    let campaign = read("f.toml", &text, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    assert!((campaign.costs.per_talk_minute - 0.2).abs() < 1e-9);
    assert_eq!(read("f.toml", &write(&campaign).unwrap(), Some(&known())).unwrap(), campaign);
}

const LIMITS: &str = "
[limits]
first_day = \"2026-12-01\"
last_day = 2026-12-24
accepted_max = 500
dials_per_day_max = 2000
budget = { amount = 5000, per_talk_minute = 0.15 }

[[schedule]]
at = \"0 9 * * mon-fri\"
do = \"start\"
";

const CHOSEN: &str = "
[leads]
again = \"first\"

[[leads.only]]
column = \"city\"
is = [\"上海\", \"北京\"]

[[leads.only]]
column = \"score\"
at_least = 10
at_most = 99.5
not = [\"13\"]

[[leads.mix]]
list = \"Spring, web\"
share = 3

[numbers]
order = [\"mobile\", \"work\"]

[numbers.hours.work]
mon-fri = [\"09:00-17:00\"]
";

#[test]
fn a_selection_is_read_and_written_and_what_contradicts_itself_is_refused() {
    let text = format!("{FAMILY_PLAN}\n{CHOSEN}");
    let campaign = read("f.toml", &text, Some(&known())).unwrap();
    assert_eq!((campaign.leads.order, campaign.leads.again), (LeadOrder::Oldest, Again::First));
    assert_eq!((campaign.leads.only[0].is.len(), campaign.leads.only[1].at_most), (2, Some(99.5)));
    assert_eq!(campaign.numbers.order, [NumberKind::Mobile, NumberKind::Work]);
    assert!(campaign.numbers.hours.contains_key(&NumberKind::Work) && campaign.numbers.next_after_s == 300);
    assert_eq!(campaign.leads.mix, [Share { list: "Spring, web".to_owned(), share: 3 }]);
    assert_eq!(read("f.toml", &write(&campaign).unwrap(), Some(&known())).unwrap(), campaign);
    for (piece, by, says) in [
        ("again = \"first\"", "order = \"score\"", "a mix says by itself who comes next"),
        ("again = \"first\"", "order = \"youngest\"", "expected one of `oldest`, `newest`, `score`, `random`"),
        ("is = [\"上海\", \"北京\"]", "", "nothing is asked of `city`"),
        ("[\"上海\", \"北京\"]", "[]", "there are 0 texts"),
        ("at_least = 10", "at_least = 100", "at_least 100 is more than at_most 99.5"),
        ("share = 3", "share = 0", "expected 1 to 1000"),
        ("share = 3", "share = 3\n[[leads.mix]]\nlist = \"Spring, web\"\nshare = 1", "`Spring, web` is named twice"),
        ("\"mobile\", \"work\"", "\"mobile\", \"mobile\"", "`mobile` is named twice"),
        ("hours.work", "hours.office", "`office` is not a kind of number"),
        ("[\"09:00-17:00\"]", "[]", "the hours are never open"),
        ("column = \"city\"", "colum = \"city\"", "did you mean `column`"),
    ] {
        let complaints = read("f.toml", &text.replace(piece, by), Some(&known())).unwrap_err().to_string();
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
}
const CALLBACKS: &str = "[callbacks]\nwait_for_agent_minutes = 120";

#[test]
fn limits_are_read_and_written_and_what_contradicts_itself_is_refused() {
    let text = format!("{FAMILY_PLAN}\n{LIMITS}");
    let campaign = read("f.toml", &text, Some(&known())).unwrap();
    assert_eq!((campaign.limits.accepted_max, campaign.limits.dials_max), (Some(500), None));
    assert_eq!(campaign.limits.budget.map(|budget| budget.amount), Some(5000.0));
    assert_eq!(read("f.toml", &write(&campaign).unwrap(), Some(&known())).unwrap(), campaign);
    for (piece, by, says) in [
        ("2026-12-24", "2026-11-24", "the last day, 2026-11-24, lies before the first, 2026-12-01"),
        ("accepted_max = 500", "accepted_max = 0", "expected 1 to"),
        (", per_talk_minute = 0.15", "", "nothing has a price"),
        ("0 9 * * mon-fri", "0 9 * * 8", "`0 9 * * 8` is not a schedule"),
        ("do = \"start\"", "do = \"stop\"", "expected one of `start`, `pause`"),
        ("last_day", "lastday", "did you mean `last_day`"),
    ] {
        let complaints = read("f.toml", &text.replace(piece, by), Some(&known())).unwrap_err().to_string();
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
}

#[test]
fn a_pool_of_numbers_to_show_holds_own_numbers_only_and_each_once() {
    let own = known().numbers.first().unwrap().as_str().to_owned();
    let with = |list: &str| FAMILY_PLAN.replace("ring_timeout_s =", &format!("caller_ids = {list}\nring_timeout_s ="));
    let complaints = |list: &str| read("f.toml", &with(list), Some(&known())).unwrap_err().to_string();
    assert!(complaints("[\"+15005550100\"]").contains("is not a number of this installation"));
    assert!(complaints(&format!("[\"{own}\", \"{own}\"]")).contains("is named twice"));
    assert!(complaints("[\"12\"]").contains("expected a number in international form"));
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_and_nothing_is_told_twice() {
    let text = FAMILY_PLAN
        .replace("tier = 3", "tier = 9")
        .replace("after_s = 1200", "afer_s = 1200")
        .replace("mode = \"progressive\"", "mode = 3");
    let complaints = read("f.toml", &text, Some(&known())).unwrap_err();
    let keys: Vec<String> = complaints.located().into_iter().map(|at| at.key).collect();
    assert_eq!(keys, ["tier", "pacing.mode", "retry.busy.after_s", "retry.busy.afer_s"]);
}

#[test]
fn hours_outside_the_profile_and_empty_hours_are_refused() {
    let hours = "[hours]\nmon-fri = [\"09:30-12:00\", \"14:00-20:00\"]\nsat-sun = [\"10:00-12:00\", \"14:00-18:00\"]";
    assert!(changed(hours, "[hours]\nmon = [\"22:00-23:00\"]").contains("never meet those of the profile `cn`"));
    assert!(changed(hours, "[hours]").contains("never open"));
}

#[test]
fn a_file_without_anything_lists_what_is_needed() {
    let complaints = read("f.toml", "", None).unwrap_err();
    let keys: Vec<String> = complaints.located().into_iter().map(|at| at.key).collect();
    for key in ["key", "title", "offer", "results", "hours", "pacing", "group", "profile", "caller_id", "trunks"] {
        assert!(keys.iter().any(|missing| missing == key), "{key} is not among {keys:?}");
    }
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_reference() {
    let campaign = read("c.toml", SHIPPED[2].1, Some(&known())).unwrap();
    assert!(!campaign.recording.on && !campaign.cancel_before_ring_min);
    assert!((campaign.abandon_rate_max - 0.01).abs() < 1e-9, "the profile's own");
    assert!(campaign.retry.contains_key(&Disposition::NoAnswer) && campaign.attempt_caps.is_empty());
}

#[test]
fn a_personal_callback_waits_for_half_an_hour_or_as_long_as_the_file_says() {
    let waits = |text: &str| {
        let campaign = read("c.toml", &format!("{FAMILY_PLAN}\n{text}"), Some(&known()));
        campaign.map(|campaign| campaign.callbacks.wait_for_agent_minutes).map_err(|complaints| complaints.to_string())
    };
    assert_eq!(waits(""), Ok(30));
    assert_eq!(waits(CALLBACKS), Ok(120));
    let refused = waits("[callbacks]\nwait_for_agent_minutes = 10081").unwrap_err();
    assert!(refused.contains("wait_for_agent_minutes") && refused.contains("10080"), "{refused}");
}

const OUTREACH: &str = "
[leads]
after_reply = [\"Spring\"]

[outreach.spring]
list = \"Spring\"
gateway = \"smsc\"
sender = \"Lull\"
per_minute = 600
first_day = \"2026-12-01\"
last_day = \"2026-12-03\"
language = \"zh\"
only = [{ column = \"city\", is = [\"上海\"] }]
hours = { every-day = [\"10:00-19:00\"] }

[outreach.spring.variants.a]
share = 3
text = { zh = \"【Lull】{name|您好}，新套餐 {link} 拒收请回复R\", en = \"【Lull】A new plan: {link} Reply STOP to end\" }

[outreach.spring.variants.b.text]
zh = \"【Lull】回复1办理，拒收请回复R\"
";

#[test]
fn an_outreach_is_read_written_back_and_complained_about() {
    let text = format!("{FAMILY_PLAN}\n{OUTREACH}");
    let campaign = read("f.toml", &text, Some(&known())).unwrap_or_else(|complaints| panic!("{complaints}"));
    let outreach = campaign.outreach.values().next().unwrap();
    assert_eq!((outreach.variants.len(), outreach.has_link()), (2, true));
    assert_eq!(read("f.toml", &write(&campaign).unwrap(), Some(&known())).unwrap(), campaign);
    for (piece, by, says) in [
        ("after_reply = [\"Spring\"]", "", "the people of `Spring` would be called without having replied"),
        ("after_reply = [\"Spring\"]", "[outreach.Spring]", "`Spring` contains `S`"),
        ("\"smsc\"", "\"smcs\"", "did you mean `smsc`"),
        ("\"Lull\"", "\"Luna\"", "expected one of: 10690000, Lull"),
        ("\"2026-12-03\"", "\"2026-11-03\"", "lies before the first"),
        ("language = \"zh\"", "language = \"en\"", "the variant `b` has no text in `en`"),
        ("language = \"zh\"", "", "`language` is missing"),
        ("[\"10:00-19:00\"]", "[\"22:00-23:00\"]", "no message could ever leave in these hours"),
        ("{name|您好}", "{name|您好", "opens a field that is not closed"),
        ("【Lull】回复1办理", "回复1办理", "such as 【Lull】"),
        ("回复1办理，拒收请回复R", "回复1办理", "`拒收请回复R`"),
        ("zh = \"【Lull】回复1办理，拒收请回复R\"", "", "there is no text"),
        ("zh = \"【Lull】回复1", "\"中文\" = \"【Lull】回复1", "`中文` is no language"),
        ("share = 3", "share = 1001", "expected 0 to 1000"),
        ("per_minute = 600", "per_hour = 600", "`per_hour` is not a known key"),
    ] {
        let complaints = read("f.toml", &text.replacen(piece, by, 1), Some(&known())).unwrap_err().to_string();
        assert!(complaints.contains(says), "{by}:\n{complaints}");
    }
    let anyway = text.replace("after_reply = [\"Spring\"]", "").replace("per_minute = 600", "called_anyway = true");
    assert!(read("f.toml", &anyway, Some(&known())).unwrap().outreach.values().all(|one| one.called_anyway));
}

#[test]
fn the_reference_names_every_key_the_parser_knows_and_no_other() {
    let mut read_keys = BTreeSet::new();
    // No shipped file paces like this: some that do, so that all keys are asked for.
    let paced = |mode: &str| FAMILY_PLAN.replace("mode = \"progressive\"", &format!("mode = \"{mode}\""));
    let (adaptive, preview) = (paced("adaptive"), paced("preview"));
    assert!(adaptive != FAMILY_PLAN && preview != FAMILY_PLAN);
    let limited = format!("{FAMILY_PLAN}\n{LIMITS}\n{CALLBACKS}");
    let chosen = format!("{FAMILY_PLAN}\n{CHOSEN}");
    let reached = format!("{FAMILY_PLAN}\n{OUTREACH}");
    let others = [
        ("adaptive.toml", &*adaptive),
        ("preview.toml", &*preview),
        ("limits.toml", &*limited),
        ("leads.toml", &*chosen),
        ("outreach.toml", &*reached),
    ];
    for (file, text) in SHIPPED.into_iter().chain(others) {
        let document = Document::parse(SourceKind::File, file, text);
        let reader = Reader::new(&document);
        assert!(campaign(&reader.root(), Some(&known())).is_some());
        read_keys.extend(reader.known_keys());
    }
    let documented: BTreeSet<String> = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key.to_owned())
        .filter(|key| !key.ends_with(".toml"))
        .collect();
    assert_eq!(read_keys.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not in README.md");
    assert_eq!(documented.difference(&read_keys).collect::<Vec<_>>(), Vec::<&String>::new(), "only in README.md");
}

#[test]
fn the_reference_names_every_disposition_a_rule_or_a_result_may_have() {
    for disposition in Disposition::ALL {
        if *disposition != Disposition::NotRecorded {
            assert!(REFERENCE.contains(&format!("`{disposition}`")), "{disposition}");
        }
    }
}

#[test]
fn a_spoilt_line_is_read_or_complained_about_with_its_place() {
    let known = known();
    let mut refused = 0;
    for (file, text) in &SHIPPED[..2] {
        for spoilt in crate::model::document::spoilt(text) {
            if let Err(complaints) = read(file, &spoilt, Some(&known)) {
                refused += 1;
                assert!(complaints.to_string().starts_with(file), "{complaints}");
                // Drawing is slow; each tenth shows that no place lies outside its file.
                assert!(refused % 10 != 0 || !complaints.rendered(false).is_empty());
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

#[test]
fn preview_has_its_defaults_and_each_of_its_settings() {
    let with = |pacing: &str| {
        let text = FAMILY_PLAN.replace("mode = \"progressive\"", pacing);
        read("f.toml", &text, Some(&known())).unwrap().pacing
    };
    assert_eq!(with("mode = \"preview\""), Pacing::Preview(Preview::default()));
    let all = "mode = \"preview\"\ntime_limit_s = 45\non_time_out = \"dial\"\nskips_max = 0\n\
               skip_reasons = [\"已联系\"]\nskipped_rest_s = 600";
    let expected = Preview {
        time_limit_s: 45,
        on_time_out: OnTimeOut::Dial,
        skips_max: Some(0),
        skip_reasons: vec!["已联系".to_owned()],
        skipped_rest_s: 600,
    };
    assert_eq!(with(all), Pacing::Preview(expected));
}
