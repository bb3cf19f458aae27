//! Exit codes, for ever, and the one type that carries a reason to the screen.
//!
//! A refusal and a failure both stop the program before the engine starts; they differ by code. Where several reasons
//! hold at once the order is: usage, failure, unverified, denied, stale, not approved, approval required.

use std::{fmt, path::Path};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failure = 1,
    ApprovalRequired = 3,
    Denied = 4,
    NotApproved = 5,
    Stale = 6,
    Unverified = 7,
    Deviated = 8,
    Usage = 64,
}

impl Exit {
    /// The name scripts and JSON know it by.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failure => "failure",
            Exit::ApprovalRequired => "approval-required",
            Exit::Denied => "denied",
            Exit::NotApproved => "not-approved",
            Exit::Stale => "stale",
            Exit::Unverified => "unverified",
            Exit::Deviated => "deviated",
            Exit::Usage => "usage",
        }
    }
}

/// Why the program stops, and what to do next.
#[derive(Debug)]
pub struct Stop {
    pub exit: Exit,
    pub what: String,
    pub details: Vec<String>,
    pub next: Option<String>,
}

impl Stop {
    pub fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self {
            exit,
            what: what.to_string(),
            details: vec![],
            next: None,
        }
    }

    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, what)
    }

    pub fn failure(what: impl fmt::Display) -> Self {
        Self::new(Exit::Failure, what)
    }

    pub fn unverified(what: impl fmt::Display) -> Self {
        Self::new(Exit::Unverified, what)
    }

    pub fn denied(what: impl fmt::Display) -> Self {
        Self::new(Exit::Denied, what)
    }

    pub fn stale(what: impl fmt::Display) -> Self {
        Self::new(Exit::Stale, what)
    }

    /// A system call that failed, with what was attempted and on which file.
    pub fn io(attempt: &str, path: &Path, error: std::io::Error) -> Self {
        Self::failure(format!("cannot {attempt} `{}`: {error}", path.display()))
    }

    pub fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// What to do next; never how to need fewer people.
    pub fn next(mut self, next: impl fmt::Display) -> Self {
        self.next = Some(next.to_string());
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.exit.name(), self.what)?;
        for detail in &self.details {
            write!(f, "\n  {detail}")?;
        }
        match &self.next {
            Some(next) => write!(f, "\nnext: {next}"),
            None => Ok(()),
        }
    }
}
