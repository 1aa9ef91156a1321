//! Suppressions and consents.

use super::Records;
use crate::model::id::{ConsentId, SuppressionId};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::{self, Scope, StoreError};
use crate::web::access::Role;
use crate::web::consents::{ConsentKind, ConsentRequest, ConsentView, RevokeRequest};
use crate::web::problem::Problem;
use crate::web::suppressions::{SuppressionRequest, SuppressionView};

impl Records {
    pub(in crate::web) async fn suppressions(&self, number: &PhoneNumber) -> Result<Vec<SuppressionView>, Problem> {
        Ok(self.store.suppressions_of(number).await?.into_iter().map(SuppressionView::from).collect())
    }

    pub(in crate::web) async fn suppress(
        &self,
        number: &PhoneNumber,
        request: &SuppressionRequest,
        role: Role,
        by: &str,
        now: Timestamp,
    ) -> Result<SuppressionView, Problem> {
        let suppression = store::Suppression {
            number: number.clone(),
            scope: request.campaign.clone().map_or(Scope::All, Scope::Campaign),
            reason: request.reason,
            source: role.as_str().to_owned(),
            note: request.note.clone(),
            expires_at: None,
        };
        let id = self.store.suppress(suppression, by, now).await?;
        let entries = self.store.suppressions_of(number).await?;
        let entry = entries.into_iter().find(|entry| entry.id == id);
        entry.map(SuppressionView::from).ok_or_else(|| Problem::internal("suppressing", "the entry is not there"))
    }

    /// Whether there was such an entry in force.
    pub(in crate::web) async fn lift_suppression(
        &self,
        id: SuppressionId,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        match self.store.lift_suppression(id, by, why, now).await {
            Ok(()) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(in crate::web) async fn consents(&self, number: &PhoneNumber) -> Result<Vec<ConsentView>, Problem> {
        let mut rows = self.store.consents_of(number).await?;
        rows.reverse();
        Ok(rows.into_iter().map(ConsentView::from).collect())
    }

    pub(in crate::web) async fn consent_evidence(
        &self,
        number: &PhoneNumber,
        now: Timestamp,
    ) -> Result<store::ConsentEvidence, Problem> {
        Ok(self.store.consent_evidence(number.clone(), now).await?)
    }

    pub(in crate::web) async fn consent(
        &self,
        number: &PhoneNumber,
        request: &ConsentRequest,
        purpose: Scope,
        at: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<ConsentView, Problem> {
        let given = store::ConsentGiven {
            number: number.clone(),
            purpose,
            text: request.text.clone(),
            text_version: request.text_version.clone(),
            channel: request.channel.clone(),
            source: format!("user {by}"),
            at,
            expires_at: request.expires_at,
        };
        let id = self.store.record_consent(given, by, now).await?;
        self.consent_entry(id).await?.ok_or_else(|| Problem::internal("recording a consent", "the entry is not there"))
    }

    /// Revokes what an entry gave; `None` if no entry of that id gave anything.
    pub(in crate::web) async fn revoke_consent(
        &self,
        id: ConsentId,
        request: &RevokeRequest,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentView>, Problem> {
        let row = self.consent_row(id).await?.filter(|row| row.kind == store::ConsentKind::Given);
        let Some(given) = row else { return Ok(None) };
        let revoked = store::ConsentRevoked {
            number: given.number,
            purpose: given.purpose,
            channel: request.channel.clone(),
            source: format!("user {by}"),
            text: request.note.clone(),
            at: now,
        };
        let id = self.store.revoke_consent(revoked, by, now).await?;
        self.consent_entry(id).await
    }

    async fn consent_entry(&self, id: ConsentId) -> Result<Option<ConsentView>, Problem> {
        Ok(self.consent_row(id).await?.map(ConsentView::from))
    }

    /// One entry: the first of the page that begins at its id.
    async fn consent_row(&self, id: ConsentId) -> Result<Option<store::ConsentRow>, Problem> {
        let rows = self.store.consents(Some(ConsentId(id.0.saturating_add(1))), 1).await?;
        Ok(rows.into_iter().find(|row| row.id == id))
    }
}

impl From<store::SuppressionRow> for SuppressionView {
    fn from(row: store::SuppressionRow) -> SuppressionView {
        SuppressionView {
            id: row.id,
            number: row.number,
            campaign: match row.scope {
                Scope::All => None,
                Scope::Campaign(key) => Some(key),
            },
            reason: row.reason,
            source: row.source,
            note: row.note,
            added_by: row.added_by,
            added_at: row.added_at,
            expires_at: row.expires_at,
            lifted_by: row.lifted_by,
            lifted_at: row.lifted_at,
            lifted_why: row.lifted_why,
        }
    }
}

impl From<store::ConsentRow> for ConsentView {
    fn from(row: store::ConsentRow) -> ConsentView {
        ConsentView {
            id: row.id,
            number: row.number,
            purpose: row.purpose.to_string(),
            kind: match row.kind {
                store::ConsentKind::Given => ConsentKind::Given,
                store::ConsentKind::Revoked => ConsentKind::Revoked,
            },
            text: row.text,
            text_version: row.text_version,
            channel: row.channel,
            source: row.source,
            at: row.at,
            expires_at: row.expires_at,
            recorded_by: row.recorded_by,
            recorded_at: row.recorded_at,
        }
    }
}
