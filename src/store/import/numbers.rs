//! Several numbers of a person: which columns they are in, and what an import does with them.
//!
//! A number is on a campaign once: a row whose first number is there already is the person who is there, and a further number
//! that somebody else has is left out. Read [`kind_of`] and [`People`] first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::headers::{Meaning, plain};
use super::staging::{Staged, Taken};
use crate::model::id::{ImportId, LeadId};
use crate::model::name::CampaignKey;
use crate::model::numbers::{NUMBERS_MAX, NumberKind};
use crate::store::db::{Conn, Value, params, rows, statements, word};
use crate::store::error::StoreError;
use crate::store::leads::ZoneSource;

/// What people call columns with numbers of a kind, without case, spaces, punctuation and figures at the end.
const KINDS: &[(NumberKind, &[&str])] = &[
    (
        NumberKind::Mobile,
        &[
            "mobile",
            "mobilephone",
            "mobilenumber",
            "mobileno",
            "cell",
            "cellphone",
            "手机",
            "手机号",
            "手机号码",
            "移动电话",
        ],
    ),
    (
        NumberKind::Home,
        &[
            "homephone",
            "homenumber",
            "hometel",
            "landline",
            "家庭电话",
            "住宅电话",
            "家里电话",
            "宅电",
            "固定电话",
            "座机",
        ],
    ),
    (
        NumberKind::Work,
        &[
            "workphone",
            "worknumber",
            "officephone",
            "officenumber",
            "businessphone",
            "单位电话",
            "办公电话",
            "公司电话",
            "工作电话",
        ],
    ),
    (
        NumberKind::Other,
        &[
            "altphone",
            "alternatephone",
            "alternativephone",
            "alternativenumber",
            "secondphone",
            "secondnumber",
            "secondaryphone",
            "otherphone",
            "othernumber",
            "backupphone",
            "备用电话",
            "备用号码",
            "备用手机",
            "其他电话",
            "第二电话",
            "第二联系电话",
        ],
    ),
];

/// What kind of number a column has, going by its heading; `None`: no number. `Phone 2` is a number like `Phone`.
pub(super) fn kind_of(heading: &str) -> Option<NumberKind> {
    let plain = plain(heading);
    let name = plain.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let known = KINDS.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind);
    known.or_else(|| Meaning::Number.synonyms().contains(&name).then_some(NumberKind::Other))
}

/// A number of a row, as it is staged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowNumber {
    pub(super) number: String,
    pub(super) zones: String,
    pub(super) zone_source: ZoneSource,
    pub(super) kind: NumberKind,
}

statements! {
    PRESENT_AMONG = "
        select l.number as number, l.campaign as campaign, l.import_id as import_id, l.id as id, 0 as place,
               1 as numbers, null as added_by, null as line
        from json_each($1) j cross join leads l
        where l.number = j.value ->> 0 and (l.campaign = $2 or $3) and l.numbers is null
        union all
        select n.number, n.campaign, l.import_id, l.id, n.place, coalesce(l.numbers, 1), n.import_id, n.line
        from json_each($1) j cross join lead_numbers n cross join leads l
        where n.number = j.value ->> 0 and (n.campaign = $2 or $3) and l.id = n.lead_id";
    SUPPRESSED_AMONG = "
        select distinct s.number as number from json_each($1) j cross join suppressions s
        where s.number = j.value ->> 0 and s.scope in ('*', $2) and s.lifted_at is null and (s.expires_at is null or s.expires_at > $3)";
    ADD_NUMBERS = "
        insert into lead_numbers (lead_id, place, campaign, number, zones, zone_source, kind, import_id, line)
        select cast(j.value ->> 0 as bigint), cast(j.value ->> 1 as bigint), $2, j.value ->> 2, j.value ->> 3,
               j.value ->> 4, j.value ->> 5, $3, cast(j.value ->> 6 as bigint)
        from json_each($1) j where true";
    OWN_NUMBER = "
        insert into lead_numbers (lead_id, place, campaign, number, zones, zone_source, kind)
        select l.id, 0, l.campaign, l.number, l.zones, l.zone_source, coalesce(l.kind, 'other')
        from json_each($1) j cross join leads l
        where l.id = cast(j.value ->> 0 as bigint) and l.numbers is null";
    HOW_MANY = "
        select l.id as id, coalesce(l.numbers, 1) as count,
               (select max(n.place) from lead_numbers n where n.lead_id = l.id) as last
        from json_each($1) j cross join leads l
        where l.id = cast(j.value ->> 0 as bigint)";
    COUNT_NUMBERS = "
        update leads set numbers = (select count(*) from lead_numbers n where n.lead_id = leads.id)
        from (select cast(j.value ->> 0 as bigint) as id from json_each($1) j) w where leads.id = w.id";
}

/// Where a number is already.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) lead: LeadId,
    pub(super) campaign: CampaignKey,
    import: Option<ImportId>,
    /// It is the first of that person's numbers.
    first: bool,
    /// How many numbers that person has.
    numbers: usize,
    /// The import that gave it to a person who was there, and the line of the row; `None`: it came with the person.
    added: Option<(ImportId, u64)>,
}

impl Holder {
    /// Whether the import brought in this very row before it was broken off.
    pub(super) fn is_of(&self, import: Option<ImportId>) -> bool {
        self.first && import.is_some() && self.import == import
    }
}

/// What is known of the numbers of a batch of rows.
pub(super) struct People {
    suppressed: BTreeSet<String>,
    present: BTreeMap<String, Holder>,
    /// Numbers that rows of the file took, by the line of the row.
    in_file: BTreeMap<String, u64>,
    /// How many numbers people get who are there, beside those they have.
    gains: BTreeMap<LeadId, usize>,
    /// What rows of the batch take.
    taken: Vec<Taken>,
}

impl People {
    /// `in_file`: what rows of earlier batches took.
    pub(super) async fn read(
        conn: &mut Conn,
        batch: &[Staged],
        in_file: BTreeMap<String, u64>,
        campaign: &CampaignKey,
        everywhere: bool,
        at: crate::model::time::Timestamp,
    ) -> Result<People, StoreError> {
        let numbers = all_of(batch);
        let mut suppressed = BTreeSet::new();
        for row in conn.rows(SUPPRESSED_AMONG, vec![numbers.clone(), campaign.as_str().into(), at.into()]).await? {
            suppressed.insert(row.text("number")?);
        }
        let mut present: BTreeMap<String, Holder> = BTreeMap::new();
        for row in conn.rows(PRESENT_AMONG, vec![numbers, campaign.as_str().into(), everywhere.into()]).await? {
            let number = row.text("number")?;
            let added = row.opt_int("added_by")?.map(ImportId);
            let holder = Holder {
                lead: LeadId(row.int("id")?),
                campaign: row.parsed("campaign")?,
                import: row.opt_int("import_id")?.map(ImportId),
                first: row.int("place")? == 0,
                numbers: usize::try_from(row.count("numbers")?).unwrap_or(NUMBERS_MAX),
                added: added.map(|import| Ok::<_, StoreError>((import, row.count("line")?))).transpose()?,
            };
            // The campaign's own lead before those of others.
            if holder.campaign == *campaign || !present.contains_key(&number) {
                present.insert(number, holder);
            }
        }
        Ok(People { suppressed, present, in_file, gains: BTreeMap::new(), taken: Vec::new() })
    }

    /// The people who have any of the numbers.
    pub(super) fn leads(&self) -> BTreeSet<LeadId> {
        self.present.values().map(|holder| holder.lead).collect()
    }

    /// How many numbers earlier rows of the file would give to people who are there.
    pub(super) fn gained(&mut self, gains: BTreeMap<LeadId, usize>) {
        self.gains = gains;
    }

    /// Whether any of a row's numbers must not be dialled: it is the person who said so.
    pub(super) fn is_suppressed(&self, row: &Staged) -> bool {
        let further = row.numbers.iter().map(|further| &further.number);
        std::iter::once(&row.number).chain(further).any(|number| self.suppressed.contains(number))
    }

    /// Who has this number.
    pub(super) fn holder(&self, number: &str) -> Option<&Holder> {
        self.present.get(number)
    }

    /// The line of the earlier row of the file that took a number.
    pub(super) fn line_of(&self, number: &str) -> Option<u64> {
        self.in_file.get(number).copied()
    }

    /// How many more numbers a person may have.
    pub(super) fn room(&self, holder: &Holder) -> usize {
        let gains = self.gains.get(&holder.lead).copied().unwrap_or_default();
        NUMBERS_MAX.saturating_sub(holder.numbers + gains)
    }

    /// The import brought this row in before it was broken off: which numbers the row took then.
    pub(super) fn came_with(&mut self, row: &Staged, lead: LeadId) {
        let own = |holder: &Holder| holder.lead == lead && holder.added.is_none();
        self.took(row, own);
    }

    /// Whether the import gave numbers of this row to somebody before it was broken off; these are the row's.
    pub(super) fn added_before(&mut self, row: &Staged, import: Option<ImportId>) -> bool {
        let added = import.map(|import| (import, row.line));
        self.took(row, |holder| added.is_some() && holder.added == added) > 0
    }

    /// Notes numbers of a row as the row's where they are held so; how many.
    fn took(&mut self, row: &Staged, held: impl Fn(&Holder) -> bool) -> usize {
        let of_row = std::iter::once(&row.number).chain(row.numbers.iter().map(|one| &one.number));
        let took: BTreeSet<&String> = of_row.filter(|number| self.present.get(*number).is_some_and(&held)).collect();
        for number in &took {
            self.note(number, row.line, None);
        }
        took.len()
    }

    fn note(&mut self, number: &str, line: u64, gains: Option<LeadId>) {
        if self.in_file.insert(number.to_owned(), line).is_none() {
            self.taken.push(Taken { number: number.to_owned(), line, gains });
        }
    }

    /// A row is taken: its own number is the row's.
    pub(super) fn begin(&mut self, row: &Staged) {
        self.note(&row.number, row.line, None);
    }

    /// Takes a row's further numbers that nobody has, in their order and at most `room`, for a person who is there or a new one.
    pub(super) fn take<'r>(&mut self, row: &'r Staged, lead: Option<LeadId>, room: usize) -> Vec<&'r RowNumber> {
        let mut free: Vec<&RowNumber> = Vec::new();
        for further in row.numbers.iter().filter(|further| further.number != row.number) {
            if free.len() >= room {
                break;
            }
            if !self.present.contains_key(&further.number) && !self.in_file.contains_key(&further.number) {
                self.note(&further.number, row.line, lead);
                free.push(further);
            }
        }
        if let Some(lead) = lead {
            *self.gains.entry(lead).or_default() += free.len();
        }
        free
    }

    /// What the rows took.
    pub(super) fn into_taken(self) -> Vec<Taken> {
        self.taken
    }
}

/// All numbers of a batch, each once.
pub(super) fn all_of(batch: &[Staged]) -> Value {
    let mut numbers: BTreeSet<&str> = BTreeSet::new();
    for row in batch {
        numbers.insert(&row.number);
        numbers.extend(row.numbers.iter().map(|further| further.number.as_str()));
    }
    rows(numbers.into_iter().map(|number| params![number]))
}

/// A lead and further numbers that it gets from the row of a line.
pub(super) struct Further<'r> {
    pub(super) lead: LeadId,
    pub(super) line: u64,
    pub(super) numbers: Vec<&'r RowNumber>,
}

/// Writes down the numbers of new leads, the rows' own first.
pub(super) async fn begin(
    conn: &mut Conn,
    campaign: &CampaignKey,
    people: &[(LeadId, &RowNumber, &[&RowNumber])],
) -> Result<(), StoreError> {
    let several: Vec<_> = people.iter().filter(|(_, _, further)| !further.is_empty()).collect();
    if several.is_empty() {
        return Ok(());
    }
    let numbers = several.iter().flat_map(|(lead, own, further)| {
        let all = std::iter::once(*own).chain(further.iter().copied());
        (0i64..).zip(all).map(|(place, number)| row(*lead, place, number, None))
    });
    conn.run(ADD_NUMBERS, params![rows(numbers.collect::<Vec<_>>()), campaign.as_str(), None::<i64>]).await?;
    conn.run(COUNT_NUMBERS, vec![rows(several.iter().map(|(lead, ..)| params![lead.0]))]).await.map(drop)
}

fn row(lead: LeadId, place: i64, number: &RowNumber, line: Option<u64>) -> Vec<Value> {
    params![
        lead.0,
        place,
        number.number.as_str(),
        number.zones.as_str(),
        word(&number.zone_source),
        number.kind.as_str(),
        line.map(|line| i64::try_from(line).unwrap_or(i64::MAX)),
    ]
}

/// Gives leads that are there further numbers, up to as many as a person may have, and remembers which import did.
pub(super) async fn add<'f>(
    conn: &mut Conn,
    campaign: &CampaignKey,
    import: ImportId,
    further: impl Iterator<Item = &'f Further<'f>>,
) -> Result<(), StoreError> {
    let gaining: Vec<&Further<'_>> = further.filter(|one| !one.numbers.is_empty()).collect();
    if gaining.is_empty() {
        return Ok(());
    }
    let ids = || rows(gaining.iter().map(|one| params![one.lead.0]));
    // How many they have, and the place of the last: numbers that were taken back left their places free.
    let mut there: BTreeMap<LeadId, (usize, i64)> = BTreeMap::new();
    for row in conn.rows(HOW_MANY, vec![ids()]).await? {
        let count = usize::try_from(row.count("count")?).unwrap_or(NUMBERS_MAX);
        there.insert(LeadId(row.int("id")?), (count, row.opt_int("last")?.unwrap_or(0)));
    }
    conn.run(OWN_NUMBER, vec![ids()]).await?;
    let added = gaining.iter().flat_map(|one| {
        let (count, last) = there.get(&one.lead).copied().unwrap_or((NUMBERS_MAX, 0));
        let some = one.numbers.iter().take(NUMBERS_MAX.saturating_sub(count));
        (last + 1..).zip(some).map(|(place, number)| row(one.lead, place, number, Some(one.line)))
    });
    let added = rows(added.collect::<Vec<_>>());
    conn.run(ADD_NUMBERS, params![added, campaign.as_str(), import.0]).await?;
    conn.run(COUNT_NUMBERS, vec![ids()]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_say_which_kind_a_number_is() {
        for (heading, kind) in [
            ("Mobile No.", NumberKind::Mobile),
            ("手机号2", NumberKind::Mobile),
            ("Home Phone", NumberKind::Home),
            ("单位电话", NumberKind::Work),
            ("Phone 3", NumberKind::Other),
            ("备用电话", NumberKind::Other),
        ] {
            assert_eq!(kind_of(heading), Some(kind), "{heading}");
        }
        for other in ["City", "Phone model", "2", "address"] {
            assert_eq!(kind_of(other), None, "{other}");
        }
    }
}
