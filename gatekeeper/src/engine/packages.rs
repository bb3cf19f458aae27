//! The provider packages `init` installed, hashed and held against the lock file.
//!
//! The engine checks the same at every start. The gate does it too because the hashes go into
//! what people sign: a provider decides what a plan means.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use hcl_edit::structure::Body;
use thiserror::Error;

use super::diagnostics::printable;
use super::hex;

const MAX_LOCK_FILE: u64 = 4 << 20;
const MAX_FILES: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderPackage {
    /// `host/namespace/type`.
    pub source: String,
    pub version: String,
    /// `h1:` and base64, as in the lock file.
    pub h1: String,
}

#[derive(Debug, Error)]
pub enum PackageError {
    #[error("`{path}` could not be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("lock file `{path}` is not understood: {reason}")]
    Malformed { path: String, reason: String },
    #[error(
        "provider `{source_name}` {version} is locked but not installed; run the engine's `init` and commit the lock file"
    )]
    NotInstalled {
        source_name: String,
        version: String,
    },
    #[error("provider `{source_name}` {version} is installed but not in the lock file")]
    NotLocked {
        source_name: String,
        version: String,
    },
    #[error(
        "provider `{source_name}` {version} has hash {h1}, which the lock file does not list; \
         the package was changed, or the lock file is from another platform (`providers lock` adds hashes)"
    )]
    Mismatch {
        source_name: String,
        version: String,
        h1: String,
    },
    #[error(
        "provider package file `{path}` is neither a file nor a folder, or has a name that cannot be hashed"
    )]
    Strange { path: String },
}

struct Locked {
    version: String,
    hashes: BTreeSet<String>,
}

/// Reads `.terraform.lock.hcl` and `.terraform/providers` of a stack folder after `init`.
pub(super) fn installed(stack_dir: &Path) -> Result<Vec<ProviderPackage>, PackageError> {
    let locked = read_lock_file(&stack_dir.join(".terraform.lock.hcl"))?;
    let mut packages = Vec::new();
    for (source, version, path) in folders(&stack_dir.join(".terraform/providers"))? {
        let Some(lock) = locked.get(&source).filter(|lock| lock.version == version) else {
            return Err(PackageError::NotLocked {
                source_name: printable(&source),
                version: printable(&version),
            });
        };
        let h1 = hash_folder(&path)?;
        if !lock.hashes.contains(&h1) {
            return Err(PackageError::Mismatch {
                source_name: source,
                version,
                h1,
            });
        }
        packages.push(ProviderPackage {
            source,
            version,
            h1,
        });
    }
    packages.sort();
    for (source, lock) in &locked {
        if !packages.iter().any(|package| package.source == *source) {
            return Err(PackageError::NotInstalled {
                source_name: printable(source),
                version: printable(&lock.version),
            });
        }
    }
    Ok(packages)
}

/// `h1:` hash of an unpacked package: SHA-256 over one line per file, its hash and its path,
/// sorted by path.
pub fn hash_folder(root: &Path) -> Result<String, PackageError> {
    // The folder itself may be a link into a mirror or the package cache; nothing inside may.
    let root = root
        .canonicalize()
        .map_err(|source| read_error(root, source))?;
    let mut files = BTreeMap::new();
    let mut pending = vec![(root.clone(), String::new())];
    while let Some((folder, prefix)) = pending.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|source| read_error(&folder, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| read_error(&folder, source))?;
            let path = entry.path();
            let strange = || PackageError::Strange { path: shown(&path) };
            let name = entry.file_name().into_string().map_err(|_| strange())?;
            if name.contains('\n') || files.len() > MAX_FILES {
                return Err(strange());
            }
            let relative = format!("{prefix}{name}");
            let kind = entry
                .file_type()
                .map_err(|source| read_error(&path, source))?;
            if kind.is_dir() {
                pending.push((path, format!("{relative}/")));
            } else if kind.is_file() {
                let hash = hash_file(&path).map_err(|source| read_error(&path, source))?;
                files.insert(relative, hash);
            } else {
                return Err(strange());
            }
        }
    }
    let lines: String = files
        .iter()
        .map(|(name, hash)| format!("{}  {name}\n", hex(hash)))
        .collect();
    let sum = super::sha256(lines.as_bytes());
    Ok(format!(
        "h1:{}",
        base64::engine::general_purpose::STANDARD.encode(sum)
    ))
}

fn read_lock_file(path: &Path) -> Result<BTreeMap<String, Locked>, PackageError> {
    let malformed = |reason: String| PackageError::Malformed {
        path: shown(path),
        reason,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        // A configuration that uses built-in providers only has no lock file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(read_error(path, source)),
    };
    let mut text = String::new();
    file.take(MAX_LOCK_FILE + 1)
        .read_to_string(&mut text)
        .map_err(|source| read_error(path, source))?;
    if text.len() as u64 > MAX_LOCK_FILE {
        return Err(malformed("larger than 4 MiB".into()));
    }
    parse_lock_file(&text).map_err(malformed)
}

fn parse_lock_file(text: &str) -> Result<BTreeMap<String, Locked>, String> {
    let body: Body = text
        .parse()
        .map_err(|error: hcl_edit::parser::Error| printable(error.message()))?;
    let mut locked = BTreeMap::new();
    for block in body
        .blocks()
        .filter(|block| block.ident.as_str() == "provider")
    {
        let [label] = block.labels.as_slice() else {
            return Err("a `provider` block without exactly one source".into());
        };
        let source = label.as_str().to_owned();
        let name = printable(&source);
        let attribute = |key: &str| {
            block
                .body
                .get_attribute(key)
                .map(|attribute| &attribute.value)
        };
        let version = attribute("version").and_then(|value| value.as_str());
        let version = version
            .ok_or_else(|| format!("`{name}` without a version"))?
            .to_owned();
        let hashes: Option<BTreeSet<String>> = match attribute("hashes") {
            None => Some(BTreeSet::new()),
            Some(value) => value.as_array().and_then(|list| {
                list.iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect()
            }),
        };
        let hashes = hashes.ok_or_else(|| format!("`{name}` with hashes that are not text"))?;
        if locked.insert(source, Locked { version, hashes }).is_some() {
            return Err(format!("`{name}` is listed twice"));
        }
    }
    Ok(locked)
}

/// Every `host/namespace/type/version/platform` folder below `providers`.
fn folders(providers: &Path) -> Result<Vec<(String, String, PathBuf)>, PackageError> {
    let mut level = vec![(Vec::<String>::new(), providers.to_owned())];
    for _ in 0..5 {
        let mut next = Vec::new();
        for (names, folder) in level {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if names.is_empty() && error.kind() == io::ErrorKind::NotFound => {
                    continue;
                }
                Err(source) => return Err(read_error(&folder, source)),
            };
            for entry in entries {
                let path = entry.map_err(|source| read_error(&folder, source))?.path();
                let name = path.file_name().and_then(|name| name.to_str());
                let name = name
                    .ok_or_else(|| PackageError::Strange { path: shown(&path) })?
                    .to_owned();
                next.push((names.iter().cloned().chain([name]).collect(), path));
            }
        }
        level = next;
    }
    Ok(level
        .into_iter()
        .map(|(names, path)| (names[..3].join("/"), names[3].clone(), path))
        .collect())
}

fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => hash.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.finish().as_ref());
    Ok(sha256)
}

fn read_error(path: &Path, source: io::Error) -> PackageError {
    PackageError::Read {
        path: shown(path),
        source,
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn the_hash_is_the_one_lock_files_hold() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(root.path().join("sub/b"), "two\n").unwrap();
        fs::write(root.path().join("a"), "one\n").unwrap();
        // sha256sum a sub/b | sha256sum | xxd -r -p | base64
        let h1 = hash_folder(root.path()).unwrap();
        let lines = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806  a\n\
                     27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a  sub/b\n";
        let expected = base64::engine::general_purpose::STANDARD
            .encode(super::super::sha256(lines.as_bytes()));
        assert_eq!(h1, format!("h1:{expected}"));

        std::os::unix::fs::symlink("a", root.path().join("link")).unwrap();
        assert!(matches!(
            hash_folder(root.path()),
            Err(PackageError::Strange { .. })
        ));
    }

    fn stack(lock: Option<&str>, content: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let package = root
            .path()
            .join(".terraform/providers/example.com/acme/toy/1.0.0/linux_amd64");
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("terraform-provider-toy"), content).unwrap();
        let h1 = hash_folder(&package).unwrap();
        if let Some(lock) = lock {
            fs::write(
                root.path().join(".terraform.lock.hcl"),
                lock.replace("H1", &h1),
            )
            .unwrap();
        }
        root
    }

    #[test]
    fn installed_and_locked_must_agree() {
        let toy = |hash: &str| {
            format!(
                "provider \"example.com/acme/toy\" {{\n version = \"1.0.0\"\n hashes = [\"{hash}\"]\n}}\n"
            )
        };
        let good = stack(Some(&toy("H1")), "x");
        let packages = installed(good.path()).unwrap();
        assert_eq!(packages.len(), 1);
        assert_eq!(
            (packages[0].source.as_str(), packages[0].version.as_str()),
            ("example.com/acme/toy", "1.0.0")
        );

        for (lock, expected) in [
            (None, "not in the lock file"),
            (
                Some(toy("H1").replace("1.0.0", "1.0.1")),
                "not in the lock file",
            ),
            (Some(toy("h1:AAAA")), "does not list"),
            (Some(toy("zh:00")), "does not list"),
            (Some(toy("H1") + &toy("H1")), "listed twice"),
            (
                Some(toy("H1") + &toy("H1").replace("toy", "other")),
                "not installed",
            ),
            (Some("provider \"a\" {}".to_owned()), "without a version"),
            (
                Some("provider { version = \"1\" }".to_owned()),
                "exactly one source",
            ),
            (Some(toy("H1").replace("[\"", "[1, \"")), "not text"),
            (Some("provider \"".to_owned()), "not understood"),
        ] {
            let root = stack(lock.as_deref(), "x");
            let error = installed(root.path()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn no_providers_at_all_is_fine() {
        assert_eq!(installed(tempfile::tempdir().unwrap().path()).unwrap(), []);
    }

    proptest! {
        #[test]
        fn any_lock_file_is_read_or_refused(text in "(provider|\"a/b/c\"|[ {}=\\[\\]\n]|version|hashes|\"1\"){0,40}") {
            let _ = parse_lock_file(&text);
        }
    }
}
