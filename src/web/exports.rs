//! Calls of a campaign as a file to be saved.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::access::{Analysts, Can, Role};
use super::body::{Asked, Named};
use super::campaigns::no_campaign;
use super::problem::{Kind, Problem};
use super::{WebState, upload};
use crate::export::{Ask, ExportError, Format, Kind as FileKind, Passing};
use crate::model::name::CampaignKey;
use crate::model::time::Timestamp;
use crate::model::zone::Zone;

/// The media type of a workbook (ECMA-376).
pub(super) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Comma-separated values in UTF-8.
    #[default]
    Csv,
    /// A workbook; every cell is a text.
    Xlsx,
}

/// Which calls, and in which form.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// Calls that began at this time or later, in ms since 1970; all without it.
    pub from: Option<i64>,
    /// Calls that began before this time, in ms since 1970; until now without it.
    pub to: Option<i64>,
    /// The form of the file; CSV without it.
    #[serde(default)]
    #[param(inline)]
    pub format: ExportFormat,
    /// A CSV file begins with a byte order mark, which Excel needs to read Chinese.
    #[serde(default)]
    pub bom: bool,
}

/// One row for each call, in the order in which they began. Marketing sees masked numbers, and neither names, notes nor the
/// cells of lists.
#[utoipa::path(get, path = "/campaigns/{key}/calls", tag = "campaigns", params(("key" = String, Path), ExportQuery),
    security(("session" = ["manager", "marketing"])),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn export_calls(
    State(state): State<WebState>,
    user: Can<Analysts>,
    Named(key): Named<CampaignKey>,
    Asked(query): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    let now = state.now().timestamp;
    let from = Timestamp::from_millis(query.from.unwrap_or(0));
    let to = query.to.map_or(now, Timestamp::from_millis);
    if from >= to {
        return Err(Problem::new(Kind::BadQuery, format!("from is {from} and to is {to}; expected from before to")));
    }
    if !state.records.campaign_exists(&key).await? {
        return Err(no_campaign(&key));
    }
    let (format, ending, media) = match query.format {
        ExportFormat::Csv => (Format::Csv { mark: query.bom }, "csv", "text/csv; charset=utf-8"),
        ExportFormat::Xlsx => (Format::Xlsx, "xlsx", XLSX),
    };
    let zone = Zone::named(&state.settings().engine.zone).unwrap_or_else(|_| Zone::utc());
    let masked = user.role == Role::Marketing;
    let ask = Ask { kind: FileKind::Calls, campaign: Some(key.clone()), state: None, from, to, format, masked, zone };
    let folder = state.settings().data_dir.join("exports");
    let broken = |error: std::io::Error| Problem::internal("writing an export", error);
    tokio::fs::create_dir_all(&folder).await.map_err(broken)?;
    // Once it is open for the answer, its name is needed no more.
    let file = Passing(folder.join(format!("{}.{ending}", state.mint(now))));
    let rows = state.records.export(&ask, &file.0).await?;
    let body = upload::send_file(&file.0).await?;
    let body = body.ok_or_else(|| Problem::internal("opening an export", "it is gone"))?;
    state.audit(&user, "calls_exported", key.as_str(), &format!("{rows} calls from {from} to {to}")).await;
    let disposition = format!("attachment; filename=\"{key}-calls.{ending}\"");
    Ok(([(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Problem {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::File { .. } => Problem::unavailable("the disk", error),
        }
    }
}
