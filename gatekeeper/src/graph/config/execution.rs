//! What runs and what holds back: provisioners and `lifecycle`, with the text a person would sign.

use super::body::{Block, Body};
use super::decode::Decoder;
use super::expression::{Expr, Shape};
use super::{Exec, FileRead, Lifecycle, When};

pub(super) fn lifecycle(decoder: &mut Decoder, parent: &str, body: &Body) -> Lifecycle {
    let mut found = Lifecycle::default();
    let parent = format!("{parent}.lifecycle");
    for block in body.blocks_of("lifecycle") {
        for attribute in &block.body.attributes {
            let place = match attribute.name.as_str() {
                "prevent_destroy" => &mut found.prevent_destroy,
                "ignore_changes" => &mut found.ignore_changes,
                "create_before_destroy" => &mut found.create_before_destroy,
                "replace_triggered_by" => &mut found.replace_triggered_by,
                "enabled" => &mut found.enabled,
                "destroy" => &mut found.destroy,
                other => {
                    decoder.unknown(&parent, other, &attribute.at);
                    continue;
                }
            };
            *place = Some(attribute.value.text());
        }
        for condition in &block.body.blocks {
            match condition.kind.as_str() {
                "precondition" => found.preconditions.push(condition.body.text()),
                "postcondition" => found.postconditions.push(condition.body.text()),
                other => decoder.unknown(&parent, other, &condition.at),
            }
        }
    }
    found
}

pub(super) fn execs(decoder: &mut Decoder, parent: &str, body: &Body) -> Vec<Exec> {
    let shared: Vec<&Block> = body.blocks_of("connection").collect();
    let mut found = Vec::new();
    for block in body.blocks_of("provisioner") {
        let [kind] = block.labels.as_slice() else {
            decoder.unknown(parent, "provisioner", &block.at);
            continue;
        };
        let word = |name: &str| block.body.attribute(name).and_then(Expr::keyword);
        let when = match word("when") {
            None | Some("create") => When::Create,
            Some("destroy") => When::Destroy,
            Some(_) => {
                decoder.unknown(&format!("{parent}.provisioner"), "when", &block.at);
                When::Create
            }
        };
        let mut text = block.text();
        let mut files = files_of(&block.body);
        if block.body.blocks_of("connection").next().is_none() {
            for connection in &shared {
                text.push('\n');
                text.push_str(&connection.text());
                files.extend(files_of(&connection.body));
            }
        }
        for name in ["script", "scripts", "source"] {
            if let Some(value) = block.body.attribute(name) {
                files.extend(script_files(name, value));
            }
        }
        files.sort();
        files.dedup();
        found.push(Exec {
            kind: kind.clone(),
            when,
            on_failure: word("on_failure").unwrap_or("fail").to_owned(),
            text,
            files,
            at: block.at.clone(),
        });
    }
    found
}

fn files_of(body: &Body) -> Vec<FileRead> {
    let mut files = Vec::new();
    body.each_expression(&mut |expression| files.extend(expression.files().into_iter().cloned()));
    files
}

/// Paths a provisioner opens itself; one whose text is not fixed is listed without a path.
fn script_files(by: &str, value: &Expr) -> Vec<FileRead> {
    match &value.shape {
        Shape::List(items) => items
            .iter()
            .flat_map(|item| script_files(by, item))
            .collect(),
        _ => vec![FileRead {
            by: by.to_owned(),
            text: value.text(),
            path: value
                .literal_text()
                .map(str::to_owned)
                .or_else(|| value.path.clone()),
        }],
    }
}
