//! Users and their sessions.

use super::Records;
use crate::model::agent::Device;
use crate::model::id::{SessionId, UserId};
use crate::model::time::Timestamp;
use crate::store::{self, StoreError};
use crate::web::access::{Account, SignedIn};
use crate::web::problem::{Kind, Problem};
use crate::web::users::{NewUser, UserChange, UserView};

impl Records {
    /// The user behind a token.
    pub(in crate::web) async fn session(&self, token: &str, now: Timestamp) -> Result<Option<SignedIn>, Problem> {
        let found = self.store.find_session(token, self.session_life(), now).await?;
        Ok(found.map(|found| SignedIn { account: found.user.into(), session: found.session, key: None }))
    }

    /// The program behind a key.
    pub(in crate::web) async fn key(&self, key: &str, now: Timestamp) -> Result<Option<SignedIn>, Problem> {
        let Some(key) = self.store.find_key(key, now).await? else { return Ok(None) };
        let account = Account {
            id: UserId(key.id.0),
            login: format!("key {}", key.name),
            name: key.name.clone(),
            role: key.role,
            language: "en".to_owned(),
            groups: Vec::new(),
            device: None,
        };
        Ok(Some(SignedIn { account, session: SessionId(0), key: Some(key) }))
    }

    /// Whether a session goes on: not ended, and the user still in the same role.
    pub(in crate::web) async fn session_is_valid(&self, signed_in: &SignedIn, now: Timestamp) -> Result<bool, Problem> {
        if let Some(key) = &signed_in.key {
            return Ok(self.store.key_is_good(key.id, now).await?);
        }
        let account = &signed_in.account;
        let Some(user) = self.store.user(account.id).await? else { return Ok(false) };
        if user.disabled_at.is_some() || user.role != account.role {
            return Ok(false);
        }
        let sessions = self.store.sessions_of(account.id, now).await?;
        Ok(sessions.iter().any(|session| session.id == signed_in.session))
    }

    /// Opens a session for whoever knows the password: the user and the session's token.
    pub(in crate::web) async fn log_in(
        &self,
        login: &str,
        password: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<Option<(Account, String)>, Problem> {
        let Some(user) = self.store.verify_password(login, password).await? else { return Ok(None) };
        let (_, token) = self.store.create_session(user.id, self.session_life(), client, now).await?;
        Ok(Some((user.into(), token)))
    }

    pub(in crate::web) async fn end_session(&self, session: SessionId, now: Timestamp) -> Result<(), Problem> {
        Ok(self.store.revoke_session(session, now).await?)
    }

    pub(in crate::web) async fn password_is(&self, login: &str, password: &str) -> Result<bool, Problem> {
        Ok(self.store.verify_password(login, password).await?.is_some())
    }

    /// Sets one's own password: all sessions end, and a fresh one is opened. Gives its token.
    pub(in crate::web) async fn replace_password(
        &self,
        account: &Account,
        password: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<String, Problem> {
        self.store.set_password(account.id, password, &account.login, now).await?;
        let (_, token) = self.store.create_session(account.id, self.session_life(), client, now).await?;
        Ok(token)
    }

    pub(in crate::web) async fn set_language(
        &self,
        account: &Account,
        language: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let user = self.store.user(account.id).await?.ok_or_else(|| Problem::not_found("such user"))?;
        let changed = store::NewUser { language: language.to_owned(), ..as_new(&user) };
        Ok(self.store.change_user(changed, &account.login, now).await?)
    }

    pub(in crate::web) async fn users(&self) -> Result<Vec<UserView>, Problem> {
        Ok(self.store.users().await?.into_iter().map(UserView::from).collect())
    }

    pub(in crate::web) async fn user(&self, id: UserId) -> Result<Option<UserView>, Problem> {
        Ok(self.store.user(id).await?.map(UserView::from))
    }

    pub(in crate::web) async fn add_user(
        &self,
        new: NewUser,
        language: String,
        by: &str,
        now: Timestamp,
    ) -> Result<UserView, Problem> {
        let NewUser { login, name, role, password, groups, device, language: _ } = new;
        let user = store::NewUser { login, name, role, language, device, groups };
        let id = match self.store.add_user(user, &password, by, now).await {
            Err(StoreError::AlreadyExists { .. }) => {
                return Err(Problem::new(Kind::Conflict, "another user has this login"));
            }
            added => added?,
        };
        self.user(id).await?.ok_or_else(|| Problem::internal("adding a user", "the user is not there"))
    }

    pub(in crate::web) async fn change_user(
        &self,
        there: UserView,
        change: UserChange,
        by: &str,
        now: Timestamp,
    ) -> Result<UserView, Problem> {
        let UserChange { name, role, language, password, groups, device, disabled } = change;
        // First what can be refused, so that a refusal leaves everything as it was.
        if let Some(password) = password {
            self.store.set_password(there.id, &password, by, now).await?;
        }
        if name.is_some() || role.is_some() || language.is_some() || groups.is_some() || device.is_some() {
            let device: Option<Device> = device.unwrap_or_else(|| there.device.clone());
            let user = store::NewUser {
                login: there.login.clone(),
                name: name.unwrap_or_else(|| there.name.clone()),
                role: role.unwrap_or(there.role),
                language: language.unwrap_or_else(|| there.language.clone()),
                device,
                groups: groups.unwrap_or_else(|| there.groups.clone()),
            };
            self.store.change_user(user, by, now).await?;
        }
        if role.is_some_and(|role| role != there.role) {
            // Rights are read at each request; ending the sessions also closes pages of the old role.
            for session in self.store.sessions_of(there.id, now).await? {
                self.store.revoke_session(session.id, now).await?;
            }
        }
        if let Some(disabled) = disabled
            && disabled != there.disabled_at.is_some()
        {
            self.store.set_user_disabled(there.id, disabled, by, now).await?;
        }
        self.user(there.id).await?.ok_or_else(|| Problem::not_found(format!("user `{}`", there.id)))
    }
}

impl From<store::User> for Account {
    fn from(user: store::User) -> Account {
        let store::User { id, login, name, role, language, device, groups, created_at: _, disabled_at: _ } = user;
        Account { id, login, name, role, language, groups, device }
    }
}

impl From<store::User> for UserView {
    fn from(user: store::User) -> UserView {
        let store::User { id, login, name, role, language, device, groups, created_at, disabled_at } = user;
        UserView { id, login, name, role, language, groups, device, created_at, disabled_at }
    }
}

fn as_new(user: &store::User) -> store::NewUser {
    store::NewUser {
        login: user.login.clone(),
        name: user.name.clone(),
        role: user.role,
        language: user.language.clone(),
        device: user.device.clone(),
        groups: user.groups.clone(),
    }
}
