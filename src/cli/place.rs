//! The installation a command works on: its configuration, its store, and the service that may be running on it.

use std::io::IsTerminal as _;

use super::doctor::{self, DoctorArgs};
use super::{Failure, Outcome, Place, show};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::runtime::control::{self, ControlError, Say};
use crate::store::{self, Opener, Options, Store, StoreError, User};

/// What a command works on.
pub(crate) struct Installation {
    pub(crate) config: Config,
    clock: Clock,
    runtime: tokio::runtime::Runtime,
}

impl Installation {
    /// Reads the configuration. Complaints are shown as they are: they name file, line and column.
    pub(crate) fn open(place: &Place) -> Result<Installation, Failure> {
        let config = load(place)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Installation { config, clock: Clock::start(), runtime })
    }

    /// The zone of the installation's calendar.
    pub(crate) fn zone(&self) -> Zone {
        Zone::named(&self.config.settings().zone).unwrap_or_else(|_| Zone::utc())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().timestamp
    }

    /// Runs work to its end.
    pub(crate) fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Opens the store beside a service that may be running, does some work with it, and closes it.
    pub(crate) fn with_store<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        work: impl FnOnce(Store, Timestamp) -> F,
    ) -> Result<T, Failure> {
        let folder = &self.config.data.directory;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("the data folder {} cannot be made: {error}", folder.display())))?;
        let now = self.now();
        Ok(self.runtime.block_on(async {
            let password_length_min = Some(self.config.access.password_length_min);
            let options = Options { opener: Opener::Command, password_length_min, ..Options::default() };
            let store = Store::open(&self.config.data.database, options).await?;
            let done = work(store.clone(), now).await;
            store.close().await;
            done
        })?)
    }

    /// The user of this login name.
    pub(crate) fn user(&self, login: &str) -> Result<User, Failure> {
        let name = login.to_owned();
        let user = self.with_store(|store, _| async move { store.user_by_login(&name).await })?;
        user.ok_or_else(|| Failure::new(format!("nobody is called `{login}`; `lull user list` shows who is")))
    }

    /// A campaign of this name must have been applied: said before a long list is read.
    pub(crate) fn must_know(&self, campaign: &CampaignKey) -> Result<(), Failure> {
        let known = self.with_store(|store, _| async move { store.campaigns().await })?;
        let known: Vec<String> = known.iter().map(|row| row.campaign.key.to_string()).collect();
        if known.iter().any(|key| key == campaign.as_str()) {
            return Ok(());
        }
        let hint = match known.is_empty() {
            true => "none was applied yet: lull campaign apply FILE".to_owned(),
            false => format!("campaigns: {}", known.join(", ")),
        };
        Err(Failure::new(format!("there is no campaign `{campaign}`; {hint}")))
    }

    /// Tells the running service; `false` if none runs.
    pub(crate) fn tell(&self, say: &Say) -> Result<bool, Failure> {
        match self.runtime.block_on(control::tell(&self.config.data.directory, say)) {
            Ok(_) => Ok(true),
            Err(ControlError::NotRunning(_)) => Ok(false),
            Err(error @ (ControlError::Silent(_) | ControlError::Refused(_))) => Err(Failure::from(error)),
        }
    }
}

pub(crate) fn load(place: &Place) -> Result<Config, Failure> {
    if let Some(pair) = place.set.iter().find(|pair| !pair.contains('=')) {
        return Err(Failure::new(format!("--set {pair}: expected KEY=VALUE such as http.listen=127.0.0.1:8081")));
    }
    config::load(&sources(place)).map_err(|complaints| {
        let text = complaints.rendered(std::io::stderr().is_terminal());
        Failure::new(format!("the configuration cannot be used\n{}", text.trim_end()))
    })
}

pub(crate) fn sources(place: &Place) -> config::Sources {
    let mut sources = config::Sources::of_process(place.config.clone());
    let pairs = place.set.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    sources.flags.extend(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
    sources
}

pub(crate) fn doctor(args: &DoctorArgs, place: &Place) -> Result<Outcome, Failure> {
    let Installation { config, clock, runtime } = Installation::open(place)?;
    let database = runtime.block_on(store::schema_of(&config.data.database));
    let mut out = std::io::stdout().lock();
    let running = doctor::service_runs();
    Ok(doctor::run(args, &config, database, clock.now().timestamp, running, place.json, &mut out)?)
}

pub(crate) fn reload(place: &Place) -> Result<Outcome, Failure> {
    let installation = Installation::open(place)?;
    let folder = &installation.config.data.directory;
    let changed = installation.runtime.block_on(control::tell(folder, &Say::Reload))?;
    show(place.json, &serde_json::json!({ "changed": changed }), || match changed.is_empty() {
        true => "Nothing has changed.".to_owned(),
        false => format!("The service uses the new configuration. Changed:\n  {}", changed.join("\n  ")),
    });
    Ok(Outcome::Done)
}
