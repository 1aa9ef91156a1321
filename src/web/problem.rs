//! What goes wrong, as the API says it: `application/problem+json` (RFC 9457) with codes that never change.
//!
//! A [`Problem`] carries what the asker may know. Causes are logged where they happen and never shown. The response is
//! completed by [`super::frame`], which knows the request's id and the language that was asked for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::command::RequestRefusal;
use crate::runtime::handle::HandleError;

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ErrorItem {
    /// Where in the body, as a JSON pointer (RFC 6901). Absent for errors in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// A stable code.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
    /// The file it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the line, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The key in the file, with its tables, such as `retry.busy.after_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

impl ErrorItem {
    /// An error at a place in a JSON body.
    pub fn at(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> ErrorItem {
        ErrorItem { pointer: Some(pointer.into()), code: code.into(), detail: detail.into(), ..ErrorItem::default() }
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// A name of the kind of problem: `urn:lull:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in the reader's language.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// A stable code for programs.
    pub code: String,
    /// The id of the request, to be found again in the log.
    pub instance: String,
    /// The single errors, where there are several.
    pub errors: Vec<ErrorItem>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $en:literal, $zh:literal;)*) => {
        /// The kinds of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Kind::$name => $code,)* }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> StatusCode {
                match self { $(Kind::$name => StatusCode::$status,)* }
            }

            fn title(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (Kind::$name, Language::English) => $en,
                    (Kind::$name, Language::Chinese) => $zh,
                )* }
            }
        }
    };
}

kinds! {
    /// No valid session.
    NotLoggedIn = "not_logged_in", UNAUTHORIZED, "Not logged in", "未登录";
    /// Login name or password is wrong.
    BadCredentials = "bad_credentials", UNAUTHORIZED, "Wrong login or password", "登录名或密码错误";
    /// A caller that is no user did not prove who it is.
    Unproven = "unproven", UNAUTHORIZED, "Not proven", "未能证明身份";
    /// The role may not do this.
    Forbidden = "forbidden", FORBIDDEN, "Not allowed", "没有权限";
    /// An agent asks about a customer who is not on the line.
    NotAtHand = "not_at_hand", FORBIDDEN, "Not the call at hand", "不是当前通话的客户";
    /// The request came from another site.
    CrossSite = "cross_site", FORBIDDEN, "Request from another site", "跨站请求被拒绝";
    /// Too many tries.
    Throttled = "throttled", TOO_MANY_REQUESTS, "Too many tries", "尝试过于频繁";
    /// Nothing is at this address.
    NotFound = "not_found", NOT_FOUND, "Not found", "未找到";
    /// The call has no recording; the detail says why.
    NoRecording = "no_recording", NOT_FOUND, "There is no recording", "没有录音";
    /// There was a recording, and it was removed.
    RecordingRemoved = "recording_removed", GONE, "The recording was removed", "录音已删除";
    /// There should be a recording, and its file is gone.
    RecordingLost = "recording_lost", GONE, "The recording is missing", "录音文件缺失";
    /// The method does not fit the address.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed", "不支持的请求方法";
    /// The body is not JSON.
    MalformedJson = "malformed_json", BAD_REQUEST, "Malformed JSON", "JSON 格式错误";
    /// The body is JSON but not what was expected.
    BadField = "bad_field", UNPROCESSABLE_ENTITY, "A field is wrong", "字段有误";
    /// A header is wrong.
    BadHeader = "bad_header", BAD_REQUEST, "A header is wrong", "请求头有误";
    /// A request with the same key is under way.
    KeyInUse = "idempotency_key_in_use", CONFLICT, "The same request is under way", "相同请求正在处理";
    /// The key was used for another request.
    KeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The key was used for another request", "幂等键已用于其他请求";
    /// What was to be changed is not what the request is based on.
    RevisionDiffers = "revision_differs", PRECONDITION_FAILED, "It was changed meanwhile", "内容已被他人更改";
    /// A piece of a file does not begin where the file ends.
    OffsetDiffers = "offset_differs", CONFLICT, "The file goes on elsewhere", "文件续传位置不符";
    /// It could be taken back for a while, and no more.
    TooLate = "too_late", CONFLICT, "Too late", "已超过期限";
    /// A query parameter is wrong.
    BadQuery = "bad_query", BAD_REQUEST, "A query parameter is wrong", "查询参数有误";
    /// The body is of the wrong type.
    MediaType = "media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported content type", "不支持的内容类型";
    /// The body is too long.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "Too large", "内容过大";
    /// The body came too slowly.
    TooSlow = "too_slow", REQUEST_TIMEOUT, "Too slow", "传输超时";
    /// A campaign's text has errors.
    BadCampaign = "bad_campaign", UNPROCESSABLE_ENTITY, "The campaign has errors", "活动定义有误";
    /// A file cannot be imported at all.
    BadFile = "bad_file", UNPROCESSABLE_ENTITY, "The file cannot be read", "文件无法读取";
    /// It conflicts with what is there.
    Conflict = "conflict", CONFLICT, "Conflict", "冲突";
    /// The engine refused it. The problem's code is the engine's own.
    Refused = "refused", CONFLICT, "Refused", "被拒绝";
    /// An answer of a questionnaire does not fit.
    BadAnswer = "bad_answer", UNPROCESSABLE_ENTITY, "An answer does not fit", "问卷答案有误";
    /// An order does not fit what is offered.
    BadOrder = "bad_order", UNPROCESSABLE_ENTITY, "The order does not fit", "订单有误";
    /// The configuration has errors; nothing changed.
    BadConfig = "bad_config", UNPROCESSABLE_ENTITY, "The configuration has errors", "配置有误";
    /// The user has no phone.
    NoPhone = "no_phone", CONFLICT, "No phone is assigned", "未分配话机";
    /// The dialer has too much to do.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Overloaded, try again", "系统繁忙，请重试";
    /// The dialer has stopped, or storage does not answer.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Not available now", "暂不可用";
    /// A fault of ours. The cause is in the log.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error", "内部错误";
}

/// The languages titles are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, and the language of all details.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The first language of an `Accept-Language` header that is known; weights are not compared, since browsers list
    /// their languages in order.
    pub fn of_header(value: Option<&HeaderValue>) -> Language {
        let text = value.and_then(|v| v.to_str().ok()).unwrap_or_default();
        for tag in text.split(',').map(|part| part.split(';').next().unwrap_or_default().trim()) {
            let primary = tag.split('-').next().unwrap_or_default();
            if primary.eq_ignore_ascii_case("zh") {
                return Language::Chinese;
            }
            if primary.eq_ignore_ascii_case("en") {
                return Language::English;
            }
        }
        Language::English
    }
}

/// What went wrong with a request.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    code: Option<String>,
    detail: String,
    errors: Vec<ErrorItem>,
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of a kind, told in a sentence.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, code: None, detail: detail.into(), errors: Vec::new(), retry_after_s: None }
    }

    /// With the single errors.
    pub fn with_errors(mut self, errors: Vec<ErrorItem>) -> Problem {
        self.errors = errors;
        self
    }

    /// With a time after which it may be tried again, in seconds.
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Nothing is there.
    pub fn not_found(what: impl std::fmt::Display) -> Problem {
        Problem::new(Kind::NotFound, format!("there is no {what}"))
    }

    /// One field of the body is wrong.
    pub fn field(pointer: &str, code: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        Problem::new(Kind::BadField, detail.clone()).with_errors(vec![ErrorItem::at(pointer, code, detail)])
    }

    /// A fault of ours: the cause goes to the log, the asker gets the request's id.
    pub fn internal(what: &'static str, cause: impl std::fmt::Display) -> Problem {
        tracing::error!(what, %cause, "a request failed");
        Problem::new(Kind::Internal, "something failed on our side; the log has the cause under this request's id")
    }

    /// Storage does not answer: the cause goes to the log.
    pub fn unavailable(what: &'static str, cause: impl std::fmt::Display) -> Problem {
        tracing::error!(what, %cause, "storage does not answer");
        Problem::new(Kind::Unavailable, "storage does not answer now; nothing was changed, try again")
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The body, once the request is known.
    pub fn body(self, instance: &str, language: Language) -> ProblemBody {
        let code = self.code.unwrap_or_else(|| self.kind.code().to_owned());
        ProblemBody {
            kind: format!("urn:lull:problem:{code}"),
            title: self.kind.title(language).to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail,
            code,
            instance: instance.to_owned(),
            errors: self.errors,
        }
    }
}

/// An empty answer that carries the problem; the frame around all handlers writes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<HandleError> for Problem {
    fn from(error: HandleError) -> Problem {
        match error {
            HandleError::Refused(refusal) => refused(&refusal),
            HandleError::Overloaded => Problem::new(Kind::Overloaded, error.to_string()).retry_after(1),
            HandleError::Stopped => Problem::new(Kind::Unavailable, error.to_string()),
        }
    }
}

/// The engine's refusal under the engine's own code.
fn refused(refusal: &RequestRefusal) -> Problem {
    let detail = refusal.to_string();
    let code = refusal_code(refusal);
    let (kind, errors) = match refusal {
        RequestRefusal::UnknownCampaign { .. } | RequestRefusal::UnknownGroup { .. } => (Kind::NotFound, Vec::new()),
        RequestRefusal::OutOfRange { field, value, expected } => {
            let mut item = ErrorItem::at(format!("/{field}"), code, detail.clone());
            item.value = Some(value.clone());
            item.expected = Some(expected.clone());
            (Kind::BadField, vec![item])
        }
        RequestRefusal::BadAnswer { question, .. } => {
            let pointer = format!("/action/outcome/answers/{}", question.replace('~', "~0").replace('/', "~1"));
            (Kind::BadAnswer, vec![ErrorItem::at(pointer, code, detail.clone())])
        }
        RequestRefusal::BadOrder { field, .. } => {
            let pointer = format!("/action/outcome/order/{field}");
            (Kind::BadOrder, vec![ErrorItem::at(pointer, code, detail.clone())])
        }
        RequestRefusal::UnknownResult { result, expected } => {
            let mut item = ErrorItem::at("/action/outcome/result", code, detail.clone());
            item.value = Some(result.clone());
            item.expected = Some(expected.clone());
            (Kind::Refused, vec![item])
        }
        RequestRefusal::NoteRequired => {
            (Kind::Refused, vec![ErrorItem::at("/action/outcome/note", code, detail.clone())])
        }
        RequestRefusal::CallbackOutsideWindow { next } => {
            let mut item = ErrorItem::at("/action/outcome/callback", code, detail.clone());
            // The next time that is allowed, in ms since 1970, so that a page can offer it.
            item.expected = next.map(|next| next.as_millis().to_string());
            (Kind::Refused, vec![item])
        }
        RequestRefusal::CallbackRequired | RequestRefusal::NoLead { .. } => {
            (Kind::Refused, vec![ErrorItem::at("/action/outcome/callback", code, detail.clone())])
        }
        RequestRefusal::UnknownSkipReason { reason, expected } => {
            let mut item = ErrorItem::at("/action/reason", code, detail.clone());
            item.value = Some(reason.clone());
            item.expected = Some(expected.clone());
            (Kind::Refused, vec![item])
        }
        RequestRefusal::Dial { refusal } => {
            let mut item = ErrorItem::at("/action/lead", code, detail.clone());
            item.value = Some(refusal.code().to_owned());
            (Kind::Refused, vec![item])
        }
        RequestRefusal::StoreDown => (Kind::Unavailable, Vec::new()),
        RequestRefusal::CampaignEnded
        | RequestRefusal::NotSignedIn
        | RequestRefusal::Replaced
        | RequestRefusal::WrongState { .. }
        | RequestRefusal::NotYourCall
        | RequestRefusal::AlreadyExtended
        | RequestRefusal::LeadGone
        | RequestRefusal::SkipsUsedUp { .. } => (Kind::Refused, Vec::new()),
    };
    let mut problem = Problem::new(kind, detail).with_errors(errors);
    problem.code = Some(code.to_owned());
    problem
}

/// As the engine's answers are tagged in a journal, so that one code means one thing everywhere.
fn refusal_code(refusal: &RequestRefusal) -> &'static str {
    match refusal {
        RequestRefusal::UnknownCampaign { .. } => "unknown_campaign",
        RequestRefusal::UnknownGroup { .. } => "unknown_group",
        RequestRefusal::CampaignEnded => "campaign_ended",
        RequestRefusal::OutOfRange { .. } => "out_of_range",
        RequestRefusal::NotSignedIn => "not_signed_in",
        RequestRefusal::Replaced => "replaced",
        RequestRefusal::WrongState { .. } => "wrong_state",
        RequestRefusal::NotYourCall => "not_your_call",
        RequestRefusal::UnknownResult { .. } => "unknown_result",
        RequestRefusal::BadAnswer { .. } => "bad_answer",
        RequestRefusal::BadOrder { .. } => "bad_order",
        RequestRefusal::NoteRequired => "note_required",
        RequestRefusal::CallbackRequired => "callback_required",
        RequestRefusal::CallbackOutsideWindow { .. } => "callback_outside_window",
        RequestRefusal::AlreadyExtended => "already_extended",
        RequestRefusal::StoreDown => "store_down",
        RequestRefusal::Dial { .. } => "dial",
        RequestRefusal::LeadGone => "lead_gone",
        RequestRefusal::SkipsUsedUp { .. } => "skips_used_up",
        RequestRefusal::UnknownSkipReason { .. } => "unknown_skip_reason",
        RequestRefusal::NoLead { .. } => "no_lead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_code_it_is_tagged_with_in_a_journal() {
        let refusals = [
            RequestRefusal::CampaignEnded,
            RequestRefusal::WrongState { state: "talking".into() },
            RequestRefusal::BadAnswer { question: "age".into(), problem: "missing".into() },
            RequestRefusal::BadOrder { field: "address".into(), problem: "missing".into() },
            RequestRefusal::CallbackOutsideWindow { next: None },
            RequestRefusal::LeadGone,
            RequestRefusal::SkipsUsedUp { skips_max: 1 },
            RequestRefusal::UnknownSkipReason { reason: "because".into(), expected: "other".into() },
            RequestRefusal::StoreDown,
        ];
        for refusal in refusals {
            let tagged = serde_json::to_value(&refusal).unwrap();
            assert_eq!(tagged["code"], refusal_code(&refusal));
        }
    }

    #[test]
    fn codes_are_not_used_twice() {
        let mut codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }

    #[test]
    fn the_first_known_language_is_taken() {
        let of = |text: &str| Language::of_header(Some(&HeaderValue::from_str(text).unwrap()));
        assert_eq!(of("fr, zh-CN;q=0.9, en;q=0.8"), Language::Chinese);
        assert_eq!(of("en-GB,zh"), Language::English);
        assert_eq!(of(";;,,"), Language::English);
        assert_eq!(Language::of_header(None), Language::English);
    }
}
