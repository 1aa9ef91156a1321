//! Which bug is switched on.

use std::sync::LazyLock;

static ON: LazyLock<String> = LazyLock::new(|| std::env::var("LULL_PLANTED").unwrap_or_default());

/// Whether it is this one.
pub fn is(name: &str) -> bool {
    *ON == name
}
