//! `lull serve`: the service, from start to the last call.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::place::{load, sources};
use super::{Failure, Outcome, Place};
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::config::{self, Config, Tls};
use crate::runtime::handle::{Handle, PhoneSeen};
use crate::runtime::service::{Reread, Service};
use crate::runtime::{recovery, retention, setup};
use crate::store::{Options, SessionLife, Store};
use crate::web::{self, Listening, Parts, PhoneView, WebState};
use crate::webhooks::{Messenger, courier};

/// Largest list that a browser may send: ten million short rows.
const UPLOAD_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Runs the service until it is told to stop; calls that are up are finished first.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Ends when standard input is closed, for programs that start it as a child.
    #[arg(long)]
    until_stdin_closes: bool,
}

impl Serve {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let config = load(place)?;
        log(&config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(self.serve(place, config))
    }

    async fn serve(self, place: &Place, config: Config) -> Result<Outcome, Failure> {
        let clock = Clock::start();
        let folder = &config.data.directory;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("the data folder {} cannot be made: {error}", folder.display())))?;
        let options = Options { password_length_min: Some(config.access.password_length_min), ..Options::default() };
        let store = Store::open(&config.data.database, options).await?;
        let interrupted = store.interrupt_exports(clock.now().timestamp).await?;
        if interrupted > 0 {
            tracing::warn!(interrupted, "files that were asked for were not finished; they can be started again");
        }
        // What was half written then tells of customers and is of no use.
        retention::sweep(&folder.join("exports"), "part", clock.now().timestamp, Duration::ZERO)?;
        let (settings_in, settings) = watch::channel(Arc::new(web_settings(&config)));
        let (told_in, told) = watch::channel(Arc::new(config.webhooks.clone()));
        let messenger = Arc::new(Messenger::new(told, clock)?);
        let (sources, judged) = (sources(place), store.clone());
        let reread: Reread = Box::new(move || {
            let config = config::load(&sources).map_err(|complaints| complaints.rendered(false))?;
            setup::prompts(&config).map_err(|error| error.to_string())?;
            settings_in.send_replace(Arc::new(web_settings(&config)));
            told_in.send_replace(Arc::new(config.webhooks.clone()));
            judged.demand_password_length(config.access.password_length_min);
            Ok(config)
        });
        let mut service = Service::start(config.clone(), store.clone(), clock, reread).await?;
        let listener = TcpListener::bind(config.http.listen)
            .await
            .map_err(|error| Failure::new(format!("cannot listen for browsers on {}: {error}", config.http.listen)))?;
        let bound = listener.local_addr()?;
        let metrics = match config.http.metrics_listen {
            None => None,
            Some(place) => Some(TcpListener::bind(place).await.map_err(|error| {
                Failure::new(format!("cannot listen for Prometheus on {place} (http.metrics_listen): {error}"))
            })?),
        };
        let landing = match config.http.landing_listen {
            None => None,
            Some(place) => Some(TcpListener::bind(place).await.map_err(|error| {
                Failure::new(format!("cannot listen for customers on {place} (http.landing_listen): {error}"))
            })?),
        };
        let certificate = match &config.http.tls {
            Tls::Off => None,
            Tls::SelfSigned => Some(Certificate::Made {
                data_dir: config.data.directory.clone(),
                purpose: "https",
                names: vec!["localhost".to_owned(), bound.ip().to_string()],
            }),
            Tls::Files(own) => {
                Some(Certificate::Own { chain: own.certificate_file.clone(), key: own.key_file.clone() })
            }
        };
        let tls = certificate.map(|certificate| certificate.load(clock.now().timestamp)).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = WebState::new(Parts {
            handle: service.handle.clone(),
            store: store.clone(),
            messenger: Arc::clone(&messenger),
            settings,
            phones: phones(&config, &service.handle),
            clock: Arc::new(move || clock.now()),
            salt: random_salt(),
            form_secret: recovery::form_secret(&config.data.directory)?,
        });
        let (close_pages, closed) = watch::channel(false);
        let figures = metrics.map(|listener| tokio::spawn(web::serve_metrics(listener, state.clone(), closed.clone())));
        let visitors = landing.map(|listener| {
            let listening = Listening { listener, tls: tls.clone() };
            tokio::spawn(web::serve_landing(listening, state.clone(), closed.clone()))
        });
        let jobs = tokio::spawn(web::work_jobs(state.clone(), closed.clone()));
        let pages = tokio::spawn(web::serve(Listening { listener, tls }, state, closed.clone()));
        let courier = tokio::spawn(courier::run(messenger, store.clone(), clock, closed));
        let sip: Vec<String> = service.sip_bound.iter().map(ToString::to_string).collect();
        tracing::info!(pages = format!("{scheme}://{bound}"), sip = sip.join(", "), "ready");
        tokio::select! {
            () = wait_for_stop(self.until_stdin_closes) => {}
            // Pages without a dialer behind them would look healthy: end, and let the supervisor start anew.
            () = service.ended() => return Err(Failure::new("the switchboard ended unexpectedly; the log says why")),
        }
        tracing::info!("finishing the calls that are up; once more ends at once");
        service.drain().await;
        tokio::select! {
            () = service.ended() => {}
            () = wait_for_stop(false) => {
                service.hasten().await;
                service.ended().await;
            }
        }
        close_pages.send_replace(true);
        pages.await?;
        courier.await?;
        jobs.await?;
        for beside in figures.into_iter().chain(visitors) {
            beside.await?;
        }
        service.end_messages().await;
        service.close();
        store.close().await;
        tracing::info!("ended");
        Ok(Outcome::Done)
    }
}

/// What the pages need to know of the configuration.
fn web_settings(config: &Config) -> web::Settings {
    let secure =
        config.http.tls != Tls::Off || config.http.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    web::Settings {
        secure_cookie: secure,
        trusted_origins: config.http.public_url.iter().cloned().collect(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        landing_url: config.http.landing_base().map(str::to_owned),
        data_dir: config.data.directory.clone(),
        recordings_dir: config.data.recordings.clone(),
        upload_max_bytes: UPLOAD_BYTES_MAX,
        logins_per_minute: NonZeroU32::new(config.access.logins_per_minute),
        session: SessionLife {
            idle: Duration::from_secs(config.access.session_idle_s.into()),
            absolute: Duration::from_secs(config.access.session_max_s.into()),
        },
        undo_within: Duration::from_secs(3600) * config.lists.undo_hours,
        region: Some(config.installation.region.to_string()),
        not_ready_reasons: config.installation.not_ready_reasons.clone(),
        known: Arc::new(config.known()),
        engine: Arc::new(config.settings()),
    }
}

/// Every configured phone, with its registration while it has one.
fn phones(config: &Config, handle: &Handle) -> watch::Receiver<Arc<Vec<PhoneView>>> {
    let names: Vec<String> = config.phones.keys().cloned().collect();
    let view = move |seen: &BTreeMap<String, PhoneSeen>| {
        let phone = |name: &String| PhoneView {
            phone: name.clone(),
            address: seen.get(name).map(|phone| phone.address.to_string()),
            registered_until: seen.get(name).map(|phone| phone.until),
        };
        Arc::new(names.iter().map(phone).collect::<Vec<_>>())
    };
    let mut seen = handle.phones();
    let (shown_in, shown) = watch::channel(view(&seen.borrow_and_update()));
    tokio::spawn(async move {
        while seen.changed().await.is_ok() {
            shown_in.send_replace(view(&seen.borrow_and_update()));
        }
    });
    shown
}

fn random_salt() -> u64 {
    let mut bytes = [0; 8];
    // Ids only need to differ between runs; without randomness the store refuses a second use.
    let _without = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that is already there belongs to a test.
    let _set = if config.log.json { builder.json().try_init() } else { builder.try_init() };
}

/// Ctrl-C, SIGTERM, or the end of standard input.
async fn wait_for_stop(stdin: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let stdin_closed = async {
        if !stdin {
            return std::future::pending().await;
        }
        let (said, heard) = tokio::sync::oneshot::channel();
        // A blocking read on its own thread: tokio's would keep the runtime from ending.
        std::thread::spawn(move || {
            drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
            let _gone = said.send(());
        });
        drop(heard.await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
        () = stdin_closed => {}
    }
}
