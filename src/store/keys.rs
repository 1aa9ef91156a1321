//! Keys of programs that use the API: shown once, kept as SHA-256, revoked by name.
//!
//! Not sign-ins: a key belongs to a program, has no password and no pages, and may do only what its scopes say. Read [`ApiKey`]
//! first.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Store;
use super::db::{Row, json, params, statements, word};
use super::error::StoreError;
use super::sessions::{hex, random_token};
use super::users::Role;
use crate::model::id::KeyId;
use crate::model::time::Timestamp;

/// What a key begins with: tells it from the token of a sign-in, and lets scanners of repositories find one that leaked.
pub const KEY_PREFIX: &str = "lull_";
/// Longest name of a key, in characters.
const NAME_MAX: usize = 60;
/// A key is marked as seen at most this often.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// What a key may do: read or write one part of the API, such as `lists:write`. Writing includes reading.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyScope {
    /// The part: a tag of the API's description, or `*` for all.
    pub part: String,
    /// Whether it may change something.
    pub write: bool,
}

/// A text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; expected PART:read or PART:write, such as lists:write or *:read")]
pub struct NoScope(String);

impl FromStr for KeyScope {
    type Err = NoScope;
    fn from_str(text: &str) -> Result<KeyScope, NoScope> {
        let no = || NoScope(text.to_owned());
        let (part, access) = text.split_once(':').ok_or_else(no)?;
        let good = part == "*" || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        match access {
            "read" | "write" if good => Ok(KeyScope { part: part.to_owned(), write: access == "write" }),
            _ => Err(no()),
        }
    }
}

impl TryFrom<String> for KeyScope {
    type Error = NoScope;
    fn try_from(text: String) -> Result<KeyScope, NoScope> {
        text.parse()
    }
}

impl From<KeyScope> for String {
    fn from(scope: KeyScope) -> String {
        scope.to_string()
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.part, if self.write { "write" } else { "read" })
    }
}

/// A key, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What it is for.
    pub name: String,
    /// What bounds it, as it does people.
    pub role: Role,
    /// What it may do of that.
    pub scopes: Vec<KeyScope>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The last request, to the minute.
    pub seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it may read, or change, a part of the API.
    pub fn may(&self, part: &str, write: bool) -> bool {
        self.scopes.iter().any(|scope| (scope.part == "*" || scope.part == part) && (scope.write || !write))
    }
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for; unique among those that are good.
    pub name: String,
    /// Manager, marketing or operator: a program is no agent.
    pub role: Role,
    /// At least one.
    pub scopes: Vec<KeyScope>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

statements! {
    INSERT = "
        insert into api_keys (id, name, role, scopes, key_sha256, created_by, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict do nothing";
    FIND = "
        select id, name, role, scopes, created_by, created_at, expires_at, seen_at, revoked_at from api_keys
        where key_sha256 = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";
    GOOD = "
        select count(*) as count from api_keys
        where id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";
    TOUCH = "update api_keys set seen_at = $2 where id = $1";
    ALL = "
        select id, name, role, scopes, created_by, created_at, expires_at, seen_at, revoked_at from api_keys
        order by created_at desc, id desc limit 1000";
    REVOKE = "update api_keys set revoked_at = $2, revoked_by = $3 where name = $1 and revoked_at is null";
}

impl Store {
    /// Makes a key; the text is shown once and kept nowhere.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] for a name that is empty or too long, an agent's role, or no scope; [`StoreError::AlreadyExists`]
    /// for a name that a good key has.
    pub async fn add_key(&self, new: NewKey, by: &str, at: Timestamp) -> Result<String, StoreError> {
        let NewKey { name, role, scopes, expires_at } = new;
        let unfit =
            |what, value: String, expected: &str| Err(StoreError::Unfit { what, value, expected: expected.into() });
        if name.trim().is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            return unfit("name of the key", name, "1 to 60 characters that can be read");
        }
        if role == Role::Agent {
            return unfit("role of the key", role.as_str().to_owned(), "manager, marketing or operator");
        }
        if scopes.is_empty() {
            return unfit("scopes of the key", "none".to_owned(), "at least one, such as lists:write");
        }
        let key = format!("{KEY_PREFIX}{}", random_token()?);
        let hash = hex(&Sha256::digest(key.as_bytes()));
        let (ids, id, by) = (self.ids(), self.inner.ids.next(at), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let scopes = json(&scopes);
                let values =
                    params![id, name.as_str(), word(&role), scopes.as_str(), hash, by.as_str(), at, expires_at];
                if conn.run(INSERT, values).await? == 0 {
                    return Err(StoreError::AlreadyExists { what: "key", name });
                }
                let detail = format!("{}, {scopes}", role.as_str());
                super::audit::note(conn, &ids, at, &by, "key_added", &name, &detail).await
            })
        })
        .await?;
        Ok(key)
    }

    /// The key of a text; `None` if it is unknown, over or revoked. Marks it as seen.
    pub async fn find_key(&self, key: &str, now: Timestamp) -> Result<Option<ApiKey>, StoreError> {
        let hash = hex(&Sha256::digest(key.as_bytes()));
        let mut conn = self.reader().await?;
        let Some(row) = conn.row(FIND, params![hash, now]).await? else { return Ok(None) };
        drop(conn);
        let key = api_key(&row)?;
        if key.seen_at.is_none_or(|seen| now.since(seen) >= TOUCH_EVERY) {
            let id = key.id;
            let touched = self
                .write(move |conn| Box::pin(async move { conn.run(TOUCH, params![id.0, now]).await.map(drop) }))
                .await;
            // A full disk must not lock programs out.
            if let Err(error) = touched {
                tracing::warn!(%error, name = key.name, "a key could not be marked as seen");
            }
        }
        Ok(Some(key))
    }

    /// Whether a key still opens something.
    pub async fn key_is_good(&self, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let mut conn = self.reader().await?;
        Ok(conn.one(GOOD, params![id.0, now]).await?.int("count")? > 0)
    }

    /// All keys, newest first, with those that were revoked.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(ALL, vec![]).await?.iter().map(api_key).collect()
    }

    /// Makes a key worthless, at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where no good key has this name.
    pub async fn revoke_key(&self, name: &str, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let (ids, name, by) = (self.ids(), name.to_owned(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                if conn.run(REVOKE, params![name.as_str(), at, by.as_str()]).await? == 0 {
                    return Err(StoreError::NotFound { what: "key", name });
                }
                super::audit::note(conn, &ids, at, &by, "key_revoked", &name, "").await
            })
        })
        .await
    }
}

fn api_key(row: &Row) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: KeyId(row.int("id")?),
        name: row.text("name")?,
        role: row.word("role")?,
        scopes: row.json("scopes")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.opt_time("expires_at")?,
        seen_at: row.opt_time("seen_at")?,
        revoked_at: row.opt_time("revoked_at")?,
    })
}
