//! The chances of a dial: for the whole campaign, or by class of leads.

use super::Outcomes;
use super::read::{list, profile};
use crate::model::document::{ComplaintCode, Table};
use crate::sim::profile::Profile;

/// Shares and probabilities that miss 1 by less are meant to sum to it.
const ROUNDING: f64 = 1e-6;

/// The classes of a campaign's leads; one if the file names none.
pub(super) fn outcomes(table: &Table<'_>) -> Option<Vec<Outcomes>> {
    let whole = chances(table, None);
    let classes = list(table, "lead_classes", |class| {
        let share = class.required_within("share", 0.0..=1.0);
        let mut outcomes = chances(class, whole.as_ref())?;
        outcomes.share = share?;
        Some(outcomes)
    });
    let (whole, classes) = (whole?, classes?);
    if classes.is_empty() {
        return Some(vec![whole]);
    }
    let sum: f64 = classes.iter().map(|class| class.share).sum();
    if (sum - 1.0).abs() > ROUNDING {
        let says = format!("the shares sum to {sum}");
        return table.spot("lead_classes")?.wrong(ComplaintCode::Conflict, says, "expected 1");
    }
    Some(classes)
}

/// The chances in a table; what a class leaves out is as for the whole campaign.
fn chances(table: &Table<'_>, whole: Option<&Outcomes>) -> Option<Outcomes> {
    let read = |key, of: fn(&Outcomes) -> &Profile| {
        let fallback = || whole.map_or(Profile::constant(0.0), |whole| of(whole).clone());
        profile(table, key, 1.0).map(|found| found.unwrap_or_else(fallback))
    };
    let person = read("person_probability", |whole| &whole.person);
    let machine = read("machine_probability", |whole| &whole.machine);
    let failure = read("failure_probability", |whole| &whole.failure);
    let outcomes = Outcomes { share: 1.0, person: person?, machine: machine?, failure: failure? };
    let times = [&outcomes.person, &outcomes.machine, &outcomes.failure].into_iter().flat_map(Profile::changes);
    for at_s in times.chain([f64::NEG_INFINITY]) {
        let sum = outcomes.person.at(at_s) + outcomes.machine.at(at_s) + outcomes.failure.at(at_s);
        if sum > 1.0 + ROUNDING {
            let says = format!("the probabilities of a dial sum to {sum}");
            let keys = ["person_probability", "machine_probability", "failure_probability"];
            let spot = keys.into_iter().find_map(|key| table.spot(key))?;
            return spot.wrong(ComplaintCode::Conflict, says, "expected 1 at most; the rest is not answered");
        }
    }
    Some(outcomes)
}
