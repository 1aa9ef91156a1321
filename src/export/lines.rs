//! Rows of files: what each kind of file has in its columns, and where its rows come from.

use std::collections::BTreeMap;

use super::{Ask, Kind};
use crate::model::disposition::Disposition;
use crate::model::id::{AttemptId, ConsentId, InboundId, LeadId, SuppressionId};
use crate::model::order::OrderNumber;
use crate::model::phone::PhoneNumber;
use crate::model::recording::{RecordingReason, RecordingState};
use crate::model::time::Timestamp;
use crate::store::{
    CallPage, CallRecord, ConsentKind, ConsentRow, LeadRecord, OrderFilter, OrderRow, SaidCursor, SaidRecord, Scope,
    Store, StoreError, SuppressionRow,
};

/// Rows read at once.
const PAGE_ROWS: usize = 1000;

/// A row of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// The cells that every file of the kind has.
    pub(super) fixed: Vec<String>,
    /// Answers by question.
    pub(super) answers: BTreeMap<String, String>,
    /// Further cells of the lead's row, by heading.
    pub(super) extra: BTreeMap<String, String>,
}

/// Headings that every file of a kind has; those of answers and of the lists' own cells follow.
pub(super) fn headings(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Calls => &[
            "call",
            "began",
            "campaign",
            "list",
            "number",
            "name",
            "attempt",
            "outcome",
            "network",
            "result",
            "agent",
            "rang",
            "answered",
            "connected",
            "ended",
            "answered_by",
            "ring_s",
            "wait_s",
            "talk_s",
            "wrap_up_s",
            "recording",
            "recording_s",
            "recording_state",
            "recording_lost",
            "no_recording",
            "note",
        ],
        Kind::Results => &[
            "call",
            "direction",
            "recorded",
            "revision",
            "counts",
            "campaign",
            "list",
            "number",
            "name",
            "result",
            "outcome",
            "agent",
            "talk_s",
            "wrap_up_s",
            "note",
        ],
        Kind::Leads => &[
            "lead",
            "campaign",
            "list",
            "number",
            "name",
            "zones",
            "priority",
            "state",
            "due",
            "callback",
            "callback_agent",
            "added",
            "result",
            "outcome",
            "recorded",
            "agent",
            "note",
        ],
        Kind::Suppressions => &[
            "suppression",
            "number",
            "campaign",
            "reason",
            "source",
            "note",
            "added_by",
            "added",
            "expires",
            "lifted_by",
            "lifted",
            "lifted_why",
        ],
        Kind::Consents => &[
            "consent",
            "number",
            "campaign",
            "kind",
            "text",
            "text_version",
            "channel",
            "source",
            "said",
            "expires",
            "recorded_by",
            "recorded",
        ],
        // A delivery file has these names too: one that was filled in can be brought in as it is.
        Kind::Orders => &[
            "order",
            "state",
            "time",
            "opened",
            "campaign",
            "number",
            "recipient",
            "address",
            "items",
            "value",
            "currency",
            "order_note",
            "carrier",
            "tracking",
            "agent",
            "lead",
            "call",
            "attention",
        ],
    }
}

/// How many rows of a kind there are to read.
pub(super) async fn count(store: &Store, ask: &Ask) -> Result<u64, StoreError> {
    let Ask { campaign, from, to, .. } = ask;
    match (ask.kind, campaign) {
        (Kind::Calls, Some(campaign)) => store.count_calls(campaign, *from, *to).await,
        (Kind::Results, Some(campaign)) => store.count_said(campaign, *from, *to).await,
        (Kind::Leads, Some(campaign)) => store.count_leads(campaign, *from, *to).await,
        (Kind::Suppressions, _) => store.count_all_suppressions().await,
        (Kind::Consents, _) => store.count_consents().await,
        (Kind::Orders, _) => {
            let counts = store.count_orders(campaign.as_ref()).await?;
            let wanted = counts.iter().filter(|count| ask.state.is_none_or(|state| state == count.state));
            Ok(wanted.map(|count| count.orders).sum())
        }
        (Kind::Calls | Kind::Results | Kind::Leads, None) => Ok(0),
    }
}

/// Where the next page begins.
enum Cursor {
    Calls(Option<(Timestamp, AttemptId)>),
    Results(Option<SaidCursor>),
    Leads(Option<LeadId>),
    Suppressions(Option<SuppressionId>),
    Consents(Option<ConsentId>),
    Orders(Option<OrderNumber>),
}

/// The rows of a file, page by page.
pub(super) struct Pages<'a> {
    ask: &'a Ask,
    cursor: Cursor,
    done: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn of(ask: &'a Ask) -> Pages<'a> {
        let cursor = match ask.kind {
            Kind::Calls => Cursor::Calls(None),
            Kind::Results => Cursor::Results(None),
            Kind::Leads => Cursor::Leads(None),
            Kind::Suppressions => Cursor::Suppressions(None),
            Kind::Consents => Cursor::Consents(None),
            Kind::Orders => Cursor::Orders(None),
        };
        Pages { ask, cursor, done: false }
    }

    /// The next rows, and how many were read for them.
    pub(super) async fn next(&mut self, store: &Store) -> Result<Option<(u64, Vec<Line>)>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let ask = self.ask;
        let Ask { from, to, .. } = *ask;
        let (read, lines) = match (&mut self.cursor, &ask.campaign) {
            (Cursor::Calls(after), Some(campaign)) => {
                let page = CallPage { campaign: campaign.clone(), from, to, after: *after, limit: PAGE_ROWS };
                let calls = store.calls(&page).await?;
                *after = calls.last().map(|call| (call.at, call.id));
                (calls.len(), calls.into_iter().map(|row| call(row, ask)).collect())
            }
            (Cursor::Results(after), Some(campaign)) => {
                let rows = store.said(campaign, (from, to), after.as_ref(), PAGE_ROWS).await?;
                *after = rows.last().map(|row| row.cursor.clone());
                (rows.len(), rows.into_iter().map(|row| said(row, ask)).collect())
            }
            (Cursor::Leads(after), Some(campaign)) => {
                let rows = store.leads_with_results(campaign, (from, to), *after, PAGE_ROWS).await?;
                *after = rows.last().map(|row| row.id);
                (rows.len(), rows.into_iter().map(|row| lead(row, ask)).collect())
            }
            (Cursor::Suppressions(before), _) => {
                let rows = store.suppressions(*before, PAGE_ROWS).await?;
                *before = rows.last().map(|row| row.id);
                let wanted = |row: &SuppressionRow| (from..to).contains(&row.added_at) && concerns(&row.scope, ask);
                (rows.len(), rows.iter().filter(|row| wanted(row)).map(|row| suppression(row, ask)).collect())
            }
            (Cursor::Consents(before), _) => {
                let rows = store.consents(*before, PAGE_ROWS).await?;
                *before = rows.last().map(|row| row.id);
                let wanted = |row: &ConsentRow| (from..to).contains(&row.at) && concerns(&row.purpose, ask);
                (rows.len(), rows.iter().filter(|row| wanted(row)).map(|row| consent(row, ask)).collect())
            }
            (Cursor::Orders(before), campaign) => {
                let filter = OrderFilter {
                    campaign: campaign.clone(),
                    state: ask.state,
                    from: Some(from),
                    before: Some(to),
                    ..OrderFilter::default()
                };
                let rows = store.orders(&filter, *before, PAGE_ROWS).await?;
                *before = rows.last().map(|row| row.order);
                (rows.len(), rows.iter().map(|row| order(row, ask)).collect())
            }
            (Cursor::Calls(_) | Cursor::Results(_) | Cursor::Leads(_), None) => (0, Vec::new()),
        };
        self.done = read < PAGE_ROWS;
        Ok((read > 0).then_some((read as u64, lines)))
    }
}

/// Whether an entry of a ledger holds for the campaign that was asked for; all do where none was.
fn concerns(scope: &Scope, ask: &Ask) -> bool {
    match (scope, &ask.campaign) {
        (_, None) | (Scope::All, Some(_)) => true,
        (Scope::Campaign(of), Some(campaign)) => of == campaign,
    }
}

fn time(at: Option<Timestamp>, ask: &Ask) -> String {
    at.map_or_else(String::new, |at| civil(at, ask))
}

/// A time as people write it there, with its distance from UTC: 2026-11-30T14:05:09+08:00.
fn civil(at: Timestamp, ask: &Ask) -> String {
    at.to_jiff().to_zoned(ask.zone.as_jiff().clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn word(word: Option<Disposition>) -> String {
    word.map_or_else(String::new, |word| word.to_string())
}

fn of_ms(ms: Option<i64>) -> String {
    ms.map_or_else(String::new, |ms| format!("{:.1}", ms as f64 / 1e3))
}

fn personal(text: &str, ask: &Ask) -> String {
    if ask.masked { String::new() } else { text.to_owned() }
}

fn number(number: &PhoneNumber, ask: &Ask) -> String {
    if ask.masked { number.masked() } else { number.as_str().to_owned() }
}

fn scope(scope: &Scope) -> String {
    match scope {
        Scope::All => String::new(),
        Scope::Campaign(campaign) => campaign.to_string(),
    }
}

fn campaign(ask: &Ask) -> String {
    ask.campaign.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn extra(extra: BTreeMap<String, String>, ask: &Ask) -> BTreeMap<String, String> {
    if ask.masked { BTreeMap::new() } else { extra }
}

fn call(call: CallRecord, ask: &Ask) -> Line {
    let seconds = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
        (Some(from), Some(to)) => format!("{:.1}", to.since(from).as_secs_f64()),
        _ => String::new(),
    };
    let no_recording = match (call.recording_lost_at, call.recording, call.no_recording) {
        // A file that is gone cannot be heard, whatever it was.
        (Some(_), ..) => "lost",
        (None, Some(RecordingState::Running), _) => "running",
        // Of one that was cut off: why.
        (None, _, reason) => reason.map_or("", RecordingReason::as_str),
    };
    let fixed = vec![
        call.id.to_string(),
        civil(call.at, ask),
        campaign(ask),
        call.list,
        number(&call.number, ask),
        personal(&call.name, ask),
        (call.ordinal + 1).to_string(),
        word(call.disposition),
        word(call.network_disposition),
        call.result.unwrap_or_default(),
        call.agent.unwrap_or_default(),
        time(call.rang_at, ask),
        time(call.answered_at, ask),
        time(call.connected_at, ask),
        time(call.ended_at, ask),
        call.answered_by.as_ref().map(crate::model::word::word).unwrap_or_default(),
        seconds(call.rang_at, call.answered_at.or(call.ended_at)),
        seconds(call.answered_at, call.connected_at),
        of_ms(call.talk_ms),
        of_ms(call.wrap_up_ms),
        call.recording_file.unwrap_or_default(),
        of_ms(call.recording_ms),
        call.recording.map_or_else(String::new, |state| state.as_str().to_owned()),
        time(call.recording_lost_at, ask),
        no_recording.to_owned(),
        personal(&call.note, ask),
    ];
    Line { fixed, answers: call.answers, extra: extra(call.extra, ask) }
}

fn said(said: SaidRecord, ask: &Ask) -> Line {
    let SaidCursor { direction, call, revision, .. } = said.cursor;
    let call = if direction == "outbound" { AttemptId(call).to_string() } else { InboundId(call).to_string() };
    let number = said.number.map(|text| match PhoneNumber::from_e164(&text) {
        Ok(read) => number(&read, ask),
        Err(_) => personal(&text, ask),
    });
    let fixed = vec![
        call,
        direction,
        civil(said.at, ask),
        revision.to_string(),
        if said.counts { "yes" } else { "no" }.to_owned(),
        campaign(ask),
        said.list,
        number.unwrap_or_default(),
        personal(&said.name, ask),
        said.result,
        said.disposition.to_string(),
        said.agent.unwrap_or_default(),
        of_ms(Some(said.talk_ms)),
        of_ms(Some(said.wrap_up_ms)),
        personal(&said.note, ask),
    ];
    Line { fixed, answers: said.answers, extra: extra(said.extra, ask) }
}

fn lead(lead: LeadRecord, ask: &Ask) -> Line {
    let fixed = vec![
        lead.id.to_string(),
        campaign(ask),
        lead.list,
        number(&lead.number, ask),
        personal(&lead.name, ask),
        lead.zones.join(" "),
        lead.priority.to_string(),
        lead.state.as_str().to_owned(),
        time(lead.due_at, ask),
        time(lead.callback_at, ask),
        lead.callback_agent.unwrap_or_default(),
        civil(lead.created_at, ask),
        lead.result.unwrap_or_default(),
        word(lead.disposition),
        time(lead.said_at, ask),
        lead.agent.unwrap_or_default(),
        personal(&lead.note, ask),
    ];
    Line { fixed, answers: lead.answers, extra: extra(lead.extra, ask) }
}

fn suppression(row: &SuppressionRow, ask: &Ask) -> Line {
    let fixed = vec![
        row.id.to_string(),
        number(&row.number, ask),
        scope(&row.scope),
        row.reason.as_str().to_owned(),
        row.source.clone(),
        personal(&row.note, ask),
        row.added_by.clone(),
        civil(row.added_at, ask),
        time(row.expires_at, ask),
        row.lifted_by.clone().unwrap_or_default(),
        time(row.lifted_at, ask),
        personal(row.lifted_why.as_deref().unwrap_or_default(), ask),
    ];
    Line { fixed, ..Line::default() }
}

fn consent(row: &ConsentRow, ask: &Ask) -> Line {
    let kind = match row.kind {
        ConsentKind::Given => "given",
        ConsentKind::Revoked => "revoked",
    };
    let fixed = vec![
        row.id.to_string(),
        number(&row.number, ask),
        scope(&row.purpose),
        kind.to_owned(),
        personal(&row.text, ask),
        row.text_version.clone(),
        row.channel.clone(),
        row.source.clone(),
        civil(row.at, ask),
        time(row.expires_at, ask),
        row.recorded_by.clone(),
        civil(row.recorded_at, ask),
    ];
    Line { fixed, ..Line::default() }
}

fn order(row: &OrderRow, ask: &Ask) -> Line {
    let items: Vec<String> = row.items.iter().map(|item| format!("{} × {}", item.quantity, item.name)).collect();
    let fixed = vec![
        row.order.to_string(),
        row.state.as_str().to_owned(),
        civil(row.state_at, ask),
        civil(row.opened_at, ask),
        row.campaign.to_string(),
        row.number.as_ref().map(|known| number(known, ask)).unwrap_or_default(),
        personal(&row.recipient, ask),
        personal(&row.address, ask),
        items.join("; "),
        row.value.to_string(),
        row.currency.clone(),
        personal(&row.note, ask),
        row.carrier.clone(),
        personal(&row.tracking, ask),
        row.agent.clone().unwrap_or_default(),
        row.lead.map(|lead| lead.to_string()).unwrap_or_default(),
        row.call.to_string(),
        row.attention.as_ref().map(crate::model::word::word).unwrap_or_default(),
    ];
    Line { fixed, ..Line::default() }
}
