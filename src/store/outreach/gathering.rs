//! Who is in an audience: goes through the leads of its list, some at a time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{OutreachRow, Skipped};
use crate::model::dialable::is_landline;
use crate::model::document::did_you_mean;
use crate::model::id::LeadId;
use crate::model::lead::LeadState;
use crate::model::message::{fit, parts};
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::numbers::NumberKind;
use crate::model::outreach::{Outreach, Template, Variant};
use crate::model::phone::PhoneNumber;
use crate::model::selection::Selected;
use crate::model::time::Timestamp;
use crate::store::Store;
use crate::store::attempts::phone;
use crate::store::db::{Conn, Row, Value, params, rows, statements};
use crate::store::error::StoreError;

/// Leads looked at in one transaction: a few milliseconds.
const LOOKED_AT_ONCE: u64 = 500;
/// Examples of each text.
const SAMPLES: usize = 3;

statements! {
    // The campaign is no term of an index here, so that leads are read in the order of their ids.
    WINDOW = "
        select l.id as id, l.number as number, l.name as name, s.name as list, l.priority as priority, l.score as score,
               l.replied_at as replied_at, l.created_at as created_at, l.extra as extra, l.state as state,
               l.kind as kind, l.numbers as numbers
        from leads l cross join lists s
        where l.id > $1 and l.campaign || '' = $2 and s.id = l.list_id order by l.id limit $3";
    MOBILES = "
        select n.lead_id as lead_id, n.number as number from json_each($1) j cross join lead_numbers n
        where n.lead_id = cast(j.value ->> 0 as bigint) and n.kind = 'mobile' order by n.lead_id, n.place desc";
    ADD = "
        insert into outreach_recipients (campaign, outreach, lead_id, number, variant, language, state, due_at, reason)
        select $2, $3, cast(j.value ->> 0 as bigint), j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4,
               cast(j.value ->> 5 as bigint), j.value ->> 6
        from json_each($1) j where true
        on conflict do nothing";
    LOOKED = "
        update outreaches set looked_to = $3, looked_at = looked_at + $4
        where campaign = $1 and name = $2 and state = 'running' and looked_to = $5";
}

/// What is known of somebody who may be in an audience.
pub(in crate::store) struct Person {
    pub(in crate::store) id: LeadId,
    pub(in crate::store) number: PhoneNumber,
    pub(in crate::store) name: String,
    pub(in crate::store) extra: BTreeMap<String, String>,
    pub(in crate::store) state: LeadState,
    pub(in crate::store) replied_at: Option<Timestamp>,
    list: String,
    priority: u8,
    score: Option<i64>,
    created_at: Timestamp,
    several: bool,
}

impl Person {
    pub(in crate::store) fn of(row: &Row) -> Result<Person, StoreError> {
        Ok(Person {
            id: LeadId(row.int("id")?),
            number: phone(row, "number")?,
            name: row.text("name")?,
            extra: row.json("extra")?,
            state: row.word("state")?,
            replied_at: row.opt_time("replied_at")?,
            list: row.text("list")?,
            priority: u8::try_from(row.count("priority")?).unwrap_or(99),
            score: row.opt_int("score")?,
            created_at: row.time("created_at")?,
            // Whose number that is dialled next is a mobile one needs no other.
            several: row.opt_int("numbers")?.is_some()
                && row.opt_word::<NumberKind>("kind")? != Some(NumberKind::Mobile),
        })
    }

    /// What stands in a column, `name` among them.
    pub(in crate::store) fn cell(&self, column: &str) -> Option<&str> {
        match column {
            "name" if !self.name.is_empty() => Some(&self.name),
            column => self.extra.get(column).map(String::as_str),
        }
    }

    /// Whether somebody is in the audience: on the list, within its conditions, neither done, pre-registered nor promised a call.
    pub(in crate::store) fn is_in(&self, outreach: &Outreach) -> bool {
        let selected = Selected {
            id: self.id,
            list: &self.list,
            priority: self.priority,
            score: self.score,
            replied_at: self.replied_at,
            created_at: self.created_at,
            extra: &self.extra,
        };
        self.list == outreach.list
            && matches!(self.state, LeadState::Open | LeadState::Dialling)
            && self.replied_at.is_none()
            && outreach.only.iter().all(|condition| condition.admits(&selected))
    }
}

/// What somebody is told.
pub(in crate::store) struct Worded<'o> {
    pub(in crate::store) language: &'o str,
    pub(in crate::store) template: &'o Template,
    text: String,
}

/// What somebody is told with one of the texts, or why nothing.
pub(in crate::store) fn worded<'o>(
    person: &Person,
    texts: &'o Variant,
    outreach: &'o Outreach,
    link: &str,
) -> Result<Worded<'o>, (Skipped, Option<String>)> {
    let found = outreach.language_of(texts, person.cell(&outreach.language_column));
    let (language, template) = found.ok_or((Skipped::Blank, Some(outreach.language_column.clone())))?;
    match template.fill(|column| person.cell(column), link) {
        Err(blank) => Err((Skipped::Blank, Some(blank.0))),
        Ok(text) if fit(&text).is_err() => Err((Skipped::TooLong, None)),
        Ok(text) => Ok(Worded { language, template, text }),
    }
}

/// The next people of a campaign after a lead, and those of their numbers that an SMS reaches.
pub(in crate::store) async fn people(
    conn: &mut Conn,
    campaign: &CampaignKey,
    after: i64,
    most: u64,
) -> Result<Vec<Person>, StoreError> {
    let found = conn.rows(WINDOW, params![after, campaign.as_str(), most]).await?;
    let mut people: Vec<Person> = found.iter().map(Person::of).collect::<Result<_, _>>()?;
    let several: Vec<_> = people.iter().filter(|one| one.several).map(|one| params![one.id.0]).collect();
    if !several.is_empty() {
        let mut mobiles = BTreeMap::new();
        for row in conn.rows(MOBILES, vec![rows(several)]).await? {
            // The first of the list is the last that is read.
            mobiles.insert(LeadId(row.int("lead_id")?), phone(&row, "number")?);
        }
        for person in &mut people {
            if let Some(mobile) = mobiles.remove(&person.id) {
                person.number = mobile;
            }
        }
    }
    Ok(people)
}

/// What an outreach would send, from a look at the first people of its list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AudienceSeen {
    /// People of the list who were looked at.
    pub looked_at: u64,
    /// Nobody was left out.
    pub whole: bool,
    /// Of those, how many are in the audience.
    pub people: u64,
    /// What they would get.
    pub texts: Vec<TextSeen>,
    /// Why some of them would get nothing.
    pub skipped: Vec<SkippedSeen>,
    /// Columns that a text names and nobody who was looked at has.
    pub unknown: Vec<String>,
    /// Columns that there are.
    pub columns: Vec<String>,
}

/// One of the texts, as it would be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TextSeen {
    /// The variant.
    #[schema(value_type = String)]
    pub variant: OutreachName,
    /// The language.
    pub language: String,
    /// How many would get it.
    pub people: u64,
    /// How many SMS that takes in all.
    pub sms: u64,
    /// The same for the longest.
    pub parts_max: u64,
    /// Some of them.
    pub samples: Vec<Sample>,
}

/// A message that somebody would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Sample {
    /// The lead.
    #[schema(value_type = String)]
    pub lead: LeadId,
    /// Their name.
    pub name: String,
    /// What it says; a link is an example.
    pub text: String,
    /// How many SMS it takes.
    pub parts: u64,
}

/// Why some would get nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SkippedSeen {
    /// Why.
    pub why: Skipped,
    /// Of a column in which nothing stands: which.
    pub detail: Option<String>,
    /// How many.
    pub people: u64,
}

impl AudienceSeen {
    /// What the SMS cost at this price; none where they have no price.
    pub fn cost(&self, per_sms: f64) -> Option<f64> {
        let sms: u64 = self.texts.iter().map(|text| text.sms).sum();
        (per_sms > 0.0).then_some(sms as f64 * per_sms)
    }

    /// What speaks against starting: nobody would get a message, or a text names a column that nobody has.
    pub fn obstacle(&self, outreach: &Outreach) -> Option<String> {
        let list = &outreach.list;
        match (self.looked_at, self.people) {
            (0, 0) if self.whole => return Some(format!("nobody is on the list `{list}`")),
            (some, 0) if self.whole => {
                return Some(format!(
                    "none of the {some} people of `{list}` is in the audience: its conditions leave them out, or they have replied or are done"
                ));
            }
            _ => {}
        }
        if let Some(column) = self.unknown.first() {
            let there = did_you_mean(column, self.columns.iter().map(String::as_str))
                .unwrap_or_else(|| format!("the list has: name, {}", self.columns.join(", ")));
            return Some(format!("a text names the column `{column}`, which nobody of the audience has; {there}"));
        }
        (self.whole && self.texts.is_empty())
            .then(|| format!("none of the {} people of the audience would get a message", self.people))
    }

    fn add(&mut self, person: &Person, name: &OutreachName, outreach: &Outreach, link: &str) {
        self.people += 1;
        let fits = match is_landline(&person.number) {
            true => Err((Skipped::Landline, None)),
            false => outreach
                .variant(name, person.id)
                .ok_or((Skipped::TooLong, None))
                .and_then(|(variant, texts)| Ok((variant, worded(person, texts, outreach, link)?))),
        };
        let (variant, worded) = match fits {
            Ok(fits) => fits,
            Err((why, detail)) => {
                match self.skipped.iter_mut().find(|one| (one.why, &one.detail) == (why, &detail)) {
                    Some(one) => one.people += 1,
                    None => self.skipped.push(SkippedSeen { why, detail, people: 1 }),
                }
                return;
            }
        };
        let count = parts(&worded.text).texts.len() as u64;
        let at = self.texts.iter().position(|one| one.variant == *variant && one.language == worded.language);
        let at = at.unwrap_or_else(|| {
            let (variant, language) = (variant.clone(), worded.language.to_owned());
            self.texts.push(TextSeen { variant, language, people: 0, sms: 0, parts_max: 0, samples: vec![] });
            self.texts.len() - 1
        });
        let Some(text) = self.texts.get_mut(at) else { return };
        (text.people, text.sms, text.parts_max) = (text.people + 1, text.sms + count, text.parts_max.max(count));
        if text.samples.len() < SAMPLES {
            let (lead, name) = (person.id, person.name.clone());
            text.samples.push(Sample { lead, name, text: worded.text, parts: count });
        }
    }
}

impl Store {
    /// What an outreach would send, from the first `most` people of its campaign. `link`: what stands where a link will.
    pub async fn audience(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        outreach: &Outreach,
        link: &str,
        most: u64,
    ) -> Result<AudienceSeen, StoreError> {
        let mut seen = AudienceSeen::default();
        let (mut after, mut left) = (0, most);
        let (mut columns, mut has) = (BTreeSet::new(), BTreeSet::new());
        while left > 0 {
            // A reader for each window, so that a long look keeps none from others.
            let mut conn = self.reader().await?;
            let people = people(&mut conn, campaign, after, LOOKED_AT_ONCE.min(left)).await?;
            let Some(last) = people.last() else { break };
            (after, left) = (last.id.0, left - people.len() as u64);
            for person in people.iter().filter(|person| person.list == outreach.list) {
                seen.looked_at += 1;
                if person.is_in(outreach) {
                    columns.extend(person.extra.keys().cloned());
                    has.extend(
                        person.extra.iter().filter(|(_, cell)| !cell.trim().is_empty()).map(|(key, _)| key.clone()),
                    );
                    seen.add(person, name, outreach, link);
                }
            }
        }
        seen.whole = left > 0;
        has.insert("name".to_owned());
        let named: BTreeSet<&str> = outreach.texts().flat_map(|(_, _, text)| text.columns()).collect();
        seen.unknown = named.into_iter().filter(|column| !has.contains(*column)).map(str::to_owned).collect();
        if seen.people == 0 {
            seen.unknown.clear(); // where there is nobody nothing can be said
        }
        seen.columns = columns.into_iter().collect();
        seen.texts.sort_by(|a, b| (&a.variant, &a.language).cmp(&(&b.variant, &b.language)));
        seen.skipped.sort_by(|a, b| (a.why, &a.detail).cmp(&(b.why, &b.detail)));
        Ok(seen)
    }

    /// Looks at the next leads of the campaign for the audience. Whether more are left.
    pub async fn gather_audience(
        &self,
        row: &OutreachRow,
        outreach: &Outreach,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (row, outreach) = (row.clone(), outreach.clone());
        // The way to the next of the campaign may lead past many others, and the writer is not to wait meanwhile.
        let people = {
            let mut conn = self.reader().await?;
            people(&mut conn, &row.campaign, row.looked_to, LOOKED_AT_ONCE).await?
        };
        self.write(move |conn| {
            Box::pin(async move {
                let more = people.len() as u64 == LOOKED_AT_ONCE;
                let last = people.last().map_or(row.looked_to, |person| person.id.0);
                let looked_at = people.iter().filter(|person| person.list == outreach.list).count() as u64;
                let looked_to = if more { last } else { -1 };
                let key = || params![row.campaign.as_str(), row.name.as_str()];
                let values = [key(), params![looked_to, looked_at, row.looked_to]].concat();
                if conn.run(LOOKED, values).await? == 0 {
                    return Ok(false); // paused meanwhile, or somebody else goes through the list
                }
                let recipients: Vec<Vec<Value>> = people
                    .iter()
                    .filter(|person| person.is_in(&outreach))
                    .filter_map(|person| {
                        let (variant, texts) = outreach.variant(&row.name, person.id)?;
                        let (language, _) = outreach.language_of(texts, person.cell(&outreach.language_column))?;
                        let landline = is_landline(&person.number);
                        Some(params![
                            person.id.0,
                            person.number.as_str(),
                            variant.as_str(),
                            language,
                            if landline { "skipped" } else { "waiting" },
                            (!landline).then_some(now),
                            landline.then_some(Skipped::Landline.as_str())
                        ])
                    })
                    .collect();
                if !recipients.is_empty() {
                    conn.run(ADD, [vec![rows(recipients)], key()].concat()).await?;
                }
                Ok(more)
            })
        })
        .await
    }
}
