//! The repository a command runs in, and the names it is pinned under.

use crate::stop::Stop;
use std::{
    fs,
    path::{Path, PathBuf},
};

pub struct Repository {
    /// The directory that holds `.git`, else the one that holds `ambit.hcl`; canonical.
    pub root: PathBuf,
    /// Its remote URL, where it has one.
    pub remote: Option<String>,
}

impl Repository {
    /// Walks up from `from`. `.git` decides over `ambit.hcl`, so a nearer `ambit.hcl` cannot draw a smaller repository.
    pub fn find(from: &Path) -> Result<Option<Self>, Stop> {
        let from = from.canonicalize().map_err(|e| Stop::io("open", from, e))?;
        let holds = |name: &str| {
            from.ancestors()
                .find(|dir| dir.join(name).symlink_metadata().is_ok())
        };
        let root = holds(".git")
            .or_else(|| holds("ambit.hcl"))
            .map(Path::to_path_buf);
        Ok(root.map(|root| Self {
            remote: remote(&root),
            root,
        }))
    }

    /// The names under which this repository may be pinned: its place and its remote.
    pub fn names(&self) -> Vec<String> {
        let place = self.root.display().to_string();
        [Some(place), self.remote.clone()]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// `remote.origin.url` as git's configuration file says it. Read, not asked of git: git would run hooks and helpers.
fn remote(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join(".git/config")).ok()?;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[remote \"origin\"]";
        } else if inside
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "url"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}
