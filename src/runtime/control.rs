//! How commands on the same machine reach the running service: a Unix socket in the data folder.
//!
//! `lull list import` and its like write to the store themselves and then tell the service what changed, so that it
//! dials a new list at once and stops ringing a number that was just suppressed. Who may open the socket is the file
//! system's business: it is readable and writable by the owner of the data folder only. One JSON object a line in, one
//! out.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::handle::{Handle, HandleError};
use crate::model::campaign::{Campaign, CampaignState};
use crate::model::lead::SuppressionReason;
use crate::model::live_limits::LimitChange;
use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;

/// Name of the socket in the data folder.
const SOCKET: &str = "lull.sock";
/// Longest line: a campaign with its script.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Commands at once.
const CONNECTIONS_MAX: usize = 8;
/// Accepting waits this long after an error of the system.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A command waits this long for the service.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a command says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "say")]
pub enum Say {
    /// Reread the configuration file.
    Reload,
    /// Leads of a campaign changed.
    LeadsChanged {
        /// Whose.
        campaign: CampaignKey,
    },
    /// A campaign was applied.
    CampaignApplied {
        /// Its definition.
        campaign: Box<Campaign>,
        /// Its live state.
        state: CampaignState,
    },
    /// Somebody set limits of a campaign over its definition, or took them back.
    CampaignLimits {
        /// Whose.
        campaign: CampaignKey,
        /// The change.
        change: LimitChange,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// A number was suppressed.
    Suppressed {
        /// Which.
        number: PhoneNumber,
        /// For one campaign, or for all.
        campaign: Option<CampaignKey>,
        /// Why.
        reason: SuppressionReason,
    },
}

/// What the service answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Said {
    /// Done; at a reload, what changed.
    Done {
        /// Names of what changed.
        changed: Vec<String>,
    },
    /// Not done.
    Refused {
        /// Why.
        why: String,
    },
}

/// Why the service could not be told.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No service runs on this data folder.
    #[error("no service runs on the data folder {}; `lull serve` starts one", .0.display())]
    NotRunning(PathBuf),
    /// It runs and does not answer as it should.
    #[error("the service does not answer: {0}")]
    Silent(io::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// Opens the socket and answers on it until the listener is dropped with the task.
///
/// # Errors
/// The socket cannot be made.
pub fn listen(folder: &Path, handle: Handle) -> io::Result<tokio::task::JoinHandle<()>> {
    let path = folder.join(SOCKET);
    // A socket that a killed service left behind; the store's lock has already said that none is running.
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(tokio::spawn(accept(listener, handle)))
}

async fn accept(listener: UnixListener, handle: Handle) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let handle = handle.clone();
                tokio::spawn(async move {
                    let _held = permit;
                    if let Err(error) = tokio::time::timeout(ANSWER_TIMEOUT, serve(stream, &handle)).await {
                        tracing::warn!(%error, "a command on the control socket took too long");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a command on the control socket could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, handle: &Handle) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader.take(LINE_BYTES_MAX)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let said = match serde_json::from_str(&line) {
            Ok(say) => answer(handle, say).await,
            Err(error) => Said::Refused { why: format!("not understood: {error}") },
        };
        let mut text = serde_json::to_vec(&said).unwrap_or_default();
        text.push(b'\n');
        if writer.write_all(&text).await.is_err() {
            return;
        }
    }
}

async fn answer(handle: &Handle, say: Say) -> Said {
    let done = |outcome: Result<(), HandleError>| match outcome {
        Ok(()) => Said::Done { changed: Vec::new() },
        Err(error) => Said::Refused { why: error.to_string() },
    };
    match say {
        Say::Reload => match handle.reload().await {
            Ok(Ok(changed)) => Said::Done { changed },
            Ok(Err(why)) => Said::Refused { why },
            Err(error) => Said::Refused { why: error.to_string() },
        },
        Say::LeadsChanged { campaign } => done(handle.leads_changed(campaign)),
        Say::CampaignApplied { campaign, state } => done(handle.campaign_applied(Arc::from(campaign), state)),
        Say::CampaignLimits { campaign, change, by, at } => {
            done(handle.limit_campaign(at, &by, campaign, change).await)
        }
        Say::Suppressed { number, campaign, reason } => done(handle.suppressed(number, campaign, reason).await),
    }
}

/// Tells the service that runs on this data folder.
///
/// # Errors
/// None runs, it does not answer, or it refuses.
pub async fn tell(folder: &Path, say: &Say) -> Result<Vec<String>, ControlError> {
    let stream =
        UnixStream::connect(folder.join(SOCKET)).await.map_err(|_| ControlError::NotRunning(folder.to_owned()))?;
    let talk = async {
        let (reader, mut writer) = stream.into_split();
        let mut line = serde_json::to_vec(say)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
        let mut answer = String::new();
        BufReader::new(reader).read_line(&mut answer).await?;
        Ok(serde_json::from_str(&answer)?)
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, talk).await {
        Ok(Ok(Said::Done { changed })) => Ok(changed),
        Ok(Ok(Said::Refused { why })) => Err(ControlError::Refused(why)),
        Ok(Err(error)) => Err(ControlError::Silent(error)),
        Err(_) => Err(ControlError::Silent(io::ErrorKind::TimedOut.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::runtime::handle::{Ask, pair};

    #[tokio::test]
    async fn a_command_reaches_the_service_and_gets_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, mut driver) = pair(1);
        let _listening = listen(folder.path(), handle).unwrap();
        let campaign: CampaignKey = "spring".parse().unwrap();
        let say = Say::LeadsChanged { campaign: campaign.clone() };
        assert_eq!(tell(folder.path(), &say).await.unwrap(), Vec::<String>::new());
        let Some(Ask::Tell(event)) = driver.asks.recv().await else { panic!("nothing was told") };
        assert_eq!(event, Event::LeadsChanged { campaign });
    }

    #[tokio::test]
    async fn only_the_owner_may_open_the_socket_and_nonsense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, _driver) = pair(1);
        let _listening = listen(folder.path(), handle).unwrap();
        let path = folder.path().join(SOCKET);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut stream = BufReader::new(UnixStream::connect(&path).await.unwrap());
        stream.get_mut().write_all(b"{\"say\":\"dance\"}\n").await.unwrap();
        let mut answer = String::new();
        stream.read_line(&mut answer).await.unwrap();
        assert!(answer.contains("not understood"), "{answer}");
    }

    #[tokio::test]
    async fn without_a_service_the_command_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(tell(folder.path(), &Say::Reload).await, Err(ControlError::NotRunning(_))));
    }
}
