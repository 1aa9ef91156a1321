//! Keys of programs.

use super::Records;
use crate::model::time::Timestamp;
use crate::store::{ApiKey, KeyScope, NewKey};
use crate::web::keys::NewKeyRequest;
use crate::web::problem::Problem;

impl Records {
    pub(in crate::web) async fn keys(&self) -> Result<Vec<ApiKey>, Problem> {
        Ok(self.store.keys().await?)
    }

    /// The text of a new key, whose scopes were looked at.
    pub(in crate::web) async fn add_key(
        &self,
        new: NewKeyRequest,
        by: &str,
        now: Timestamp,
    ) -> Result<String, Problem> {
        let NewKeyRequest { name, role, scopes, expires_at } = new;
        let scopes: Vec<KeyScope> = scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        Ok(self.store.add_key(NewKey { name, role, scopes, expires_at }, by, now).await?)
    }

    pub(in crate::web) async fn revoke_key(&self, name: &str, by: &str, now: Timestamp) -> Result<(), Problem> {
        Ok(self.store.revoke_key(name, by, now).await?)
    }
}
