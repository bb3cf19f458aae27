//! The tree against two oracles: the definition in RFC 6962, computed the slow way, and another implementation.

use super::*;
use proptest::prelude::*;
use std::{cell::Cell, collections::HashMap};
use tlog_tiles::tlog;

/// Perfect subtrees as a store would keep them.
#[derive(Default)]
struct Kept {
    nodes: HashMap<Node, Digest>,
    leaves: Vec<Digest>,
}

impl Kept {
    fn of(size: u64) -> Self {
        let mut kept = Self::default();
        for n in 0..size {
            kept.push(leaf_hash(&n.to_be_bytes()));
        }
        kept
    }

    fn push(&mut self, leaf: Digest) {
        let new = append(self.leaves.len() as u64, leaf, |node| self.read(node)).unwrap();
        for (node, hash) in new {
            assert!(
                self.nodes.insert(node, hash).is_none(),
                "{node:?} was written twice"
            );
        }
        self.leaves.push(leaf);
    }

    fn read(&self, node: Node) -> Result<Digest, OutOfRange> {
        Ok(*self
            .nodes
            .get(&node)
            .unwrap_or_else(|| panic!("{node:?} is not kept")))
    }

    fn root(&self, size: u64) -> Digest {
        root(size, |node| self.read(node)).unwrap()
    }
}

/// MTH of RFC 6962, section 2.1.
fn by_definition(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [one] => *one,
        many => {
            let middle = split(many.len() as u64) as usize;
            node_hash(
                &by_definition(&many[..middle]),
                &by_definition(&many[middle..]),
            )
        }
    }
}

struct Oracle<'a>(&'a Kept, Cell<u64>);

impl tlog::HashReader for Oracle<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        self.1.set(self.1.get() + indexes.len() as u64);
        Ok(indexes
            .iter()
            .map(|&stored| {
                let (level, index) = tlog::split_stored_hash_index(stored);
                theirs(&self.0.nodes[&Node { level, index }])
            })
            .collect())
    }
}

fn theirs(hash: &Digest) -> tlog::Hash {
    tlog::Hash(*hash.bytes())
}

#[test]
fn known_hashes() {
    let cases = [
        (
            leaf_hash(b""),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            Kept::default().root(0),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ];
    for (hash, expected) in cases {
        assert_eq!(hash.hex(), expected);
    }
    assert_ne!(
        leaf_hash(&[1; 65][1..]),
        node_hash(&Digest::from_bytes([1; 32]), &Digest::from_bytes([1; 32]))
    );
}

#[test]
fn every_root_is_the_defined_one() {
    let kept = Kept::of(130);
    for size in 0..=130 {
        assert_eq!(
            kept.root(size),
            by_definition(&kept.leaves[..size as usize]),
            "size {size}"
        );
    }
}

#[test]
fn every_small_proof_is_the_other_implementations_and_verifies() {
    let kept = Kept::of(40);
    let oracle = Oracle(&kept, Cell::new(0));
    for size in 1..=40 {
        for index in 0..size {
            let path = inclusion(index, size, |node| kept.read(node)).unwrap();
            let other = tlog::prove_record(size, index, &oracle).unwrap();
            let other: Vec<_> = other.iter().map(|h| h.0).collect();
            assert_eq!(
                path.iter().map(|h| *h.bytes()).collect::<Vec<_>>(),
                other,
                "{index} in {size}"
            );
            let leaf = &kept.leaves[index as usize];
            assert_eq!(
                verify_inclusion(leaf, index, size, &path, &kept.root(size)),
                Ok(())
            );
        }
        for from in 1..=size {
            let path = consistency(from, size, |node| kept.read(node)).unwrap();
            let other = tlog::prove_tree(size, from, &oracle).unwrap();
            let other: Vec<_> = other.iter().map(|h| h.0).collect();
            assert_eq!(
                path.iter().map(|h| *h.bytes()).collect::<Vec<_>>(),
                other,
                "{from} in {size}"
            );
            assert_eq!(
                verify_consistency(from, &kept.root(from), size, &kept.root(size), &path),
                Ok(())
            );
        }
    }
    assert!(oracle.1.get() > 0);
}

#[test]
fn what_the_tree_does_not_have_is_refused() {
    let kept = Kept::of(5);
    assert_eq!(
        inclusion(5, 5, |node| kept.read(node)),
        Err(OutOfRange { asked: 5, size: 5 })
    );
    assert_eq!(
        consistency(6, 5, |node| kept.read(node)),
        Err(OutOfRange { asked: 6, size: 5 })
    );
    let root = kept.root(5);
    assert_eq!(
        verify_inclusion(&kept.leaves[4], 5, 5, &[], &root),
        Err(BadProof)
    );
    assert_eq!(verify_inclusion(&root, 0, 0, &[], &root), Err(BadProof));
    assert_eq!(verify_consistency(6, &root, 5, &root, &[]), Err(BadProof));
    assert_eq!(verify_consistency(0, &root, 5, &root, &[]), Err(BadProof));
    assert_eq!(verify_consistency(3, &root, 5, &root, &[]), Err(BadProof));
    assert_eq!(
        verify_consistency(5, &kept.root(4), 5, &root, &[]),
        Err(BadProof)
    );
    assert_eq!(
        verify_consistency(0, &Digest::of(b""), 5, &root, &[]),
        Ok(())
    );
}

/// Ways to spoil a proof; each leaves a different one.
fn spoil(path: &mut Vec<Digest>, how: u8, at: usize) {
    let extra = Digest::of(b"extra");
    let at = at % (path.len() + 1);
    match how % 4 {
        0 => path.insert(at, extra),
        1 if at < path.len() => drop(path.remove(at)),
        2 if path.len() > 1 && path.first() != path.last() => path.reverse(),
        _ => match path.get_mut(at) {
            Some(hash) => *hash = extra,
            None => path.push(extra),
        },
    }
}

proptest! {
    #[test]
    fn large_proofs_agree_with_the_other_implementation(size in 1u64..700, a: u64, b: u64) {
        let kept = Kept::of(size);
        let oracle = Oracle(&kept, Cell::new(0));
        let (index, from) = (a % size, b % size + 1);
        let root = kept.root(size);
        prop_assert_eq!(root, by_definition(&kept.leaves));
        prop_assert!(theirs(&root) == tlog::tree_hash(size, &oracle).unwrap());

        let leaf = &kept.leaves[index as usize];
        let path = inclusion(index, size, |node| kept.read(node)).unwrap();
        prop_assert_eq!(verify_inclusion(leaf, index, size, &path, &root), Ok(()));
        let other: Vec<_> = path.iter().map(theirs).collect();
        prop_assert!(tlog::check_record(&other, size, theirs(&root), index, theirs(leaf)).is_ok());

        let path = consistency(from, size, |node| kept.read(node)).unwrap();
        let old = kept.root(from);
        prop_assert_eq!(verify_consistency(from, &old, size, &root, &path), Ok(()));
        let other: Vec<_> = path.iter().map(theirs).collect();
        prop_assert!(tlog::check_tree(&other, size, theirs(&root), from, theirs(&old)).is_ok());
    }

    #[test]
    fn a_spoiled_proof_never_verifies(size in 1u64..300, a: u64, b: u64, how: u8, at: usize) {
        let kept = Kept::of(size);
        let (index, from) = (a % size, b % size + 1);
        let root = kept.root(size);
        let leaf = &kept.leaves[index as usize];

        let mut path = inclusion(index, size, |node| kept.read(node)).unwrap();
        // The same path for another place or another record proves nothing.
        if size > 1 {
            let elsewhere = (index + 1) % size;
            prop_assert_eq!(verify_inclusion(leaf, elsewhere, size, &path, &root), Err(BadProof));
        }
        prop_assert_eq!(verify_inclusion(&root, index, size + 1, &path, &root), Err(BadProof));
        spoil(&mut path, how, at);
        prop_assert_eq!(verify_inclusion(leaf, index, size, &path, &root), Err(BadProof));

        let mut path = consistency(from, size, |node| kept.read(node)).unwrap();
        let old = kept.root(from);
        prop_assert_eq!(verify_consistency(from, &Digest::of(b"other"), size, &root, &path), Err(BadProof));
        prop_assert_eq!(verify_consistency(from, &old, size, &Digest::of(b"other"), &path), Err(BadProof));
        spoil(&mut path, how, at);
        prop_assert_eq!(verify_consistency(from, &old, size, &root, &path), Err(BadProof));
    }

    #[test]
    fn verifiers_take_anything(
        index: u64, size: u64, from: u64,
        path in proptest::collection::vec(any::<[u8; 32]>().prop_map(Digest::from_bytes), 0..70),
    ) {
        let root = Digest::of(b"root");
        prop_assert_eq!(verify_inclusion(&Digest::of(b"leaf"), index, size, &path, &root), Err(BadProof));
        prop_assert_eq!(verify_consistency(from, &Digest::of(b"old"), size, &root, &path), Err(BadProof));
    }
}
