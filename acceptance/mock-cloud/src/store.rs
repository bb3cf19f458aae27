//! The file that is the cloud.
//!
//! Several provider processes use it at once, so every change happens under a lock
//! on a file beside it and replaces the whole by renaming: a reader sees the old
//! cloud or the new one. Nothing but this module opens the file.
//!
//! Tests steer it by writing into it: `delay_ms` makes every change slow, `fail`
//! names objects whose changes fail.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub struct Store {
    path: PathBuf,
}

/// Everything in the file. What a test adds besides is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Contents {
    /// How many objects with each prefix were ever made.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    #[serde(default)]
    pub objects: Vec<Object>,
    #[serde(flatten)]
    pub other: Map<String, Json>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
    pub attributes: Map<String, Json>,
    #[serde(default)]
    pub region: String,
    #[serde(default)]
    pub account: String,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot {action} `{}`: {error}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("`{}` is not a cloud: {error}", path.display())]
    Malformed {
        path: PathBuf,
        error: serde_json::Error,
    },
    #[error("the cloud was told to fail for `{0}`")]
    ToldToFail(String),
}

impl Store {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The cloud as it is.
    pub fn read(&self) -> Result<Contents, StoreError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StoreError::Malformed {
                path: self.path.clone(),
                error,
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Contents::default()),
            Err(error) => Err(self.failed("read", &self.path, error)),
        }
    }

    /// Changes the cloud on behalf of the object called `name`, slowly or not at
    /// all if the file says so. Two changes never overlap.
    pub fn change<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Contents) -> T,
    ) -> Result<T, StoreError> {
        // Slow before the lock is taken, so that slow changes overlap as those of a real cloud do.
        let switches = self.read()?;
        std::thread::sleep(switches.delay());
        if switches.fails(name) {
            return Err(StoreError::ToldToFail(name.to_owned()));
        }
        let _lock = self.lock()?;
        let mut contents = self.read()?;
        let result = change(&mut contents);
        self.replace(&contents)?;
        Ok(result)
    }

    /// Held until the file is dropped.
    fn lock(&self) -> Result<File, StoreError> {
        let path = self.beside("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| self.failed("open", &path, error))?;
        file.lock()
            .map_err(|error| self.failed("lock", &path, error))?;
        Ok(file)
    }

    fn replace(&self, contents: &Contents) -> Result<(), StoreError> {
        // Only the holder of the lock writes it, so one name is enough.
        let next = self.beside("next");
        let text = serde_json::to_vec_pretty(contents).map_err(|error| StoreError::Malformed {
            path: self.path.clone(),
            error,
        })?;
        fs::write(&next, text).map_err(|error| self.failed("write", &next, error))?;
        fs::rename(&next, &self.path).map_err(|error| self.failed("replace", &self.path, error))
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(extension);
        name.into()
    }

    fn failed(&self, action: &'static str, path: &Path, error: std::io::Error) -> StoreError {
        StoreError::File {
            action,
            path: path.to_owned(),
            error,
        }
    }
}

impl Contents {
    pub fn find(&self, kind: &str, id: &str) -> Option<&Object> {
        self.objects
            .iter()
            .find(|object| object.kind == kind && object.id == id)
    }

    /// The next id with this prefix, such as `db-0003`.
    pub fn next_id(&mut self, prefix: &str) -> String {
        let counter = self.counters.entry(prefix.to_owned()).or_default();
        *counter += 1;
        format!("{prefix}-{counter:04}")
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(
            self.other
                .get("delay_ms")
                .and_then(Json::as_u64)
                .unwrap_or(0),
        )
    }

    fn fails(&self, name: &str) -> bool {
        let names = self.other.get("fail").and_then(Json::as_array);
        names.is_some_and(|names| names.iter().any(|failing| failing.as_str() == Some(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("cloud.json");
        (dir, path)
    }

    #[test]
    fn changes_from_many_sides_are_all_kept() {
        let (_dir, path) = cloud();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let store = Store::new(path.clone());
                    for _ in 0..20 {
                        store
                            .change("x", |contents| contents.next_id("x"))
                            .expect("changed");
                    }
                });
            }
        });
        assert_eq!(
            Store::new(path).read().expect("readable").counters["x"],
            160
        );
    }

    #[test]
    fn switches_are_obeyed_and_kept() {
        let (_dir, path) = cloud();
        fs::write(&path, r#"{"delay_ms": 30, "fail": ["broken"], "note": 1}"#).expect("writable");
        let store = Store::new(path);
        let begun = std::time::Instant::now();
        store
            .change("fine", |contents| contents.next_id("x"))
            .expect("changed");
        assert!(begun.elapsed() >= Duration::from_millis(30));
        assert!(matches!(
            store.change("broken", |_| ()),
            Err(StoreError::ToldToFail(_))
        ));
        assert_eq!(store.read().expect("readable").other.len(), 3);
    }

    #[test]
    fn a_file_that_is_no_cloud_is_left_alone() {
        let (_dir, path) = cloud();
        for text in [
            "",
            "[]",
            r#"{"objects": {}}"#,
            r#"{"objects": [{"id": "x"}]}"#,
            r#"{"counters": {"x": -1}}"#,
        ] {
            fs::write(&path, text).expect("writable");
            let store = Store::new(path.clone());
            assert!(
                matches!(store.change("x", |_| ()), Err(StoreError::Malformed { .. })),
                "{text}"
            );
            assert_eq!(fs::read_to_string(&path).expect("readable"), text);
        }
    }
}
