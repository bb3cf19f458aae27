//! Walking, copying and digesting a folder that somebody else may be changing meanwhile.
//!
//! Every step goes through an open folder and never follows a link, so replacing a folder by a
//! link half-way leads nowhere. A file is hashed from the very bytes that end up in the copy.
//! What is left out, and why, is decided by the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, FileTimes, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use thiserror::Error;

use super::diagnostics::printable;

const MAX_DEPTH: usize = 128;
const MAX_LINK_HOPS: usize = 40;
/// Domain tag of the tree digest.
const TREE_TAG: &[u8] = b"ambit.tree.v1\n";

/// Everything in a tree, by path relative to its root.
pub(super) type Manifest = BTreeMap<OsString, Item>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    File { executable: bool, sha256: [u8; 32] },
    Link { target: OsString },
}

#[derive(Debug, Error)]
pub enum TreeError {
    #[error("`{path}` could not be {doing}: {source}")]
    Io {
        path: String,
        doing: &'static str,
        source: io::Error,
    },
    #[error("`{path}` is {what}; the repository may hold files, folders and links only")]
    Special { path: String, what: &'static str },
    #[error(
        "`{path}` links to `{target}`, outside the repository; copy what it points to, or exclude the link"
    )]
    Escapes { path: String, target: String },
    #[error("`{path}` is more than {MAX_DEPTH} folders deep")]
    TooDeep { path: String },
    #[error(
        "the repository grew past the limit while it was copied; run again when nothing writes to it"
    )]
    Grew,
}

/// One thing met on the way.
struct Entry<'a> {
    /// Relative to the root of the walk.
    path: &'a OsStr,
    folder: BorrowedFd<'a>,
    name: &'a CString,
    kind: FileType,
    size: u64,
}

/// Sizes for a tree that is about to be copied.
#[derive(Debug, Default)]
pub(super) struct Measure {
    pub bytes: u64,
    pub files: u64,
    /// Bytes below each folder of the top two levels.
    pub folders: BTreeMap<OsString, u64>,
}

pub(super) fn measure(root: &Path, skip: &dyn Fn(&OsStr) -> bool) -> Result<Measure, TreeError> {
    let mut measure = Measure::default();
    walk(root, skip, &mut |entry| {
        if entry.kind != FileType::Directory {
            measure.files += 1;
            measure.bytes += entry.size;
            let mut folder = Path::new(entry.path).parent();
            while let Some(path) = folder.filter(|path| !path.as_os_str().is_empty()) {
                if path.components().count() <= 2 {
                    *measure.folders.entry(path.into()).or_default() += entry.size;
                }
                folder = path.parent();
            }
        }
        Ok(())
    })?;
    Ok(measure)
}

/// Copies `root` into the new folder `to` and says what is there. Links are checked at the end,
/// against the copy, because only then it is known what they lead to.
pub(super) fn copy(
    root: &Path,
    to: &Path,
    skip: &dyn Fn(&OsStr) -> bool,
    max_bytes: u64,
) -> Result<Manifest, TreeError> {
    let mut manifest = Manifest::new();
    let mut left = max_bytes;
    let make = |path: &Path| {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(|source| failed(path.as_os_str(), "made", source))
    };
    make(to)?;
    walk(root, skip, &mut |entry| {
        let target = to.join(entry.path);
        match entry.kind {
            FileType::Directory => make(&target)?,
            FileType::Symlink => {
                let link = read_link(entry)?;
                std::os::unix::fs::symlink(&link, &target)
                    .map_err(|source| failed(entry.path, "copied", source))?;
                manifest.insert(entry.path.to_owned(), Item::Link { target: link });
            }
            _ => {
                let mut source = open_file(entry)?;
                let item = copy_file(&mut source, &target, &mut left)
                    .map_err(|source| failed(entry.path, "copied", source))?
                    .ok_or(TreeError::Grew)?;
                manifest.insert(entry.path.to_owned(), item);
            }
        }
        Ok(())
    })?;
    for (path, item) in &manifest {
        if let Item::Link { target } = item
            && !stays_inside(path, &manifest)
        {
            return Err(TreeError::Escapes {
                path: shown(path),
                target: shown(target),
            });
        }
    }
    Ok(manifest)
}

/// What is in `root` now, and apart from it the names of what is neither file nor folder nor link.
pub(super) fn list(
    root: &Path,
    skip: &dyn Fn(&OsStr) -> bool,
) -> Result<(Manifest, Vec<OsString>), TreeError> {
    let mut manifest = Manifest::new();
    let mut special = Vec::new();
    walk_all(root, skip, &mut |entry| {
        match entry.kind {
            FileType::Directory => {}
            FileType::Symlink => drop(manifest.insert(
                entry.path.to_owned(),
                Item::Link {
                    target: read_link(entry)?,
                },
            )),
            FileType::RegularFile => {
                let item = hash_file(&mut open_file(entry)?)
                    .map_err(|source| failed(entry.path, "read", source))?;
                manifest.insert(entry.path.to_owned(), item);
            }
            _ => special.push(entry.path.to_owned()),
        }
        Ok(())
    })?;
    Ok((manifest, special))
}

/// SHA-256 over tag and, sorted by the bytes of the path, for each item: length of the path (8
/// bytes, big endian), path, kind (0 file, 1 executable file, 2 link), SHA-256 of content or target.
pub(super) fn digest(manifest: &Manifest, leave_out: &dyn Fn(&OsStr) -> bool) -> [u8; 32] {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    hash.update(TREE_TAG);
    // An OsString orders by its bytes, unlike a Path, which orders by its parts.
    for (path, item) in manifest.iter().filter(|(path, _)| !leave_out(path)) {
        hash.update(&(path.len() as u64).to_be_bytes());
        hash.update(path.as_bytes());
        let (kind, content) = match item {
            Item::File {
                executable: false,
                sha256,
            } => (0u8, *sha256),
            Item::File {
                executable: true,
                sha256,
            } => (1, *sha256),
            Item::Link { target } => (2, super::sha256(target.as_bytes())),
        };
        hash.update(&[kind]);
        hash.update(&content);
    }
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

/// Refuses what is neither file nor folder nor link.
fn walk(
    root: &Path,
    skip: &dyn Fn(&OsStr) -> bool,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    walk_all(root, skip, &mut |entry| {
        let what = match entry.kind {
            FileType::RegularFile | FileType::Directory | FileType::Symlink => return visit(entry),
            FileType::Fifo => "a named pipe",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "of an unknown kind",
        };
        Err(TreeError::Special {
            path: shown(entry.path),
            what,
        })
    })
}

fn walk_all(
    root: &Path,
    skip: &dyn Fn(&OsStr) -> bool,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::open(root, flags, Mode::empty())
        .map_err(|errno| failed(root.as_os_str(), "opened", errno.into()))?;
    walk_folder(&top, OsStr::new(""), 0, skip, visit)
}

fn walk_folder(
    folder: &OwnedFd,
    prefix: &OsStr,
    depth: usize,
    skip: &dyn Fn(&OsStr) -> bool,
    visit: &mut dyn FnMut(&Entry<'_>) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    if depth > MAX_DEPTH {
        return Err(TreeError::TooDeep {
            path: shown(prefix),
        });
    }
    let unreadable = |errno: rustix::io::Errno| failed(prefix, "read", errno.into());
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        if name.to_bytes() != b"." && name.to_bytes() != b".." {
            names.insert(name.to_owned());
        }
    }
    for name in names {
        let mut path = prefix.to_owned();
        if !path.is_empty() {
            path.push("/");
        }
        path.push(OsStr::from_bytes(name.to_bytes()));
        if skip(&path) {
            continue;
        }
        let stat = match statat(folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Gone since the folder was listed: as if it had never been there.
            Err(rustix::io::Errno::NOENT) => continue,
            Err(errno) => return Err(failed(&path, "read", errno.into())),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        visit(&Entry {
            path: &path,
            folder: folder.as_fd(),
            name: &name,
            kind,
            size,
        })?;
        if kind == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = openat(folder, name.as_c_str(), flags, Mode::empty())
                .map_err(|errno| failed(&path, "opened", errno.into()))?;
            walk_folder(&below, &path, depth + 1, skip, visit)?;
        }
    }
    Ok(())
}

fn open_file(entry: &Entry<'_>) -> Result<File, TreeError> {
    // Not blocking: a pipe put in place of the file must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(entry.folder, entry.name.as_c_str(), flags, Mode::empty())
        .map_err(|errno| failed(entry.path, "opened", errno.into()))?;
    let file = File::from(file);
    let meta = file
        .metadata()
        .map_err(|source| failed(entry.path, "read", source))?;
    if !meta.is_file() {
        return Err(TreeError::Special {
            path: shown(entry.path),
            what: "no longer a file",
        });
    }
    Ok(file)
}

fn read_link(entry: &Entry<'_>) -> Result<OsString, TreeError> {
    let target = readlinkat(entry.folder, entry.name.as_c_str(), Vec::new())
        .map_err(|errno| failed(entry.path, "read", errno.into()))?;
    Ok(OsString::from_vec(target.into_bytes()))
}

/// `None` when the file is larger than what is left of the limit.
fn copy_file(source: &mut File, target: &Path, left: &mut u64) -> io::Result<Option<Item>> {
    let meta = source.metadata()?;
    let executable = meta.mode() & 0o111 != 0;
    let mode = if executable { 0o700 } else { 0o600 };
    let mut copy = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(target)?;

    let sha256 = if rustix::fs::ioctl_ficlone(&copy, &*source).is_ok() {
        let size = copy.metadata()?.len();
        if size > *left {
            return Ok(None);
        }
        *left -= size;
        copy.seek(SeekFrom::Start(0))?;
        hash(&mut copy, |_| Ok(true))?
    } else {
        hash(source, |bytes| {
            let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                return Ok(false);
            };
            *left = rest;
            copy.write_all(bytes)?;
            Ok(true)
        })?
    };
    let Some(sha256) = sha256 else {
        return Ok(None);
    };
    // Build tools that a configuration calls compare times.
    copy.set_times(FileTimes::new().set_modified(meta.modified()?))?;
    Ok(Some(Item::File { executable, sha256 }))
}

fn hash_file(file: &mut File) -> io::Result<Item> {
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let sha256 =
        hash(file, |_| Ok(true))?.ok_or_else(|| io::Error::other("reading stopped early"))?;
    Ok(Item::File { executable, sha256 })
}

/// Hashes to the end; `None` when `each` says stop.
fn hash(
    file: &mut File,
    mut each: impl FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<Option<[u8; 32]>> {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                if !each(&buffer[..n])? {
                    return Ok(None);
                }
                hash.update(&buffer[..n]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut out = [0; 32];
    out.copy_from_slice(hash.finish().as_ref());
    Ok(Some(out))
}

/// Follows a link through the copied tree, step by step and through further links. A link to
/// something that was left out leads nowhere, which is still inside.
fn stays_inside(link: &OsStr, manifest: &Manifest) -> bool {
    let parts = |path: &OsStr| -> Vec<OsString> {
        path.as_bytes()
            .split(|b| *b == b'/')
            .map(|part| OsStr::from_bytes(part).to_owned())
            .collect()
    };
    let mut todo: Vec<OsString> = parts(link).into_iter().rev().collect();
    let mut at: Vec<OsString> = Vec::new();
    let mut hops = 0;
    while let Some(part) = todo.pop() {
        match part.as_bytes() {
            b"" | b"." => {}
            b".." => {
                if at.pop().is_none() {
                    return false;
                }
            }
            _ => {
                at.push(part);
                let here = at.join(OsStr::new("/"));
                if let Some(Item::Link { target }) = manifest.get(&here) {
                    hops += 1;
                    if hops > MAX_LINK_HOPS || target.as_bytes().starts_with(b"/") {
                        return false;
                    }
                    at.pop();
                    todo.extend(parts(target).into_iter().rev());
                }
            }
        }
    }
    true
}

fn failed(path: &OsStr, doing: &'static str, source: io::Error) -> TreeError {
    TreeError::Io {
        path: shown(if path.is_empty() {
            OsStr::new(".")
        } else {
            path
        }),
        doing,
        source,
    }
}

pub(super) fn shown(path: &OsStr) -> String {
    printable(&PathBuf::from(path).to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn manifest(items: &[(&str, Item)]) -> Manifest {
        items
            .iter()
            .map(|(path, item)| ((*path).into(), item.clone()))
            .collect()
    }

    fn file(content: u8) -> Item {
        Item::File {
            executable: false,
            sha256: [content; 32],
        }
    }

    fn link(target: &str) -> Item {
        Item::Link {
            target: target.into(),
        }
    }

    #[test]
    fn links_are_followed_to_the_end() {
        for (links, inside) in [
            (&[("a", "b")][..], true),
            (&[("a", ".")], true),
            (&[("d/a", "../b")], true),
            (&[("d/a", "../../b")], false),
            (&[("a", "/etc/passwd")], false),
            (&[("a", "..")], false),
            (&[("a", "d/../../x")], false),
            (&[("a", "nowhere/at/all")], true),
            (&[("a", "a")], false),
            (&[("a", "b"), ("b", "a")], false),
            // Looks inside when read as text, and leads outside through the other link.
            (
                &[("d/deep/up", "../../d2"), ("a", "d/deep/up/../../x")],
                false,
            ),
            (&[("a", "b/../x"), ("b", "d/e")], true),
        ] {
            let items: Vec<_> = links
                .iter()
                .map(|(path, target)| (*path, link(target)))
                .collect();
            let manifest = manifest(&items);
            let all = links
                .iter()
                .all(|(path, _)| stays_inside(OsStr::new(path), &manifest));
            assert_eq!(all, inside, "{links:?}");
        }
    }

    #[test]
    fn the_digest_tells_trees_apart() {
        let base = digest(&manifest(&[("a", file(1)), ("b", file(2))]), &|_| false);
        let none = |_: &OsStr| false;
        for other in [
            manifest(&[("a", file(2)), ("b", file(1))]),
            manifest(&[("a", file(1))]),
            manifest(&[("a", file(1)), ("b", file(2)), ("c", file(3))]),
            manifest(&[
                ("a", file(1)),
                (
                    "b",
                    Item::File {
                        executable: true,
                        sha256: [2; 32],
                    },
                ),
            ]),
            manifest(&[("a", file(1)), ("b", link("a"))]),
            manifest(&[("a", file(1)), ("B", file(2))]),
            manifest(&[("ab", file(1)), ("", file(2))]),
        ] {
            assert_ne!(digest(&other, &none), base);
        }
        let more = manifest(&[("a", file(1)), ("b", file(2)), ("left.out", file(9))]);
        assert_eq!(digest(&more, &|path| path == "left.out"), base);
    }

    #[test]
    fn the_digest_is_the_documented_one() {
        let mut expected = TREE_TAG.to_vec();
        // '-' sorts before '/', although the folder `a` would come before `a-b` by parts.
        for (path, kind) in [("a-b", 1u8), ("a/c", 0)] {
            expected.extend((path.len() as u64).to_be_bytes());
            expected.extend(path.as_bytes());
            expected.push(kind);
            expected.extend([5; 32]);
        }
        let tree = manifest(&[
            ("a/c", file(5)),
            (
                "a-b",
                Item::File {
                    executable: true,
                    sha256: [5; 32],
                },
            ),
        ]);
        assert_eq!(digest(&tree, &|_| false), super::super::sha256(&expected));
    }

    proptest! {
        #[test]
        fn any_links_end(links in proptest::collection::btree_map("[ab/.]{1,6}", "[ab/.]{0,8}", 0..6)) {
            let manifest: Manifest = links.iter().map(|(path, target)| (path.into(), link(target))).collect();
            for path in links.keys() {
                let _ = stays_inside(OsStr::new(path), &manifest);
            }
        }
    }
}
