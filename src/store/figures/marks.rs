//! Which hours are known to be marked, so that a busy hour is marked once and not with every batch of calls.
//!
//! Not the marks themselves, which are rows (`figures_stale`): this forgets at any time and costs a statement then. Only the
//! service keeps it, because only the service takes marks away. Read [`Marks::counting`] first.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::name::CampaignKey;

/// An hour of a campaign, in hours of UTC since 1970.
pub(in crate::store) type Hour = (CampaignKey, i64);

/// Hours that are known at once; with more of them all are forgotten. A service has a few for each campaign that dials.
const KNOWN_MAX: usize = 10_000;

/// Hours whose mark is on the disk.
#[derive(Debug)]
pub(in crate::store) struct Marks {
    keeps: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    marked: BTreeSet<Hour>,
    /// Marked by the transaction that is under way.
    written: BTreeSet<Hour>,
    counting: BTreeSet<Hour>,
}

impl Marks {
    /// `keeps` for whoever counts hours; a command beside the service must mark every time.
    pub(in crate::store) fn new(keeps: bool) -> Marks {
        Marks { keeps, known: Mutex::default() }
    }

    /// Leaves those of `hours` that must be marked.
    pub(super) fn leave_unmarked(&self, hours: &mut BTreeSet<Hour>) {
        let known = self.known();
        hours.retain(|hour| !known.marked.contains(hour));
    }

    /// The transaction that is under way has marked these.
    pub(super) fn written(&self, hours: BTreeSet<Hour>) {
        if self.keeps {
            self.known().written.extend(hours);
        }
    }

    /// The transaction is on the disk, and its marks with it.
    pub(in crate::store) fn committed(&self) {
        let known = &mut *self.known();
        if known.marked.len() + known.written.len() > KNOWN_MAX {
            known.marked.clear();
        }
        let Known { marked, written, counting } = known;
        marked.extend(std::mem::take(written).into_iter().filter(|hour| !counting.contains(hour)));
    }

    /// Something that the transaction wrote was undone, perhaps a mark.
    pub(in crate::store) fn undone(&self) {
        self.known().written.clear();
    }

    /// The database may be another one now.
    pub(in crate::store) fn forget(&self) {
        let known = &mut *self.known();
        known.marked.clear();
        known.written.clear();
    }

    /// An hour is about to be counted: until the answer is dropped, whoever changes it marks it anew. Who is writing already
    /// may have left that out, so a write must have ended before the counting begins.
    pub(super) fn counting(&self, hour: Hour) -> Counting<'_> {
        let known = &mut *self.known();
        known.marked.remove(&hour);
        known.counting.insert(hour.clone());
        Counting { marks: self, hour }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An hour that is being counted.
pub(super) struct Counting<'m> {
    marks: &'m Marks,
    hour: Hour,
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.marks.known().counting.remove(&self.hour);
    }
}

#[cfg(test)]
mod tests {
    use super::{Hour, Marks};
    use std::collections::BTreeSet;

    fn hour(of: i64) -> Hour {
        ("spring".parse().unwrap(), of)
    }

    fn must_be_marked(marks: &Marks, of: i64) -> bool {
        let mut hours = BTreeSet::from([hour(of)]);
        marks.leave_unmarked(&mut hours);
        !hours.is_empty()
    }

    #[test]
    fn a_mark_counts_from_its_commit_on_and_not_if_it_was_undone() {
        let marks = Marks::new(true);
        marks.written(BTreeSet::from([hour(1)]));
        assert!(must_be_marked(&marks, 1));
        marks.committed();
        assert!(!must_be_marked(&marks, 1) && must_be_marked(&marks, 2));
        marks.written(BTreeSet::from([hour(2)]));
        marks.undone();
        marks.committed();
        assert!(must_be_marked(&marks, 2));
        marks.forget();
        assert!(must_be_marked(&marks, 1));
    }

    #[test]
    fn an_hour_that_is_being_counted_is_marked_by_every_change() {
        let marks = Marks::new(true);
        marks.written(BTreeSet::from([hour(1)]));
        marks.committed();
        let counting = marks.counting(hour(1));
        assert!(must_be_marked(&marks, 1));
        marks.written(BTreeSet::from([hour(1)]));
        marks.committed();
        assert!(must_be_marked(&marks, 1), "the mark that the counting has seen is not this one");
        drop(counting);
        assert!(must_be_marked(&marks, 1));
        marks.written(BTreeSet::from([hour(1)]));
        marks.committed();
        assert!(!must_be_marked(&marks, 1));
    }

    #[test]
    fn a_command_beside_the_service_marks_every_time() {
        let marks = Marks::new(false);
        marks.written(BTreeSet::from([hour(1)]));
        marks.committed();
        assert!(must_be_marked(&marks, 1));
    }
}
