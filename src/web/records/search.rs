//! Searching what agents wrote.

use super::Records;
use crate::model::time::Timestamp;
use crate::store::{Found, SaidCursor, Search};
use crate::web::problem::{Kind, Problem};
use crate::web::recordings::RecordingView;
use crate::web::search::{FoundPage, FoundResult};

impl Records {
    /// A page of results in whose note or answers something is found.
    pub(in crate::web) async fn search(
        &self,
        search: &Search,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<FoundPage, Problem> {
        let before = cursor.map(read_cursor).transpose()?;
        let page = self.store.search_results(search, before.as_ref(), limit as usize).await?;
        Ok(FoundPage {
            items: page.found.into_iter().map(FoundResult::from).collect(),
            looked_through: page.looked_through,
            back_to: page.next.as_ref().map(|next| next.at),
            next_cursor: page
                .next
                .map(|next| format!("{}.{}.{}.{}", next.at.as_millis(), next.direction, next.call, next.revision)),
        })
    }
}

fn read_cursor(text: &str) -> Result<SaidCursor, Problem> {
    let parts: Vec<&str> = text.split('.').collect();
    let read =
        match parts[..] {
            [at, direction @ ("inbound" | "outbound"), call, revision] => {
                at.parse().ok().zip(call.parse().ok()).zip(revision.parse().ok()).map(|((at, call), revision)| {
                    SaidCursor { at: Timestamp::from_millis(at), direction: direction.to_owned(), call, revision }
                })
            }
            _ => None,
        };
    read.ok_or_else(|| Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before"))
}

impl From<Found> for FoundResult {
    fn from(found: Found) -> FoundResult {
        let call = found.call();
        let Found { said, lead, in_note, in_answers, recording } = found;
        FoundResult {
            call,
            lead,
            number: said.number,
            name: said.name,
            at: said.at,
            agent: said.agent,
            result: said.result,
            disposition: said.disposition,
            note: said.note,
            answers: said.answers,
            in_note,
            in_answers,
            recording: recording.map(RecordingView::from),
        }
    }
}
