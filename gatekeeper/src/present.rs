//! From radius and duties to the display document that the signed text is rendered from.

use crate::radius::{BlastRadius, Effect, Sources, describe};
use ambit_authority::{
    address::escape,
    display::{AuthorityItem, Display, Item, Named},
    duty::Duties,
    ratchet::Difference,
};

pub fn display(
    sources: &Sources<'_>,
    radius: &BlastRadius<'_>,
    differences: &[Difference],
    duties: &Duties,
    salt: String,
) -> Display {
    let items = |causes: bool| {
        radius
            .effects
            .iter()
            .filter(|e| e.is_cause() == causes)
            .map(item)
            .collect()
    };
    let named = |effect: &Effect<'_>, why: &str| Named {
        name: effect.subject.to_string(),
        why: why.to_owned(),
    };
    let mut authority: Vec<AuthorityItem> = differences
        .iter()
        .map(|d| AuthorityItem {
            name: d.declaration.clone(),
            what: d.describe(),
            weakening: d.weakening,
        })
        .collect();
    authority.sort_by_key(|a| !a.weakening);
    Display {
        salt,
        critical: sources.critical,
        causes: items(true),
        induced: items(false),
        irreversible: radius
            .effects
            .iter()
            .filter_map(|e| Some(named(e, e.irreversible.as_deref()?)))
            .collect(),
        sensitive: radius
            .effects
            .iter()
            .filter(|e| !e.sensitive.is_empty())
            .map(|e| {
                named(
                    e,
                    &e.sensitive
                        .iter()
                        .map(|(path, why)| format!("{path}: {why}"))
                        .collect::<Vec<_>>()
                        .join("; "),
                )
            })
            .collect(),
        open: radius
            .effects
            .iter()
            .flat_map(|e| {
                e.open
                    .iter()
                    .map(|path| format!("{}: {}", e.subject, escape(path)))
            })
            .collect(),
        runs: radius
            .effects
            .iter()
            .flat_map(|e| {
                e.execs
                    .iter()
                    .map(|x| format!("{}: {}", e.subject, cut(&escape(&x.text))))
            })
            .collect(),
        authority,
        duties: duties.clone(),
        exposed: radius
            .exposed
            .iter()
            .map(|e| {
                let owners: Vec<&str> = e.owners.iter().map(String::as_str).collect();
                let asked = if e.claim.is_some() {
                    "must agree"
                } else {
                    "notified"
                };
                format!(
                    "{} ({}): {}; {asked}: {}",
                    e.block,
                    "unchanged",
                    e.why,
                    if owners.is_empty() {
                        "root".into()
                    } else {
                        owners.join(", ")
                    }
                )
            })
            .collect(),
    }
}

fn item(effect: &Effect<'_>) -> Item {
    let mut because: Vec<String> = effect
        .because
        .iter()
        .map(|r| format!("{}: {}", r.rule, r.text))
        .collect();
    because.extend(effect.witness.iter().cloned());
    Item {
        subject: effect.subject.to_string(),
        action: effect.action.to_string(),
        tier: effect.tier(),
        because,
        owners: if effect.owners.is_empty() {
            vec!["root".into()]
        } else {
            effect.owners.iter().cloned().collect()
        },
        values: effect
            .paths
            .iter()
            .filter(|p| p.before != p.after)
            .map(describe)
            .collect(),
    }
}

fn cut(text: &str) -> String {
    const WIDEST: usize = 400;
    if text.len() > WIDEST {
        format!("{}... ({} bytes)", &text[..WIDEST], text.len())
    } else {
        text.to_owned()
    }
}
