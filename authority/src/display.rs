//! The text people sign: a pure function of the change request and a display document bound to it by digest.
//!
//! Signer and verifier render it with the same code and compare. It is plain printable ASCII of at most 8 KiB. Long
//! lists fold into a count and a digest; the irreversible list never folds, and a request whose list does not fit refuses.

use crate::{
    address::escape,
    canonical::{self, Document},
    digest::Digest,
    duty::Duties,
    request::ChangeRequest,
    tier::Tier,
};
use serde::{Deserialize, Serialize};

pub const LARGEST_TEXT: usize = 8 * 1024;

/// What is shown. Sensitive values never enter; others are cut to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// 32 hexadecimal digits, so that a digest of a short display cannot be guessed back.
    pub salt: String,
    pub critical: bool,
    pub causes: Vec<Item>,
    pub induced: Vec<Item>,
    pub irreversible: Vec<Named>,
    pub sensitive: Vec<Named>,
    /// Values decided at apply.
    pub open: Vec<String>,
    /// Commands that will run.
    pub runs: Vec<String>,
    /// Changes of authority, weakenings first.
    pub authority: Vec<AuthorityItem>,
    pub duties: Duties,
    /// Requests of other teams' notice: reachable, unchanged.
    pub exposed: Vec<String>,
}

impl Document for Display {
    const TYPE: &'static str = "ambit/display";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Address or output name, already escaped.
    pub subject: String,
    pub action: String,
    pub tier: Tier,
    /// Rule codes with their reason.
    pub because: Vec<String>,
    /// Teams; `root` where nobody is declared.
    pub owners: Vec<String>,
    /// `path: before -> after`, escaped and cut.
    pub values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// What is acknowledged: an address.
    pub name: String,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityItem {
    pub name: String,
    pub what: String,
    pub weakening: bool,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TooLong {
    #[error(
        "the irreversible and weakening items alone do not fit in {LARGEST_TEXT} bytes; split the change by stack"
    )]
    MustSee,
}

impl Display {
    /// Names that an approval must repeat one by one.
    pub fn to_acknowledge(&self) -> Vec<String> {
        let named = self
            .irreversible
            .iter()
            .chain(&self.sensitive)
            .map(|i| i.name.clone());
        let weaker = self
            .authority
            .iter()
            .filter(|a| a.weakening)
            .map(|a| a.name.clone());
        let mut names: Vec<String> = named.chain(weaker).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Renders the text; the longest form that fits.
pub fn render(request: &ChangeRequest, display: &Display) -> Result<String, TooLong> {
    // First with everything, then with fewer and fewer lines of the lists that may fold.
    for keep in [usize::MAX, 40, 20, 10, 5, 2, 0] {
        let text = text(request, display, keep);
        if text.len() <= LARGEST_TEXT {
            return Ok(text);
        }
    }
    Err(TooLong::MustSee)
}

fn text(request: &ChangeRequest, display: &Display, keep: usize) -> String {
    let mut out = Lines(String::new());
    out.line(&format!(
        "Change request {} for stack {}",
        request.id,
        escape(&request.stack)
    ));
    let critical = if display.critical {
        "critical"
    } else {
        "not critical"
    };
    out.line(&format!(
        "  environment {} ({critical}), tier {}",
        escape(&request.environment),
        request.tier
    ));
    out.line(&format!(
        "  state       {} serial {}",
        escape(&request.fingerprint),
        request.serial
    ));
    out.line(&format!(
        "  requester   {}",
        escape(&request.requester.describe())
    ));
    out.line(&format!("  history     {}", escape(&request.origin)));
    out.line(&format!("  scope       {}", request.scope_digest));

    out.all(
        "Irreversible",
        display
            .irreversible
            .iter()
            .map(|i| format!("{}: {}", i.name, i.why)),
    );
    out.all(
        "Sensitive",
        display
            .sensitive
            .iter()
            .map(|i| format!("{}: {}", i.name, i.why)),
    );
    let weaker = display.authority.iter().filter(|a| a.weakening);
    out.all("Weakens authority", weaker.map(|a| a.what.clone()));
    let other = display.authority.iter().filter(|a| !a.weakening);
    out.all("Strengthens authority", other.map(|a| a.what.clone()));
    out.items("Causes", &display.causes, keep);
    out.items("Induced", &display.induced, keep);
    out.some("Decided at apply", &display.open, keep);
    out.some("Commands that run", &display.runs, keep);
    out.some("Exposed, unchanged", &display.exposed, keep);
    let duties = display.duties.all().map(|d| {
        let who = if d.team == "root" {
            "root".to_owned()
        } else {
            format!("team {}", d.team)
        };
        format!("{who}: {} of {}", d.count, d.members.join(", "))
    });
    out.all(
        "Must sign",
        duties.chain([format!("in all: {}", display.duties.min_persons)]),
    );
    out.0
}

struct Lines(String);

impl Lines {
    /// One line stays one line of printable ASCII, whoever wrote the display: it comes from the requester's side, and
    /// signers read it on their own terminals.
    fn line(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                ' '..='~' => self.0.push(c),
                other => self.0.push_str(&escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        self.0.push('\n');
    }

    fn all(&mut self, title: &str, lines: impl Iterator<Item = String>) {
        for (i, line) in lines.enumerate() {
            if i == 0 {
                self.line(&format!("{title}:"));
            }
            self.line(&format!("  {line}"));
        }
    }

    fn some(&mut self, title: &str, lines: &[String], keep: usize) {
        self.all(title, lines.iter().take(keep).cloned());
        self.folded(title, lines.get(keep..).unwrap_or_default(), keep == 0);
    }

    fn items(&mut self, title: &str, items: &[Item], keep: usize) {
        if items.is_empty() {
            return;
        }
        self.line(&format!("{title}:"));
        for item in items.iter().take(keep) {
            self.line(&format!(
                "  {} - {} [{}; owners: {}]",
                item.subject,
                item.action,
                item.tier,
                item.owners.join(", ")
            ));
            let lines: Vec<&String> = item.because.iter().chain(&item.values).collect();
            for line in lines.iter().take(keep) {
                self.line(&format!("      {line}"));
            }
            self.folded("    lines", lines.get(keep..).unwrap_or_default(), false);
        }
        self.folded("  items", items.get(keep..).unwrap_or_default(), false);
    }

    /// What was left out stays bound: by count, and by a digest anyone can recompute from the display document.
    fn folded<T: Serialize>(&mut self, title: &str, rest: &[T], head: bool) {
        if rest.is_empty() {
            return;
        }
        let bytes = canonical::encode_part(&rest).unwrap_or_default();
        let name = if head {
            format!("{title}: ")
        } else {
            String::new()
        };
        self.line(&format!(
            "  {name}and {} more, {}",
            rest.len(),
            Digest::tagged("ambit/folded", &bytes)
        ));
    }
}

#[cfg(test)]
mod tests;
