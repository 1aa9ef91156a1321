//! Opting out, by whatever channel a customer says so: the number is suppressed for calls and messages, consent is revoked, and
//! messages that wait for it are withdrawn, in one transaction.

use super::Ids;
use super::consents::{self, ConsentRevoked};
use super::db::{Conn, params, statements};
use super::error::StoreError;
use super::suppressions::{self, Scope, Suppression};
use crate::model::lead::SuppressionReason;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Who does what a customer's own words asked for.
pub(super) const BY_CUSTOMER: &str = "customer";
/// How the note of a suppression begins that a person is to read.
pub(super) const TO_BE_READ: &str = "to be read by a person: ";

statements! {
    WITHDRAW_NUMBER = "
        update messages set state = 'suppressed', ended_at = $2, error = 'the number is suppressed'
        where number = $1 and state = 'queued' and purpose <> 'confirmation'";
    OPTED_OUT = "
        select id, note from suppressions
        where number = $1 and scope = '*' and reason = 'opt_out' and lifted_at is null
          and (expires_at is null or expires_at > $2) limit 1";
    MADE_SURE = "update suppressions set note = $2, source = $3 where id = $1";
}

/// What a customer said.
pub(super) struct OptOut<'s> {
    /// Whose number.
    pub(super) number: &'s PhoneNumber,
    /// The words.
    pub(super) text: &'s str,
    /// They mean it for sure; else a person is to read them.
    pub(super) sure: bool,
    /// By which channel: `sms`, `web`.
    pub(super) channel: &'s str,
    /// Where the words can be found again.
    pub(super) source: &'s str,
    /// Who did it: the customer, or who read the words.
    pub(super) by: &'s str,
}

/// Does what the customer asks for. Whether that had been said for sure before.
pub(super) async fn opt_out(conn: &mut Conn, ids: &Ids, said: &OptOut<'_>, at: Timestamp) -> Result<bool, StoreError> {
    let OptOut { number, text, sure, channel, source, by } = *said;
    let before = conn.row(OPTED_OUT, params![number.as_str(), at]).await?;
    let (before, sure_before) = match &before {
        Some(row) => (Some(row.int("id")?), !row.text("note")?.starts_with(TO_BE_READ)),
        None => (None, false),
    };
    let suppression = Suppression {
        number: number.clone(),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: source.to_owned(),
        note: if sure { text.to_owned() } else { format!("{TO_BE_READ}{text}") },
        expires_at: None,
    };
    suppressions::apply(conn, ids, &suppression, by, at).await?;
    if let (true, false, Some(before)) = (sure, sure_before, before) {
        // What was only read as if is meant: nobody is to lift it any more.
        conn.run(MADE_SURE, params![before, text, source]).await?;
    }
    let (channel, text, source) = (channel.to_owned(), text.to_owned(), source.to_owned());
    let revoked = ConsentRevoked { number: number.clone(), purpose: Scope::All, channel, source, text, at };
    consents::record(conn, ids, revoked.entry(by, at)).await?;
    conn.run(WITHDRAW_NUMBER, params![number.as_str(), at]).await?;
    Ok(sure_before)
}
