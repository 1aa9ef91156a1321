//! Sign-ins: a random token in the browser, its SHA-256 here, an end by idleness and an end in any case.

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Store;
use super::db::{Row, params, statements};
use super::error::StoreError;
use super::users::{User, by_id};
use crate::model::id::{SessionId, UserId};
use crate::model::time::Timestamp;

/// Random bytes of a token: 256 bits.
const TOKEN_BYTES: usize = 32;
/// A sign-in is marked as seen at most this often: a page that asks every second must not write every second.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// How long a sign-in lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLife {
    /// Without a request.
    pub idle: Duration,
    /// In any case.
    pub absolute: Duration,
}

impl Default for SessionLife {
    /// A shift without a request, a day in any case.
    fn default() -> SessionLife {
        SessionLife { idle: Duration::from_secs(12 * 3600), absolute: Duration::from_secs(24 * 3600) }
    }
}

/// Who is behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The sign-in.
    pub session: SessionId,
    /// The user.
    pub user: User,
    /// When it ends in any case.
    pub expires_at: Timestamp,
}

/// A sign-in in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// The last request, to the minute.
    pub seen_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// What the browser says it is.
    pub client: String,
}

statements! {
    INSERT = "
        insert into user_sessions (id, user_id, token_sha256, created_at, seen_at, idle_until, expires_at, client)
        values ($1, $2, $3, $4, $4, $5, $6, $7)";
    FIND = "
        select id, user_id, seen_at, idle_until, expires_at from user_sessions
        where token_sha256 = $1 and revoked_at is null and idle_until > $2 and expires_at > $2";
    TOUCH = "update user_sessions set seen_at = $2, idle_until = $3 where id = $1 and revoked_at is null";
    REVOKE = "update user_sessions set revoked_at = $2 where id = $1 and revoked_at is null";
    OF_USER = "
        select id, created_at, seen_at, expires_at, client from user_sessions
        where user_id = $1 and revoked_at is null and idle_until > $2 and expires_at > $2
        order by created_at desc limit 100";
    FORGET = "delete from user_sessions where expires_at < $1";
}

impl Store {
    /// Signs a user in. The token is shown once and kept nowhere.
    pub async fn create_session(
        &self,
        user: UserId,
        life: SessionLife,
        client: &str,
        at: Timestamp,
    ) -> Result<(SessionId, String), StoreError> {
        let token = random_token()?;
        let id = self.inner.ids.next(at);
        let hash = hex(&Sha256::digest(token.as_bytes()));
        let client: String = client.chars().take(200).collect();
        self.write(move |conn| {
            Box::pin(async move {
                conn.run(FORGET, params![at - Duration::from_secs(30 * 24 * 3600)]).await?;
                let values = params![id, user.0, hash, at, at + life.idle, at + life.absolute, client];
                conn.run(INSERT, values).await.map(drop)
            })
        })
        .await?;
        Ok((SessionId(id), token))
    }

    /// Who is behind a token; `None` if it is unknown, over, revoked, or its user disabled. Marks it as seen.
    pub async fn find_session(
        &self,
        token: &str,
        life: SessionLife,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, StoreError> {
        let mut conn = self.reader().await?;
        let hash = hex(&Sha256::digest(token.as_bytes()));
        let Some(row) = conn.row(FIND, params![hash, now]).await? else { return Ok(None) };
        let user = by_id(&mut conn, UserId(row.int("user_id")?)).await?;
        drop(conn);
        let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
        let session = SessionId(row.int("id")?);
        if now.since(row.time("seen_at")?) >= TOUCH_EVERY {
            let touched = self
                .write(move |conn| {
                    Box::pin(async move { conn.run(TOUCH, params![session.0, now, now + life.idle]).await.map(drop) })
                })
                .await;
            // A full disk must not sign people out; the sign-in is only not prolonged.
            if let Err(error) = touched {
                tracing::warn!(%error, %session, "a sign-in could not be marked as seen");
            }
        }
        Ok(Some(SignedIn { session, user, expires_at: row.time("expires_at")? }))
    }

    /// Ends a sign-in.
    pub async fn revoke_session(&self, session: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |conn| Box::pin(async move { conn.run(REVOKE, params![session.0, at]).await.map(drop) })).await
    }

    /// A user's sign-ins that are good now, newest first.
    pub async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(OF_USER, params![user.0, now]).await?.iter().map(session_row).collect()
    }
}

fn session_row(row: &Row) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        id: SessionId(row.int("id")?),
        created_at: row.time("created_at")?,
        seen_at: row.time("seen_at")?,
        expires_at: row.time("expires_at")?,
        client: row.text("client")?,
    })
}

/// 256 random bits, in hexadecimal.
pub(super) fn random_token() -> Result<String, StoreError> {
    let mut bytes = [0; TOKEN_BYTES];
    // Without randomness nobody can be let in safely.
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unfit {
        what: "randomness of the operating system",
        value: error.to_string(),
        expected: "256 random bits".to_owned(),
    })?;
    Ok(hex(&bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
