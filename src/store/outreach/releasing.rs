//! Gives recipients their message: into the queue of the gateway, in the transaction that says so.

use std::time::Duration;

use super::gathering::{Person, people, worded};
use super::{OutreachRow, Skipped};
use crate::model::calling_hours::{WeeklyHours, callable, next_callable};
use crate::model::id::{LeadId, MessageId};
use crate::model::lead::LeadState;
use crate::model::message::parts;
use crate::model::name::{CampaignKey, OutreachName};
use crate::model::outreach::{Outreach, TOKEN_SAMPLE, Template, Way};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::model::zone::read_zones;
use crate::store::attempts::phone;
use crate::store::db::{Row, Value, params, rows, statements, storable};
use crate::store::error::StoreError;
use crate::store::links::{self, NewLink};
use crate::store::{NewMessage, Store, messages};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// Recipients that are looked at in one transaction.
const LOOKED_AT_ONCE: u64 = 200;
/// One who is being called is looked at again so much later.
const ON_A_CALL: Duration = Duration::from_secs(60);
/// People looked at for one whose columns a test can show.
const LOOKED_FOR_A_TEST: u64 = 500;

statements! {
    DUE = "
        select r.lead_id as lead_id, r.number as recipient, r.variant as variant, l.id as id, l.number as number,
               l.name as name, s.name as list, l.priority as priority, l.score as score, l.replied_at as replied_at,
               l.created_at as created_at, l.extra as extra, l.state as state, l.kind as kind, l.numbers as numbers,
               coalesce((select n.zones from lead_numbers n where n.lead_id = r.lead_id and n.number = r.number limit 1),
                        l.zones) as zones
        from outreach_recipients r left join leads l on l.id = r.lead_id left join lists s on s.id = l.list_id
        where r.campaign = $1 and r.outreach = $2 and r.due_at <= $3 order by r.due_at, r.lead_id limit $4";
    RUNS = "select started_by from outreaches where campaign = $1 and name = $2 and state = 'running'";
    GIVE = "
        insert into messages (id, direction, gateway, number, ours, text, parts, purpose, state, campaign, outreach, variant,
                              created_by, created_at)
        select cast(j.value ->> 0 as bigint), 'out', $2, j.value ->> 1, $3, j.value ->> 2, cast(j.value ->> 3 as bigint),
               'direct', 'queued', $4, $5, j.value ->> 4, $6, $7
        from json_each($1) j";
    // Found by their leads: by the index that begins with the outreach, SQLite goes through all its recipients.
    GIVEN = "
        update outreach_recipients set state = 'given', due_at = null, message_id = w.message_id,
            language = w.language, variant = w.variant
        from (select cast(j.value ->> 0 as bigint) as lead_id, cast(j.value ->> 1 as bigint) as message_id,
                  j.value ->> 2 as language, j.value ->> 3 as variant
              from json_each($1) j) w
        where outreach_recipients.lead_id = w.lead_id
          and outreach_recipients.campaign || '' = $2 and outreach_recipients.outreach || '' = $3";
    SKIP = "
        update outreach_recipients set state = 'skipped', due_at = null, reason = w.reason, detail = w.detail
        from (select cast(j.value ->> 0 as bigint) as lead_id, j.value ->> 1 as reason, j.value ->> 2 as detail
              from json_each($1) j) w
        where outreach_recipients.lead_id = w.lead_id
          and outreach_recipients.campaign || '' = $2 and outreach_recipients.outreach || '' = $3";
    LATER = "
        update outreach_recipients set due_at = w.due_at
        from (select cast(j.value ->> 0 as bigint) as lead_id, cast(j.value ->> 1 as bigint) as due_at
              from json_each($1) j) w
        where outreach_recipients.lead_id = w.lead_id
          and outreach_recipients.campaign || '' = $2 and outreach_recipients.outreach || '' = $3";
}

/// What was done with recipients that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Have a message now.
    pub given: usize,
    /// Wait for another hour, or get none.
    pub put_off: usize,
}

struct Due {
    lead: LeadId,
    /// The number that was chosen when the audience was gathered.
    number: PhoneNumber,
    variant: OutreachName,
    zones: Vec<String>,
    /// What is known of them now; none: they are gone.
    person: Option<Person>,
}

impl Due {
    fn of(row: &Row) -> Result<Due, StoreError> {
        let there = row.opt_int("id")?.is_some();
        Ok(Due {
            lead: LeadId(row.int("lead_id")?),
            number: phone(row, "recipient")?,
            variant: row.parsed("variant")?,
            zones: if there { row.json("zones")? } else { Vec::new() },
            person: there.then(|| Person::of(row)).transpose()?,
        })
    }
}

/// What is done with one recipient.
enum Turn<'o> {
    Give { variant: &'o OutreachName, language: &'o str, template: &'o Template },
    Skip(Skipped, Option<String>),
    Later(Timestamp),
}

fn turn<'o>(due: &Due, row: &OutreachRow, outreach: &'o Outreach, way: &Way, now: Timestamp) -> Turn<'o> {
    let Some(person) = &due.person else { return Turn::Skip(Skipped::NotOpen, None) };
    if person.replied_at.is_some() {
        return Turn::Skip(Skipped::Replied, None);
    }
    if !person.is_in(outreach) {
        return Turn::Skip(Skipped::NotOpen, None);
    }
    if way.over {
        return Turn::Skip(Skipped::TooLate, None);
    }
    if person.state == LeadState::Dialling {
        return Turn::Later(now + ON_A_CALL);
    }
    let hours: Vec<&WeeklyHours> = way.hours.iter().collect();
    let zones = read_zones(&due.zones).unwrap_or_default();
    if !callable(now, &zones, &hours) {
        return match next_callable(now, &zones, &hours) {
            Some(next) => Turn::Later(next),
            None => Turn::Skip(Skipped::NoHours, None),
        };
    }
    // A variant that the campaign has no longer: they get the one that is theirs now.
    let texts = outreach.variants.get_key_value(&due.variant).or_else(|| outreach.variant(&row.name, due.lead));
    let Some((variant, texts)) = texts else { return Turn::Skip(Skipped::NotOpen, None) };
    // As long as it will be: no link is made for whoever gets no message.
    match worded(person, texts, outreach, &way.link(TOKEN_SAMPLE)) {
        Ok(worded) => Turn::Give { variant, language: worded.language, template: worded.template },
        Err((why, detail)) => Turn::Skip(why, detail),
    }
}

impl Store {
    /// Gives at most `most` recipients whose time has come their message.
    pub async fn release_messages(
        &self,
        row: &OutreachRow,
        outreach: &Outreach,
        way: &Way,
        most: usize,
        now: Timestamp,
    ) -> Result<Released, StoreError> {
        let (ids, row, outreach, way) = (self.ids(), row.clone(), outreach.clone(), way.clone());
        self.write(move |conn| {
            Box::pin(async move {
                let key = || params![row.campaign.as_str(), row.name.as_str()];
                let Some(runs) = conn.row(RUNS, key()).await? else { return Ok(Released::default()) };
                let by = runs.text("started_by")?;
                let found = conn.rows(DUE, [key(), params![now, LOOKED_AT_ONCE]].concat()).await?;
                let due: Vec<Due> = found.iter().map(Due::of).collect::<Result<_, _>>()?;
                let mut work = Work::default();
                let mut giving = Vec::new();
                for one in &due {
                    match turn(one, &row, &outreach, &way, now) {
                        Turn::Later(at) => work.later.push(params![one.lead.0, at]),
                        Turn::Skip(why, detail) => work.skipped.push(params![one.lead.0, why.as_str(), detail]),
                        // Whoever has no room keeps their turn.
                        Turn::Give { .. } if giving.len() >= most => {}
                        Turn::Give { variant, language, template } => {
                            giving.push(Giving {
                                due: one,
                                variant,
                                language,
                                template,
                                message: MessageId(ids.next(now)),
                            });
                        }
                    }
                }
                let wanted: Vec<NewLink> =
                    giving.iter().filter(|one| one.template.has_link()).map(|one| one.link(&row, &way, now)).collect();
                let mut tokens = links::make_all(conn, &ids, &wanted, now).await?.into_iter();
                for one in giving {
                    let token = if one.template.has_link() { tokens.next() } else { None };
                    let link = token.map_or_else(String::new, |token| way.link(&token));
                    let filled = one.template.fill(|column| one.due.person.as_ref()?.cell(column), &link);
                    // It was filled a moment ago.
                    let text = storable(filled.unwrap_or_default());
                    let pieces = parts(&text).texts.len() as u64;
                    let (lead, number, message) = (one.due.lead.0, one.due.number.as_str(), one.message.0);
                    work.messages.push(params![message, number, text, pieces, one.variant.as_str()]);
                    work.given.push(params![lead, message, one.language, one.variant.as_str()]);
                }
                let released = Released { given: work.given.len(), put_off: work.later.len() + work.skipped.len() };
                if !work.given.is_empty() {
                    let values = params![
                        way.gateway.as_str(),
                        way.sender.as_str(),
                        row.campaign.as_str(),
                        row.name.as_str(),
                        by,
                        now
                    ];
                    conn.run(GIVE, [vec![rows(work.messages)], values].concat()).await?;
                    conn.run(GIVEN, [vec![rows(work.given)], key()].concat()).await?;
                }
                if !work.skipped.is_empty() {
                    conn.run(SKIP, [vec![rows(work.skipped)], key()].concat()).await?;
                }
                if !work.later.is_empty() {
                    conn.run(LATER, [vec![rows(work.later)], key()].concat()).await?;
                }
                Ok(released)
            })
        })
        .await
    }
}

/// Messages that show what an outreach would say.
#[derive(Clone, Debug)]
pub struct TestSend {
    /// Which text; the first without it.
    pub variant: Option<OutreachName>,
    /// In which language; the usual one without it.
    pub language: Option<String>,
    /// To whom.
    pub numbers: Vec<PhoneNumber>,
}

impl Store {
    /// Sends a text to numbers of ours, as the first of the audience would get it; or with the names of columns where nobody
    /// would. These count for nothing, and their links lead to a page like everybody's. `None`: no such variant.
    pub async fn test_outreach(
        &self,
        (campaign, name): (&CampaignKey, &OutreachName),
        (outreach, way): (&Outreach, &Way),
        test: TestSend,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<MessageId>>, StoreError> {
        let (campaign, by, ids) = (campaign.clone(), by.to_owned(), self.ids());
        let asked = test.variant.clone();
        let found = match &asked {
            Some(variant) => outreach.variants.get_key_value(variant),
            None => outreach.variants.iter().next(),
        };
        let Some((_, variant)) = found else { return Ok(None) };
        let language = test.language.as_deref().or(Some(&outreach.language));
        let Some((_, template)) = outreach.language_of(variant, language) else { return Ok(None) };
        let person = self.first_reached(&campaign, name, outreach, template).await?;
        let (template, way) = (template.clone(), way.clone());
        let until = now + DAY * way.link_days;
        self.write(move |conn| {
            Box::pin(async move {
                let mut sent = Vec::new();
                for number in test.numbers {
                    let id = MessageId(ids.next(now));
                    let mut link = String::new();
                    if template.has_link() {
                        let (campaign, number) = (campaign.clone(), number.clone());
                        let wanted = NewLink { campaign, number, lead: None, message: Some(id), expires_at: until };
                        link = way.link(&links::make(conn, &ids, &wanted, now).await?);
                    }
                    let filled =
                        template.fill(|column| person.as_ref()?.cell(column).filter(|cell| !cell.is_empty()), &link);
                    let text = filled.unwrap_or_else(|_| template.outline(&link));
                    let message = NewMessage {
                        gateway: way.gateway.clone(),
                        number,
                        sender: way.sender.clone(),
                        text,
                        campaign: Some(campaign.clone()),
                    };
                    messages::queue_as(conn, id, &message, &by, now).await?;
                    sent.push(id);
                }
                Ok(Some(sent))
            })
        })
        .await
    }

    /// The first of the first people of a campaign who would get this text.
    async fn first_reached(
        &self,
        campaign: &CampaignKey,
        name: &OutreachName,
        outreach: &Outreach,
        template: &Template,
    ) -> Result<Option<Person>, StoreError> {
        let mut conn = self.reader().await?;
        let people = people(&mut conn, campaign, 0, LOOKED_FOR_A_TEST).await?;
        let fits = |person: &Person| {
            person.is_in(outreach)
                && outreach.variant(name, person.id).is_some()
                && template.fill(|column| person.cell(column), TOKEN_SAMPLE).is_ok()
        };
        Ok(people.into_iter().find(fits))
    }
}

/// What is to be written.
#[derive(Default)]
struct Work {
    messages: Vec<Vec<Value>>,
    given: Vec<Vec<Value>>,
    skipped: Vec<Vec<Value>>,
    later: Vec<Vec<Value>>,
}

/// Somebody who gets a message.
struct Giving<'o> {
    due: &'o Due,
    variant: &'o OutreachName,
    language: &'o str,
    template: &'o Template,
    message: MessageId,
}

impl Giving<'_> {
    fn link(&self, row: &OutreachRow, way: &Way, now: Timestamp) -> NewLink {
        NewLink {
            campaign: row.campaign.clone(),
            number: self.due.number.clone(),
            lead: Some(self.due.lead),
            message: Some(self.message),
            expires_at: now + DAY * way.link_days,
        }
    }
}
