//! `lull key`: keys of programs that use the API.

use clap::{Args, Subcommand};

use super::moment::{Moment, moment};
use super::people::{BY, role};
use super::place::Installation;
use super::{Failure, Outcome, Place, show};
use crate::model::zone::Zone;
use crate::store::{ApiKey, KeyScope, NewKey, Role};
use crate::web;

/// Keys of programs that use the API.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Makes a key and shows it, once. A program sends it as `Authorization: Bearer KEY`.
    Add(Add),
    /// Lists keys, with those that were revoked. Their text is kept nowhere.
    List,
    /// Makes a key worthless at once.
    Revoke(Revoke),
}

/// Makes a key and shows it, once.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What it is for, such as `crm`.
    name: String,
    /// What bounds it, as it does people: manager, marketing or operator.
    #[arg(long, value_parser = role)]
    role: Role,
    /// What it may do of that: PART:read or PART:write, such as lists:write or campaigns:read; may be repeated.
    #[arg(long = "scope", required = true)]
    scopes: Vec<KeyScope>,
    /// When it ends by itself: 2027-01-31, or a time; without it, when it is revoked.
    #[arg(long, value_parser = moment)]
    expires: Option<Moment>,
}

/// Makes a key worthless at once.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Its name.
    name: String,
}

impl Keys {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Keys::Add(add) => add.run(place, &installation),
            Keys::List => list(place, &installation),
            Keys::Revoke(Revoke { name }) => {
                let told = serde_json::json!({ "revoked": name });
                let named = name.clone();
                installation.with_store(|store, now| async move { store.revoke_key(&named, BY, now).await })?;
                show(place.json, &told, || format!("The key `{name}` opens nothing any more."));
                Ok(Outcome::Done)
            }
        }
    }
}

impl Add {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let parts = web::parts();
        if let Some(scope) = self.scopes.iter().find(|scope| scope.part != "*" && !parts.contains(&scope.part)) {
            let known: Vec<&str> = parts.iter().map(String::as_str).collect();
            return Err(Failure::new(format!(
                "--scope {scope}: the API has no part `{}`; expected * or one of {}",
                scope.part,
                known.join(", ")
            )));
        }
        let zone = Zone::named(&installation.config.settings().zone).unwrap_or_else(|_| Zone::utc());
        let expires_at = self.expires.map(|expires| expires.at(&zone, true)).transpose()?;
        if expires_at.is_some_and(|at| at <= installation.now()) {
            return Err(Failure::new("--expires is over already; expected a time to come"));
        }
        let (name, role, scopes) = (self.name, self.role, self.scopes);
        let new = NewKey { name: name.clone(), role, scopes, expires_at };
        let key = installation.with_store(|store, now| async move { store.add_key(new, BY, now).await })?;
        show(place.json, &serde_json::json!({ "name": name, "key": key }), || {
            format!("{key}\nThis is the only time that it is shown. Send it as `Authorization: Bearer KEY`.")
        });
        Ok(Outcome::Done)
    }
}

fn list(place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
    let keys = installation.with_store(|store, _| async move { store.keys().await })?;
    let now = installation.now();
    show(place.json, &keys, || {
        if keys.is_empty() {
            return "There are no keys. Make one: lull key add crm --role manager --scope lists:write".to_owned();
        }
        let line = |key: &ApiKey| {
            let state = match (key.revoked_at, key.expires_at) {
                (Some(at), _) => format!("revoked {at}"),
                (None, Some(at)) if at <= now => format!("over since {at}"),
                (None, Some(at)) => format!("good until {at}"),
                (None, None) => "good".to_owned(),
            };
            let seen = key.seen_at.map_or("never used".to_owned(), |at| format!("used {at}"));
            let scopes: Vec<String> = key.scopes.iter().map(ToString::to_string).collect();
            format!("{:<20} {:<10} {}; {state}; {seen}\n", key.name, key.role.as_str(), scopes.join(" "))
        };
        keys.iter().map(line).collect()
    });
    Ok(Outcome::Done)
}
