//! Ctrl-C while an engine runs.
//!
//! While nothing of ours is at stake a signal keeps its usual meaning and ends the program.
//! While a [`Watch`] is held the signal is only noted, so that whoever holds it can ask the
//! engine to stop and wait until its state is written. The engine runs in a process group of
//! its own, so the terminal never signals it behind our back.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Signals that mean "stop", noted instead of obeyed while a [`Watch`] is held.
#[derive(Clone, Debug)]
pub struct Interrupts {
    pending: Arc<AtomicBool>,
    /// True while a signal should do what it does in any program: end it.
    at_ease: Arc<AtomicBool>,
    watches: Arc<AtomicUsize>,
}

/// While this lives, a signal is noted and does not end the program.
#[derive(Debug)]
pub struct Watch(Interrupts);

impl Interrupts {
    /// Takes over SIGINT, SIGTERM and SIGHUP of this process; later calls give the same value.
    pub fn install() -> io::Result<Interrupts> {
        static INSTALLED: OnceLock<Interrupts> = OnceLock::new();
        static INSTALLING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = INSTALLING
            .lock()
            .map_err(|_| io::Error::other("signal set-up panicked before"))?;
        if let Some(installed) = INSTALLED.get() {
            return Ok(installed.clone());
        }
        let interrupts = Interrupts::detached();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Order matters: the default action is considered first, then the note is taken.
            signal_hook::flag::register_conditional_default(signal, interrupts.at_ease.clone())?;
            signal_hook::flag::register(signal, interrupts.pending.clone())?;
        }
        Ok(INSTALLED.get_or_init(|| interrupts).clone())
    }

    /// Not connected to any signal: only [`Interrupts::raise`] interrupts.
    pub fn detached() -> Interrupts {
        Interrupts {
            pending: Arc::new(AtomicBool::new(false)),
            at_ease: Arc::new(AtomicBool::new(true)),
            watches: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// As if the user had pressed Ctrl-C.
    pub fn raise(&self) {
        self.pending.store(true, Ordering::SeqCst);
    }

    /// Holds signals back, for instance from consumption until the outcome is recorded.
    pub fn watch(&self) -> Watch {
        if self.watches.fetch_add(1, Ordering::SeqCst) == 0 {
            self.at_ease.store(false, Ordering::SeqCst);
        }
        Watch(self.clone())
    }

    /// Whether a signal arrived; each one is reported once.
    pub(super) fn take(&self) -> bool {
        self.pending.swap(false, Ordering::SeqCst)
    }
}

impl Watch {
    /// Whether a signal is waiting to be dealt with.
    pub fn pending(&self) -> bool {
        self.0.pending.load(Ordering::SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.0.watches.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.at_ease.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_taken_once_and_watches_nest() {
        let interrupts = Interrupts::detached();
        let outer = interrupts.watch();
        let inner = interrupts.watch();
        assert!(!outer.pending());
        interrupts.raise();
        assert!(inner.pending());
        drop(inner);
        assert!(
            !interrupts.at_ease.load(Ordering::SeqCst),
            "the outer watch still holds"
        );
        assert!(interrupts.take());
        assert!(!interrupts.take());
        drop(outer);
        assert!(interrupts.at_ease.load(Ordering::SeqCst));
    }
}
