//! Digest authentication (RFC 7616), as a client that answers and as a server that asks.

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// A name and a password.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// The value of (Proxy-)Authorization that answers a challenge; `None` if the challenge cannot be answered.
pub fn answer(challenge: &str, account: &Account, method: &str, uri: &str, cnonce: &str) -> Option<String> {
    let realm = field(challenge, "realm")?;
    let nonce = field(challenge, "nonce")?;
    let algorithm = field(challenge, "algorithm").unwrap_or_else(|| "MD5".to_owned());
    let qop = field(challenge, "qop").filter(|list| list.split(',').any(|qop| qop.trim() == "auth")).map(|_| "auth");
    let response = response(&algorithm, account, &realm, &nonce, method, uri, qop.map(|_| ("00000001", cnonce)))?;
    let mut out = format!(
        "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={algorithm}",
        account.username
    );
    if let Some(opaque) = field(challenge, "opaque") {
        out.push_str(&format!(", opaque=\"{opaque}\""));
    }
    if qop.is_some() {
        out.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
    }
    Some(out)
}

/// A challenge for this realm and nonce.
pub fn challenge(realm: &str, nonce: &str) -> String {
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth,auth-int\"")
}

/// Whether an (Proxy-)Authorization proves this account to the challenge with this nonce.
pub fn proves(authorization: &str, account: &Account, nonce: &str, method: &str) -> bool {
    let get = |name| field(authorization, name).unwrap_or_default();
    let (nc, cnonce) = (get("nc"), get("cnonce"));
    let algorithm = field(authorization, "algorithm").unwrap_or_else(|| "MD5".to_owned());
    let qop = (!get("qop").is_empty()).then_some((nc.as_str(), cnonce.as_str()));
    let expected = response(&algorithm, account, &get("realm"), nonce, method, &get("uri"), qop);
    get("username") == account.username && get("nonce") == nonce && expected == Some(get("response"))
}

fn response(
    algorithm: &str,
    account: &Account,
    realm: &str,
    nonce: &str,
    method: &str,
    uri: &str,
    qop: Option<(&str, &str)>,
) -> Option<String> {
    let hash = |text: String| match algorithm {
        name if name.eq_ignore_ascii_case("MD5") => Some(hex(&Md5::digest(text.as_bytes()))),
        name if name.eq_ignore_ascii_case("SHA-256") => Some(hex(&Sha256::digest(text.as_bytes()))),
        _ => None,
    };
    let who = hash(format!("{}:{realm}:{}", account.username, account.password))?;
    let what = hash(format!("{method}:{uri}"))?;
    hash(match qop {
        Some((nc, cnonce)) => format!("{who}:{nonce}:{nc}:{cnonce}:auth:{what}"),
        None => format!("{who}:{nonce}:{what}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A field of a challenge or an answer, quoted or not.
fn field(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(' ').map_or(value, |(_, rest)| rest);
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (text, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(text.trim().to_owned());
        }
        rest = left.trim_start().trim_start_matches(',').trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7616_comes_out() {
        let account = Account { username: "Mufasa".into(), password: "Circle of Life".into() };
        let challenge = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = answer(challenge, &account, "GET", "/dir/index.html", cnonce).unwrap();
        assert!(answer.contains("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"), "{answer}");
    }

    #[test]
    fn an_answer_proves_the_account_and_only_that() {
        let account = Account { username: "a".into(), password: "b".into() };
        let answer = answer(&challenge("r", "n"), &account, "INVITE", "sip:x", "c").unwrap();
        assert!(proves(&answer, &account, "n", "INVITE"));
        assert!(!proves(&answer, &account, "other", "INVITE"));
        assert!(!proves(&answer, &account, "n", "BYE"));
        assert!(!proves(&answer, &Account { username: "a".into(), password: "c".into() }, "n", "INVITE"));
    }
}
