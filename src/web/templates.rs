//! What the columns of a kind of file are for, saved under a name.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::WebState;
use super::access::{Can, Managers};
use super::body::{Named, Sent};
use super::problem::Problem;
use crate::model::time::Timestamp;
use crate::store::{ListTemplate, MappedColumn, Mapping};

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TemplateView {
    /// What it is called.
    pub name: String,
    /// What the columns are for.
    pub columns: Vec<MappedColumn>,
    /// Who saved it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

impl From<ListTemplate> for TemplateView {
    fn from(template: ListTemplate) -> TemplateView {
        let ListTemplate { name, mapping, changed_by, changed_at } = template;
        TemplateView { name, columns: mapping.columns().to_vec(), changed_by, changed_at }
    }
}

/// A template to be saved.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateRequest {
    /// What the columns are for.
    pub columns: Vec<MappedColumn>,
}

/// A mapping as somebody sent it.
pub(super) fn mapping(columns: Vec<MappedColumn>, pointer: &str) -> Result<Mapping, Problem> {
    Mapping::new(columns).map_err(|error| Problem::field(pointer, "unfit", error.to_string()))
}

/// A mapping, with a template below it where one is named. `unfit`: the problem of the parameter or field `mapping` or `template`,
/// by what is wrong with it.
pub(super) async fn over(
    state: &WebState,
    columns: Mapping,
    template: Option<&str>,
    unfit: fn(&str, String) -> Problem,
) -> Result<Mapping, Problem> {
    let Some(name) = template else { return Ok(columns) };
    let saved = state.records.template(name).await?;
    let saved = Mapping::new(saved.columns).map_err(|error| unfit("template", error.to_string()))?;
    columns.over(saved).map_err(|error| unfit("mapping", error.to_string()))
}

/// All templates, by name.
#[utoipa::path(get, path = "/list-templates", tag = "lists", security(("session" = ["manager"])),
    responses((status = 200, body = Vec<TemplateView>)))]
pub async fn templates(
    State(state): State<WebState>,
    _user: Can<Managers>,
) -> Result<Json<Vec<TemplateView>>, Problem> {
    state.records.templates().await.map(Json)
}

/// One template.
#[utoipa::path(get, path = "/list-templates/{name}", tag = "lists", params(("name" = String, Path)),
    security(("session" = ["manager"])), responses((status = 200, body = TemplateView)))]
pub async fn template(
    State(state): State<WebState>,
    _user: Can<Managers>,
    Named(name): Named<String>,
) -> Result<Json<TemplateView>, Problem> {
    state.records.template(&name).await.map(Json)
}

/// Save a template, over one of the same name.
#[utoipa::path(put, path = "/list-templates/{name}", tag = "lists", params(("name" = String, Path)),
    request_body = TemplateRequest, security(("session" = ["manager"])), responses((status = 200, body = TemplateView)))]
pub async fn save_template(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(name): Named<String>,
    Sent(request): Sent<TemplateRequest>,
) -> Result<Json<TemplateView>, Problem> {
    let mapping = mapping(request.columns, "/columns")?;
    state.records.save_template(name.trim(), mapping, &user.login, state.now().timestamp).await.map(Json)
}

/// Remove a template.
#[utoipa::path(delete, path = "/list-templates/{name}", tag = "lists", params(("name" = String, Path)),
    security(("session" = ["manager"])), responses((status = 204)))]
pub async fn remove_template(
    State(state): State<WebState>,
    user: Can<Managers>,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    state.records.remove_template(&name, &user.login, state.now().timestamp).await?;
    Ok(StatusCode::NO_CONTENT)
}
