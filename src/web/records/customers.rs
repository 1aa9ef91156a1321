//! Leads, attempts and what there is about a number.

use super::Records;
use crate::model::attempt::CallRef;
use crate::model::id::LeadId;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::{self, AttemptCursor, Behind};
use crate::web::campaigns::AttemptPage;
use crate::web::consents::ConsentView;
use crate::web::customers::{Customer, LeadDetail, LeadNumber, LeadSummary};
use crate::web::history::{AttemptView, InboundView, ResultView};
use crate::web::problem::{Kind, Problem};
use crate::web::recordings::RecordingView;
use crate::web::suppressions::SuppressionView;

/// Calls of a number that a desk shows, in each direction, and orders.
const CALLS_SHOWN: usize = 20;

/// SMS from and to a number that a desk shows.
const MESSAGES_SHOWN: usize = 10;

impl Records {
    /// A page of a campaign's attempts, latest first.
    pub(in crate::web) async fn attempts(
        &self,
        behind: &Behind,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<AttemptPage, Problem> {
        let after = cursor.map(read_cursor).transpose()?;
        // One more than asked for tells whether there is a next page.
        let limit = limit as usize;
        let mut rows = self.store.attempts_behind(behind, after, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| format!("{}.{}", row.at.as_millis(), row.id));
        Ok(AttemptPage { items: self.with_recordings(rows).await?, next_cursor })
    }

    pub(in crate::web) async fn lead(&self, id: LeadId) -> Result<Option<LeadDetail>, Problem> {
        let Some(detail) = self.store.lead_detail(id).await? else { return Ok(None) };
        let store::LeadDetail { lead, attempts, results, suppressions: _ } = detail;
        Ok(Some(LeadDetail {
            id: lead.id,
            campaign: lead.campaign,
            list: lead.list,
            number: (&lead.number).into(),
            name: lead.name,
            zones: lead.zones,
            numbers: lead
                .numbers
                .iter()
                .map(|(number, kind)| LeadNumber { number: number.into(), kind: *kind })
                .collect(),
            extra: lead.extra,
            state: lead.state,
            due_at: lead.due_at,
            callback: lead.callback,
            attempts: self.with_recordings(attempts).await?,
            results: results.into_iter().map(ResultView::from).collect(),
            asked: self.asked(id).await?,
            visits: self.store.visits_of_lead(id).await?,
        }))
    }

    async fn with_recordings(&self, rows: Vec<store::AttemptRow>) -> Result<Vec<AttemptView>, Problem> {
        let calls = rows.iter().map(|row| CallRef::Outbound(row.id));
        let mut recordings = self.store.recordings_of(calls).await?;
        let view = |row: store::AttemptRow| {
            let recording = recordings.remove(&CallRef::Outbound(row.id)).map(RecordingView::from);
            AttemptView { recording, ..row.into() }
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Everything about a number.
    pub(in crate::web) async fn customer(&self, number: &PhoneNumber) -> Result<Customer, Problem> {
        let history = self.store.number_history(number, CALLS_SHOWN).await?;
        let mut results = Vec::new();
        let calls = history.attempts.iter().map(|attempt| CallRef::Outbound(attempt.id));
        for call in calls.chain(history.inbound.iter().map(|call| CallRef::Inbound(call.id))) {
            // The highest revision counts, and comes first.
            results.extend(self.store.results_of(call).await?.into_iter().next().map(ResultView::from));
        }
        results.sort_by_key(|result: &ResultView| std::cmp::Reverse(result.at));
        let calls = history.inbound.iter().map(|call| CallRef::Inbound(call.id));
        let mut recordings = self.store.recordings_of(calls).await?;
        let inbound = history.inbound.into_iter().map(|call| {
            let recording = recordings.remove(&CallRef::Inbound(call.id)).map(RecordingView::from);
            InboundView { recording, ..call.into() }
        });
        let inbound = inbound.collect();
        let suppressions = self.store.suppressions_of(number).await?;
        let consents = self.store.consents_of(number).await?;
        Ok(Customer {
            number: number.into(),
            leads: history.leads.into_iter().map(LeadSummary::from).collect(),
            attempts: self.with_recordings(history.attempts).await?,
            inbound,
            results,
            suppressions: suppressions.into_iter().map(SuppressionView::from).collect(),
            consents: consents.into_iter().map(ConsentView::from).collect(),
            messages: self.messages(Some(number), None, MESSAGES_SHOWN).await?,
            orders: self.orders_of(number, CALLS_SHOWN).await?,
        })
    }
}

fn read_cursor(text: &str) -> Result<AttemptCursor, Problem> {
    let read = text.split_once('.').and_then(|(at, id)| {
        let at = Timestamp::from_millis(at.parse().ok()?);
        Some(AttemptCursor { at, id: id.parse().ok()? })
    });
    read.ok_or_else(|| Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before"))
}

impl From<store::LeadCard> for LeadSummary {
    fn from(card: store::LeadCard) -> LeadSummary {
        LeadSummary { id: card.id, campaign: card.campaign, name: card.name, state: card.state }
    }
}

impl From<store::AttemptRow> for AttemptView {
    fn from(row: store::AttemptRow) -> AttemptView {
        AttemptView {
            id: row.id,
            campaign: row.campaign,
            lead: row.lead,
            number: (&row.number).into(),
            trunk: row.trunk,
            at: row.at,
            rang_at: row.rang_at,
            answered_at: row.answered_at,
            connected_at: row.connected_at,
            ended_at: row.ended_at,
            agent: row.agent,
            disposition: row.disposition,
            network_disposition: row.network_disposition,
            result: row.result,
            sip_status: row.sip_status,
            recording: None,
        }
    }
}

impl From<store::ResultRow> for ResultView {
    fn from(row: store::ResultRow) -> ResultView {
        ResultView {
            call: row.call,
            campaign: row.campaign,
            agent: row.agent,
            result: row.result,
            disposition: row.disposition,
            answers: row.answers,
            note: row.note,
            at: row.at,
        }
    }
}

impl From<store::InboundRow> for InboundView {
    fn from(row: store::InboundRow) -> InboundView {
        InboundView {
            id: row.id,
            queue: row.queue,
            campaign: row.campaign,
            offered_at: row.offered_at,
            connected_at: row.connected_at,
            ended_at: row.ended_at,
            outcome: row.outcome,
            recording: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read_cursor;

    #[test]
    fn a_cursor_that_was_not_given_out_is_refused() {
        assert!(read_cursor("1795312800000.att_0000000000005").is_ok());
        for bad in ["", ".", "5", "x.att_0000000000005", "5.lead_0000000000005"] {
            assert!(read_cursor(bad).is_err(), "{bad}");
        }
    }
}
