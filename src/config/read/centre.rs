//! What the contact centre is made of: prompts, queues, groups, numbers.

use std::collections::BTreeMap;
use std::path::Path;

use super::telephony::parse_name;
use super::{at_spot, unknown_name};
use crate::config::{BUILTIN_PROMPTS, Config, Prompt};
use crate::model::calendar::read_hours;
use crate::model::document::{ComplaintCode, Spot, Table, Value, did_you_mean};
use crate::model::name::{CampaignKey, GroupName, PromptName, QueueName};
use crate::model::phone::PhoneNumber;
use crate::model::settings::{GroupSettings, IdleThreshold, NumberRoute, QueueSettings, ServeFirst};

type Prompts = BTreeMap<PromptName, Prompt>;
type Queues = BTreeMap<QueueName, QueueSettings>;

/// Longest wait in a queue, in seconds.
const WAIT_S_MAX: f64 = 4.0 * 3600.0;
/// Most callers in one queue.
const WAITING_MAX: u32 = 10_000;

pub(super) fn prompts(table: &Table<'_>, base: &Path) -> Option<Prompts> {
    let mut prompts = Prompts::new();
    let mut sound = true;
    for (name, spot) in table.entries() {
        let prompt = prompt(&spot, base);
        match (parse_name::<PromptName>(table, &name), prompt) {
            (Some(name), Some(prompt)) => {
                prompts.insert(name, prompt);
            }
            (_, _) => sound = false,
        }
    }
    sound.then_some(prompts)
}

fn prompt(spot: &Spot<'_>, base: &Path) -> Option<Prompt> {
    let text = spot.text("the path of a WAV file, or builtin:NAME")?;
    let Some(name) = text.strip_prefix("builtin:") else {
        return Some(Prompt::File(Config::beside(base, text)));
    };
    match BUILTIN_PROMPTS.iter().find(|builtin| **builtin == name) {
        Some(builtin) => Some(Prompt::Builtin(builtin)),
        None => {
            let expected = did_you_mean(name, BUILTIN_PROMPTS).unwrap_or_default();
            spot.wrong(ComplaintCode::UnknownName, format!("`{name}` is not a built-in prompt"), expected)
        }
    }
}

pub(super) fn queues(root: &Table<'_>, prompts: Option<&Prompts>) -> Option<Queues> {
    let mut queues = Queues::new();
    let mut sound = root.spot("queues").is_none_or(|spot| spot.is_table());
    for (name, table) in root.named("queues") {
        match (parse_name::<QueueName>(&table, &name), queue(&table, prompts)) {
            (Some(name), Some(queue)) => {
                queues.insert(name, queue);
            }
            (_, _) => sound = false,
        }
    }
    sound.then_some(queues)
}

fn queue(table: &Table<'_>, prompts: Option<&Prompts>) -> Option<QueueSettings> {
    let title = table.required("title");
    let hours = match table.table("hours") {
        Some(inner) => read_hours(&inner).map(Some),
        None if table.has("hours") => None,
        None => Some(None),
    };
    let service_level_target = table.within("service_level_target", 0.0..=1.0, 0.8);
    let within_s = table.within("within_s", 0.0..=WAIT_S_MAX, 10.0);
    let wait_max_s = table.within("wait_max_s", 1.0..=WAIT_S_MAX, 300.0);
    let waiting_max = table.within("waiting_max", 0..=WAITING_MAX, 50);
    let hold_prompt = prompt_name(table, "hold_prompt", prompts);
    let greeting_prompt = match table.has("greeting_prompt") {
        true => prompt_name(table, "greeting_prompt", prompts).map(Some),
        false => {
            table.spot("greeting_prompt");
            Some(None)
        }
    };
    let closed_prompt = prompt_name(table, "closed_prompt", prompts);
    let overflow_prompt = prompt_name(table, "overflow_prompt", prompts);
    let priority = table.within("priority", 0..=99, 50);
    Some(QueueSettings {
        title: title?,
        hours: hours?,
        service_level_target: service_level_target?,
        within_s: within_s?,
        wait_max_s: wait_max_s?,
        waiting_max: waiting_max?,
        hold_prompt: hold_prompt?,
        greeting_prompt: greeting_prompt?,
        closed_prompt: closed_prompt?,
        overflow_prompt: overflow_prompt?,
        priority: priority?,
    })
}

fn prompt_name(table: &Table<'_>, key: &'static str, prompts: Option<&Prompts>) -> Option<PromptName> {
    let name = table.required_at::<PromptName>(key)?;
    if let Some(prompts) = prompts
        && !prompts.contains_key(&name.value)
        && let Some(spot) = table.spot(key)
    {
        let known: Vec<&str> = prompts.keys().map(PromptName::as_str).collect();
        unknown_name(table, &at_spot(&spot, name.value.as_str()), "prompt", &known);
    }
    Some(name.value)
}

fn queue_name(table: &Table<'_>, spot: &Spot<'_>, queues: Option<&Queues>) -> Option<QueueName> {
    let name: QueueName = spot.parsed("the name of a queue")?;
    if let Some(queues) = queues
        && !queues.contains_key(&name)
    {
        let known: Vec<&str> = queues.keys().map(QueueName::as_str).collect();
        unknown_name(table, &at_spot(spot, name.as_str()), "queue", &known);
    }
    Some(name)
}

pub(super) fn groups(root: &Table<'_>, queues: Option<&Queues>) -> Option<BTreeMap<GroupName, GroupSettings>> {
    let mut groups = BTreeMap::new();
    let mut sound = root.spot("groups").is_none_or(|spot| spot.is_table());
    for (name, table) in root.named("groups") {
        match (parse_name::<GroupName>(&table, &name), group(&table, queues)) {
            (Some(name), Some(group)) => {
                groups.insert(name, group);
            }
            (_, _) => sound = false,
        }
    }
    sound.then_some(groups)
}

pub(super) fn group(table: &Table<'_>, queues: Option<&Queues>) -> Option<GroupSettings> {
    const SERVE: &[(&str, ServeFirst)] =
        &[("answered", ServeFirst::Answered), ("inbound", ServeFirst::Inbound), ("auto", ServeFirst::Auto)];
    let title = table.required("title");
    let served = match table.spot("queues") {
        Some(spot) => spot.items("a list of names of queues").and_then(|items| {
            let names: Vec<Option<QueueName>> = items.iter().map(|item| queue_name(table, item, queues)).collect();
            names.into_iter().collect::<Option<Vec<QueueName>>>()
        }),
        None => Some(Vec::new()),
    };
    let outbound = table.or("outbound", true);
    let idle_threshold = idle_threshold(table);
    let hysteresis = table.within("hysteresis", 0.0..=1.0, 0.1);
    let dwell_s = table.within("dwell_s", 0.0..=3600.0, 5.0);
    let reserve = table.within("reserve", 0..=10_000, 1);
    let smoothing_s = table.within("smoothing_s", 0.0..=3600.0, 10.0);
    let serve_first = table.word("serve_first", SERVE, ServeFirst::Auto);
    let keep_for_answers = table.or("keep_for_answers", true);
    let wrap_up_s = table.within("wrap_up_s", 0..=3600, 30);
    let number = idle_threshold.and_then(IdleThreshold::number);
    if let (Some(threshold), Some(hysteresis), Some(spot)) = (number, hysteresis, table.spot("hysteresis"))
        && hysteresis > threshold
    {
        let says =
            format!("hysteresis {hysteresis} is more than idle_threshold {threshold}: the gate would never close");
        return spot.wrong(ComplaintCode::Conflict, says, "make it smaller");
    }
    Some(GroupSettings {
        title: title?,
        queues: served?,
        outbound: outbound?,
        idle_threshold: idle_threshold?,
        hysteresis: hysteresis?,
        dwell_s: dwell_s?,
        reserve: reserve?,
        smoothing_s: smoothing_s?,
        serve_first: serve_first?,
        keep_for_answers: keep_for_answers?,
        wrap_up_s: wrap_up_s?,
    })
}

/// A number from 0 to 1, `"auto"` or `"off"`.
fn idle_threshold(table: &Table<'_>) -> Option<IdleThreshold> {
    const WORDS: &[(&str, IdleThreshold)] = &[("auto", IdleThreshold::Auto), ("off", IdleThreshold::Off)];
    match table.spot("idle_threshold") {
        Some(spot) if matches!(spot.node.value, Value::Text(_)) => spot.one_of(WORDS),
        Some(_) | None => table.within("idle_threshold", 0.0..=1.0, 0.4).map(IdleThreshold::Above),
    }
}

pub(super) fn numbers(
    table: &Table<'_>,
    queues: Option<&Queues>,
    prompts: Option<&Prompts>,
) -> Option<BTreeMap<String, NumberRoute>> {
    let mut numbers = BTreeMap::new();
    let mut sound = true;
    for (number, spot) in table.entries() {
        let digits = (2..=20).contains(&number.value.len()) && number.value.bytes().all(|b| b.is_ascii_digit());
        if !digits && PhoneNumber::from_e164(&number.value).is_err() {
            let says = format!("`{}` is not a number", number.value);
            let expected = "expected international form such as +861000000000, or the digits as the trunk sends them";
            sound = spot.wrong::<()>(ComplaintCode::WrongValue, says, expected).is_some();
        }
        match table.table_at(&spot, "*").and_then(|inner| route(&inner, queues, prompts)) {
            Some(route) => {
                numbers.insert(number.value, route);
            }
            None => sound = false,
        }
    }
    sound.then_some(numbers)
}

fn route(table: &Table<'_>, queues: Option<&Queues>, prompts: Option<&Prompts>) -> Option<NumberRoute> {
    let campaign = table.optional_at::<CampaignKey>("campaign");
    let queue = table.spot("queue");
    if table.spot("prompt").is_some() {
        let prompt = prompt_name(table, "prompt", prompts)?;
        if let Some(extra) = queue.or_else(|| table.spot("campaign")) {
            return extra.wrong(ComplaintCode::Conflict, "the number already leads to a prompt", "remove one of them");
        }
        return Some(NumberRoute::Prompt { prompt });
    }
    let Some(queue) = queue else {
        table.missing("queue");
        return None;
    };
    let queue = queue_name(table, &queue, queues)?;
    match campaign {
        Some(campaign) => Some(NumberRoute::Campaign { campaign: campaign.value, queue }),
        None if table.has("campaign") => None,
        None => Some(NumberRoute::Queue { queue }),
    }
}
