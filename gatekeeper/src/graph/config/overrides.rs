//! Override files: what `override.tf` and `*_override.tf` change in the files before them.
//!
//! The engine merges argument by argument and replaces nested blocks type by type, except in
//! `lifecycle`, where arguments are merged, and conditions, which we keep from both sides: one
//! guard too many widens, one too few would hide.

use super::body::{Block, Body};

pub(super) fn merge(primary: Vec<Body>, overriding: Vec<Body>) -> Body {
    let mut merged = Body::default();
    for body in primary {
        merged.attributes.extend(body.attributes);
        merged.blocks.extend(body.blocks);
    }
    for body in overriding {
        merged.attributes.extend(body.attributes);
        for block in body.blocks {
            apply(&mut merged.blocks, block);
        }
    }
    merged
}

fn apply(base: &mut Vec<Block>, change: Block) {
    match change.kind.as_str() {
        "locals" => {
            for block in base.iter_mut().filter(|block| block.kind == "locals") {
                forget_attributes(&mut block.body, &change.body);
            }
            base.push(change);
        }
        "terraform" => {
            for block in base.iter_mut().filter(|block| block.kind == "terraform") {
                override_settings(&mut block.body, &change.body);
            }
            base.push(change);
        }
        // These have no name to be found by; the engine refuses most of them in override files.
        "import" | "moved" | "removed" => base.push(change),
        _ => match base.iter_mut().find(|block| same_object(block, &change)) {
            Some(block) => override_block(&mut block.body, change.body),
            None => base.push(change),
        },
    }
}

fn same_object(block: &Block, change: &Block) -> bool {
    fn alias(block: &Block) -> Option<&str> {
        block
            .body
            .attribute("alias")
            .and_then(|alias| alias.literal_text())
    }
    block.kind == change.kind
        && block.labels == change.labels
        && (block.kind != "provider" || alias(block) == alias(change))
}

fn override_block(base: &mut Body, change: Body) {
    forget_attributes(base, &change);
    // JSON writes nested blocks as attributes, so either form replaces the other.
    let names: Vec<String> = change
        .attributes
        .iter()
        .map(|found| found.name.clone())
        .collect();
    let kinds: Vec<String> = change
        .blocks
        .iter()
        .map(|block| block.effective_kind().to_owned())
        .filter(|kind| kind != "lifecycle")
        .collect();
    base.blocks.retain(|block| {
        let kind = block.effective_kind();
        !kinds.iter().any(|other| other == kind) && !names.iter().any(|other| other == kind)
    });
    base.attributes.retain(|found| !kinds.contains(&found.name));
    base.attributes.extend(change.attributes);
    for block in change.blocks {
        let existing = base
            .blocks
            .iter_mut()
            .find(|found| found.kind == "lifecycle");
        match existing {
            Some(lifecycle) if block.kind == "lifecycle" => {
                forget_attributes(&mut lifecycle.body, &block.body);
                lifecycle.body.attributes.extend(block.body.attributes);
                lifecycle.body.blocks.extend(block.body.blocks);
            }
            _ => base.blocks.push(block),
        }
    }
}

fn override_settings(base: &mut Body, change: &Body) {
    forget_attributes(base, change);
    let stores = ["backend", "cloud"];
    if change
        .blocks
        .iter()
        .any(|block| stores.contains(&block.kind.as_str()))
    {
        base.blocks
            .retain(|block| !stores.contains(&block.kind.as_str()));
    }
    for required in change.blocks_of("required_providers") {
        for block in &mut base.blocks {
            if block.kind == "required_providers" {
                forget_attributes(&mut block.body, &required.body);
            }
        }
    }
}

fn forget_attributes(base: &mut Body, change: &Body) {
    base.attributes
        .retain(|found| change.attribute(&found.name).is_none());
}
