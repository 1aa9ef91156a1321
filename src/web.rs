//! The HTTP side: API v1 with its OpenAPI description, sessions and roles, live updates, and the browser app.
//!
//! It decides nothing about calls: it asks the engine through [`Handle`] and reads what the store remembers. Read
//! [`WebState`], [`access::Can`] and [`problem::Problem`] first; [`openapi`] is the contract with everybody outside.

pub mod access;
mod assets;
mod board;
mod body;
mod callbacks;
mod campaigns;
mod consents;
mod customers;
mod desk;
mod desk_socket;
mod desks;
mod export_jobs;
mod exports;
mod frame;
mod funnel;
mod gateways;
mod groups;
mod history;
mod idempotency;
mod jobs;
mod keys;
mod landing;
mod limits;
mod lists;
mod live;
mod login;
mod messages;
mod metrics;
mod operations;
mod orders;
mod outreach;
pub mod problem;
mod promises;
mod ranges;
mod recordings;
mod records;
mod registrations;
mod results;
mod reviews;
mod search;
mod serve;
mod suppressions;
mod templates;
mod throttle;
mod upload;
mod uploads;
mod users;
mod validators;
mod webhooks;
mod whatif;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use jobs::work::run as work_jobs;
pub use serve::{Listening, serve, serve_landing, serve_metrics};

use crate::model;
use crate::model::agent::DeskCall;
use crate::model::campaign::Campaign;
use crate::model::campaign_file::{self, Known};
use crate::model::dialable::{self, Region, UnknownRegion};
use crate::model::document::Located;
use crate::model::id::{Mint, UserId};
use crate::model::phone::PhoneNumber;
use crate::model::time::{Now, Timestamp};
use crate::model::zone::Zone;
use crate::runtime::handle::Handle;
use crate::store::{SessionLife, Store};
use crate::webhooks::Messenger;
use problem::{ErrorItem, Kind, Problem};
use records::Records;

/// Where the API lives.
pub const API_BASE: &str = "/api/v1";
/// Files that are imported at once: each is parsed on a thread of its own.
const UPLOADS_MAX: usize = 2;
/// Files that are looked at at once.
const PREVIEWS_MAX: usize = 2;
/// Logins that wait for their password to be checked, which takes a core for a tenth of a second.
const LOGINS_MAX: usize = 64;
/// Boards and desks that are connected at once. A floor of 500 agents with two tabs each, and walls.
const STREAMS_MAX: usize = 2048;

/// What the operator sets up for the HTTP side, and what it must know of the rest. Replaced as a whole at a reload.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// People reach the service by HTTPS, here or at a proxy: the session cookie is `__Host-lull` and `Secure`.
    /// Without it the cookie is `lull`, fit for loopback only.
    pub secure_cookie: bool,
    /// Origins (`https://lull.example`) other than the service's own that may send requests.
    pub trusted_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a login lasts.
    pub session: SessionLife,
    /// Tries to log in, for each account and network; 5 without it. Read once, at the start.
    pub logins_per_minute: Option<NonZeroU32>,
    /// Uploaded and rejected files are kept below this directory.
    pub data_dir: PathBuf,
    /// Where recordings are.
    pub recordings_dir: PathBuf,
    /// How customers reach landing pages; none where nobody said so.
    pub landing_url: Option<String>,
    /// Longest list that is received, in bytes.
    pub upload_max_bytes: u64,
    /// For how long after its end an import can be taken back.
    pub undo_within: Duration,
    /// Region of numbers without a country code when a request names none.
    pub region: Option<String>,
    /// Reasons an agent may give for a pause.
    pub not_ready_reasons: Vec<String>,
    /// What a campaign may refer to.
    pub known: Arc<Known>,
    /// What the engine is configured with.
    pub engine: Arc<model::settings::Settings>,
}

/// One configured phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PhoneView {
    /// Its name in the configuration.
    pub phone: String,
    /// Where it is registered from; `null` when it is not registered.
    pub address: Option<String>,
    /// When the registration runs out.
    pub registered_until: Option<Timestamp>,
}

/// Reads both clocks.
pub type ClockReader = Arc<dyn Fn() -> Now + Send + Sync>;

/// What [`WebState::new`] is made from.
pub struct Parts {
    /// The way to the running engine.
    pub handle: Handle,
    /// What is remembered.
    pub store: Store,
    /// Who tells webhooks.
    pub messenger: Arc<Messenger>,
    /// Settings, and new ones after a reload.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Phones, and news of their registrations.
    pub phones: watch::Receiver<Arc<Vec<PhoneView>>>,
    /// The clocks.
    pub clock: ClockReader,
    /// Random; ids of two runs differ by it.
    pub salt: u64,
    /// Seals the forms of landing pages. Kept: a form that was shown before a restart can be sent after it.
    pub form_secret: [u8; 32],
}

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
pub struct WebState(Arc<Site>);

/// The inside of [`WebState`].
pub struct Site {
    pub(super) handle: Handle,
    records: Records,
    messenger: Arc<Messenger>,
    settings: watch::Receiver<Arc<Settings>>,
    phones: watch::Receiver<Arc<Vec<PhoneView>>>,
    clock: ClockReader,
    mint: Mutex<Mint>,
    throttle: throttle::Throttle,
    landing_limits: landing::limits::Limits,
    form_secret: [u8; 32],
    desks: desks::Desks,
    rehearsals: whatif::Rehearsals,
    uploads: Arc<Semaphore>,
    previews: Semaphore,
    receiving: uploads::Receiving,
    jobs: jobs::work::Jobs,
    exports: export_jobs::Jobs,
    heard: recordings::Heard,
    logins: Semaphore,
    streams: Arc<Semaphore>,
    under_way: idempotency::UnderWay,
    last_event: live::LastEvent,
    closing: watch::Sender<bool>,
    openapi: String,
    /// The part of the API that each operation belongs to, by method and path: what scopes of keys are about.
    operations: BTreeMap<(String, String), String>,
}

impl std::ops::Deref for WebState {
    type Target = Site;
    fn deref(&self) -> &Site {
        &self.0
    }
}

impl WebState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> WebState {
        let Parts { handle, store, messenger, settings, phones, clock, salt, form_secret } = parts;
        let description = openapi();
        let operations = operations(&description);
        let openapi = description.to_json().unwrap_or_default();
        let throttle = throttle::Throttle::new(settings.borrow().logins_per_minute);
        WebState(Arc::new(Site {
            handle,
            records: Records::new(store, settings.clone()),
            messenger,
            settings,
            phones,
            clock,
            mint: Mutex::new(Mint::new(salt)),
            throttle,
            landing_limits: landing::limits::Limits::default(),
            form_secret,
            logins: Semaphore::new(LOGINS_MAX),
            desks: desks::Desks::default(),
            rehearsals: whatif::Rehearsals::default(),
            uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
            previews: Semaphore::new(PREVIEWS_MAX),
            receiving: uploads::Receiving::default(),
            jobs: jobs::work::Jobs::default(),
            exports: export_jobs::Jobs::default(),
            heard: recordings::Heard::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            under_way: idempotency::UnderWay::default(),
            last_event: live::LastEvent::default(),
            closing: watch::Sender::new(false),
            openapi,
            operations,
        }))
    }

    /// Ends boards and desks that are connected, so that the listener can close, and what is being rehearsed.
    pub fn close_streams(&self) {
        self.closing.send_replace(true);
        self.rehearsals.stop();
        self.exports.stop_all();
    }
}

impl Site {
    fn now(&self) -> Now {
        (self.clock)()
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// Where files wait that come in pieces.
    fn shelf(&self) -> uploads::shelf::Shelf {
        uploads::shelf::Shelf::of(&self.settings.borrow().data_dir)
    }

    fn mint(&self, now: Timestamp) -> i64 {
        self.mint.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }

    /// The part of the API that an operation belongs to.
    fn part_of(&self, method: &axum::http::Method, path: &str) -> Option<&str> {
        // A head is that of the answer to GET.
        let method =
            if *method == axum::http::Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
        self.operations.get(&(method, path.to_owned())).map(String::as_str)
    }

    /// All parts of the API, in order.
    fn parts(&self) -> Vec<String> {
        self.operations.values().cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn cookie_name(&self) -> &'static str {
        if self.settings().secure_cookie { "__Host-lull" } else { "lull" }
    }

    /// When today began, in the zone of the installation.
    fn today_from(&self) -> Timestamp {
        let now = self.now().timestamp;
        let zone = Zone::named(&self.settings().engine.zone).unwrap_or_else(|_| Zone::utc());
        now.to_jiff().to_zoned(zone.as_jiff().clone()).start_of_day().map_or(now, |start| start.timestamp().into())
    }

    /// The call at hand of an agent, if there is one.
    fn call_at_hand(&self, user: UserId) -> Option<DeskCall> {
        self.handle.desk(user).borrow().as_ref().and_then(|view| view.call.clone())
    }

    fn is_at_hand(&self, user: UserId, number: &PhoneNumber) -> bool {
        self.call_at_hand(user).is_some_and(|call| call.number.as_ref() == Some(number))
    }

    /// Writes down who did what to which object. A failure is logged and stops nothing.
    async fn audit(&self, who: &access::Account, what: &'static str, object: &str, detail: &str) {
        if let Err(problem) = self.records.audit(&who.login, what, object, detail, self.now().timestamp).await {
            tracing::error!(what, object, kind = problem.kind().code(), "an audit entry was not recorded");
        }
    }

    /// The region that was asked for, or the installation's.
    fn region(&self, asked: Option<&str>) -> Result<Option<Region>, Problem> {
        let settings = self.settings();
        let Some(code) = asked.or(settings.region.as_deref()) else { return Ok(None) };
        let region = code.to_ascii_uppercase().parse();
        region.map(Some).map_err(|error: UnknownRegion| Problem::field("/region", "unknown_region", error.to_string()))
    }

    /// A number as somebody typed it.
    fn dialable(&self, text: &str, region: Option<&str>, pointer: &str) -> Result<PhoneNumber, Problem> {
        let region = self.region(region)?;
        let text = text.trim();
        match dialable::read(text, region) {
            Ok(read) => Ok(read.number),
            // A ledger also takes numbers that are never dialled, once they are spelled in full.
            Err(error) => {
                PhoneNumber::from_e164(text).map_err(|_| Problem::field(pointer, error.code(), error.to_string()))
            }
        }
    }

    /// A campaign as somebody wrote it.
    fn read_campaign(&self, text: &str, file: &str) -> Result<Campaign, Vec<ErrorItem>> {
        let complaints = match campaign_file::read(file, text, Some(&self.settings().known)) {
            Ok(campaign) => return Ok(campaign),
            Err(complaints) => complaints,
        };
        Err(complaints.located().into_iter().map(located).collect())
    }
}

fn located(complaint: Located) -> ErrorItem {
    let Located { file, line, column, key, code, message, expected } = complaint;
    let code = crate::model::word::word(&code);
    let small = |place: usize| u32::try_from(place).ok();
    ErrorItem {
        pointer: None,
        code,
        detail: message,
        file: Some(file),
        line: small(line),
        column: small(column),
        key: Some(key).filter(|key| !key.is_empty()),
        value: None,
        expected,
    }
}

/// All routes of the API, with their description.
fn api() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(login::log_in))
        .routes(routes!(login::log_out))
        .routes(routes!(login::me, login::change_me))
        .routes(routes!(board::board))
        .routes(routes!(board::board_history))
        .routes(routes!(board::gate_changes))
        .routes(routes!(board::board_events))
        .routes(routes!(campaigns::campaigns))
        .routes(routes!(campaigns::check_campaign))
        .routes(routes!(campaigns::campaign, campaigns::apply_campaign))
        .routes(routes!(campaigns::control_campaign))
        .routes(routes!(campaigns::campaign_changes))
        .routes(routes!(campaigns::campaign_text))
        .routes(routes!(campaigns::compare_revisions))
        .routes(routes!(results::campaign_results))
        .routes(routes!(results::campaign_attempts))
        .routes(routes!(funnel::campaign_funnel))
        .routes(routes!(funnel::funnel_leads))
        .routes(routes!(search::search_results))
        .routes(routes!(campaigns::campaign_decisions))
        .routes(routes!(exports::export_calls))
        .routes(routes!(export_jobs::exports, export_jobs::ask_export))
        .routes(routes!(export_jobs::export_events))
        .routes(routes!(export_jobs::export, export_jobs::remove_export))
        .routes(routes!(export_jobs::restart_export))
        .routes(routes!(export_jobs::export_file))
        .routes(routes!(whatif::whatif, whatif::ask_whatif, whatif::cancel_whatif))
        .routes(routes!(lists::lists, lists::import_list))
        .layer(DefaultBodyLimit::max(body::JSON_MAX))
        .routes(routes!(lists::rejected_rows))
        .routes(routes!(lists::undo_outlook, lists::undo_import))
        .routes(routes!(jobs::jobs, jobs::add_job))
        .routes(routes!(jobs::job))
        .routes(routes!(jobs::job_events))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(jobs::resume_job))
        .routes(routes!(uploads::uploads, uploads::add_upload))
        .routes(routes!(uploads::upload, uploads::send_piece, uploads::remove_upload))
        .routes(routes!(uploads::preview_upload))
        .routes(routes!(templates::templates))
        .routes(routes!(templates::template, templates::save_template, templates::remove_template))
        .routes(routes!(groups::group, groups::change_group))
        .routes(routes!(limits::campaign_limits, limits::change_limits))
        .routes(routes!(groups::group_changes))
        .routes(routes!(callbacks::callbacks))
        .routes(routes!(callbacks::change_callbacks))
        .routes(routes!(callbacks::desk_callbacks))
        .routes(routes!(suppressions::suppressions, suppressions::suppress))
        .routes(routes!(suppressions::lift_suppression))
        .routes(routes!(consents::consents, consents::record_consent))
        .routes(routes!(consents::consent_evidence))
        .routes(routes!(consents::revoke_consent))
        .routes(routes!(registrations::pre_register))
        .routes(routes!(outreach::outreaches))
        .routes(routes!(outreach::audience))
        .routes(routes!(outreach::start_outreach))
        .routes(routes!(outreach::pause_outreach))
        .routes(routes!(outreach::test_outreach))
        .routes(routes!(outreach::recipients))
        .routes(routes!(landing::operations::campaign_landing))
        .routes(routes!(landing::operations::make_link))
        .routes(routes!(promises::promises))
        .routes(routes!(promises::promise_counts))
        .routes(routes!(promises::promise_report))
        .routes(routes!(promises::promise_report_file))
        .routes(routes!(reviews::reviews))
        .routes(routes!(reviews::decide_review))
        .routes(routes!(messages::gateways))
        .routes(routes!(gateways::gateway_callback))
        .routes(routes!(gateways::gateway_callback_with_secret, gateways::gateway_callback_by_query))
        .routes(routes!(messages::messages, messages::send_message))
        .routes(routes!(messages::count_message))
        .routes(routes!(orders::orders))
        .routes(routes!(orders::order_counts))
        .routes(routes!(orders::move_orders))
        .routes(routes!(orders::import_orders))
        .routes(routes!(orders::export_orders))
        .routes(routes!(orders::order, orders::change_order))
        .routes(routes!(orders::desk_orders))
        .routes(routes!(webhooks::webhooks, webhooks::add_webhook))
        .routes(routes!(webhooks::webhook, webhooks::change_webhook, webhooks::remove_webhook))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(webhooks::rotate_webhook))
        .routes(routes!(webhooks::enable_webhook))
        .routes(routes!(webhooks::disable_webhook))
        .routes(routes!(webhooks::webhook_deliveries))
        .routes(routes!(webhooks::webhook_log))
        .routes(routes!(webhooks::resend_webhook))
        .routes(routes!(keys::keys, keys::add_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(users::users, users::add_user))
        .routes(routes!(users::change_user))
        .routes(routes!(recordings::recording))
        .routes(routes!(recordings::recording_audio))
        .routes(routes!(customers::lead))
        .routes(routes!(customers::customer))
        .routes(routes!(desk::desk_sign_in))
        .routes(routes!(desk::desk_act))
        .routes(routes!(desk::desk))
        .routes(routes!(desk_socket::desk_socket))
        .routes(routes!(desk::pause_reasons))
        .routes(routes!(operations::trunks))
        .routes(routes!(operations::phones))
        .routes(routes!(operations::reload))
        .routes(routes!(operations::internals))
        .routes(routes!(operations::openapi_file))
        .routes(routes!(operations::livez))
        .routes(routes!(operations::readyz))
}

/// The description of the API (OpenAPI 3.1). `src/ui/openapi.json` is this text; the browser app's client is generated
/// from it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut description = OpenApiRouter::new().nest(API_BASE, api()).into_openapi();
    description.info = utoipa::openapi::InfoBuilder::new()
        .title("Lull")
        .version("1")
        .description(Some(
            "Times are milliseconds since 1970-01-01T00:00:00Z. Phone numbers are E.164. Errors are problem+json with \
             stable codes. Roles that may use an operation are listed with its security requirement. Operations that make \
             something take an `Idempotency-Key`: for 24 hours the same request of the same caller under the same key is \
             answered as it was, with `Idempotency-Replayed: true`, and not done again; another request under that key is \
             refused (422 `idempotency_key_reused`), and so is one while the first is under way (409 \
             `idempotency_key_in_use`). Only successes are kept. Answers to GET have an `ETag`; with `If-None-Match` what \
             is unchanged is answered with 304. The text of a campaign's revision has the tag `\"revision-N\"`: a text that \
             is applied with `If-Match` and that tag is refused (412 `revision_differs`) where another is in force by then, \
             and with `If-None-Match: *` where there is one at all.",
        ))
        .build();
    let schemes = description.components.get_or_insert_default();
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("__Host-lull", "`lull` on plain HTTP (loopback)"));
    schemes.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("the token of a login, or a key of a program (`lull key add`)"))
        .build();
    schemes.add_security_scheme("token", SecurityScheme::Http(bearer));
    schemes.schemas.insert("Problem".to_owned(), <problem::ProblemBody as utoipa::PartialSchema>::schema());
    schemes.schemas.insert("ErrorItem".to_owned(), <ErrorItem as utoipa::PartialSchema>::schema());
    schemes.schemas.insert("DeskMessage".to_owned(), <desk_socket::DeskMessage as utoipa::PartialSchema>::schema());
    describe_problems(&mut description);
    describe_keys(&mut description);
    description
}

/// The parts of the API that a key may be for.
pub fn parts() -> BTreeSet<String> {
    operations(&openapi()).into_values().collect()
}

/// The part of each operation, by method and path.
fn operations(description: &utoipa::openapi::OpenApi) -> BTreeMap<(String, String), String> {
    let mut operations = BTreeMap::new();
    for (path, item) in &description.paths.paths {
        let all = [
            ("get", &item.get),
            ("put", &item.put),
            ("post", &item.post),
            ("delete", &item.delete),
            ("patch", &item.patch),
        ];
        for (method, operation) in all {
            let tag = operation.as_ref().and_then(|operation| operation.tags.as_ref()?.first().cloned());
            if let Some(tag) = tag {
                operations.insert((method.to_owned(), path.clone()), tag);
            }
        }
    }
    operations
}

/// Operations that heed an `Idempotency-Key`.
fn describe_keys(description: &mut utoipa::openapi::OpenApi) {
    use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
    for path in idempotency::OPERATIONS {
        let item = description.paths.paths.get_mut(&format!("{API_BASE}{path}"));
        if let Some(operation) = item.and_then(|item| item.post.as_mut()) {
            let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).build();
            let key = ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .description(Some("names the request, such as a random UUID, so that it can be sent again"))
                .schema(Some(text))
                .build();
            operation.parameters.get_or_insert_default().push(key.into());
        }
    }
}

/// Every operation may answer with a problem.
fn describe_problems(description: &mut utoipa::openapi::OpenApi) {
    let problem = || {
        let content = utoipa::openapi::ContentBuilder::new()
            .schema(Some(utoipa::openapi::Ref::from_schema_name("Problem")))
            .build();
        utoipa::openapi::ResponseBuilder::new()
            .description("what is wrong")
            .content("application/problem+json", content)
            .build()
    };
    for item in description.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in methods.into_iter().filter_map(Option::as_mut) {
            operation.responses.responses.insert("default".to_owned(), problem().into());
        }
    }
}

/// The whole site: API, browser app, and the frame around them.
pub fn router(state: WebState) -> Router {
    let (api, _) = api().split_for_parts();
    let api = api
        .fallback(no_such_address)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(body::JSON_MAX))
        .layer(axum::middleware::from_fn_with_state(state.clone(), idempotency::keyed))
        .layer(axum::middleware::from_fn(validators::unchanged));
    Router::new()
        .nest(API_BASE, api)
        .route("/livez", get(operations::livez))
        .route("/readyz", get(operations::readyz))
        .fallback(assets::serve)
        .layer(csrf(&state))
        .layer(axum::middleware::from_fn_with_state(state.clone(), frame::frame))
        .layer(CompressionLayer::new())
        .with_state(state.clone())
        .merge(landing::router(state))
}

/// Landing pages alone, for an address that the public may reach.
pub fn landing_router(state: WebState) -> Router {
    landing::router(state).fallback(landing::nothing_here)
}

async fn no_such_address(uri: axum::http::Uri) -> Problem {
    Problem::not_found(format!("address {}", uri.path()))
}

async fn no_such_method(method: axum::http::Method) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("this address does not take {method}"))
}

type CsrfRefusal = fn(ProtectionError) -> axum::response::Response;

/// Requests that change something must come from our own pages, or from a program that is no browser.
fn csrf(state: &WebState) -> CsrfLayer<CsrfRefusal> {
    let refuse: CsrfRefusal = |error| {
        tracing::warn!(%error, "a request from another site was refused");
        Problem::new(Kind::CrossSite, "this request came from another site's page").into_response()
    };
    let mut layer = CsrfLayer::new();
    for origin in &state.settings().trusted_origins {
        layer = match layer.clone().add_trusted_origin(origin) {
            Ok(layer) => layer,
            Err(error) => {
                // Not trusting one is the safe side; the configuration check names it before.
                tracing::error!(%origin, %error, "an origin cannot be trusted");
                layer
            }
        };
    }
    layer.with_rejection_response(refuse)
}
