//! The people who sign in: agents, managers, marketing, operators.
//!
//! Users are disabled, never deleted: what they did keeps their name.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Store;
use super::db::{Conn, Row, json, params, statements, word};
use super::error::StoreError;
use super::password::{self, PasswordFault};
use crate::model::agent::{Device, DeviceLeg};
use crate::model::id::UserId;
use crate::model::name::GroupName;
use crate::model::time::Timestamp;

/// Longest login name, in characters.
const LOGIN_LENGTH_MAX: usize = 64;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs campaigns and groups.
    Manager,
    /// Takes calls.
    Agent,
    /// Reads results, writes offers.
    Marketing,
    /// Runs the installation and its users.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: &'static [Role] = &[Role::Manager, Role::Agent, Role::Marketing, Role::Operator];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Manager => "manager",
            Role::Agent => "agent",
            Role::Marketing => "marketing",
            Role::Operator => "operator",
        }
    }
}

impl FromStr for Role {
    type Err = String;
    /// The error is the text that was not understood.
    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL.iter().copied().find(|role| role.as_str() == text).ok_or_else(|| text.to_owned())
    }
}

/// A user, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with: lower case.
    pub login: String,
    /// What people read.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Language of the pages: `en`, `zh-CN`.
    pub language: String,
    /// How an agent hears and speaks.
    pub device: Option<Device>,
    /// The groups an agent may sign in to.
    pub groups: Vec<GroupName>,
    /// When the user was added.
    pub created_at: Timestamp,
    /// Since when the user may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// A user to be added, or what a user becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// The name to sign in with; upper case becomes lower case.
    pub login: String,
    /// What people read.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Language of the pages.
    pub language: String,
    /// How an agent hears and speaks.
    pub device: Option<Device>,
    /// The groups an agent may sign in to.
    pub groups: Vec<GroupName>,
}

statements! {
    INSERT = "
        insert into users (id, login, name, role, language, password, password_at, phone, phone_leg, groups, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $7)
        on conflict (login) do nothing";
    UPDATE = "
        update users set name = $2, role = $3, language = $4, phone = $5, phone_leg = $6, groups = $7 where login = $1";
    SET_PASSWORD = "update users set password = $2, password_at = $3 where id = $1";
    REVOKE_SESSIONS = "update user_sessions set revoked_at = $2 where user_id = $1 and revoked_at is null";
    DISABLE = "update users set disabled_at = $2 where id = $1 and disabled_at is null";
    ENABLE = "update users set disabled_at = null where id = $1";
    BY_LOGIN = "
        select id, login, name, role, language, phone, phone_leg, groups, created_at, disabled_at, password
        from users where login = $1";
    BY_ID = "
        select id, login, name, role, language, phone, phone_leg, groups, created_at, disabled_at
        from users where id = $1";
    ALL = "
        select id, login, name, role, language, phone, phone_leg, groups, created_at, disabled_at
        from users order by login";
}

impl Store {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] for a login name that is taken, [`StoreError::Unfit`] for a bad login or password.
    pub async fn add_user(&self, user: NewUser, password: &str, by: &str, at: Timestamp) -> Result<UserId, StoreError> {
        let login = login_name(&user.login)?;
        let hash = self.hash_password(password, &login).await?;
        let (ids, by) = (self.ids(), by.to_owned());
        let id = ids.next(at);
        self.write(move |conn| {
            Box::pin(async move {
                let device = user.device.as_ref();
                let values = params![
                    id,
                    login.as_str(),
                    user.name,
                    user.role.as_str(),
                    user.language,
                    hash,
                    at,
                    device.map(|device| device.phone.as_str()),
                    device.map(|device| word(&device.leg)),
                    json(&user.groups),
                ];
                if conn.run(INSERT, values).await? == 0 {
                    return Err(StoreError::AlreadyExists { what: "user", name: login });
                }
                super::audit::note(conn, &ids, at, &by, "user_added", &login, user.role.as_str()).await?;
                Ok(UserId(id))
            })
        })
        .await
    }

    /// Changes everything about a user but login name and password.
    pub async fn change_user(&self, user: NewUser, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let login = login_name(&user.login)?;
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let device = user.device.as_ref();
                let values = params![
                    login.as_str(),
                    user.name,
                    user.role.as_str(),
                    user.language,
                    device.map(|device| device.phone.as_str()),
                    device.map(|device| word(&device.leg)),
                    json(&user.groups),
                ];
                if conn.run(UPDATE, values).await? == 0 {
                    return Err(StoreError::NotFound { what: "user", name: login });
                }
                super::audit::note(conn, &ids, at, &by, "user_changed", &login, user.role.as_str()).await
            })
        })
        .await
    }

    /// Sets a password and ends all of the user's sign-ins.
    pub async fn set_password(&self, user: UserId, password: &str, by: &str, at: Timestamp) -> Result<(), StoreError> {
        let Some(known) = self.user(user).await? else {
            return Err(StoreError::NotFound { what: "user", name: user.to_string() });
        };
        let hash = self.hash_password(password, &known.login).await?;
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                conn.run(SET_PASSWORD, params![user.0, hash, at]).await?;
                conn.run(REVOKE_SESSIONS, params![user.0, at]).await?;
                super::audit::note(conn, &ids, at, &by, "password_set", &known.login, "").await
            })
        })
        .await
    }

    /// Keeps a user from signing in and ends all sign-ins, or lets the user in again.
    pub async fn set_user_disabled(
        &self,
        user: UserId,
        disabled: bool,
        by: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (ids, by) = (self.ids(), by.to_owned());
        self.write(move |conn| {
            Box::pin(async move {
                let Some(row) = conn.row(BY_ID, params![user.0]).await? else {
                    return Err(StoreError::NotFound { what: "user", name: user.to_string() });
                };
                let what = if disabled {
                    conn.run(DISABLE, params![user.0, at]).await?;
                    conn.run(REVOKE_SESSIONS, params![user.0, at]).await?;
                    "user_disabled"
                } else {
                    conn.run(ENABLE, params![user.0]).await?;
                    "user_enabled"
                };
                super::audit::note(conn, &ids, at, &by, what, &row.text("login")?, "").await
            })
        })
        .await
    }

    /// The user whose password this is; `None` for a wrong password, an unknown login and a disabled user alike, after
    /// the same work.
    pub async fn verify_password(&self, login: &str, password: &str) -> Result<Option<User>, StoreError> {
        let mut conn = self.reader().await?;
        let row = conn.row(BY_LOGIN, params![login.trim().to_lowercase()]).await?;
        drop(conn);
        let kept = row.as_ref().map(|row| row.text("password")).transpose()?;
        let user = row.as_ref().map(user).transpose()?;
        let given = password.to_owned();
        // Nobody's password is longer, and hashing a megabyte is work an attacker would like us to do.
        let sane = given.len() <= 4 * password::PASSWORD_LENGTH_MAX;
        let fits =
            self.hashing(move || password::fits(if sane { &given } else { "" }, kept.as_deref()) && sane).await?;
        Ok(user.filter(|user| fits && user.disabled_at.is_none()))
    }

    /// One user by login name, disabled or not.
    pub async fn user_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        let mut conn = self.reader().await?;
        conn.row(BY_LOGIN, params![login.trim().to_lowercase()]).await?.as_ref().map(user).transpose()
    }

    /// One user by id, disabled or not.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let mut conn = self.reader().await?;
        by_id(&mut conn, id).await
    }

    /// All users by login name, disabled ones as well.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let mut conn = self.reader().await?;
        conn.rows(ALL, vec![]).await?.iter().map(user).collect()
    }

    async fn hash_password(&self, password: &str, login: &str) -> Result<String, StoreError> {
        password::check(password, login, self.password_length_min()).map_err(|fault: PasswordFault| {
            StoreError::Unfit { what: "password", value: "(not shown)".to_owned(), expected: fault.to_string() }
        })?;
        let password = password.to_owned();
        self.hashing(move || password::hash(&password)).await?
    }

    /// Runs a hash on a thread of its own, two at a time.
    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        let _permit = self.inner.hashing.acquire().await.map_err(|_| StoreError::Closed)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)
    }
}

pub(super) async fn by_id(conn: &mut Conn, id: UserId) -> Result<Option<User>, StoreError> {
    conn.row(BY_ID, params![id.0]).await?.as_ref().map(user).transpose()
}

fn user(row: &Row) -> Result<User, StoreError> {
    let leg: Option<DeviceLeg> = row.opt_word("phone_leg")?;
    Ok(User {
        id: UserId(row.int("id")?),
        login: row.text("login")?,
        name: row.text("name")?,
        role: row.parsed("role")?,
        language: row.text("language")?,
        device: row.opt_text("phone")?.map(|phone| Device { phone, leg: leg.unwrap_or_default() }),
        groups: row.json("groups")?,
        created_at: row.time("created_at")?,
        disabled_at: row.opt_time("disabled_at")?,
    })
}

fn login_name(text: &str) -> Result<String, StoreError> {
    let login = text.trim().to_lowercase();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    if login.is_empty() || login.chars().count() > LOGIN_LENGTH_MAX || !login.chars().all(fits) {
        return Err(StoreError::Unfit {
            what: "login name",
            value: text.to_owned(),
            expected: format!("1 to {LOGIN_LENGTH_MAX} letters, digits and . - _ @ + without spaces"),
        });
    }
    Ok(login)
}
