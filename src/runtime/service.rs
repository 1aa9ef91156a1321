//! Everything put together: from a configuration and a store to a service that runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

use super::board::Board;
use super::core::{Change, Core, Reload, Stop};
use super::handle::{self, Handle};
use super::journal::{Journal, JournalError};
use super::lines::Lines;
use super::peers::{Peers, refresh_addresses, resolve_all, written_addresses};
use super::records::Records;
use super::setup::{self, Targets};
use super::wire::Wire;
use super::{control, counting, messages, outreach, placing, promises, recordings, recovery, retention, schedules};
use crate::certificate::{Certificate, CertificateError};
use crate::clock::Clock;
use crate::config::{self, Config, Rtp, Transport};
use crate::engine::Engine;
use crate::media::ports::{MediaPorts, PortError, PortSettings};
use crate::media::prompt::PromptError;
use crate::media::thread::{self as media_thread, MediaError, MediaSettings, MediaThread};
use crate::model::name::TrunkName;
use crate::model::time::Timestamp;
use crate::sip::Endpoint;
use crate::store::{Store, StoreError};

/// Media events that may wait for the loop. A full queue drops them, which costs a prompt's end or a verdict; both are
/// guarded by deadlines of the engine.
const MEDIA_EVENTS_MAX: usize = 16_384;
/// Legs at once, customers and agents together: far above what one machine's audio carries.
const LEGS_MAX: usize = 10_000;
/// Files the process may open where the limit cannot be read.
const FILES_FALLBACK: usize = 1024;

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A prompt.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// Media ports.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// The media thread.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] CertificateError),
    /// The event log.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A listener.
    #[error("cannot listen for SIP on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Something of the file system.
    #[error("{what}: {cause}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The loop's thread ended before it began.
    #[error("the service ended before it began")]
    Ended,
}

/// A running service.
pub struct Service {
    /// The way to it.
    pub handle: Handle,
    /// Addresses its SIP listeners are bound to, in the order of the configuration.
    pub sip_bound: Vec<SocketAddr>,
    stop: mpsc::Sender<Stop>,
    ended: oneshot::Receiver<()>,
    media: MediaThread,
    _control: tokio::task::JoinHandle<()>,
    end_messages: watch::Sender<bool>,
    messages: Option<tokio::task::JoinHandle<()>>,
    end_outreach: watch::Sender<bool>,
    outreach: Option<tokio::task::JoinHandle<()>>,
}

/// Reads the configuration again; gives the new one or what is wrong with it.
pub type Reread = Box<dyn FnMut() -> Result<Config, String> + Send>;

impl Service {
    /// Starts everything: recovers what a crash left, binds sockets, begins to dial.
    ///
    /// # Errors
    /// Names what could not be started; nothing is left running then.
    pub async fn start(config: Config, store: Store, clock: Clock, reread: Reread) -> Result<Service, ServiceError> {
        raise_file_limit_note();
        for folder in [&config.data.directory, &config.data.recordings] {
            std::fs::create_dir_all(folder)
                .map_err(|cause| ServiceError::Io { what: "the data folder cannot be made", cause })?;
        }
        let shelf = setup::prompts(&config)?;
        let (targets, holds) = resolve_all(&config).await;
        let (peers_in, peers) = watch::channel(Arc::new(Peers::of(&config, &targets)?));
        let seed = random_u64();
        let now = clock.now();
        let journal = Journal::begin(&config.data.directory.join("journal"), seed, now.timestamp)?;
        let (media_events_in, media_events) = mpsc::channel(MEDIA_EVENTS_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let listener: media_thread::Listener = Box::new(move |event| {
            if media_events_in.try_send(event).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        });
        let media_settings = MediaSettings { legs_max: LEGS_MAX, seed: random_u64() };
        let (media_handle, media) =
            media_thread::start(media_settings, Box::new(move || clock.now().instant), listener)?;
        let ports = MediaPorts::new(PortSettings {
            address: config.rtp.address,
            range: config.rtp.port_min..=config.rtp.port_max,
            with_rtcp: true,
            files_max: files_max(),
        })?;
        let secret = recovery::call_secret(&config.data.directory)
            .map_err(|cause| ServiceError::Io { what: "the secret of call names cannot be kept", cause })?;
        let recovered = recovery::recover(&store, &config, now.timestamp).await?;
        let leftover = recordings::Leftover::find(&store, &config.data.recordings).await?;
        let (handle, driver) = handle::pair(random_u64());
        let control = control::listen(&config.data.directory, handle.clone())
            .map_err(|cause| ServiceError::Io { what: "the control socket cannot be made", cause })?;
        let (stop, stopped) = mpsc::channel(4);
        let (told, current) = watch::channel(Arc::new(config.clone()));
        let (found, addresses) = mpsc::channel(1);
        tokio::spawn(make_good(store.clone(), config.data.recordings.clone(), leftover));
        tokio::spawn(retention::keep(current.clone(), store.clone(), clock));
        tokio::spawn(counting::keep(current.clone(), store.clone(), clock));
        tokio::spawn(placing::keep(current.clone(), store.clone(), handle.clone()));
        tokio::spawn(schedules::keep(current.clone(), store.clone(), handle.clone(), clock));
        tokio::spawn(promises::keep(current.clone(), store.clone(), handle.clone(), clock));
        let (end_messages, messages_end) = watch::channel(false);
        let messages = messages::keep(current.clone(), store.clone(), handle.clone(), clock, messages_end);
        let messages = Some(tokio::spawn(messages));
        let (end_outreach, outreach_end) = watch::channel(false);
        let outreach = Some(tokio::spawn(outreach::keep(current.clone(), store.clone(), clock, outreach_end)));
        tokio::spawn(refresh_addresses(current, targets.clone(), holds, found));
        let (ready_in, ready) = oneshot::channel();
        let (ended_in, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| ServiceError::Io { what: "the loop's runtime cannot be made", cause })?;
        let begin = move || {
            runtime.block_on(async move {
                let (wire, bound) = match open_wire(&config, peers, now.timestamp).await {
                    Ok(opened) => opened,
                    Err(error) => return drop(ready_in.send(Err(error))),
                };
                let mut endpoint = Endpoint::new(setup::sip_settings(&config, &bound, &targets), random_seed(), now);
                let plan = setup::line_plan(&config, &bound, &targets);
                recovery::end_leftovers(&mut endpoint, now, &recovered, &plan, &secret);
                let lines = Lines::new(endpoint, media_handle, ports, shelf, plan, random_u64(), secret);
                let core = Core {
                    clock,
                    engine: Engine::new(seed),
                    journal,
                    lines,
                    wire,
                    records: Records::new(store),
                    media_events,
                    driver,
                    board: Board::default(),
                    reload: reloader(config, bound.clone(), targets, reread, Told { config: told, peers: peers_in }),
                    addresses,
                    controls: recovered.controls,
                    stop: stopped,
                };
                drop(ready_in.send(Ok(bound)));
                core.run(recovered.first).await;
            });
            let _gone = ended_in.send(());
        };
        std::thread::Builder::new()
            .name("switchboard".to_owned())
            .spawn(begin)
            .map_err(|cause| ServiceError::Io { what: "the loop's thread cannot be made", cause })?;
        let sip_bound = match ready.await {
            Ok(Ok(bound)) => bound,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(ServiceError::Ended),
        };
        Ok(Service {
            handle,
            sip_bound,
            stop,
            ended,
            media,
            _control: control,
            end_messages,
            messages,
            end_outreach,
            outreach,
        })
    }

    /// Lets the calls that are up finish, then ends. A second call of `hasten` ends at once.
    pub async fn drain(&self) {
        let _gone = self.stop.send(Stop::Drain).await;
    }

    /// Ends now: everybody gets a BYE.
    pub async fn hasten(&self) {
        let _gone = self.stop.send(Stop::Now).await;
    }

    /// Waits for the end.
    pub async fn ended(&mut self) {
        // Either way it has ended.
        let _said = (&mut self.ended).await;
    }

    /// Lets messages that are on their way get their answer, and ends the connections to gateways.
    pub async fn end_messages(&mut self) {
        self.end_outreach.send_replace(true);
        if let Some(outreach) = self.outreach.take() {
            let _ended = outreach.await;
        }
        self.end_messages.send_replace(true);
        if let Some(messages) = self.messages.take() {
            let _ended = messages.await;
        }
    }

    /// Stops the media thread, after the loop has ended.
    pub fn close(self) {
        self.media.stop();
    }
}

async fn make_good(store: Store, folder: PathBuf, leftover: recordings::Leftover) {
    match recordings::make_good(&store, &folder, leftover).await {
        Ok(done) if done == recordings::MadeGood::default() => {}
        Ok(recordings::MadeGood { whole, cut_off, lost, adopted }) => {
            tracing::warn!(whole, cut_off, lost, adopted, "recordings that were left over are written down");
        }
        Err(error) => tracing::error!(%error, "recordings that are left over wait for the next start"),
    }
}

async fn open_wire(
    config: &Config,
    peers: watch::Receiver<Arc<Peers>>,
    now: Timestamp,
) -> Result<(Wire, Vec<SocketAddr>), ServiceError> {
    let mut wire = Wire::new(peers);
    let mut bound = Vec::new();
    for listener in &config.sip.listeners {
        let address = listener.address;
        let opened = match listener.transport {
            Transport::Udp => wire.listen_udp(address),
            Transport::Tcp => wire.listen_stream(address, None).await,
            Transport::Tls => {
                let loaded = sip_certificate(config).load(now)?;
                wire.listen_stream(address, Some(TlsAcceptor::from(loaded))).await
            }
        };
        bound.push(opened.map_err(|cause| ServiceError::Listen { address, cause })?);
    }
    Ok((wire, bound))
}

fn sip_certificate(config: &Config) -> Certificate {
    match &config.sip.certificate {
        Some(own) => Certificate::Own { chain: own.certificate_file.clone(), key: own.key_file.clone() },
        None => Certificate::Made {
            data_dir: config.data.directory.clone(),
            purpose: "sip",
            names: vec![config.sip.domain.clone(), "localhost".to_owned()],
        },
    }
}

/// Who else hears of a changed configuration.
struct Told {
    /// Whoever looks names up or keeps the house.
    config: watch::Sender<Arc<Config>>,
    /// The sockets of streams.
    peers: watch::Sender<Arc<Peers>>,
}

/// Applies a changed configuration, or newly resolved addresses, to the lines; sockets stay as they are until a restart.
fn reloader(first: Config, bound: Vec<SocketAddr>, mut targets: Targets, mut reread: Reread, told: Told) -> Reload {
    let mut current = first;
    Box::new(move |now, lines, change| {
        let (next, shelf) = match change {
            Change::Addresses(found) => {
                targets.extend(found);
                (current.clone(), None)
            }
            Change::Configuration => {
                let next = reread()?;
                let shelf = setup::prompts(&next).map_err(|error| error.to_string())?;
                // An address of the carrier before must not get the credentials of the one after.
                let moved = |name: &TrunkName, trunk: &config::Trunk| {
                    current
                        .trunks
                        .get(name)
                        .is_none_or(|old| old.targets != trunk.targets || old.transport != trunk.transport)
                };
                for (name, _) in next.trunks.iter().filter(|(name, trunk)| moved(name, trunk)) {
                    targets.remove(name);
                }
                targets.extend(written_addresses(&next));
                (next, Some(shelf))
            }
        };
        let changed = current
            .differences(&next)
            .into_iter()
            .map(|d| if d.restart { format!("{} (needs a restart)", d.section) } else { d.section })
            .collect();
        // Sockets and files are opened once: what is said of them counts from the next start.
        let mut next = next;
        next.sip.listeners.clone_from(&current.sip.listeners);
        next.rtp = Rtp { advertised: next.rtp.advertised, ..current.rtp };
        next.data.clone_from(&current.data);
        // Trusted before anything is changed: a file that cannot be read changes nothing.
        let peers = Peers::of(&next, &targets).map_err(|error| error.to_string())?;
        told.peers.send_replace(Arc::new(peers));
        let plan = setup::line_plan(&next, &bound, &targets);
        lines.replan(now, plan, shelf, setup::sip_settings(&next, &bound, &targets));
        let settings = next.settings();
        told.config.send_replace(Arc::new(next.clone()));
        current = next;
        Ok((changed, settings))
    })
}

fn random_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    // Without randomness of the system nonces and tags could be guessed: better not to start.
    getrandom::fill(&mut seed).unwrap_or_else(|error| panic!("the system gives no random numbers: {error}"));
    seed
}

fn random_u64() -> u64 {
    let seed = random_seed();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&seed[..8]);
    u64::from_le_bytes(bytes)
}

/// Soft limit of open files, as the system tells it.
fn files_max() -> usize {
    limit_of_files(Path::new("/proc/self/limits")).unwrap_or(FILES_FALLBACK)
}

fn limit_of_files(path: &Path) -> Option<usize> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

fn raise_file_limit_note() {
    let files = files_max();
    if files < 4096 {
        tracing::warn!(
            files,
            "few files may be open; every customer's leg needs two. `lull doctor` says how to raise it"
        );
    }
}
