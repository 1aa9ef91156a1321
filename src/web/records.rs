//! What the pages read and write in the store, in the shapes of the API.

use super::access::{Account, Role, SignedIn};
use super::campaigns::{AttemptPage, CampaignApplied, CampaignDetail, CampaignSummary};
use super::consents::{ConsentRequest, ConsentView, RevokeRequest};
use super::customers::{Customer, LeadDetail};
use super::lists::{ImportQuery, ImportReport, ListView};
use super::problem::{Kind, Problem};
use super::suppressions::{SuppressionRequest, SuppressionView};
use super::upload::Received;
use super::users::{NewUser, UserChange, UserView};
use crate::model::attempt::GateChange;
use crate::model::campaign::Campaign;
use crate::model::disposition::Disposition;
use crate::model::id::{ConsentId, ImportId, LeadId, SessionId, SuppressionId, UserId};
use crate::model::name::{CampaignKey, GroupName};
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Stand-in until storage is there.
pub struct Store;

/// The store behind the API.
pub(super) struct Records {
    _store: Store,
}

fn none<T>() -> Result<T, Problem> {
    Err(Problem::new(Kind::Unavailable, "storage is not there yet"))
}

#[expect(clippy::unused_async, reason = "the store answers later")]
#[expect(unused_variables, reason = "the store is not there yet")]
impl Records {
    pub(super) fn new(store: Store) -> Records {
        Records { _store: store }
    }
    pub(super) async fn ping(&self) -> Result<(), Problem> {
        none()
    }
    pub(super) async fn session(&self, token: &str, now: Timestamp) -> Result<Option<SignedIn>, Problem> {
        none()
    }
    pub(super) async fn session_is_valid(&self, signed_in: &SignedIn, now: Timestamp) -> Result<bool, Problem> {
        none()
    }
    pub(super) async fn log_in(
        &self,
        login: &str,
        password: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<Option<(Account, String)>, Problem> {
        none()
    }
    pub(super) async fn end_session(&self, session: SessionId, now: Timestamp) -> Result<(), Problem> {
        none()
    }
    pub(super) async fn password_is(&self, login: &str, password: String) -> Result<bool, Problem> {
        none()
    }
    pub(super) async fn set_password(
        &self,
        login: &str,
        id: UserId,
        password: String,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        none()
    }
    pub(super) async fn set_language(
        &self,
        by: &str,
        id: UserId,
        language: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        none()
    }
    pub(super) async fn audit(
        &self,
        who: &str,
        what: &'static str,
        object: &str,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        none()
    }
    pub(super) async fn gate_changes(&self, group: Option<GroupName>, limit: u32) -> Result<Vec<GateChange>, Problem> {
        none()
    }
    pub(super) async fn campaigns(&self) -> Result<Vec<CampaignSummary>, Problem> {
        none()
    }
    pub(super) async fn campaign(&self, key: &CampaignKey) -> Result<Option<CampaignDetail>, Problem> {
        none()
    }
    pub(super) async fn campaign_definition(&self, key: &CampaignKey) -> Result<Option<Campaign>, Problem> {
        none()
    }
    pub(super) async fn campaign_exists(&self, key: &CampaignKey) -> Result<bool, Problem> {
        none()
    }
    pub(super) async fn apply_campaign(
        &self,
        campaign: &Campaign,
        text: &str,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<CampaignApplied, Problem> {
        none()
    }
    pub(super) async fn attempts(
        &self,
        key: &CampaignKey,
        cursor: Option<&str>,
        limit: u32,
        disposition: Option<Disposition>,
    ) -> Result<AttemptPage, Problem> {
        none()
    }
    pub(super) async fn lists(&self, key: &CampaignKey) -> Result<Vec<ListView>, Problem> {
        none()
    }
    pub(super) async fn import(
        &self,
        key: &CampaignKey,
        query: &ImportQuery,
        file: &Received,
        by: &str,
        now: Timestamp,
    ) -> Result<ImportReport, Problem> {
        none()
    }
    pub(super) fn rejected_file(&self, id: ImportId) -> Option<std::path::PathBuf> {
        None
    }
    pub(super) async fn suppressions(&self, number: &PhoneNumber) -> Result<Vec<SuppressionView>, Problem> {
        none()
    }
    pub(super) async fn suppress(
        &self,
        number: &PhoneNumber,
        request: &SuppressionRequest,
        role: Role,
        by: &str,
        now: Timestamp,
    ) -> Result<SuppressionView, Problem> {
        none()
    }
    pub(super) async fn lift_suppression(
        &self,
        id: SuppressionId,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        none()
    }
    pub(super) async fn consents(&self, number: &PhoneNumber) -> Result<Vec<ConsentView>, Problem> {
        none()
    }
    pub(super) async fn consent(
        &self,
        number: &PhoneNumber,
        request: &ConsentRequest,
        at: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<ConsentView, Problem> {
        none()
    }
    pub(super) async fn revoke_consent(
        &self,
        id: ConsentId,
        request: &RevokeRequest,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentView>, Problem> {
        none()
    }
    pub(super) async fn users(&self) -> Result<Vec<UserView>, Problem> {
        none()
    }
    pub(super) async fn user(&self, id: UserId) -> Result<Option<UserView>, Problem> {
        none()
    }
    pub(super) async fn add_user(
        &self,
        new: NewUser,
        language: String,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<UserView>, Problem> {
        none()
    }
    pub(super) async fn change_user(
        &self,
        there: UserView,
        change: UserChange,
        by: &str,
        now: Timestamp,
    ) -> Result<UserView, Problem> {
        none()
    }
    pub(super) async fn lead(&self, id: LeadId) -> Result<Option<LeadDetail>, Problem> {
        none()
    }
    pub(super) async fn customer(&self, number: &PhoneNumber) -> Result<Customer, Problem> {
        none()
    }
}
