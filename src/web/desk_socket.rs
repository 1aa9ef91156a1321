//! The desk's own connection: what is on the screen as it changes, and whether the agent is still there.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, timeout};

use super::WebState;
use super::access::{Agents, Can, SignedIn};
use super::body::Asked;
use super::customers::{Customer, LeadDetail};
use super::desk::About;
use super::desks::Connected;
use super::live::raised;
use super::problem::{Kind, Problem};
use crate::model::agent::AgentView;
use crate::model::campaign::Campaign;
use crate::model::id::SessionId;

/// Time between pings.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Pings without an answer after which the desk counts as lost: a banner within the time a customer would wait.
const PINGS_UNANSWERED_MAX: u32 = 2;
/// A desk that does not take a message for this long is lost.
const SEND_MAX: Duration = Duration::from_secs(10);
/// A desk sends nothing but answers to pings; this many messages between two pings are a fault or an attack.
const MESSAGES_MAX: u32 = 50;
/// Longest message from a desk, in bytes.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Which desk.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SocketQuery {
    /// The desk's session, from signing in.
    #[param(value_type = String)]
    pub session: SessionId,
}

/// What the server says on the desk's socket.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DeskMessage {
    /// What is on the screen now.
    Desk {
        /// The agent; `null` after signing out.
        #[schema(value_type = Option<AgentView>)]
        view: Option<Arc<AgentView>>,
        /// The lead of the call at hand.
        lead: Option<LeadDetail>,
        /// Its campaign.
        campaign: Option<Campaign>,
        /// The history of its number.
        customer: Option<Customer>,
    },
    /// A newer sign-in or tab owns the desk; the socket closes.
    Replaced {},
    /// The session ended; the socket closes.
    LoggedOut {},
}

/// The desk as it changes, over a WebSocket: messages of the schema `DeskMessage`, and pings every five seconds. While
/// it is lost, the agent gets no calls.
#[utoipa::path(get, path = "/desk/socket", tag = "desk", params(SocketQuery), security(("session" = ["agent"])),
    responses((status = 101, description = "a WebSocket of DeskMessage")))]
pub async fn desk_socket(
    State(state): State<WebState>,
    user: Can<Agents>,
    Asked(query): Asked<SocketQuery>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::new(Kind::BadQuery, "expected a WebSocket upgrade"))?;
    from_own_page(&headers, &uri, &state.settings().trusted_origins)?;
    let permit = state
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| Problem::new(Kind::Overloaded, "too many desks and boards are connected").retry_after(5))?;
    let signed_in = user.0;
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| run(state, signed_in, query.session, socket, permit)))
}

/// A browser opens a WebSocket from any page and sends the cookie along: the page must be ours.
fn from_own_page(headers: &HeaderMap, uri: &Uri, trusted: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = uri.host().map_or_else(
        || headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned(),
        |_| uri.authority().map(ToString::to_string).unwrap_or_default(),
    );
    let authority = origin.split_once("://").map(|(_, authority)| authority).unwrap_or_default();
    let own = !authority.is_empty() && authority.eq_ignore_ascii_case(&host);
    if own || trusted.iter().any(|allowed| allowed == origin) {
        return Ok(());
    }
    Err(Problem::new(Kind::CrossSite, "this connection came from another site's page"))
}

async fn run(
    state: WebState,
    signed_in: SignedIn,
    session: SessionId,
    mut socket: WebSocket,
    _permit: OwnedSemaphorePermit,
) {
    let user = signed_in.account.id;
    let Some(mut seat) = state.desks.connect(user, session) else {
        let _ = say(&mut socket, &DeskMessage::Replaced {}).await;
        let _ = timeout(SEND_MAX, socket.send(Message::Close(None))).await;
        return;
    };
    if let Err(error) = state.handle.presence(user, true) {
        tracing::warn!(%error, %user, "the dialer was not told that a desk is there");
    }
    let ended = show(&state, &signed_in, &mut seat, &mut socket).await;
    tracing::info!(%user, reason = ended.reason(), "a desk's connection ended");
    match ended {
        Ended::Replaced => drop(say(&mut socket, &DeskMessage::Replaced {}).await),
        Ended::LoggedOut => drop(say(&mut socket, &DeskMessage::LoggedOut {}).await),
        Ended::Lost | Ended::Silent | Ended::Noisy | Ended::Closing => {}
    }
    let close = CloseFrame { code: ended.close_code(), reason: ended.reason().into() };
    let _ = timeout(SEND_MAX, socket.send(Message::Close(Some(close)))).await;
    // A newer connection has said that the agent is there: an old one must not contradict it.
    if seat.is_newest()
        && let Err(error) = state.handle.presence(user, false)
    {
        tracing::warn!(%error, %user, "the dialer was not told that a desk is lost");
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Replaced,
    LoggedOut,
    Lost,
    Silent,
    Noisy,
    Closing,
}

impl Ended {
    fn reason(self) -> &'static str {
        match self {
            Ended::Replaced => "replaced",
            Ended::LoggedOut => "logged_out",
            Ended::Lost => "lost",
            Ended::Silent => "silent",
            Ended::Noisy => "noisy",
            Ended::Closing => "closing",
        }
    }

    /// RFC 6455 §7.4: going away, policy violation, and private codes for the page.
    fn close_code(self) -> u16 {
        match self {
            Ended::Replaced => 4001,
            Ended::LoggedOut => 4002,
            Ended::Noisy => 1008,
            Ended::Lost | Ended::Silent | Ended::Closing => 1001,
        }
    }
}

async fn show(state: &WebState, signed_in: &SignedIn, seat: &mut Connected, socket: &mut WebSocket) -> Ended {
    let mut desk = state.handle.desk(signed_in.account.id);
    let mut closing = state.closing.subscribe();
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let mut shown = Shown::default();
    desk.mark_changed();
    let (mut unanswered, mut heard) = (0, 0);
    loop {
        tokio::select! {
            biased;
            () = raised(&mut closing) => return Ended::Closing,
            () = seat.replaced() => return Ended::Replaced,
            changed = desk.changed() => {
                if changed.is_err() {
                    return Ended::Closing;
                }
                let view = desk.borrow_and_update().clone();
                let message = shown.message(state, view).await;
                if say(socket, &message).await.is_err() {
                    return Ended::Lost;
                }
            }
            _ = ping.tick() => {
                if unanswered >= PINGS_UNANSWERED_MAX {
                    return Ended::Silent;
                }
                // A log-out or a disabled account ends the desk within the time of a ping.
                if !still_signed_in(state, signed_in).await {
                    return Ended::LoggedOut;
                }
                (unanswered, heard) = (unanswered + 1, 0);
                let sent = timeout(SEND_MAX, socket.send(Message::Ping(Vec::new().into()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return Ended::Lost;
                }
            }
            message = socket.recv() => match message {
                None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return Ended::Lost,
                Some(Ok(Message::Pong(_) | Message::Ping(_) | Message::Text(_) | Message::Binary(_))) => {
                    (unanswered, heard) = (0, heard + 1);
                    if heard > MESSAGES_MAX {
                        return Ended::Noisy;
                    }
                }
            },
        }
    }
}

/// Whether the session is still valid. Storage that does not answer is no reason to throw an agent out of a call.
pub(super) async fn still_signed_in(state: &WebState, signed_in: &SignedIn) -> bool {
    let now = state.now().timestamp;
    let valid = state.records.session_is_valid(signed_in, now).await;
    valid.unwrap_or(true)
}

/// What was last read about the customer: read once for each call, lead and recorded result, not at each change.
#[derive(Default)]
struct Shown {
    about: Option<About>,
    lead: Option<LeadDetail>,
    campaign: Option<Campaign>,
    customer: Option<Customer>,
}

impl Shown {
    async fn message(&mut self, state: &WebState, view: Option<Arc<AgentView>>) -> DeskMessage {
        let about = view.as_deref().and_then(About::of);
        if about != self.about {
            *self = Shown::default();
            if let Some(about) = about {
                match about.read(state).await {
                    Ok(desk) => {
                        self.about = Some(about);
                        (self.lead, self.campaign, self.customer) = (desk.lead, desk.campaign, desk.customer);
                    }
                    // The call goes on with what the engine knows; the next change tries again.
                    Err(problem) => {
                        tracing::error!(kind = problem.kind().code(), "a desk's customer could not be read")
                    }
                }
            }
        }
        let (lead, campaign, customer) = (self.lead.clone(), self.campaign.clone(), self.customer.clone());
        DeskMessage::Desk { view, lead, campaign, customer }
    }
}

async fn say(socket: &mut WebSocket, message: &DeskMessage) -> Result<(), ()> {
    let text = serde_json::to_string(message).map_err(drop)?;
    match timeout(SEND_MAX, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_socket_from_another_sites_page_is_refused() {
        let uri = Uri::from_static("/api/v1/desk/socket");
        let with = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("lull.example:8443"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            from_own_page(&headers, &uri, &["https://desk.example".to_owned()])
        };
        assert!(with(None).is_ok());
        assert!(with(Some("https://lull.example:8443")).is_ok());
        assert!(with(Some("https://desk.example")).is_ok());
        for bad in ["https://evil.example", "https://lull.example", "null", "", "https://lull.example:8443.evil"] {
            assert!(with(Some(bad)).is_err(), "{bad}");
        }
    }
}
