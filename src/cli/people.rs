//! `lull user`: the people who may log in.

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::model::agent::{Device, DeviceLeg};
use crate::model::name::GroupName;
use crate::store::{NewUser, Role, StoreError, User};

/// Who is named in the record of what a command did.
pub(super) const BY: &str = "command line";

/// The people who may log in.
#[derive(Debug, Subcommand)]
pub(crate) enum People {
    /// Adds somebody.
    Add(Add),
    /// Lists everybody.
    List,
    /// Sets a new password and signs out everywhere.
    Password(Password),
    /// Stops somebody from logging in; what they did stays on record.
    Disable(Named),
    /// Lets somebody log in again.
    Enable(Named),
}

/// Adds somebody.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The name to log in with: lower case, unique.
    login: String,
    /// What they do: manager, agent, marketing or operator.
    #[arg(long, value_parser = role)]
    role: Role,
    /// Their name as people read it; without it, the login name.
    #[arg(long)]
    name: Option<String>,
    /// Language of their pages: en or zh.
    #[arg(long, default_value = "en", value_parser = ["en", "zh"])]
    language: String,
    /// For agents: the phone of the configuration they speak with.
    #[arg(long, required_if_eq("role", "agent"))]
    phone: Option<String>,
    /// For agents: ring the phone for each call instead of keeping it connected for the shift.
    #[arg(long)]
    per_call: bool,
    /// For agents: a group they work in; may be repeated. Without it, every group of the configuration.
    #[arg(long = "group")]
    groups: Vec<GroupName>,
    /// Reads the password from standard input, for scripts.
    #[arg(long)]
    password_stdin: bool,
}

/// Sets a new password.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// The name they log in with.
    login: String,
    /// Reads the password from standard input, for scripts.
    #[arg(long)]
    password_stdin: bool,
}

/// Somebody by login name.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The name they log in with.
    login: String,
}

#[derive(Debug, Serialize)]
struct Person {
    id: String,
    login: String,
    name: String,
    role: &'static str,
    phone: Option<String>,
    groups: Vec<GroupName>,
    disabled: bool,
}

impl From<User> for Person {
    fn from(user: User) -> Person {
        Person {
            id: user.id.to_string(),
            login: user.login,
            name: user.name,
            role: user.role.as_str(),
            phone: user.device.map(|device| device.phone),
            groups: user.groups,
            disabled: user.disabled_at.is_some(),
        }
    }
}

impl People {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            People::Add(add) => add.run(place, &installation),
            People::List => list(place, &installation),
            People::Password(password) => password.run(place, &installation),
            People::Disable(named) => named.set_disabled(place, &installation, true),
            People::Enable(named) => named.set_disabled(place, &installation, false),
        }
    }
}

impl Add {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let config = &installation.config;
        if let Some(phone) = &self.phone
            && !config.phones.contains_key(phone)
        {
            let known: Vec<&str> = config.phones.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "it has none yet: add [phones.NAME]".to_owned()
            } else {
                format!("phones: {}", known.join(", "))
            };
            return Err(Failure::new(format!("there is no phone `{phone}` in the configuration; {known}")));
        }
        if let Some(group) = self.groups.iter().find(|group| !config.groups.contains_key(group)) {
            let known: Vec<&str> = config.groups.keys().map(GroupName::as_str).collect();
            let known = known.join(", ");
            return Err(Failure::new(format!(
                "there is no agent group `{group}` in the configuration; groups: {known}"
            )));
        }
        let groups = match (self.role, self.groups.is_empty()) {
            (Role::Agent, true) => config.groups.keys().cloned().collect(),
            (_, _) => self.groups,
        };
        let leg = if self.per_call { DeviceLeg::PerCall } else { DeviceLeg::NailedUp };
        let user = NewUser {
            name: self.name.unwrap_or_else(|| self.login.clone()),
            login: self.login,
            role: self.role,
            language: self.language,
            device: self.phone.map(|phone| Device { phone, leg }),
            groups,
        };
        let password = password(self.password_stdin, &user.login, config.access.password_length_min)?;
        let login = user.login.clone();
        let added =
            installation.with_store(|store, now| async move { Ok(store.add_user(user, &password, BY, now).await) })?;
        let id = added.map_err(password_fault)?;
        show(place.json, &serde_json::json!({ "id": id, "login": login }), || format!("`{login}` can log in now."));
        Ok(Outcome::Done)
    }
}

impl Password {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let user = installation.user(&self.login)?;
        let min = installation.config.access.password_length_min;
        let password = password(self.password_stdin, &self.login, min)?;
        let login = self.login;
        let set = installation
            .with_store(|store, now| async move { Ok(store.set_password(user.id, &password, BY, now).await) })?;
        set.map_err(password_fault)?;
        show(place.json, &serde_json::json!({ "login": login }), || {
            format!("`{login}` has a new password and is signed out everywhere.")
        });
        Ok(Outcome::Done)
    }
}

impl Named {
    fn set_disabled(self, place: &Place, installation: &Installation, disabled: bool) -> Result<Outcome, Failure> {
        let user = installation.user(&self.login)?;
        installation
            .with_store(|store, now| async move { store.set_user_disabled(user.id, disabled, BY, now).await })?;
        show(place.json, &serde_json::json!({ "login": self.login, "disabled": disabled }), || {
            format!("`{}` can {} log in.", self.login, if disabled { "no longer" } else { "again" })
        });
        Ok(Outcome::Done)
    }
}

fn list(place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
    let users = installation.with_store(|store, _| async move { store.users().await })?;
    let people: Vec<Person> = users.into_iter().map(Person::from).collect();
    show(place.json, &people, || {
        if people.is_empty() {
            return "Nobody can log in yet. Add the first manager: lull user add NAME --role manager".to_owned();
        }
        let mut text = String::new();
        for person in &people {
            let phone = person.phone.as_deref().map(|p| format!("  phone {p}")).unwrap_or_default();
            let disabled = if person.disabled { "  (disabled)" } else { "" };
            text += &format!("{:<20} {:<10} {}{phone}{disabled}\n", person.login, person.role, person.name);
        }
        text
    });
    Ok(Outcome::Done)
}

/// What is wrong with a password is told alone: its value must not be.
fn password_fault(error: StoreError) -> Failure {
    match error {
        StoreError::Unfit { what: "password", expected, .. } => Failure::new(expected),
        other => Failure::from(other),
    }
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "expected manager, agent, marketing or operator".to_owned())
}

/// The password, from a pipe or typed twice by a person. What is typed is visible, and the prompt says so: hiding it
/// needs a terminal mode that safe code of the standard library does not offer.
#[expect(clippy::print_stderr, reason = "a question to whoever types")]
fn password(stdin: bool, login: &str, min: u32) -> Result<String, Failure> {
    let mut lines = std::io::stdin().lock().lines();
    let mut line = || -> Result<String, Failure> {
        lines.next().transpose()?.ok_or_else(|| Failure::new("no password was given"))
    };
    if stdin || !std::io::stdin().is_terminal() {
        return line();
    }
    eprintln!("Password for `{login}`, at least {min} characters (visible while you type):");
    let first = line()?;
    eprintln!("Once more:");
    if line()? == first { Ok(first) } else { Err(Failure::new("the two passwords differ; nothing was changed")) }
}
