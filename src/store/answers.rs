//! Answers that are kept for a while, for whoever asks the same again under the same key.
//!
//! Read [`KeptAnswer`] first; what counts as the same is for whoever asks the store.

use std::time::Duration;

use super::Store;
use super::db::{params, statements};
use super::error::StoreError;
use crate::model::time::Timestamp;

/// For how long an answer is kept.
pub const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// What was asked, as a hash.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The type of the body; empty where there was none.
    pub content_type: String,
    /// The body.
    pub body: String,
}

statements! {
    KEEP = "
        insert into kept_answers (id, request, status, content_type, body, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (id) do update set
            request = excluded.request, status = excluded.status, content_type = excluded.content_type,
            body = excluded.body, expires_at = excluded.expires_at
        where kept_answers.expires_at <= $7";
    KEPT = "select request, status, content_type, body from kept_answers where id = $1 and expires_at > $2";
    FORGET = "
        delete from kept_answers where id in (
            select id from kept_answers where expires_at <= $1 order by expires_at, id limit $2)";
}

impl Store {
    /// Keeps an answer from `now` on. One that is kept under this id already stays.
    pub async fn keep_answer(&self, id: String, answer: KeptAnswer, now: Timestamp) -> Result<(), StoreError> {
        let KeptAnswer { request, status, content_type, body } = answer;
        let values = params![id, request, u32::from(status), content_type, body, now + ANSWERS_KEPT, now];
        self.write(move |conn| Box::pin(async move { conn.run(KEEP, values).await.map(drop) })).await
    }

    /// The answer that is kept under an id.
    pub async fn kept_answer(&self, id: &str, now: Timestamp) -> Result<Option<KeptAnswer>, StoreError> {
        let mut conn = self.reader().await?;
        let Some(row) = conn.row(KEPT, params![id, now]).await? else { return Ok(None) };
        Ok(Some(KeptAnswer {
            request: row.text("request")?,
            status: u16::try_from(row.int("status")?).unwrap_or_default(),
            content_type: row.text("content_type")?,
            body: row.text("body")?,
        }))
    }

    /// Removes answers that are kept no longer; how many.
    pub async fn forget_answers(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.in_pieces(FORGET, params![now]).await
    }
}
