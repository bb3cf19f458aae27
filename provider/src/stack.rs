//! Fingerprints of stacks: `backend:place#workspace`. A misspelt one would match nothing and leave its stack without
//! the environment or owner that was meant, so the shape is checked closely.

use crate::wording::shown;
use tfplugin_proto::Diagnostic;

/// A fingerprint as documents and messages show it.
pub const EXAMPLE: &str = "local:estate/terraform.tfstate#default";

pub fn check(text: &str) -> Result<String, Diagnostic> {
    match problem(text) {
        None => Ok(text.to_owned()),
        Some(problem) => Err(Diagnostic::error(
            format!("{} is not the fingerprint of a stack", shown(text)),
            format!(
                "{problem} Write backend, place and workspace as `backend:place#workspace`, \
                 for example `{EXAMPLE}`."
            ),
        )),
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let Some((backend, rest)) = text.split_once(':') else {
        return Some("It has no `:` after the backend.");
    };
    // A place may hold `#`; a workspace may not.
    let Some((place, workspace)) = rest.rsplit_once('#') else {
        return Some("It has no `#` before the workspace.");
    };
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if !backend.starts_with(|c: char| c.is_ascii_lowercase()) || !backend.chars().all(lower) {
        return Some(
            "The backend is the word after `backend` in the `terraform` block, in lower case.",
        );
    }
    if place.is_empty() || place.trim() != place || place.contains(char::is_control) {
        return Some(
            "The place is empty, begins or ends with a space, or holds control characters.",
        );
    }
    if backend == "local" && !plain(place) {
        return Some(
            "The place of a local state is a path without `.`, `..` or empty steps: relative \
             to the root of the repository where the file lies inside, else absolute.",
        );
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    if workspace.is_empty() || !workspace.chars().all(safe) {
        return Some(
            "The workspace is empty or holds characters that no workspace has; the first one \
             is named `default`.",
        );
    }
    None
}

fn plain(path: &str) -> bool {
    let relative = path.strip_prefix('/').unwrap_or(path);
    relative
        .split('/')
        .all(|step| !matches!(step, "" | "." | ".."))
}
