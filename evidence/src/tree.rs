//! The Merkle tree of RFC 6962, over hashes somebody else stores.
//!
//! ```text
//! leaf = H(0x00 ‖ record)      node = H(0x01 ‖ left ‖ right)      a tree splits at the largest power of two below its size
//! ```
//!
//! Every perfect subtree is a [`Node`] whose hash never changes once it exists, so a store that keeps those answers for
//! any root and any proof of any earlier size in O(log n) reads. Nothing in this file knows where nodes are kept: the
//! functions that need some take a reader. The verifiers need no store at all.

use ambit_authority::digest::Digest;

/// A perfect subtree: the records `index << level .. (index + 1) << level`. Level 0 is a record's own leaf hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    pub level: u8,
    pub index: u64,
}

/// Asked for a record or a size the tree does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the log has {size} records, {asked} was asked for")]
pub struct OutOfRange {
    pub asked: u64,
    pub size: u64,
}

/// A proof that does not lead to the root it was given with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the proof does not lead from the record to this root")]
pub struct BadProof;

pub fn leaf_hash(record: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], record])
}

pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[1], left.bytes(), right.bytes()])
}

/// The nodes that come into being when `leaf` is appended to a tree of `size` records, lowest first; the first is the
/// leaf itself. Reads only nodes of the tree as it was.
pub fn append<E>(
    size: u64,
    leaf: Digest,
    mut read: impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Vec<(Node, Digest)>, E> {
    let mut new = vec![(
        Node {
            level: 0,
            index: size,
        },
        leaf,
    )];
    let (mut level, mut index, mut hash) = (0, size, leaf);
    // Each trailing one bit of the size is a finished left neighbour waiting for this subtree.
    while index & 1 == 1 {
        let left = read(Node {
            level,
            index: index - 1,
        })?;
        hash = node_hash(&left, &hash);
        level += 1;
        index >>= 1;
        new.push((Node { level, index }, hash));
    }
    Ok(new)
}

/// The root of the first `size` records.
pub fn root<E>(size: u64, mut read: impl FnMut(Node) -> Result<Digest, E>) -> Result<Digest, E> {
    range_hash(0, size, &mut read)
}

/// The audit path of record `index` in the tree of `size` records, lowest neighbour first.
pub fn inclusion<E: From<OutOfRange>>(
    index: u64,
    size: u64,
    mut read: impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    if index >= size {
        return Err(OutOfRange { asked: index, size }.into());
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_hash(middle, high, &mut read)?);
            high = middle;
        } else {
            path.push(range_hash(low, middle, &mut read)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `to` records starts with the tree of `from` records. Empty when one of them says nothing
/// about the other: `from` is zero, or they are the same size.
pub fn consistency<E: From<OutOfRange>>(
    from: u64,
    to: u64,
    mut read: impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    if from > to {
        return Err(OutOfRange {
            asked: from,
            size: to,
        }
        .into());
    }
    if from == 0 || from == to {
        return Ok(Vec::new());
    }
    let (mut low, mut high) = (0, to);
    let mut path = Vec::new();
    // Walk down to the subtree that ends exactly where the old tree ended.
    while high != from {
        let middle = low + split(high - low);
        if from <= middle {
            path.push(range_hash(middle, high, &mut read)?);
            high = middle;
        } else {
            path.push(range_hash(low, middle, &mut read)?);
            low = middle;
        }
    }
    // If it is a whole left flank, the verifier already holds its hash: it is the old root.
    if low != 0 {
        path.push(range_hash(low, high, &mut read)?);
    }
    path.reverse();
    Ok(path)
}

/// Is the record with this leaf hash number `index` among the `size` records under `root`?
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    path: &[Digest],
    root: &Digest,
) -> Result<(), BadProof> {
    if index >= size {
        return Err(BadProof);
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for neighbour in path {
        if last == 0 {
            return Err(BadProof);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(neighbour, &hash);
            (at, last) = skip_right_edge(at, last);
        } else {
            hash = node_hash(&hash, neighbour);
        }
        at >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(BadProof)
    }
}

/// Do the `to` records under `to_root` start with the `from` records under `from_root`?
pub fn verify_consistency(
    from: u64,
    from_root: &Digest,
    to: u64,
    to_root: &Digest,
    path: &[Digest],
) -> Result<(), BadProof> {
    let held = |yes: bool| if yes { Ok(()) } else { Err(BadProof) };
    if from > to {
        return Err(BadProof);
    }
    if from == 0 {
        return held(path.is_empty() && *from_root == Digest::of(b""));
    }
    if from == to {
        return held(path.is_empty() && from_root == to_root);
    }
    let (start, rest) = match path {
        rest if from.is_power_of_two() => (from_root, rest),
        [first, rest @ ..] => (first, rest),
        [] => return Err(BadProof),
    };
    let (mut at, mut last) = (from - 1, to - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*start, *start);
    for neighbour in rest {
        if last == 0 {
            return Err(BadProof);
        }
        if at & 1 == 1 || at == last {
            old = node_hash(neighbour, &old);
            new = node_hash(neighbour, &new);
            (at, last) = skip_right_edge(at, last);
        } else {
            new = node_hash(&new, neighbour);
        }
        at >>= 1;
        last >>= 1;
    }
    held(last == 0 && old == *from_root && new == *to_root)
}

/// On the right edge a lone subtree rises without a neighbour until it becomes somebody's right-hand side.
fn skip_right_edge(mut at: u64, mut last: u64) -> (u64, u64) {
    while at & 1 == 0 && at != 0 {
        at >>= 1;
        last >>= 1;
    }
    (at, last)
}

/// Hash of the records `low..high`, where `low` is a place at which the tree is split.
fn range_hash<E>(
    low: u64,
    high: u64,
    read: &mut impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let mut perfect = Vec::new();
    let mut at = low;
    while at < high {
        let level = (high - at).ilog2() as u8;
        perfect.push(read(Node {
            level,
            index: at >> level,
        })?);
        at += 1 << level;
    }
    let Some(mut hash) = perfect.pop() else {
        return Ok(Digest::of(b""));
    };
    while let Some(left) = perfect.pop() {
        hash = node_hash(&left, &hash);
    }
    Ok(hash)
}

/// The largest power of two below `width`, which is at least two.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

#[cfg(test)]
mod tests;
