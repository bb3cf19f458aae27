//! Who must agree, from the tier of each effect and who owns it.
//!
//! Pure over the bundle in force. The same function judges an apply, a chain of authority records and a signer's own
//! machine, so they cannot come to different answers.

use crate::{
    bundle::{Bundle, Environment},
    ratchet::Difference,
    request::{Requester, RequesterKind},
    tier::Tier,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one effect asks for: its tier, and its owners (no owner means root).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub tier: Tier,
    pub owners: BTreeSet<String>,
}

/// The signatures a request needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duties {
    pub teams: Vec<TeamDuty>,
    /// Present where root answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<TeamDuty>,
    /// Distinct persons in all.
    pub min_persons: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamDuty {
    pub team: String,
    pub count: u32,
    /// Members whose signature can count: all but the requester set.
    pub members: Vec<String>,
}

impl Duties {
    /// The union over effects: for each team the largest count, overall the largest minimum.
    pub fn of(
        claims: &[Claimed],
        bundle: &Bundle,
        environment: Option<&Environment>,
        requester: &Requester,
    ) -> Self {
        let mut teams: BTreeMap<&str, u32> = BTreeMap::new();
        let (mut root, mut min_persons) = (false, 0);
        for claim in claims {
            if environment.is_none() {
                // Nobody declared owns anything of an unclaimed stack: root answers, whoever the selectors name.
                root = true;
                continue;
            }
            let (count, minimum) = asked(claim.tier, bundle, environment);
            min_persons = min_persons.max(minimum);
            root |= claim.owners.is_empty();
            for team in &claim.owners {
                let entry = teams.entry(team).or_default();
                *entry = count.max(*entry);
            }
        }
        let solo = bundle.solo();
        let excluded: BTreeSet<String> = match solo {
            true => BTreeSet::new(),
            false => requester.excluded().into_iter().map(|(id, _)| id).collect(),
        };
        let eligible = |ids: &[String]| {
            ids.iter()
                .filter(|id| !excluded.contains(*id))
                .cloned()
                .collect::<Vec<_>>()
        };
        let teams = teams.into_iter().map(|(id, count)| TeamDuty {
            team: id.to_owned(),
            count: if solo { 1 } else { count },
            members: bundle
                .team(id)
                .map(|t| eligible(&t.members))
                .unwrap_or_default(),
        });
        let root = root.then(|| TeamDuty {
            team: "root".into(),
            count: if solo { 1 } else { bundle.root.threshold },
            members: eligible(&bundle.root.persons),
        });
        let teams: Vec<TeamDuty> = teams.collect();
        // Root answers by its own threshold: where it alone answers, no tier's count is added on top.
        // Where both answer, the larger counts: what a part of a change asks for, the whole never undercuts.
        let by_root = root.as_ref().map_or(0, |r| r.count);
        let mut minimum = if teams.is_empty() {
            by_root
        } else {
            min_persons.max(by_root)
        };
        if requester.kind == RequesterKind::Anonymous && !claims.is_empty() && !solo {
            minimum += 1;
        }
        Self {
            teams,
            root,
            min_persons: if solo { minimum.min(1) } else { minimum },
        }
    }

    /// The duties of a part of a change, when the whole of it has been signed: people of the other teams add to the
    /// number in all, as they did for the whole, and to no team's own count.
    pub fn as_part_of(mut self, whole: &Duties) -> Self {
        let helping = |duty: &TeamDuty| TeamDuty {
            count: 0,
            ..duty.clone()
        };
        for duty in &whole.teams {
            if !self.teams.iter().any(|own| own.team == duty.team) {
                self.teams.push(helping(duty));
            }
        }
        if self.root.is_none() {
            self.root = whole.root.as_ref().map(helping);
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.teams.is_empty() && self.root.is_none()
    }

    pub fn all(&self) -> impl Iterator<Item = &TeamDuty> {
        self.teams.iter().chain(self.root.as_ref())
    }

    /// Teams a person signs for, empty when their signature can do nothing.
    pub fn acting_for(&self, person: &str) -> Vec<String> {
        self.all()
            .filter(|d| d.members.iter().any(|m| m == person))
            .map(|d| d.team.clone())
            .collect()
    }

    /// A duty no set of people can meet, described. Never silently capped.
    pub fn impossible(&self) -> Option<String> {
        for duty in self.all() {
            if duty.members.len() < duty.count as usize {
                return Some(format!(
                    "{} needs {} but only {} of its members can count for this request",
                    show_team(&duty.team),
                    persons(duty.count),
                    persons(duty.members.len() as u32),
                ));
            }
        }
        let people: BTreeSet<&String> = self.all().flat_map(|d| &d.members).collect();
        if people.len() < self.min_persons as usize {
            let teams: Vec<String> = self.all().map(|d| show_team(&d.team)).collect();
            return Some(format!(
                "{} are needed but {} can count: the members of {} outside the requester set",
                persons(self.min_persons),
                people.len(),
                teams.join(", "),
            ));
        }
        None
    }

    /// What is still missing, given the persons whose approvals count; empty when the duties are met.
    pub fn missing(&self, approved: &BTreeSet<String>) -> Vec<String> {
        let mut out = Vec::new();
        for duty in self.all() {
            let have = duty
                .members
                .iter()
                .filter(|m| approved.contains(*m))
                .count() as u32;
            if have < duty.count {
                let open: Vec<&str> = duty
                    .members
                    .iter()
                    .filter(|m| !approved.contains(*m))
                    .map(String::as_str)
                    .collect();
                out.push(format!(
                    "{}: {} of {}",
                    show_team(&duty.team),
                    persons(duty.count - have),
                    open.join(", ")
                ));
            }
        }
        let people: BTreeSet<&String> = self
            .all()
            .flat_map(|d| &d.members)
            .filter(|m| approved.contains(*m))
            .collect();
        let have = people.len() as u32;
        if have < self.min_persons && out.is_empty() {
            out.push(format!(
                "{} more, so that {} persons agree in all",
                persons(self.min_persons - have),
                self.min_persons
            ));
        }
        out
    }
}

/// The tier of a change as a whole; a stack that no environment names is judged in the top one.
pub fn tier(claims: &[Claimed], environment: Option<&Environment>) -> Tier {
    match environment {
        None if !claims.is_empty() => Tier::Critical,
        _ => claims.iter().map(|c| c.tier).max().unwrap_or(Tier::Low),
    }
}

fn show_team(team: &str) -> String {
    if team == "root" {
        "root".into()
    } else {
        format!("team {team}")
    }
}

fn persons(n: u32) -> String {
    if n == 1 {
        "1 person".into()
    } else {
        format!("{n} persons")
    }
}

/// Count per touched team and persons in all for a tier: the declared rule, else the default.
fn asked(tier: Tier, bundle: &Bundle, environment: Option<&Environment>) -> (u32, u32) {
    let declared = bundle.rules.iter().filter(|rule| {
        rule.tier == tier
            && (rule.environments.is_empty()
                || environment.is_some_and(|e| rule.environments.contains(&e.id)))
    });
    let declared = declared
        .map(|rule| (rule.count, rule.min_persons))
        .reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)));
    declared.unwrap_or(match tier {
        Tier::Low | Tier::Medium => (1, 1),
        Tier::High => (1, 2),
        Tier::Critical => (2, 2),
    })
}

/// What changes of authority ask for: the owners of the changed declarations under the old bundle, root for its own.
pub fn authority_claims(differences: &[Difference], old: &Bundle, stack: &str) -> Vec<Claimed> {
    differences
        .iter()
        .map(|difference| Claimed {
            tier: if difference.weakening {
                Tier::Critical
            } else {
                Tier::High
            },
            owners: match difference.instance() {
                Some(instance) => old.owners(&instance, &BTreeMap::new(), stack),
                None => BTreeSet::new(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests;
