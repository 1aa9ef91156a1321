//! What becomes of a batch of rows, given what is known of their numbers.
//!
//! As if the rows were taken one by one in the order of their numbers, wherever a batch ends and however often the import was broken
//! off: what an earlier row of the file took stays with that row. Read [`judge`] first.

use super::numbers::{Further, People, RowNumber};
use super::staging::{Staged, Taken, Verdict};
use super::{DuplicatePolicy, Duplicates};
use crate::model::id::ImportId;
use crate::model::name::CampaignKey;
use crate::model::numbers::NUMBERS_MAX;

/// Rows that are not taken or only bring what is known up to date, rows that are taken with the further numbers that their people
/// get, those whose leads are there, and which row of the file has which number by now.
#[derive(Default)]
pub(super) struct Judged<'r> {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) taken: Vec<(&'r Staged, Vec<&'r RowNumber>)>,
    pub(super) known: Vec<(&'r Staged, Further<'r>)>,
    pub(super) numbers: Vec<Taken>,
}

/// Which rows of a batch can be taken; those that the import took before are neither taken nor not.
pub(super) fn judge<'r>(
    rows: &'r [Staged],
    mut people: People,
    campaign: &CampaignKey,
    duplicates: Duplicates,
    import: Option<ImportId>,
) -> Judged<'r> {
    let mut judged = Judged::default();
    for row in rows {
        let holder = people.holder(&row.number).cloned();
        let own = holder.as_ref().filter(|holder| holder.campaign == *campaign);
        if let Some(own) = own.filter(|own| own.is_of(import)) {
            people.came_with(row, own.lead);
            continue;
        }
        let added_before = own.is_some() && people.added_before(row, import);
        if !added_before && people.is_suppressed(row) {
            judged.verdicts.push(Verdict::suppressed(row.line));
            continue;
        }
        if let Some(line) = people.line_of(&row.number) {
            judged.verdicts.push(Verdict::duplicate_in_file(row.line, line));
            continue;
        }
        match (&holder, own) {
            (None, _) => {
                people.begin(row);
                judged.taken.push((row, people.take(row, None, NUMBERS_MAX - 1)));
            }
            (Some(_), Some(holder)) if duplicates.policy != DuplicatePolicy::Skip => {
                let numbers = people.take(row, Some(holder.lead), people.room(holder));
                if duplicates.policy == DuplicatePolicy::AddNumbers && numbers.is_empty() && !added_before {
                    judged.verdicts.push(Verdict::duplicate_in_campaign(row.line, campaign));
                    continue;
                }
                judged.verdicts.push(Verdict::updated(row.line));
                judged.known.push((row, Further { lead: holder.lead, line: row.line, numbers }));
            }
            (Some(holder), _) => judged.verdicts.push(Verdict::duplicate_in_campaign(row.line, &holder.campaign)),
        }
    }
    judged.numbers = people.into_taken();
    judged
}
