//! What customers do on a landing page: pre-register, opt out, and prove a number by a code.
//!
//! A form that comes twice is done once and answered alike, because what it was answered is written in the transaction of what
//! it did. Read [`Store::take_form`] and [`Store::send_code`] first; the page itself is `web::landing`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::db::{Conn, params, statements};
use super::error::StoreError;
use super::messages::{MessagePurpose, NewMessage, queue};
use super::opting_out::{BY_CUSTOMER, OptOut, opt_out};
use super::registrations::{self, Registered, Registration};
use super::{Ids, Store, suppressions};
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Codes that one number gets in an hour at most: nobody's phone is to be flooded.
const CODES_PER_HOUR: u64 = 3;
const HOUR: Duration = Duration::from_secs(3600);
/// How long a code holds.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// How often a code may be typed.
const TRIES_MAX: u64 = 5;
/// Where the code goes in the text of its message.
pub(crate) const CODE_PLACE: &str = "{code}";
/// Who writes these messages.
const BY_PAGE: &str = "landing page";

statements! {
    ANSWERED = "select answer from landing_forms where id = $1";
    ANSWER = "insert into landing_forms (id, answer, at) values ($1, $2, $3)";
    RECENT = "select count(*) as count from codes where number = $1 and created_at > $2";
    ADD_CODE = "
        insert into codes (id, campaign, number, code, tries, created_at, expires_at) values ($1, $2, $3, $4, 0, $5, $6)";
    LAST_CODE = "
        select id, code, tries from codes
        where number = $1 and campaign = $2 and used_at is null and expires_at > $3
        order by created_at desc, id desc limit 1";
    TRIED = "update codes set tries = tries + 1 where id = $1";
    USED = "update codes set used_at = $2 where id = $1";
    FORGET_CODES = "
        delete from codes where id in (select id from codes where created_at < $1 order by created_at, id limit $2)";
    FORGET_FORMS = "
        delete from landing_forms where id in (select id from landing_forms where at < $1 order by at, id limit $2)";
}

/// What somebody asks for with a form.
#[derive(Clone, Debug, PartialEq)]
pub enum FormAct {
    /// To be called.
    Register(Box<Registration>),
    /// Never to be called or written to again.
    OptOut {
        /// Whose number.
        number: PhoneNumber,
        /// The words on what was pressed.
        text: String,
        /// The page.
        source: String,
    },
}

impl FormAct {
    fn number(&self) -> &PhoneNumber {
        match self {
            FormAct::Register(registration) => &registration.number,
            FormAct::OptOut { number, .. } => number,
        }
    }
}

/// A form that came.
#[derive(Clone, Debug, PartialEq)]
pub struct SentForm {
    /// Names this form among all: what comes twice has the same.
    pub id: String,
    /// The campaign whose page it is.
    pub campaign: CampaignKey,
    /// What is asked for.
    pub act: FormAct,
    /// The code that proves the number, where no link did.
    pub code: Option<String>,
}

/// What a form is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormAnswer {
    /// The customer is pre-registered.
    Registered,
    /// The number is suppressed: it is not called, whatever is asked now.
    Suppressed,
    /// The customer is called and written to no more.
    OptedOut,
    /// The code is not the one that was sent, or holds no more. Nothing was done, and the form may come again.
    WrongCode,
}

/// What was done with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormDone {
    /// What it is answered.
    pub answer: FormAnswer,
    /// There is something to dial that was not there before.
    pub is_due: bool,
    /// It came before, and this is what it was answered then.
    pub again: bool,
}

/// What became of the wish for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeAsked {
    /// It is on its way.
    Sent,
    /// None is sent: the number is suppressed, and whoever types it must not learn so.
    Suppressed,
    /// None is sent: this number got as many as it may in this hour.
    TooMany,
}

impl Store {
    /// Does what a form asks for, once; on return that is durable.
    pub async fn take_form(&self, form: SentForm, now: Timestamp) -> Result<FormDone, StoreError> {
        let ids = self.ids();
        self.write(move |conn| Box::pin(async move { take(conn, &ids, &form, now).await })).await
    }

    /// Makes a code for a number and queues the message that tells it; `{code}` in its text is where it goes. `form` names the form
    /// that asks for it: one that comes twice sends one code.
    pub async fn send_code(
        &self,
        form: &str,
        campaign: &CampaignKey,
        message: NewMessage,
        now: Timestamp,
    ) -> Result<CodeAsked, StoreError> {
        let (ids, campaign) = (self.ids(), campaign.clone());
        // A page that was gone back to is the same form with another number.
        let form = format!("{form} code {}", message.number);
        let code = code()?;
        self.write(move |conn| {
            Box::pin(async move {
                let number = message.number.as_str();
                if conn.row(ANSWERED, params![form.as_str()]).await?.is_some() {
                    return Ok(CodeAsked::Sent);
                }
                if suppressions::is_suppressed(conn, &message.number, &campaign, now).await? {
                    return Ok(CodeAsked::Suppressed);
                }
                if conn.one(RECENT, params![number, now - HOUR]).await?.count("count")? >= CODES_PER_HOUR {
                    return Ok(CodeAsked::TooMany);
                }
                let values = params![ids.next(now), campaign.as_str(), number, code.as_str(), now, now + CODE_LIFE];
                conn.run(ADD_CODE, values).await?;
                conn.run(ANSWER, params![form.as_str(), "code", now]).await?;
                let message = NewMessage { text: message.text.replace(CODE_PLACE, &code), ..message };
                queue(conn, &ids, &message, MessagePurpose::Direct, None, BY_PAGE, now).await?;
                Ok(CodeAsked::Sent)
            })
        })
        .await
    }

    /// Removes codes that were made and forms that were answered before `before`; how many rows.
    pub async fn forget_forms(&self, before: Timestamp) -> Result<u64, StoreError> {
        let codes = self.in_pieces(FORGET_CODES, params![before]).await?;
        Ok(codes + self.in_pieces(FORGET_FORMS, params![before]).await?)
    }
}

async fn take(conn: &mut Conn, ids: &Ids, form: &SentForm, now: Timestamp) -> Result<FormDone, StoreError> {
    if let Some(row) = conn.row(ANSWERED, params![form.id.as_str()]).await? {
        return Ok(FormDone { answer: row.word("answer")?, is_due: false, again: true });
    }
    if let Some(typed) = &form.code
        && !proves(conn, form, typed, now).await?
    {
        return Ok(FormDone { answer: FormAnswer::WrongCode, is_due: false, again: false });
    }
    let (answer, is_due) = match &form.act {
        FormAct::Register(registration) => {
            let (became, _) = registrations::register(conn, ids, registration, BY_CUSTOMER, now).await?;
            let suppressed = became == Registered::Suppressed;
            (if suppressed { FormAnswer::Suppressed } else { FormAnswer::Registered }, became.is_due())
        }
        FormAct::OptOut { number, text, source } => {
            let said = OptOut { number, text, sure: true, channel: "web", source, by: BY_CUSTOMER };
            opt_out(conn, ids, &said, now).await?;
            (FormAnswer::OptedOut, false)
        }
    };
    conn.run(ANSWER, params![form.id.as_str(), super::db::word(&answer), now]).await?;
    Ok(FormDone { answer, is_due, again: false })
}

/// Whether what was typed is the last code that was sent to the number; counts the try, and uses the code up if so.
async fn proves(conn: &mut Conn, form: &SentForm, typed: &str, now: Timestamp) -> Result<bool, StoreError> {
    let key = params![form.act.number().as_str(), form.campaign.as_str(), now];
    let Some(row) = conn.row(LAST_CODE, key).await? else { return Ok(false) };
    if row.count("tries")? >= TRIES_MAX {
        return Ok(false);
    }
    let id = row.int("id")?;
    conn.run(TRIED, params![id]).await?;
    if row.text("code")? != typed {
        return Ok(false);
    }
    conn.run(USED, params![id, now]).await?;
    Ok(true)
}

/// Six digits that nobody can guess.
fn code() -> Result<String, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unfit {
        what: "randomness of the operating system",
        value: error.to_string(),
        expected: "random digits for a code".to_owned(),
    })?;
    // Of 2^64 numbers a million takes so small a part that no code is noticeably likelier.
    Ok(format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000))
}
