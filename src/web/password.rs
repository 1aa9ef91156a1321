//! What a new password must be like: long rather than odd (NIST SP 800-63B-4 §3.1.1.2).

use super::problem::Problem;

/// Fewest characters of a password that stands alone.
pub const PASSWORD_LENGTH_MIN: usize = 15;
/// Most characters: beyond it nobody types, and hashing costs.
pub const PASSWORD_LENGTH_MAX: usize = 128;

/// Refuses a password that is too short, too long, or can be guessed from the login.
///
/// # Errors
/// A problem at `pointer` that says what was expected; the password itself is not repeated.
pub fn check(password: &str, login: &str, pointer: &str) -> Result<(), Problem> {
    let length = password.chars().count();
    if length < PASSWORD_LENGTH_MIN {
        let detail = format!("a password has at least {PASSWORD_LENGTH_MIN} characters; a few words in a row will do");
        return Err(Problem::field(pointer, "password_short", detail));
    }
    if length > PASSWORD_LENGTH_MAX {
        let detail = format!("a password has at most {PASSWORD_LENGTH_MAX} characters");
        return Err(Problem::field(pointer, "password_long", detail));
    }
    let mut distinct: Vec<char> = password.to_lowercase().chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    // Repetition and the login's own name are what guessing programs try first.
    let rest = password.to_lowercase().replace(&login.to_lowercase(), "");
    if distinct.len() < 5 || rest.chars().count() < 8 {
        let detail = "too easy to guess: more than a repeated pattern or the login name is needed";
        return Err(Problem::field(pointer, "password_weak", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn length_decides_and_patterns_are_refused() {
        assert!(check("four quiet lulls an hour", "mei", "/p").is_ok());
        assert!(check("外呼活动的密码要长一点儿才安全", "mei", "/p").is_ok());
        for bad in
            ["short", "aaaaaaaaaaaaaaaaaaaa", "abababababababababab", "manager-manager-manager", &"x1y2z".repeat(30)]
        {
            assert!(check(bad, "manager", "/p").is_err(), "{bad}");
        }
    }
}
