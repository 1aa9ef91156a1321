//! Whether a person opened a page, or a program that looks at links: the preview of a messenger, a search engine, a scanner.
//!
//! Nothing depends on it but what is counted. Programs that hide behind the name of a browser and load all of a page are taken
//! for people.

use axum::http::{HeaderMap, Method, header};

/// Pieces of the names of programs, in small letters.
const PROGRAMS: &[&str] = &[
    "bot",
    "crawl",
    "spider",
    "slurp",
    "preview",
    "facebookexternalhit",
    "whatsapp/",
    "snapchat",
    "vkshare",
    "embedly",
    "scanner",
    "monitor",
    "headless",
    "lighthouse",
    "curl/",
    "wget/",
    "python",
    "java/",
    "httpclient",
    "okhttp",
    "go-http-client",
    "axios",
    "node-fetch",
    "libwww",
    "google-",
    "feedfetcher",
];

/// Headers by which a browser says that nobody looks yet.
const AHEAD: &[&str] = &["purpose", "sec-purpose", "x-purpose", "x-moz"];

/// Whether a program asks.
pub(super) fn is_program(method: &Method, headers: &HeaderMap) -> bool {
    if *method == Method::HEAD {
        return true;
    }
    let ahead = AHEAD.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    if ahead.map(str::to_ascii_lowercase).any(|says| says.contains("prefetch") || says.contains("preview")) {
        return true;
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    agent.trim().is_empty() || PROGRAMS.iter().any(|program| agent.contains(program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn asked_by(agent: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(agent))])
    }

    #[test]
    fn messengers_and_search_engines_are_programs_and_browsers_inside_messengers_are_not() {
        for program in [
            "",
            "WhatsApp/2.23.20.0 A",
            "TelegramBot (like TwitterBot)",
            "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
            "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "curl/8.5.0",
        ] {
            assert!(is_program(&Method::GET, &asked_by(program)), "{program}");
        }
        for browser in [
            "Mozilla/5.0 (Linux; Android 14; zh-cn) AppleWebKit/537.36 Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.42",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1",
            "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1/191; U; en) Presto/2.12 Version/12.16",
            "UCWEB/2.0 (MIDP-2.0; U; zh-CN; Nokia) U2/1.0.0 UCBrowser/9.4 Mobile",
        ] {
            assert!(!is_program(&Method::GET, &asked_by(browser)), "{browser}");
        }
    }

    #[test]
    fn a_page_that_is_only_fetched_ahead_is_not_looked_at() {
        let mut headers = asked_by("Mozilla/5.0 (Linux; Android 14) Chrome/116.0");
        assert!(is_program(&Method::HEAD, &headers));
        headers.insert("sec-purpose", HeaderValue::from_static("prefetch;prerender"));
        assert!(is_program(&Method::GET, &headers));
    }
}
