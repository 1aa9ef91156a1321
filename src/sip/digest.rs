//! Digest authentication (RFC 7616, RFC 8760), both sides.
//!
//! The server side keeps nothing: a nonce is a time and its HMAC, so a flood of requests costs no memory. The client
//! side answers only what [`Challenge::read`] accepted, and the endpoint decides for whom.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Sha256, Sha512_256};
use subtle::ConstantTimeEq;

use super::header::split;
use crate::model::time::Instant;

/// Hash algorithms of RFC 8760, with MD5 for the many phones and carriers that know nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Algorithm {
    /// MD5, also meant when a challenge names none.
    #[serde(rename = "MD5")]
    Md5,
    /// SHA-256.
    #[serde(rename = "SHA-256")]
    Sha256,
    /// SHA-512/256.
    #[serde(rename = "SHA-512-256")]
    Sha512_256,
}

impl Algorithm {
    /// The name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
        }
    }

    fn of(name: &str) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn hash(self, parts: &[&str]) -> String {
        match self {
            Algorithm::Md5 => hex(&digest::<Md5>(parts)),
            Algorithm::Sha256 => hex(&digest::<Sha256>(parts)),
            Algorithm::Sha512_256 => hex(&digest::<Sha512_256>(parts)),
        }
    }
}

fn digest<D: md5::Digest>(parts: &[&str]) -> Vec<u8> {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(*DIGITS.get(usize::from(digit)).unwrap_or(&b'0')));
        }
    }
    out
}

/// A name and a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Username of the digest.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({}, ***)", self.username)
    }
}

/// A challenge of a server that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is asked for.
    pub realm: String,
    nonce: String,
    opaque: Option<String>,
    /// The hash to use.
    pub algorithm: Algorithm,
    qop_auth: bool,
    /// The nonce was too old, the password may be right.
    pub stale: bool,
}

impl Challenge {
    /// Reads WWW-Authenticate or Proxy-Authenticate. `None`: another scheme, an algorithm or a qop that is unknown here
    /// (MD5-sess and auth-int alone among them).
    pub fn read(value: &str) -> Option<Challenge> {
        let fields = AuthFields::read(value)?;
        let algorithm = match fields.value("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::of(&name)?,
        };
        let qop_auth = match fields.value("qop") {
            None => false,
            Some(list) => list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")).then_some(true)?,
        };
        Some(Challenge {
            realm: fields.value("realm")?,
            nonce: fields.value("nonce")?,
            opaque: fields.value("opaque"),
            algorithm,
            qop_auth,
            stale: fields.value("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of Authorization or Proxy-Authorization that answers this challenge.
    pub fn answer(&self, account: &Account, method: &str, uri: &str, count: u32, cnonce: &str) -> String {
        let nc = format!("{count:08x}");
        let qop = self.qop_auth.then_some((nc.as_str(), cnonce, "auth"));
        let response = response(self.algorithm, account, &self.realm, &self.nonce, qop, method, uri);
        let mut out = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\", algorithm={}",
            quoted(&account.username),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(uri),
            self.algorithm.name()
        );
        if self.qop_auth {
            out.push_str(&format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            out.push_str(&format!(", opaque={}", quoted(opaque)));
        }
        out
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn response(
    algorithm: Algorithm,
    account: &Account,
    realm: &str,
    nonce: &str,
    qop: Option<(&str, &str, &str)>,
    method: &str,
    uri: &str,
) -> String {
    let secret = algorithm.hash(&[&account.username, realm, &account.password]);
    let request = algorithm.hash(&[method, uri]);
    match qop {
        Some((nc, cnonce, qop)) => algorithm.hash(&[&secret, nonce, nc, cnonce, qop, &request]),
        None => algorithm.hash(&[&secret, nonce, &request]),
    }
}

/// `Digest name=value, …` with quotes and escapes resolved.
struct AuthFields<'a>(&'a str);

impl<'a> AuthFields<'a> {
    fn read(value: &'a str) -> Option<AuthFields<'a>> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(|c: char| c.is_ascii_whitespace())?;
        scheme.eq_ignore_ascii_case("Digest").then_some(AuthFields(rest))
    }

    fn value(&self, name: &str) -> Option<String> {
        split(self.0, b',').find_map(|field| {
            let (key, value) = field.split_once('=')?;
            if !key.trim().eq_ignore_ascii_case(name) {
                return None;
            }
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            let mut out = String::with_capacity(bare.len());
            let mut chars = bare.chars();
            while let Some(c) = chars.next() {
                out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
            }
            Some(out)
        })
    }
}

/// What an Authorization header of a phone was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right and the nonce is ours and fresh.
    Right,
    /// The password is right, the nonce too old: challenge again with `stale=true`.
    Stale,
    /// Anything else.
    Wrong,
}

/// The credentials of a request, not yet believed.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The username they claim.
    pub username: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    qop: Option<(String, String, String)>,
}

impl Credentials {
    /// Reads Authorization or Proxy-Authorization; `None` for other schemes and missing fields.
    pub fn read(value: &str) -> Option<Credentials> {
        let fields = AuthFields::read(value)?;
        let algorithm = match fields.value("algorithm") {
            None => Algorithm::Md5,
            Some(name) => Algorithm::of(&name)?,
        };
        let qop = match fields.value("qop") {
            None => None,
            // nc is hashed as the eight characters that were sent, not as a number.
            Some(qop) => Some((fields.value("nc")?, fields.value("cnonce")?, qop)),
        };
        Some(Credentials {
            username: fields.value("username")?,
            realm: fields.value("realm")?,
            nonce: fields.value("nonce")?,
            uri: fields.value("uri")?,
            response: fields.value("response")?,
            algorithm,
            qop,
        })
    }
}

/// Mints and checks nonces and passwords for one realm.
#[derive(Clone)]
pub struct Guard {
    secret: [u8; 32],
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard(***)")
    }
}

/// How long a nonce is good for: phones refresh their registration more often than nonces leak.
const NONCE_LIFE_S: u64 = 300;

impl Guard {
    /// A guard whose nonces are keyed with `secret`.
    pub fn new(secret: [u8; 32]) -> Guard {
        Guard { secret }
    }

    /// A nonce minted now: seconds and their HMAC.
    pub fn nonce(&self, now: Instant, realm: &str) -> String {
        let second = now.as_micros() / 1_000_000;
        format!("{second:012x}{}", self.seal(second, realm))
    }

    /// The value of WWW-Authenticate.
    pub fn challenge(&self, now: Instant, realm: &str, algorithm: Algorithm, stale: bool) -> String {
        let stale = if stale { ", stale=true" } else { "" };
        let nonce = self.nonce(now, realm);
        format!(
            "Digest realm={}, nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
            quoted(realm),
            algorithm.name()
        )
    }

    /// Checks credentials against the account they claim; `None` for an unknown account costs the same time.
    pub fn check(
        &self,
        now: Instant,
        realm: &str,
        allowed: &[Algorithm],
        given: &Credentials,
        account: Option<&Account>,
        method: &str,
    ) -> Verdict {
        let nobody = Account { username: given.username.clone(), password: self.seal(0, &given.username) };
        let qop = given.qop.as_ref().map(|(nc, cnonce, qop)| (nc.as_str(), cnonce.as_str(), qop.as_str()));
        let expected =
            response(given.algorithm, account.unwrap_or(&nobody), realm, &given.nonce, qop, method, &given.uri);
        let same = bool::from(expected.as_bytes().ct_eq(given.response.to_ascii_lowercase().as_bytes()));
        let qop_known = given.qop.as_ref().is_none_or(|(nc, _, qop)| qop == "auth" && nc.len() == 8);
        let plausible = given.realm == realm && allowed.contains(&given.algorithm) && qop_known && account.is_some();
        match (same && plausible, self.nonce_age_s(now, realm, &given.nonce)) {
            (true, Some(age_s)) if age_s <= NONCE_LIFE_S => Verdict::Right,
            (true, Some(_)) => Verdict::Stale,
            (true, None) | (false, _) => Verdict::Wrong,
        }
    }

    fn nonce_age_s(&self, now: Instant, realm: &str, nonce: &str) -> Option<u64> {
        let second = u64::from_str_radix(nonce.get(..12)?, 16).ok()?;
        let seal = nonce.get(12..)?;
        if !bool::from(self.seal(second, realm).as_bytes().ct_eq(seal.as_bytes())) {
            return None;
        }
        Some((now.as_micros() / 1_000_000).saturating_sub(second))
    }

    fn seal(&self, second: u64, realm: &str) -> String {
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.secret) else {
            unreachable!("HMAC takes keys of any length");
        };
        mac.update(&second.to_be_bytes());
        mac.update(realm.as_bytes());
        hex(mac.finalize().into_bytes().get(..12).unwrap_or(&[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn mufasa() -> Account {
        Account { username: "Mufasa".into(), password: "Circle of Life".into() }
    }

    #[test]
    fn the_example_of_rfc_7616_gives_its_responses() {
        let base = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=X, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let given = base.replace("algorithm=X", &format!("algorithm={algorithm}"));
            let challenge = Challenge::read(&given).expect("known algorithm");
            let answer = challenge.answer(
                &mufasa(),
                "GET",
                "/dir/index.html",
                1,
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            );
            let given = Credentials::read(&answer).expect("own answer");
            assert_eq!(given.response, expected, "{algorithm}");
        }
    }

    #[test]
    fn unknown_algorithms_and_qops_are_not_answered() {
        for bad in [
            r#"Digest realm="r", nonce="n", algorithm=MD5-sess"#,
            r#"Digest realm="r", nonce="n", qop="auth-int""#,
            r#"Basic realm="r""#,
            "Digest",
        ] {
            assert_eq!(Challenge::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn nc_is_hashed_as_it_was_written_so_the_tenth_request_of_a_nonce_passes() {
        let guard = Guard::new([7; 32]);
        let challenge =
            Challenge::read(&guard.challenge(Instant::ZERO, "lull", Algorithm::Sha256, false)).expect("ours");
        for count in [1, 10, 256] {
            let answer = challenge.answer(&mufasa(), "REGISTER", "sip:lull", count, "c");
            let given = Credentials::read(&answer).expect("own answer");
            let verdict = guard.check(Instant::ZERO, "lull", &[Algorithm::Sha256], &given, Some(&mufasa()), "REGISTER");
            assert_eq!(verdict, Verdict::Right, "{answer}");
        }
    }

    #[test]
    fn old_nonces_are_stale_and_wrong_ones_wrong() {
        let guard = Guard::new([7; 32]);
        let allowed = [Algorithm::Md5];
        let challenge = Challenge::read(&guard.challenge(Instant::ZERO, "lull", Algorithm::Md5, false)).expect("ours");
        let given = Credentials::read(&challenge.answer(&mufasa(), "INVITE", "sip:x", 1, "c")).expect("own answer");
        let later = Instant::ZERO + Duration::from_secs(NONCE_LIFE_S + 1);
        let other = Account { password: "other".into(), ..mufasa() };
        let right = mufasa();
        let check = |guard: &Guard, now, account| guard.check(now, "lull", &allowed, &given, account, "INVITE");
        assert_eq!(check(&guard, later, Some(&right)), Verdict::Stale);
        assert_eq!(check(&guard, Instant::ZERO, Some(&other)), Verdict::Wrong);
        assert_eq!(check(&guard, Instant::ZERO, None), Verdict::Wrong);
        assert_eq!(check(&Guard::new([8; 32]), Instant::ZERO, Some(&right)), Verdict::Wrong);
    }
}
