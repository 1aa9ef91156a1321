//! Campaigns as they were applied, their live state, and what was changed on a group while it ran.
//!
//! An applied text is a revision that is never changed; the state (running, paused) is a live control beside it.

use serde::{Deserialize, Serialize};

use super::db::{Conn, Row, json, params, statements, word};
use super::error::StoreError;
use super::{Store, outbox, placing};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::changes::{Differences, differences};
use crate::model::name::{CampaignKey, GroupName};
use crate::model::time::Timestamp;

/// A campaign with the revision in force.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CampaignRow {
    /// What was applied last.
    pub campaign: Campaign,
    /// Its revision, from 1.
    pub revision: u64,
    /// Whether it dials.
    pub state: CampaignState,
    /// Who set the state.
    pub state_by: String,
    /// When.
    pub state_at: Timestamp,
    /// Why.
    pub state_why: String,
    /// When the campaign was first applied.
    pub created_at: Timestamp,
}

/// What must be in force for a text to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Whatever there is.
    Any,
    /// Any revision.
    Something,
    /// No campaign of this name.
    Nothing,
    /// One of these revisions.
    Revisions(Vec<u64>),
}

impl Base {
    /// Whether a revision in force fits; 0 where there is no campaign.
    fn is(&self, revision: u64) -> bool {
        match self {
            Base::Any => true,
            Base::Something => revision > 0,
            Base::Nothing => revision == 0,
            Base::Revisions(revisions) => revision > 0 && revisions.contains(&revision),
        }
    }
}

/// One applied text.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RevisionRow {
    /// Its number, from 1.
    pub revision: u64,
    /// The text, as it was applied.
    pub text: String,
    /// What it means.
    pub definition: Campaign,
    /// Who.
    pub applied_by: String,
    /// When.
    pub applied_at: Timestamp,
    /// Why.
    pub why: String,
}

/// What a supervisor changed on a group while it ran; `None` leaves the configured value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupControls {
    /// Idleness above which outbound slots open, 0 to 1.
    pub idle_threshold: Option<f64>,
    /// The gate closes below threshold minus this.
    pub hysteresis: Option<f64>,
    /// Idleness must have exceeded the threshold for this long, in seconds.
    pub dwell_s: Option<f64>,
    /// Agents kept out of outbound.
    pub reserve: Option<u32>,
}

/// The controls of one group, with who and when.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct GroupControlsRow {
    /// Which group.
    pub group: GroupName,
    /// What was changed.
    #[serde(flatten)]
    pub controls: GroupControls,
    /// Who.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

statements! {
    EXISTS = "select 1 as yes from campaigns where key = $1";
    LATEST_TEXT = "
        select c.revision, c.state, r.text from campaigns c
        join campaign_revisions r on r.campaign = c.key and r.revision = c.revision
        where c.key = $1";
    CREATE = "
        insert into campaigns (key, revision, state, state_by, state_at, state_why, created_at)
        values ($1, 1, 'ready', $2, $3, $4, $3)";
    ADD_REVISION = "
        insert into campaign_revisions (campaign, revision, text, definition, applied_by, applied_at, why)
        values ($1, $2, $3, $4, $5, $6, $7)";
    RAISE = "update campaigns set revision = $2 where key = $1";
    SET_STATE = "
        update campaigns set state = $2, state_by = $3, state_at = $4, state_why = $5 where key = $1";
    STATE = "select state from campaigns where key = $1";
    ALL = "
        select c.key, c.revision, c.state, c.state_by, c.state_at, c.state_why, c.created_at, r.definition
        from campaigns c join campaign_revisions r on r.campaign = c.key and r.revision = c.revision
        order by c.key";
    ONE = "
        select c.key, c.revision, c.state, c.state_by, c.state_at, c.state_why, c.created_at, r.definition
        from campaigns c join campaign_revisions r on r.campaign = c.key and r.revision = c.revision
        where c.key = $1";
    REVISION = "
        select revision, text, definition, applied_by, applied_at, why from campaign_revisions
        where campaign = $1 and revision = $2";
    REVISIONS = "
        select revision, text, definition, applied_by, applied_at, why from campaign_revisions
        where campaign = $1 order by revision desc limit 1000";
    SET_CONTROLS = "
        insert into group_controls (group_name, idle_threshold, hysteresis, dwell_s, reserve, changed_by, changed_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (group_name) do update set
            idle_threshold = excluded.idle_threshold, hysteresis = excluded.hysteresis, dwell_s = excluded.dwell_s,
            reserve = excluded.reserve, changed_by = excluded.changed_by, changed_at = excluded.changed_at";
    CONTROLS = "
        select group_name, idle_threshold, hysteresis, dwell_s, reserve, changed_by, changed_at
        from group_controls order by group_name";
}

impl Store {
    /// Applies a campaign: a further revision, unless the text is the one in force. Answers the revision in force.
    ///
    /// The live state stays as it is, except that an ended campaign becomes ready to be started again.
    pub async fn apply_campaign(
        &self,
        campaign: Campaign,
        text: &str,
        by: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        self.apply_campaign_based_on(Base::Any, campaign, text, (by, why), at).await
    }

    /// Applies a campaign as [`Store::apply_campaign`] does, if what is in force is what the text is based on. The text that is in
    /// force already is no change, whatever it is based on: whoever lost the answer may say it again.
    ///
    /// # Errors
    /// [`StoreError::Moved`] where something else is in force.
    pub async fn apply_campaign_based_on(
        &self,
        base: Base,
        campaign: Campaign,
        text: &str,
        (by, why): (&str, &str),
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let (ids, text, by, why) = (self.ids(), text.to_owned(), by.to_owned(), why.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let key = campaign.key.as_str();
                let latest = conn.row(LATEST_TEXT, params![key]).await?;
                let (revision, ended) = match &latest {
                    Some(row) => {
                        let ended = row.word::<CampaignState>("state")? == CampaignState::Ended;
                        if row.text("text")? == text && !ended {
                            return row.count("revision");
                        }
                        (row.count("revision")? + 1, ended)
                    }
                    None => (1, false),
                };
                if !base.is(revision - 1) {
                    let (what, name) = ("campaign", campaign.key.to_string());
                    return Err(StoreError::Moved { what, name, revision: revision - 1 });
                }
                if latest.is_none() {
                    conn.run(CREATE, params![key, by.as_str(), at, why.as_str()]).await?;
                }
                if latest.is_some()
                    && placing::selection(conn, &campaign.key).await?.placing() != campaign.leads.placing()
                {
                    placing::unsettle(conn, &campaign.key).await?;
                }
                let definition = json(&campaign);
                let values = params![key, revision, text, definition, by.as_str(), at, why.as_str()];
                conn.run(ADD_REVISION, values).await?;
                conn.run(RAISE, params![key, revision]).await?;
                if ended {
                    set_state(conn, &campaign.key, CampaignState::Ready, &by, &why, at).await?;
                }
                let detail = format!("revision {revision}: {why}");
                super::audit::note(conn, &ids, at, &by, "campaign_applied", key, &detail).await?;
                Ok(revision)
            })
        })
        .await
    }

    /// Starts, pauses or ends a campaign. On return no intent of a campaign that does not run can be recorded.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown campaign; [`StoreError::Unfit`] for starting one that has ended.
    pub async fn set_campaign_state(
        &self,
        key: &CampaignKey,
        state: CampaignState,
        by: &str,
        why: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, key, by, why) = (self.ids(), key.clone(), by.to_owned(), why.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let Some(row) = conn.row(STATE, params![key.as_str()]).await? else {
                    return Err(StoreError::NotFound { what: "campaign", name: key.to_string() });
                };
                let before: CampaignState = row.word("state")?;
                if before == CampaignState::Ended && state != CampaignState::Ended {
                    return Err(StoreError::Unfit {
                        what: "state of the campaign",
                        value: word(&state),
                        expected: "a campaign that has ended to be applied again first".to_owned(),
                    });
                }
                if before == state {
                    return Ok(());
                }
                set_state(conn, &key, state, &by, &why, at).await?;
                let detail = format!("{} to {}: {why}", word(&before), word(&state));
                super::audit::note(conn, &ids, at, &by, "campaign_state", key.as_str(), &detail).await?;
                outbox::campaign_changed(conn, &ids, &key, (before, state), (&by, &why), at).await
            })
        })
        .await
    }

    /// All campaigns, by key.
    pub async fn campaigns(&self) -> Result<Vec<CampaignRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(ALL, vec![]).await?.iter().map(campaign_row).collect()
    }

    /// One campaign.
    pub async fn campaign(&self, key: &CampaignKey) -> Result<Option<CampaignRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(ONE, params![key.as_str()]).await?.as_ref().map(campaign_row).transpose()
    }

    /// Everything that was ever applied for a campaign, newest first.
    pub async fn revisions(&self, key: &CampaignKey) -> Result<Vec<RevisionRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(REVISIONS, params![key.as_str()]).await?.iter().map(revision_row).collect()
    }

    /// A text that was applied for a campaign, or the one in force; `None` where there is no such campaign.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the campaign has no such revision.
    pub async fn revision(&self, key: &CampaignKey, revision: Option<u64>) -> Result<Option<RevisionRow>, StoreError> {
        let Some(row) = self.campaign(key).await? else { return Ok(None) };
        let revision = revision.unwrap_or(row.revision);
        let mut conn = self.reader().await?;
        let row = conn.row(REVISION, params![key.as_str(), revision]).await?;
        let missing = StoreError::NotFound { what: "revision", name: format!("{revision} of {key}") };
        row.as_ref().map(revision_row).transpose()?.ok_or(missing).map(Some)
    }

    /// What a text would change: the revision in force, none for a new campaign, and the differences from it.
    pub async fn plan(&self, campaign: &Campaign, text: &str) -> Result<(Option<u64>, Differences), StoreError> {
        let now = self.revision(&campaign.key, None).await?;
        let before = now.as_ref().map(|row| (&row.definition, row.text.as_str()));
        Ok((now.as_ref().map(|row| row.revision), differences(before, (campaign, text))))
    }

    /// What two revisions differ in, with their numbers; without `to` the one in force, without `from` the one before `to`.
    /// Before the first is nothing, as revision 0. `None` where there is no such campaign.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the campaign has no such revision.
    pub async fn compare_revisions(
        &self,
        key: &CampaignKey,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Option<(u64, u64, Differences)>, StoreError> {
        let Some(later) = self.revision(key, to).await? else { return Ok(None) };
        let from = from.unwrap_or(later.revision.saturating_sub(1));
        let earlier = if from == 0 { None } else { self.revision(key, Some(from)).await? };
        let before = earlier.as_ref().map(|row| (&row.definition, row.text.as_str()));
        Ok(Some((from, later.revision, differences(before, (&later.definition, &later.text)))))
    }

    /// Sets a group's live controls as a whole. `change` tells what of them was changed now, for the audit trail.
    pub async fn set_group_controls(
        &self,
        group: &GroupName,
        controls: GroupControls,
        change: &serde_json::Value,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let change = change.to_string();
        let (ids, group, by) = (self.ids(), group.clone(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let values = params![
                    group.as_str(),
                    controls.idle_threshold,
                    controls.hysteresis,
                    controls.dwell_s,
                    controls.reserve.map(i64::from),
                    by.as_str(),
                    at,
                ];
                conn.run(SET_CONTROLS, values).await?;
                super::audit::note(conn, &ids, at, &by, "group_controls", group.as_str(), &change).await
            })
        })
        .await
    }

    /// The live controls of all groups that have any.
    pub async fn group_controls(&self) -> Result<Vec<GroupControlsRow>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = conn.rows(CONTROLS, vec![]).await?;
        rows.iter()
            .map(|row| {
                let controls = GroupControls {
                    idle_threshold: row.opt_real("idle_threshold")?,
                    hysteresis: row.opt_real("hysteresis")?,
                    dwell_s: row.opt_real("dwell_s")?,
                    reserve: row.opt_int("reserve")?.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
                };
                Ok(GroupControlsRow {
                    group: row.parsed("group_name")?,
                    controls,
                    changed_by: row.text("changed_by")?,
                    changed_at: row.time("changed_at")?,
                })
            })
            .collect()
    }
}

/// A clear error instead of a foreign key's.
pub(super) async fn must_exist(conn: &mut Conn, key: &CampaignKey) -> Result<(), StoreError> {
    match conn.row(EXISTS, params![key.as_str()]).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound { what: "campaign", name: key.to_string() }),
    }
}

async fn set_state(
    conn: &mut Conn,
    key: &CampaignKey,
    state: CampaignState,
    by: &str,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.run(SET_STATE, params![key.as_str(), word(&state), by, at, why]).await.map(drop)
}

fn revision_row(row: &Row) -> Result<RevisionRow, StoreError> {
    Ok(RevisionRow {
        revision: row.count("revision")?,
        text: row.text("text")?,
        definition: row.json("definition")?,
        applied_by: row.text("applied_by")?,
        applied_at: row.time("applied_at")?,
        why: row.text("why")?,
    })
}

fn campaign_row(row: &Row) -> Result<CampaignRow, StoreError> {
    Ok(CampaignRow {
        campaign: row.json("definition")?,
        revision: row.count("revision")?,
        state: row.word("state")?,
        state_by: row.text("state_by")?,
        state_at: row.time("state_at")?,
        state_why: row.text("state_why")?,
        created_at: row.time("created_at")?,
    })
}
