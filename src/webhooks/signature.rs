//! Signatures as Standard Webhooks 1.0.0 has them: HMAC-SHA256 over id, time and body, by each secret in force.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::store::SECRET_PREFIX;

/// Bytes of a secret, by the specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret cannot sign. It is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's secret is not whsec_ and the base64 of 24 to 64 bytes; rotate it")]
pub struct BadSecret;

/// The header `webhook-signature`: one signature for each secret, so that a receiver may know either.
pub(super) fn header<'s>(
    secrets: impl Iterator<Item = &'s str>,
    id: &str,
    seconds: i64,
    body: &str,
) -> Result<String, BadSecret> {
    let signed: Result<Vec<String>, BadSecret> = secrets.map(|secret| sign(secret, id, seconds, body)).collect();
    Ok(signed?.join(" "))
}

fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Result<String, BadSecret> {
    let key = secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok()).ok_or(BadSecret)?;
    if !SECRET_BYTES.contains(&key.len()) {
        return Err(BadSecret);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| BadSecret)?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECONDS: i64 = 1_614_265_330;
    const BODY: &str = "{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_example_is_signed_as_published() {
        assert_eq!(header([SECRET].into_iter(), ID, SECONDS, BODY), Ok(SIGNATURE.to_owned()));
    }

    #[test]
    fn while_a_secret_is_rotated_both_sign() {
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = header([other.as_str(), SECRET].into_iter(), ID, SECONDS, BODY).unwrap();
        let parts: Vec<&str> = both.split(' ').collect();
        assert!(parts.len() == 2 && parts[0] != SIGNATURE && parts[1] == SIGNATURE, "{both}");
    }

    #[test]
    fn what_is_no_secret_signs_nothing_and_is_not_shown() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
        assert!(sign(&of(24), ID, SECONDS, BODY).is_ok() && sign(&of(64), ID, SECONDS, BODY).is_ok());
        for secret in [of(23), of(65), "whsec_".to_owned(), "whsec_***".to_owned(), STANDARD.encode([1; 32])] {
            let error = sign(&secret, ID, SECONDS, BODY).unwrap_err();
            assert!(secret.len() < 8 || !error.to_string().contains(&secret), "{error}");
        }
    }
}
