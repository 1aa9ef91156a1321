//! How landing pages look: HTML without scripts, one small style sheet, and headers that keep them in their place.
//!
//! Whatever comes from a campaign or a visitor goes through [`Text`], which escapes it.

use std::fmt::{self, Write as _};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::times::Choice;
use super::words::Words;
use crate::model::campaign::LandingText;
use crate::web::problem::Language;

/// The style of all pages. Light or dark as the phone is; what is pressed is as high as a thumb.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1c1e;--soft:#5b5b60;--ground:#f6f6f8;--card:#fff;--line:#8e8e93;--act:#0a5bd3;--on:#fff;--bad:#b3261e}\
@media (prefers-color-scheme:dark){:root{--ink:#f2f2f4;--soft:#b4b4bb;--ground:#101012;--card:#1c1c1f;--line:#75757c;--act:#7db4ff;--on:#0b1220;--bad:#ffb4ab}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--ground);color:var(--ink);font:1.0625rem/1.5 system-ui,-apple-system,\"PingFang SC\",\"Microsoft YaHei\",sans-serif;overflow-wrap:anywhere}\
main{max-width:34rem;margin:0 auto;padding:1rem}\
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}\
p{margin:.75rem 0}\
form{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem;margin:1rem 0}\
label,legend{display:block;font-weight:600;margin:.75rem 0 .25rem}\
.hint{color:var(--soft);font-size:.9375rem;margin:.25rem 0}\
.wrong{color:var(--bad);font-weight:600}\
input[type=tel],input[type=text],select{width:100%;min-height:3rem;padding:.5rem .75rem;font:inherit;color:inherit;background:var(--ground);border:1px solid var(--line);border-radius:.5rem}\
.agree{display:flex;gap:.75rem;align-items:flex-start;font-weight:400;padding:.5rem 0}\
.agree input{flex:none;width:1.75rem;height:1.75rem;margin:0}\
button{width:100%;min-height:3rem;margin-top:.75rem;padding:.5rem 1rem;font:inherit;font-weight:600;border-radius:.5rem;border:1px solid var(--act);background:var(--act);color:var(--on)}\
button.quiet{background:transparent;color:var(--ink);border-color:var(--line);font-weight:400}\
:focus-visible{outline:3px solid var(--act);outline-offset:2px}\
.other{text-align:right;margin:0}\
a{color:var(--act);display:inline-block;padding:.5rem 0}\
.number{font-size:1.25rem;font-variant-numeric:tabular-nums;margin:0}";

/// A text inside HTML, also inside the quotes of an attribute.
pub(super) struct Text<'t>(pub(super) &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A page to be answered.
pub(super) struct Page<'p> {
    pub(super) language: Language,
    pub(super) status: StatusCode,
    /// Where it is, to offer it in the other language; none where there is no other.
    pub(super) elsewhere: Option<&'p str>,
    /// Its style sheet.
    pub(super) style: &'p str,
    /// Sites that may show it inside their own.
    pub(super) embed_from: &'p [String],
    pub(super) title: &'p str,
    /// HTML.
    pub(super) body: String,
}

impl Page<'_> {
    pub(super) fn answer(self) -> Response {
        let Page { language, status, elsewhere, style, embed_from, title, body } = self;
        let words = Words::of(language);
        let (other_tag, other_name) = words.other;
        let other = elsewhere.map_or(String::new(), |path| {
            let (path, name) = (Text(path), Text(other_name));
            format!("<p class=\"other\"><a href=\"{path}?lang={other_tag}\" lang=\"{other_tag}\">{name}</a></p>")
        });
        let html = format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex,nofollow\"><title>{}</title>\
             <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"{}\"></head>\
             <body><main>{other}<h1>{}</h1>{body}</main></body></html>",
            words.tag,
            Text(title),
            Text(style),
            Text(title),
        );
        let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
        protect(&mut response, embed_from);
        response
    }
}

/// The headers of everything here: no script, nothing from elsewhere, in nobody's frame but those of `embed_from`, kept nowhere.
pub(super) fn protect(response: &mut Response, embed_from: &[String]) {
    let ancestors = if embed_from.is_empty() { "'none'".to_owned() } else { embed_from.join(" ") };
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if embed_from.is_empty() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Tells no other site, and lets forms say that they come from here: with `no-referrer` browsers hide even that.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (header::VARY, "accept-language"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The offer.
pub(super) fn offer(text: &LandingText) -> String {
    let paragraphs = text.text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", Text(paragraph).to_string().replace('\n', "<br>"))).collect()
}

/// A sentence that says what is wrong.
pub(super) fn wrong(says: Option<&str>) -> String {
    says.map_or(String::new(), |says| format!("<p class=\"wrong\" role=\"alert\" id=\"wrong\">{}</p>", Text(says)))
}

/// A plain sentence.
pub(super) fn says(text: &str) -> String {
    format!("<p>{}</p>", Text(text))
}

/// The form on which a number is typed.
pub(super) fn number_form(action: &str, seal: &str, words: &Words, typed: &str, fault: Option<&str>) -> String {
    let (invalid, fault) = (invalid(fault), wrong(fault));
    format!(
        "<form method=\"post\" action=\"{}\">{fault}\
         <input type=\"hidden\" name=\"form\" value=\"{}\">\
         <label for=\"number\">{}</label>\
         <input type=\"tel\" id=\"number\" name=\"number\" value=\"{}\" autocomplete=\"tel\" maxlength=\"40\" required{invalid}>\
         <p class=\"hint\">{}</p>\
         <button name=\"do\" value=\"send_code\">{}</button></form>",
        Text(action),
        Text(seal),
        words.your_number,
        Text(typed),
        words.number_hint,
        words.send_code,
    )
}

/// What the form by which a customer pre-registers or opts out shows.
pub(super) struct Asking<'a> {
    pub(super) action: &'a str,
    pub(super) seal: &'a str,
    /// The number as it is shown.
    pub(super) number: &'a str,
    /// The number as it was typed, where a code is to prove it.
    pub(super) proven_by_code: Option<&'a str>,
    pub(super) consent: &'a str,
    pub(super) choices: &'a [Choice],
    /// What was chosen before.
    pub(super) when: &'a str,
    pub(super) agreed: bool,
    pub(super) fault: Option<&'a str>,
}

pub(super) fn asking_form(asking: &Asking<'_>, words: &Words) -> String {
    let Asking { action, seal, number, proven_by_code, consent, choices, when, agreed, fault } = *asking;
    let mut form = format!(
        "<form method=\"post\" action=\"{}\">{}<input type=\"hidden\" name=\"form\" value=\"{}\">\
         <p class=\"hint\">{}</p><p class=\"number\">{}</p>",
        Text(action),
        wrong(fault),
        Text(seal),
        words.your_number,
        Text(number),
    );
    if let Some(typed) = proven_by_code {
        form.push_str(&format!(
            "<input type=\"hidden\" name=\"number\" value=\"{}\"><label for=\"code\">{}</label>\
             <input type=\"text\" id=\"code\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" \
             maxlength=\"12\" required{}><p class=\"hint\">{}</p>",
            Text(typed),
            words.code,
            invalid(fault),
            words.code_hint,
        ));
    }
    if !choices.is_empty() {
        form.push_str(&format!(
            "<label for=\"when\">{}</label><select id=\"when\" name=\"when\"><option value=\"\">{}</option>",
            words.when, words.soon,
        ));
        for choice in choices {
            let value = choice.at.as_millis().to_string();
            let chosen = if value == when { " selected" } else { "" };
            let day = day(choice, words);
            form.push_str(&format!("<option value=\"{value}\"{chosen}>{day} {}</option>", choice.span));
        }
        form.push_str("</select>");
    }
    let ticked = if agreed { " checked" } else { "" };
    form.push_str(&format!(
        "<label class=\"agree\"><input type=\"checkbox\" name=\"agree\" value=\"yes\"{ticked}>\
         <span>{}</span></label>\
         <button name=\"do\" value=\"register\">{}</button>\
         <button class=\"quiet\" name=\"do\" value=\"opt_out\"{}>{}</button><p class=\"hint\">{}</p></form>",
        Text(consent),
        words.register,
        if proven_by_code.is_none() { " formnovalidate" } else { "" },
        words.opt_out,
        words.opt_out_hint,
    ));
    form
}

/// The form by which a customer opts out, alone.
pub(super) fn opt_out_form(action: &str, seal: &str, words: &Words) -> String {
    format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"form\" value=\"{}\">\
         <p class=\"hint\">{}</p><button class=\"quiet\" name=\"do\" value=\"opt_out\">{}</button></form>",
        Text(action),
        Text(seal),
        words.opt_out_hint,
        words.opt_out,
    )
}

fn invalid(fault: Option<&str>) -> &'static str {
    if fault.is_some() { " aria-invalid=\"true\" aria-describedby=\"wrong\"" } else { "" }
}

fn day(choice: &Choice, words: &Words) -> String {
    match choice.days {
        0 => words.today.to_owned(),
        1 => words.tomorrow.to_owned(),
        _ if words.tag == "en" => choice.date.strftime("%-d %B").to_string(),
        _ => choice.date.strftime("%-m月%-d日").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_become_markup() {
        let evil = "\"><script>alert(1)</script>' & <em>";
        let words = Words::of(Language::English);
        let form = number_form("/p/spring", "1.2.3", words, evil, Some(evil));
        assert!(!form.contains("<script") && !form.contains("<em"), "{form}");
        assert!(
            form.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39; &amp; &lt;em&gt;\""),
            "{form}"
        );
        let text = LandingText {
            headline: evil.to_owned(),
            text: format!("{evil}\n\n{evil}\nnext"),
            consent: evil.to_owned(),
            done: None,
        };
        assert!(!offer(&text).contains("<script"));
        assert!(offer(&text).ends_with("<br>next</p>"));
    }
}
