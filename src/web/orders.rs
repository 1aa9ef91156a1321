//! Orders: which there are, what becomes of them, and delivery files.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::access::{Analysts, Callers, Can, LeadReaders, Managers, Role, SignedIn};
use super::body::{Asked, Named, Sent};
use super::exports::{ExportFormat, XLSX};
use super::history::ShownNumber;
use super::lists::is_table;
use super::problem::{Kind, Problem};
use super::records::lists::format;
use super::{WebState, upload};
use crate::export::{Ask, Format, Kind as FileKind, Passing};
use crate::model::attempt::CallRef;
use crate::model::id::{ImportId, LeadId};
use crate::model::name::CampaignKey;
use crate::model::order::{Money, NAME_LENGTH_MAX, OrderItem, OrderNumber, OrderState, TEXT_LENGTH_MAX};
use crate::model::time::Timestamp;
use crate::model::zone::Zone;
use crate::store::{
    Attention, ImportMode, Moved, OrderAmended, OrderChange, OrderCount, OrderFileOutcome, OrderFilePlan, OrderFilter,
    OrderMove, OrderRow,
};

/// Rows of a page where the request names no number, and the most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 500;
/// Orders that are moved on by one request, at most.
const CHANGES_MAX: usize = 1000;
/// Orders that a desk finds.
const AT_DESK: u32 = 20;

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OrderView {
    /// Its number: digits, the last of which is a check digit.
    pub order: OrderNumber,
    /// Of which campaign.
    pub campaign: CampaignKey,
    /// The call in which it was placed.
    pub call: CallRef,
    /// Whose, where the customer is on a list.
    pub lead: Option<LeadId>,
    /// The customer's number, masked where the asker may not see it; `null` where it was not known or was erased.
    pub number: Option<ShownNumber>,
    /// Login of the agent; `null` where there is no such user any more.
    pub agent: Option<String>,
    /// Where it stands.
    pub state: OrderState,
    /// Since when.
    pub state_at: Timestamp,
    /// What may come next.
    pub next: Vec<OrderState>,
    /// What was ordered.
    pub items: Vec<OrderItem>,
    /// ISO 4217.
    pub currency: String,
    /// What the items cost together.
    pub value: Money,
    /// Who takes it; empty for marketing.
    pub recipient: String,
    /// Where to; empty for marketing.
    pub address: String,
    /// What else is to be known; empty for marketing.
    pub note: String,
    /// Who carries it.
    pub carrier: String,
    /// What the carrier calls it.
    pub tracking: String,
    /// Why a person should look at it.
    pub attention: Option<Attention>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the customer's data were erased from it.
    pub erased_at: Option<Timestamp>,
}

impl From<OrderRow> for OrderView {
    fn from(row: OrderRow) -> OrderView {
        OrderView {
            order: row.order,
            campaign: row.campaign,
            call: row.call,
            lead: row.lead,
            number: row.number.as_ref().map(ShownNumber::from),
            agent: row.agent,
            state: row.state,
            state_at: row.state_at,
            next: row.state.next().to_vec(),
            items: row.items,
            currency: row.currency,
            value: row.value,
            recipient: row.recipient,
            address: row.address,
            note: row.note,
            carrier: row.carrier,
            tracking: row.tracking,
            attention: row.attention,
            opened_at: row.opened_at,
            erased_at: row.erased_at,
        }
    }
}

impl OrderView {
    /// What this user may see: agents no number, which is shown with the call; marketing nothing that tells who it is.
    fn shown_to(mut self, role: Role) -> OrderView {
        if role != Role::Manager
            && let Some(number) = &mut self.number
        {
            number.mask();
        }
        if role == Role::Marketing {
            for text in [&mut self.recipient, &mut self.address, &mut self.note, &mut self.tracking] {
                text.clear();
            }
        }
        self
    }
}

/// An order with its history.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OrderDetail {
    /// The order.
    pub order: OrderView,
    /// The states it came into, oldest first.
    pub history: Vec<OrderChange>,
}

/// A page of orders.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OrderPage {
    /// They, newest first.
    pub items: Vec<OrderView>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Which orders.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct OrderQuery {
    /// Only of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Only those in this state.
    #[param(inline)]
    pub state: Option<OrderState>,
    /// Only of the customer with this number, in international form or with `region`.
    pub number: Option<String>,
    /// Region of a number without a country code, as two letters.
    pub region: Option<String>,
    /// Only of this agent, by login.
    pub agent: Option<String>,
    /// Opened at this time or later, in ms since 1970.
    pub from: Option<i64>,
    /// Opened before this time.
    pub to: Option<i64>,
    /// Only those that a person should look at.
    pub attention: bool,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// At most so many, 500 at most; 50 without it.
    pub limit: Option<u32>,
}

/// Of which campaign.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct OrderCountQuery {
    /// Only of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
}

/// What a desk looks for.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrderFindQuery {
    /// An order number, or a customer's number.
    pub find: String,
}

/// A change of one order. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrderChangeRequest {
    /// The state it came into.
    pub state: Option<OrderState>,
    /// When; now without it.
    #[schema(value_type = Option<i64>)]
    pub at: Option<Timestamp>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// What the carrier calls it.
    pub tracking: Option<String>,
    /// What is to be known of this change.
    pub detail: String,
    /// Who takes it: until it has left.
    pub recipient: Option<String>,
    /// Where to: until it has left.
    pub address: Option<String>,
    /// What else is to be known: until it has left.
    pub note: Option<String>,
    /// Somebody has looked at it: `attention` is taken back.
    pub seen: bool,
}

/// That an order came into a state.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderMoveRequest {
    /// Which order.
    pub order: OrderNumber,
    /// The state it came into.
    pub state: OrderState,
    /// When; now without it.
    #[schema(value_type = Option<i64>)]
    pub at: Option<Timestamp>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// What the carrier calls it.
    pub tracking: Option<String>,
    /// What is to be known of this change.
    #[serde(default)]
    pub detail: String,
}

/// That orders came into states.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderMovesRequest {
    /// In this sequence, 1 to 1,000.
    pub changes: Vec<OrderMoveRequest>,
}

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct OrderMoved {
    /// Which order.
    pub order: OrderNumber,
    /// What became of it.
    #[serde(flatten)]
    pub moved: Moved,
    /// What is wrong, in words; `null` if nothing is.
    pub problem: Option<String>,
}

/// How a delivery file is to be read.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct OrderFileQuery {
    /// What the file is called; it stands in the history of the orders.
    pub name: String,
    /// Encoding of a text file (`utf-8`, `gb18030`, `utf-16le` …); without it, what it looks like.
    pub encoding: Option<String>,
    /// What stands between cells (`comma`, `semicolon`, `tab`, `pipe`, or the sign); without it, the likeliest.
    pub delimiter: Option<String>,
    /// Sheet of a workbook, where several have cells.
    pub sheet: Option<String>,
    /// Only check; nothing is changed.
    pub dry_run: Option<bool>,
}

/// Which orders, and in which form.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct OrderExportQuery {
    /// Only of this campaign.
    #[param(value_type = Option<String>)]
    pub campaign: Option<CampaignKey>,
    /// Only those in this state: `confirmed` are those to be dispatched.
    #[param(inline)]
    pub state: Option<OrderState>,
    /// Opened at this time or later, in ms since 1970.
    pub from: Option<i64>,
    /// Opened before this time; until now without it.
    pub to: Option<i64>,
    /// The form of the file; CSV without it.
    #[param(inline)]
    pub format: ExportFormat,
    /// A CSV file begins with a byte order mark, which Excel needs to read Chinese.
    pub bom: bool,
}

/// Orders, newest first. Marketing sees masked numbers, and neither names nor addresses.
#[utoipa::path(get, path = "/orders", tag = "orders", params(OrderQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = OrderPage)))]
pub async fn orders(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Asked(query): Asked<OrderQuery>,
) -> Result<Json<OrderPage>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(Kind::BadQuery, format!("limit is {limit}; expected 1 to {PAGE_MAX}")));
    }
    let number = match &query.number {
        Some(number) => Some(state.dialable(number, query.region.as_deref(), "/number")?),
        None => None,
    };
    let filter = OrderFilter {
        campaign: query.campaign,
        state: query.state,
        number,
        agent: query.agent,
        from: query.from.map(Timestamp::from_millis),
        before: query.to.map(Timestamp::from_millis),
        attention: query.attention,
    };
    let OrderPage { items, next_cursor } = state.records.orders(&filter, query.cursor.as_deref(), limit).await?;
    let items = items.into_iter().map(|order| order.shown_to(user.role)).collect();
    Ok(Json(OrderPage { items, next_cursor }))
}

/// How many orders are in each state, and what they are worth.
#[utoipa::path(get, path = "/orders/counts", tag = "orders", params(OrderCountQuery),
    security(("session" = ["manager", "marketing"])), responses((status = 200, body = Vec<OrderCount>)))]
pub async fn order_counts(
    State(state): State<WebState>,
    _user: Can<Analysts>,
    Asked(query): Asked<OrderCountQuery>,
) -> Result<Json<Vec<OrderCount>>, Problem> {
    state.records.count_orders(query.campaign.as_ref()).await.map(Json)
}

/// One order with its history.
#[utoipa::path(get, path = "/orders/{order}", tag = "orders", params(("order" = String, Path)),
    security(("session" = ["manager", "agent", "marketing"])), responses((status = 200, body = OrderDetail)))]
pub async fn order(
    State(state): State<WebState>,
    user: Can<LeadReaders>,
    Named(order): Named<OrderNumber>,
) -> Result<Json<OrderDetail>, Problem> {
    detail(&state, &user.0, order).await.map(Json)
}

async fn detail(state: &WebState, user: &SignedIn, order: OrderNumber) -> Result<OrderDetail, Problem> {
    let (row, mut history) = state.records.order(order).await?.ok_or_else(|| no_order(order))?;
    let role = user.account.role;
    if role == Role::Marketing {
        history.iter_mut().for_each(|change| change.detail.clear());
    }
    Ok(OrderDetail { order: OrderView::from(row).shown_to(role), history })
}

/// Orders that a desk looks for: by order number, or the latest of a customer's number. Who looked for what is in the audit trail.
#[utoipa::path(get, path = "/desk/orders", tag = "desk", params(OrderFindQuery),
    security(("session" = ["manager", "agent"])), responses((status = 200, body = Vec<OrderView>)))]
pub async fn desk_orders(
    State(state): State<WebState>,
    user: Can<Callers>,
    Asked(query): Asked<OrderFindQuery>,
) -> Result<Json<Vec<OrderView>>, Problem> {
    let found = match query.find.parse::<OrderNumber>() {
        Ok(order) => state.records.order(order).await?.map(|(row, _)| OrderView::from(row)).into_iter().collect(),
        Err(_) => {
            let number = state.dialable(&query.find, None, "/find")?;
            state.records.orders_of(&number, AT_DESK as usize).await?
        }
    };
    for order in &found {
        state.audit(&user, "order_viewed", &order.order.to_string(), "").await;
    }
    Ok(Json(found.into_iter().map(|order: OrderView| order.shown_to(user.role)).collect()))
}

/// Change one order: the state it came into, or where it goes as long as it has not left.
#[utoipa::path(patch, path = "/orders/{order}", tag = "orders", params(("order" = String, Path)),
    request_body = OrderChangeRequest, security(("session" = ["manager"])), responses((status = 200, body = OrderDetail)))]
pub async fn change_order(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(order): Named<OrderNumber>,
    Sent(request): Sent<OrderChangeRequest>,
) -> Result<Json<OrderDetail>, Problem> {
    let texts = [
        ("/carrier", request.carrier.as_deref(), NAME_LENGTH_MAX),
        ("/tracking", request.tracking.as_deref(), NAME_LENGTH_MAX),
        ("/recipient", request.recipient.as_deref(), NAME_LENGTH_MAX),
        ("/detail", Some(request.detail.as_str()), TEXT_LENGTH_MAX),
        ("/address", request.address.as_deref(), TEXT_LENGTH_MAX),
        ("/note", request.note.as_deref(), TEXT_LENGTH_MAX),
    ];
    for (pointer, text, most) in texts {
        check_length(pointer, text.unwrap_or_default(), most)?;
    }
    if request.state.is_none() && (request.carrier.is_some() || request.tracking.is_some() || request.at.is_some()) {
        return Err(Problem::field(
            "/state",
            "missing",
            "carrier, tracking and time are said with the state it came into",
        ));
    }
    let (now, source) = (state.now().timestamp, source(&user.0));
    let amended =
        OrderAmended { recipient: request.recipient, address: request.address, note: request.note, seen: request.seen };
    if amended != OrderAmended::default() {
        state.records.amend_order(order, amended, &user.login, source, now).await?;
    }
    if let Some(wanted) = request.state {
        let OrderChangeRequest { at, carrier, tracking, detail, .. } = request;
        let one = OrderMove { order, state: wanted, at, carrier, tracking, detail };
        let moved = state.records.set_orders(vec![one], &user.login, source, now).await?.pop();
        match moved {
            Some(Moved::Unknown) | None => return Err(no_order(order)),
            Some(moved @ Moved::CannotFollow { .. }) => {
                return Err(Problem::new(Kind::Conflict, moved.problem(wanted).unwrap_or_default()));
            }
            Some(moved) => {
                if let Some(problem) = moved.problem(wanted) {
                    return Err(Problem::field("/at", "out_of_range", problem));
                }
            }
        }
    }
    detail(&state, &user.0, order).await.map(Json)
}

/// Tell that orders came into states, such as a carrier's system does. Each that can be changed is; the answer says what became of
/// each, and the same request twice changes nothing.
#[utoipa::path(post, path = "/orders/states", tag = "orders", request_body = OrderMovesRequest,
    security(("session" = ["manager"])), responses((status = 200, body = Vec<OrderMoved>)))]
pub async fn move_orders(
    State(state): State<WebState>,
    user: Can<Managers>,
    Sent(request): Sent<OrderMovesRequest>,
) -> Result<Json<Vec<OrderMoved>>, Problem> {
    let changes = request.changes;
    if !(1..=CHANGES_MAX).contains(&changes.len()) {
        let detail = format!("{} changes; expected 1 to {CHANGES_MAX}", changes.len());
        return Err(Problem::field("/changes", "out_of_range", detail));
    }
    for (place, change) in changes.iter().enumerate() {
        let at = |field: &str| format!("/changes/{place}/{field}");
        check_length(&at("carrier"), change.carrier.as_deref().unwrap_or_default(), NAME_LENGTH_MAX)?;
        check_length(&at("tracking"), change.tracking.as_deref().unwrap_or_default(), NAME_LENGTH_MAX)?;
        check_length(&at("detail"), &change.detail, TEXT_LENGTH_MAX)?;
    }
    let named: Vec<_> = changes.iter().map(|change| (change.order, change.state)).collect();
    let moves = changes.into_iter().map(|change| {
        let OrderMoveRequest { order, state, at, carrier, tracking, detail } = change;
        OrderMove { order, state, at, carrier, tracking, detail }
    });
    let now = state.now().timestamp;
    let done = state.records.set_orders(moves.collect(), &user.login, source(&user.0), now).await?;
    let told = named.into_iter().zip(done).map(|((order, wanted), moved)| {
        let problem = moved.problem(wanted);
        OrderMoved { order, moved, problem }
    });
    Ok(Json(told.collect()))
}

/// Take a delivery file in, CSV or XLSX with a header, as the body: columns for order number and state, and time, carrier,
/// tracking number and note where there are any. Each row is applied, was so already, or is complained about; the same file
/// twice changes nothing.
#[utoipa::path(post, path = "/orders/import", tag = "orders", params(OrderFileQuery),
    request_body(content((String = "text/csv"), (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    security(("session" = ["manager"])), responses((status = 200, body = OrderFileOutcome)))]
pub async fn import_orders(
    State(state): State<WebState>,
    user: Can<Managers>,
    Asked(query): Asked<OrderFileQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<OrderFileOutcome>, Problem> {
    is_table(&headers)?;
    let name = query.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_LENGTH_MAX {
        return Err(Problem::new(Kind::BadQuery, format!("name: expected 1 to {NAME_LENGTH_MAX} characters")));
    }
    let _turn = state.uploads.try_acquire().map_err(|_| {
        Problem::new(Kind::Overloaded, "other files are being brought in; try again when they are done").retry_after(10)
    })?;
    let region = state.region(None)?;
    let now = state.now().timestamp;
    let file = upload::receive(&state, ImportId(state.mint(now)), "orders", body).await?;
    let dry_run = query.dry_run.unwrap_or(false);
    let plan = OrderFilePlan {
        path: file.path().to_path_buf(),
        name: name.clone(),
        format: format(query.encoding.as_deref(), query.delimiter.as_deref(), query.sheet, region)?,
        zone: Zone::named(&state.settings().engine.zone).unwrap_or_else(|_| Zone::utc()),
        mode: if dry_run { ImportMode::DryRun } else { ImportMode::Run },
        by: user.login.clone(),
        at: now,
    };
    let outcome = state.records.import_orders(plan).await?;
    if !dry_run {
        let OrderFileOutcome { rows, changed, complained, .. } = &outcome;
        let told = format!("{rows} rows: {changed} changed, {complained} complained about");
        state.audit(&user, "orders_imported", &name, &told).await;
    }
    Ok(Json(outcome))
}

/// One row for each order, newest first. Marketing sees masked numbers, and neither names nor addresses.
#[utoipa::path(get, path = "/orders/file", tag = "orders", params(OrderExportQuery),
    security(("session" = ["manager", "marketing"])),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn export_orders(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Asked(query): Asked<OrderExportQuery>,
) -> Result<Response, Problem> {
    let now = state.now().timestamp;
    let from = Timestamp::from_millis(query.from.unwrap_or(0));
    // Those that are opened at this very moment are among them.
    let to = Timestamp::from_millis(query.to.unwrap_or(now.as_millis() + 1));
    if from >= to {
        return Err(Problem::new(Kind::BadQuery, format!("from is {from} and to is {to}; expected from before to")));
    }
    let (format, ending, media) = match query.format {
        ExportFormat::Csv => (Format::Csv { mark: query.bom }, "csv", "text/csv; charset=utf-8"),
        ExportFormat::Xlsx => (Format::Xlsx, "xlsx", XLSX),
    };
    let zone = Zone::named(&state.settings().engine.zone).unwrap_or_else(|_| Zone::utc());
    let masked = user.role == Role::Marketing;
    let ask =
        Ask { kind: FileKind::Orders, campaign: query.campaign, state: query.state, from, to, format, masked, zone };
    let folder = state.settings().data_dir.join("exports");
    let broken = |error: std::io::Error| Problem::internal("writing an export", error);
    tokio::fs::create_dir_all(&folder).await.map_err(broken)?;
    let file = Passing(folder.join(format!("{}.{ending}", state.mint(now))));
    let rows = state.records.export(&ask, &file.0).await?;
    let body = upload::send_file(&file.0).await?;
    let body = body.ok_or_else(|| Problem::internal("opening an export", "it is gone"))?;
    let what = ask.campaign.as_ref().map_or_else(|| "all campaigns".to_owned(), ToString::to_string);
    state.audit(&user, "orders_exported", &what, &format!("{rows} orders")).await;
    let disposition = format!("attachment; filename=\"orders.{ending}\"");
    Ok(([(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// Programs have a key, people a page.
fn source(user: &SignedIn) -> &'static str {
    if user.key.is_some() { "api" } else { "page" }
}

fn check_length(pointer: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.chars().count() > most {
        return Err(Problem::field(pointer, "too_long", format!("expected at most {most} characters")));
    }
    Ok(())
}

fn no_order(order: OrderNumber) -> Problem {
    Problem::not_found(format!("order `{order}`"))
}
