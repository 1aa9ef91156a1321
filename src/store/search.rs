//! Searching what agents wrote: notes, and answers of the questionnaire.
//!
//! No index of words: results are read from the latest to the oldest by the index of campaign and time, a bounded number for each
//! question, and looked through here, so that upper and lower case are the same in every alphabet and on both engines. A page that came
//! to its bound says how far it went, and the next one goes on from there. Read [`Search`] and [`SearchPage`] first.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Store;
use super::db::{params, rows, statements};
use super::error::StoreError;
use super::recordings::RecordingRow;
use super::spreadsheets::{SaidCursor, SaidRecord, said};
use crate::model::attempt::CallRef;
use crate::model::id::LeadId;
use crate::model::name::CampaignKey;
use crate::model::recording::Recorded;
use crate::model::time::Timestamp;

/// Results that are looked through for one page: some tens of milliseconds.
const LOOKED_THROUGH_MAX: usize = 20_000;
/// Results that are read at once.
const AT_ONCE: usize = 2_000;
/// Most rows of a page.
const PAGE_MAX: usize = 200;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// In results of this campaign.
    pub campaign: CampaignKey,
    /// Somewhere in the note or in an answer, in upper or lower case. Empty: any.
    pub text: String,
    /// In the answer to this question alone.
    pub question: Option<String>,
    /// Recorded at or after.
    pub from: Timestamp,
    /// Recorded before.
    pub to: Timestamp,
    /// Only of calls with a recording, without one, or whose recording is missing.
    pub recorded: Option<Recorded>,
}

/// A result in which it was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The result, in the revision that counts.
    pub said: SaidRecord,
    /// The lead, where there is one.
    pub lead: Option<LeadId>,
    /// It is in the note.
    pub in_note: bool,
    /// The questions in whose answers it is.
    pub in_answers: Vec<String>,
    /// The recording of the call, or why there is none.
    pub recording: Option<RecordingRow>,
}

impl Found {
    /// The call.
    pub fn call(&self) -> CallRef {
        self.said.cursor.call()
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchPage {
    /// The latest first.
    pub found: Vec<Found>,
    /// So many results were looked through.
    pub looked_through: u64,
    /// Where to go on; none where there is nothing older.
    pub next: Option<SaidCursor>,
}

statements! {
    WRITTEN = "
        select r.at as at, r.direction as direction, r.call_id as call_id, r.revision as revision, r.note as note,
               r.answers as answers
        from results r
        where r.campaign = $1 and r.at >= $2 and r.at <= $3
          and (r.at, r.direction, r.call_id, r.revision) < ($3, $4, $5, $6)
        order by r.at desc, r.direction desc, r.call_id desc, r.revision desc limit $7";
    DETAILS = "
        select r.at as at, r.direction as direction, r.call_id as call, r.revision as revision, 1 as counts,
               coalesce(r.number, l.number) as number, coalesce(l.name, '') as name, coalesce(k.name, '') as list,
               r.result as result, r.disposition as disposition, u.login as agent, r.talk_ms as talk_ms,
               r.wrap_up_ms as wrap_up_ms, r.note as note, r.answers as answers, coalesce(l.extra, '{}') as extra,
               r.lead_id as lead_id
        from json_each($1) j cross join results r
        left join leads l on l.id = r.lead_id
        left join lists k on k.id = l.list_id
        left join users u on u.id = r.agent_id
        where r.direction = j.value ->> 0 and r.call_id = cast(j.value ->> 1 as bigint)
          and r.revision = cast(j.value ->> 2 as bigint)
          and not exists (select 1 from results n where n.direction = r.direction and n.call_id = r.call_id
                          and n.revision > r.revision)";
}

/// What was written in a result.
type Written = (i64, String, i64, u64, String, String);

impl Store {
    /// A page of results in whose note or answers something is found, the latest first, older than `before`.
    pub async fn search_results(
        &self,
        search: &Search,
        before: Option<&SaidCursor>,
        limit: usize,
    ) -> Result<SearchPage, StoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let wanted = search.text.to_lowercase();
        let first = SaidCursor { at: search.to, direction: String::new(), call: i64::MIN, revision: 0 };
        let mut below = before.unwrap_or(&first).clone();
        let mut conn = self.reader().await?;
        let mut page = SearchPage::default();
        let mut hits: Vec<(SaidCursor, bool, Vec<String>)> = Vec::new();
        let columns = "at, direction, call_id, revision, note, answers";
        while (page.looked_through as usize) < LOOKED_THROUGH_MAX && hits.len() < limit {
            let values = params![
                search.campaign.as_str(),
                search.from,
                below.at,
                below.direction.as_str(),
                below.call,
                below.revision,
                AT_ONCE as u64,
            ];
            let mut some: Vec<Written> = conn.tuples(WRITTEN, columns, values).await?;
            // They come packed, in no order.
            some.sort_by(|one, other| (other.0, &other.1, other.2, other.3).cmp(&(one.0, &one.1, one.2, one.3)));
            let read = some.len();
            page.next = None;
            for (at, direction, call, revision, note, answers) in some {
                page.looked_through += 1;
                below = SaidCursor { at: Timestamp::from_millis(at), direction, call, revision };
                if let Some((in_note, in_answers)) = found_in(search, &wanted, &note, &answers)? {
                    hits.push((below.clone(), in_note, in_answers));
                }
                if hits.len() == limit {
                    break;
                }
            }
            if read < AT_ONCE && hits.len() < limit {
                break;
            }
            page.next = Some(below.clone());
        }
        let keys = rows(hits.iter().map(|(key, _, _)| params![key.direction.as_str(), key.call, key.revision]));
        let mut details: BTreeMap<(String, i64), (SaidRecord, Option<LeadId>)> = BTreeMap::new();
        for row in conn.rows(DETAILS, vec![keys]).await? {
            let said = said(&row)?;
            let key = (said.cursor.direction.clone(), said.cursor.call);
            details.insert(key, (said, row.opt_int("lead_id")?.map(LeadId)));
        }
        // One that was corrected later is told by its correction, if it is there as well.
        page.found = hits
            .into_iter()
            .filter_map(|(key, in_note, in_answers)| {
                let (said, lead) = details.remove(&(key.direction.clone(), key.call))?;
                Some(Found { said, lead, in_note, in_answers, recording: None })
            })
            .collect();
        drop(conn);
        let mut recordings = self.recordings_of(page.found.iter().map(Found::call)).await?;
        for found in &mut page.found {
            found.recording = recordings.remove(&found.call());
        }
        if let Some(wanted) = search.recorded {
            page.found.retain(|found| found.recording.as_ref().map_or(Recorded::No, RecordingRow::recorded) == wanted);
        }
        Ok(page)
    }
}

/// Where it is found, if it is.
fn found_in(
    search: &Search,
    wanted: &str,
    note: &str,
    answers: &str,
) -> Result<Option<(bool, Vec<String>)>, StoreError> {
    let in_note = search.question.is_none() && !note.is_empty() && note.to_lowercase().contains(wanted);
    let mut in_answers = Vec::new();
    // Most have none, and reading each takes time.
    if answers != "{}" {
        let answers: BTreeMap<String, String> = serde_json::from_str(answers)
            .map_err(|_| StoreError::Unreadable { what: "answers", value: answers.to_owned() })?;
        let asked = |question: &String| search.question.as_ref().is_none_or(|only| only == question);
        let there = answers.iter().filter(|(question, _)| asked(question));
        in_answers = there
            .filter(|(_, answer)| answer.to_lowercase().contains(wanted))
            .map(|(question, _)| question.clone())
            .collect();
    }
    Ok((in_note || !in_answers.is_empty()).then_some((in_note, in_answers)))
}
