//! Which of its leads a campaign dials, and in which order.
//!
//! Not whether a lead may be dialled now, which is the guard's, and not how soon one is dialled again, which is the retry
//! rules'. Read [`Selection`], [`Selection::admits`] and [`Selection::place`] first.
//!
//! Within a priority the leads are fetched by one number, which is kept in the index of leads that are due: the time at which
//! a lead is due if it was dialled before, and for a fresh one a [place](Selection::place) of 0 or less. So an order costs
//! nothing when leads are fetched; it is worked out when a lead comes in, and again when the order changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::LeadId;
use super::time::Timestamp;

/// Places of a mix begin here: before those of every other order, so that none is taken for a time.
const MIX_BEGINS: i64 = -4_000_000_000_000_000;
/// What a lead of a list with share 1 takes of a mix.
const MIX_STEP: i64 = 1_000_000;
/// Places of the random order.
const RANDOM_PLACES: u64 = 1 << 40;
/// Largest score, and smallest.
pub const SCORE_MAX: i64 = 1_000_000_000;

/// Which leads a campaign dials, and in which order within their priority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Selection {
    /// The order of leads that were not dialled yet.
    #[serde(default)]
    pub order: LeadOrder,
    /// Whether those that were dialled before and are due again come before or after them.
    #[serde(default)]
    pub again: Again,
    /// Only leads to which all of these apply are dialled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Condition>,
    /// Leads of these lists are dialled only once the customer replied: they are the audience of messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_reply: Vec<String>,
    /// In which shares lists are dialled; empty: as the order says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<Share>,
}

/// The order of leads that were not dialled yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadOrder {
    /// As they came in.
    #[default]
    Oldest,
    /// Whoever replied last comes first; without a time of the reply, whoever came in last.
    Newest,
    /// The highest score first; without a score last.
    Score,
    /// As if shuffled, always in the same way.
    Random,
}

/// When leads that were dialled before and are due again are dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// When no fresh lead of their priority is left.
    #[default]
    Last,
    /// Before fresh ones of their priority.
    First,
}

/// What must be true of a lead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Condition {
    /// `list`, `priority`, `score`, or the heading of one of the list's own columns.
    pub column: String,
    /// It is one of these; empty: not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// It is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// It is a number, at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is a number, at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

/// A list's part of a mix. Lists that are not named have a share of 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Share {
    /// The list's name; lists with the same name share it.
    pub list: String,
    /// Leads of it for each lead of a list with share 1.
    pub share: u32,
}

/// What a selection needs to know of a lead.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'l> {
    /// Its id.
    pub id: LeadId,
    /// Name of its list.
    pub list: &'l str,
    /// 0 to 99.
    pub priority: u8,
    /// Its score, where its list had one.
    pub score: Option<i64>,
    /// When the customer replied, where its list says so.
    pub replied_at: Option<Timestamp>,
    /// When it came in.
    pub created_at: Timestamp,
    /// The list's other columns.
    pub extra: &'l BTreeMap<String, String>,
}

/// How far each list of a mix has been placed.
#[derive(Clone, Debug)]
pub struct Mixed {
    begins: i64,
    placed: BTreeMap<String, i64>,
}

impl Mixed {
    /// Goes on after leads of which the first has this place; from the beginning where there are none.
    pub fn after(first: Option<i64>) -> Mixed {
        Mixed { begins: first.unwrap_or(MIX_BEGINS).max(MIX_BEGINS), placed: BTreeMap::new() }
    }

    fn next(&mut self, list: &str, share: u32) -> i64 {
        let step = MIX_STEP / i64::from(share.max(1));
        if !self.placed.contains_key(list) {
            // The first lead of each list stands a whole step from the beginning, so that a small share does not go first.
            self.placed.insert(list.to_owned(), self.begins);
        }
        let place = self.placed.get_mut(list);
        place.map_or(self.begins, |place| {
            *place = place.saturating_add(step).min(-1);
            *place
        })
    }
}

impl Selection {
    /// All leads, as they came in.
    pub fn is_usual(&self) -> bool {
        *self == Selection::default()
    }

    /// Whether the campaign dials this lead at all.
    pub fn admits(&self, lead: &Selected<'_>) -> bool {
        let waits = lead.replied_at.is_none() && self.after_reply.iter().any(|list| list == lead.list);
        !waits && self.only.iter().all(|condition| condition.admits(lead))
    }

    /// A fresh lead's place among those of its priority, 0 or less; the lowest is dialled first, equal ones as they came in.
    pub fn place(&self, lead: &Selected<'_>, mixed: &mut Mixed) -> i64 {
        if !self.mix.is_empty() {
            let share = self.mix.iter().find(|share| share.list == lead.list).map_or(1, |share| share.share);
            return mixed.next(lead.list, share);
        }
        match self.order {
            LeadOrder::Oldest => 0,
            LeadOrder::Newest => -lead.replied_at.unwrap_or(lead.created_at).as_millis().max(0),
            LeadOrder::Score => match lead.score {
                Some(score) => -(score.clamp(-SCORE_MAX, SCORE_MAX) + SCORE_MAX + 1),
                None => 0,
            },
            LeadOrder::Random => -i64::try_from(shuffled(lead.id) % RANDOM_PLACES).unwrap_or(0),
        }
    }

    /// What decides about places and who is left out, and nothing else, as text: for telling whether leads were placed by it.
    /// Empty for the usual one.
    pub fn placing(&self) -> String {
        let placing = Selection { again: Again::Last, ..self.clone() };
        if placing.is_usual() {
            return String::new();
        }
        // Serialisation of these types cannot fail.
        serde_json::to_string(&placing).unwrap_or_default()
    }
}

impl Condition {
    /// Whether it applies to a lead.
    pub fn admits(&self, lead: &Selected<'_>) -> bool {
        let number = |number: i64| Some(number.to_string());
        let cell = match self.column.as_str() {
            "list" => Some(lead.list.to_owned()),
            "priority" => number(i64::from(lead.priority)),
            "score" => lead.score.and_then(number),
            column => lead.extra.get(column).map(|cell| cell.trim().to_owned()),
        };
        let cell = cell.unwrap_or_default();
        let within = || {
            // Excel writes thousands with a sign between; nothing else is a number.
            let Ok(number) = cell.replace(',', "").parse::<f64>() else { return false };
            self.at_least.is_none_or(|least| number >= least) && self.at_most.is_none_or(|most| number <= most)
        };
        let named = |texts: &[String]| texts.iter().any(|text| text.trim() == cell);
        (self.is.is_empty() || named(&self.is))
            && !named(&self.not)
            && ((self.at_least.is_none() && self.at_most.is_none()) || within())
    }
}

/// Bits of an id in another order (the finalizer of MurmurHash3).
pub(super) fn shuffled(id: LeadId) -> u64 {
    let mut bits = id.0.unsigned_abs();
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        bits ^= bits >> 33;
        bits = bits.wrapping_mul(factor);
    }
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead<'l>(list: &'l str, extra: &'l BTreeMap<String, String>) -> Selected<'l> {
        Selected {
            id: LeadId(7),
            list,
            priority: 50,
            score: None,
            replied_at: None,
            created_at: Timestamp::from_millis(1_000),
            extra,
        }
    }

    fn condition(column: &str) -> Condition {
        Condition { column: column.to_owned(), is: vec![], not: vec![], at_least: None, at_most: None }
    }

    #[test]
    fn conditions_ask_for_texts_numbers_and_lists_and_all_must_hold() {
        let extra =
            BTreeMap::from([("city".to_owned(), " 上海 ".to_owned()), ("bill".to_owned(), "1,280.5".to_owned())]);
        let selection = |only: Vec<Condition>| Selection { only, ..Selection::default() };
        let city = Condition { is: vec!["上海".to_owned(), "北京".to_owned()], ..condition("city") };
        let bill = |least: f64| Condition { at_least: Some(least), ..condition("bill") };
        assert!(selection(vec![city.clone(), bill(1000.0)]).admits(&lead("spring", &extra)));
        assert!(!selection(vec![city, bill(1300.0)]).admits(&lead("spring", &extra)));
        let elsewhere = Condition { not: vec!["上海".to_owned()], ..condition("city") };
        assert!(!selection(vec![elsewhere.clone()]).admits(&lead("spring", &extra)));
        assert!(selection(vec![elsewhere]).admits(&lead("spring", &BTreeMap::new())), "no city is none of these");
        let unknown = Condition { at_least: Some(0.0), ..condition("score") };
        assert!(!selection(vec![unknown.clone()]).admits(&lead("spring", &extra)), "no score is no number");
        assert!(selection(vec![unknown]).admits(&Selected { score: Some(3), ..lead("spring", &extra) }));
        let list = Condition { is: vec!["spring".to_owned()], ..condition("list") };
        assert!(selection(vec![list.clone()]).admits(&lead("spring", &extra)));
        assert!(!selection(vec![list]).admits(&lead("autumn", &extra)));
        let audience = Selection { after_reply: vec!["spring".to_owned()], ..Selection::default() };
        assert!(!audience.admits(&lead("spring", &extra)) && audience.admits(&lead("autumn", &extra)));
        let replied = Selected { replied_at: Some(Timestamp::from_millis(5)), ..lead("spring", &extra) };
        assert!(audience.admits(&replied));
    }

    #[test]
    fn a_place_is_never_a_time_and_the_best_is_the_lowest() {
        let none = BTreeMap::new();
        let place = |order, lead: &Selected<'_>| {
            let place = Selection { order, ..Selection::default() }.place(lead, &mut Mixed::after(None));
            assert!(place <= 0);
            place
        };
        let (early, late) =
            (lead("a", &none), Selected { replied_at: Some(Timestamp::from_millis(9_000)), ..lead("a", &none) });
        assert_eq!(place(LeadOrder::Oldest, &early), 0);
        assert!(place(LeadOrder::Newest, &late) < place(LeadOrder::Newest, &early));
        let scored = |score| Selected { score: Some(score), ..lead("a", &none) };
        assert!(place(LeadOrder::Score, &scored(8)) < place(LeadOrder::Score, &scored(-8)));
        assert!(place(LeadOrder::Score, &scored(i64::MIN)) < place(LeadOrder::Score, &early), "no score comes last");
        let places: std::collections::BTreeSet<i64> =
            (0..100).map(|id| place(LeadOrder::Random, &Selected { id: LeadId(id), ..lead("a", &none) })).collect();
        assert_eq!(places.len(), 100);
    }

    #[test]
    fn a_mix_holds_its_shares_from_the_first_lead_on_and_after_a_list_that_comes_later() {
        let none = BTreeMap::new();
        let share = |list: &str, share| Share { list: list.to_owned(), share };
        let selection = Selection { mix: vec![share("a", 3), share("c", 2)], ..Selection::default() };
        let mut mixed = Mixed::after(None);
        let mut placed: Vec<(i64, &str)> = Vec::new();
        for list in ["a", "b"] {
            placed.extend((0..60).map(|_| (selection.place(&lead(list, &none), &mut mixed), list)));
        }
        placed.sort_unstable();
        let count = |of: &str, among: &[(i64, &str)]| among.iter().filter(|(_, list)| *list == of).count();
        assert_eq!((count("a", &placed[..40]), count("b", &placed[..40])), (30, 10));
        assert_eq!((count("a", &placed[..4]), count("b", &placed[..4])), (3, 1));
        // Another list comes when forty are gone: it begins where the others are.
        let mut rest = placed.split_off(40);
        let mut later = Mixed::after(rest.first().map(|(place, _)| *place));
        rest.extend((0..60).map(|_| (selection.place(&lead("c", &none), &mut later), "c")));
        rest.sort_unstable();
        let next = &rest[..24];
        let counts = (count("a", next), count("b", next), count("c", next));
        assert!(
            (11..=13).contains(&counts.0) && (3..=5).contains(&counts.1) && (7..=9).contains(&counts.2),
            "{counts:?}"
        );
    }

    #[test]
    fn placing_tells_apart_what_decides_about_places() {
        let usual = Selection::default();
        assert_eq!(usual.placing(), "");
        assert_eq!(Selection { again: Again::First, ..usual.clone() }.placing(), "");
        let newest = Selection { order: LeadOrder::Newest, ..usual };
        assert_eq!(serde_json::from_str::<Selection>(&newest.placing()).unwrap(), newest);
        assert_ne!(newest.placing(), Selection { order: LeadOrder::Score, ..newest.clone() }.placing());
    }
}
