//! How many heavy tests run at once: each has several processes, and audio must keep its 20 ms.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Tests with processes at the same time.
const AT_ONCE: usize = 3;

static RUNNING: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// The right to run, given back when dropped.
#[derive(Debug)]
pub(super) struct Turn(());

impl Turn {
    pub(super) fn take() -> Turn {
        let mut running = locked();
        while *running >= AT_ONCE {
            running = FREED.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        *running += 1;
        Turn(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *locked() -= 1;
        FREED.notify_one();
    }
}

fn locked() -> MutexGuard<'static, usize> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
