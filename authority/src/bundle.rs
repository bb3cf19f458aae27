//! The authority bundle: everything an organisation declares, as one document that is signed and kept.
//!
//! It is compiled from configured values and names, never from computed ids. Every list is sorted by `id` and free of
//! duplicates. Lists whose members this version cannot evaluate are fixed as empty: a document that fills one is from a
//! newer version, and refuses here rather than being judged by half.

use crate::{
    address::{InstanceKey, Selector},
    canonical::Document,
    key::PublicKey,
    tier::Tier,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    pub root: Root,
    pub settings: Settings,
    pub claims: Vec<Claim>,
    pub tables: Vec<Reserved>,
    pub persons: Vec<Person>,
    pub teams: Vec<Team>,
    pub programmes: Vec<Reserved>,
    pub agents: Vec<Agent>,
    pub delegations: Vec<Reserved>,
    pub environments: Vec<Environment>,
    pub ownership: Vec<Ownership>,
    pub rules: Vec<ApprovalRule>,
    pub windows: Vec<Reserved>,
}

impl Document for Bundle {
    const TYPE: &'static str = "ambit/authority-bundle";
}

/// A member that no document of this version can hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reserved {}

/// Who answers where nobody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    pub persons: Vec<String>,
    pub threshold: u32,
}

/// What guards a run. Only the bundle in force may loosen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub engine: EngineSettings,
    pub providers: Vec<ProviderSettings>,
    /// Names of environment variables handed to the engine.
    pub environment_names: Vec<String>,
    /// Version of the built-in tables of irreversible actions and sensitive paths.
    pub tables_version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// `opentofu` or `terraform`.
    pub kind: String,
    /// `1.12`: any patch of this line whose binary is listed.
    pub minor: String,
    /// SHA-256 of the allowed binaries.
    pub binaries: Vec<crate::digest::Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// `registry.opentofu.org/hashicorp/aws`.
    pub source: String,
    pub version: String,
    /// `h1:` hashes of the allowed packages.
    pub hashes: Vec<String>,
}

/// A stack this history speaks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub stack: String,
    /// Backend, place and workspace, e.g. `local:estate/terraform.tfstate#default`.
    pub fingerprint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub id: String,
    pub keys: Vec<PersonKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonKey {
    pub key: PublicKey,
    pub assurance: Assurance,
}

/// What the key's custody was when it was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    Software,
    Hardware,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    pub id: String,
    pub members: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub id: String,
    /// The person who answers for it.
    pub sponsor: String,
    pub keys: Vec<PublicKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    pub id: String,
    pub stacks: Vec<String>,
    pub critical: bool,
    pub mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Observe,
    Enforce,
}

/// What belongs to whom. Any selector that fits makes the team an owner; the closest kind of selector wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    pub id: String,
    pub team: String,
    pub addresses: Vec<String>,
    pub types: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub stacks: Vec<String>,
    /// Owns what it matches even where another declaration is closer.
    pub always: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    pub id: String,
    pub tier: Tier,
    /// Empty means every environment.
    pub environments: Vec<String>,
    /// Distinct persons of each touched team.
    pub count: u32,
    /// Distinct persons in all.
    pub min_persons: u32,
}

/// A declaration that contradicts another, or itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{declaration}: {problem}")]
pub struct Inconsistent {
    pub declaration: String,
    pub problem: String,
}

impl Bundle {
    /// While one person is declared, that person may sign their own request.
    pub fn solo(&self) -> bool {
        self.persons.len() == 1
    }

    pub fn person(&self, id: &str) -> Option<&Person> {
        self.persons.iter().find(|p| p.id == id)
    }

    pub fn person_of(&self, key: &PublicKey) -> Option<(&Person, Assurance)> {
        self.persons.iter().find_map(|p| {
            p.keys
                .iter()
                .find(|k| k.key == *key)
                .map(|k| (p, k.assurance))
        })
    }

    pub fn agent_of(&self, key: &PublicKey) -> Option<&Agent> {
        self.agents.iter().find(|a| a.keys.contains(key))
    }

    pub fn team(&self, id: &str) -> Option<&Team> {
        self.teams.iter().find(|t| t.id == id)
    }

    /// The environment a stack belongs to; `None` is an unclaimed stack, which root answers for in the top tier.
    pub fn environment_of(&self, fingerprint: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|e| e.stacks.iter().any(|s| s == fingerprint))
    }

    /// Sorts every list, so that the order of declaration leaves no trace.
    pub fn sorted(mut self) -> Self {
        self.root.persons.sort();
        self.settings.engine.binaries.sort();
        self.settings
            .providers
            .sort_by(|a, b| a.source.cmp(&b.source));
        self.settings
            .providers
            .iter_mut()
            .for_each(|p| p.hashes.sort());
        self.settings.environment_names.sort();
        self.claims
            .sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        self.persons.sort_by(|a, b| a.id.cmp(&b.id));
        self.persons
            .iter_mut()
            .for_each(|p| p.keys.sort_by(|a, b| a.key.cmp(&b.key)));
        self.teams.sort_by(|a, b| a.id.cmp(&b.id));
        self.teams.iter_mut().for_each(|t| t.members.sort());
        self.agents.sort_by(|a, b| a.id.cmp(&b.id));
        self.agents.iter_mut().for_each(|a| a.keys.sort());
        self.environments.sort_by(|a, b| a.id.cmp(&b.id));
        self.environments.iter_mut().for_each(|e| e.stacks.sort());
        self.ownership.sort_by(|a, b| a.id.cmp(&b.id));
        for o in &mut self.ownership {
            o.addresses.sort();
            o.types.sort();
            o.stacks.sort();
        }
        self.rules.sort_by(|a, b| a.id.cmp(&b.id));
        self.rules.iter_mut().for_each(|r| r.environments.sort());
        self
    }

    /// Every rule across declarations. A bundle with a problem is never put in force.
    pub fn check(&self) -> Vec<Inconsistent> {
        let mut problems = Vec::new();
        let mut say = |declaration: String, problem: String| {
            problems.push(Inconsistent {
                declaration,
                problem,
            })
        };
        let persons: BTreeSet<&str> = self.persons.iter().map(|p| p.id.as_str()).collect();
        let teams: BTreeSet<&str> = self.teams.iter().map(|t| t.id.as_str()).collect();
        let environments: BTreeSet<&str> =
            self.environments.iter().map(|e| e.id.as_str()).collect();

        // Duplicates are found as neighbours below, so an order of one's own could hide a second declaration.
        if *self != self.clone().sorted() {
            say("bundle".into(), "its lists are not sorted".into());
        }
        let mut claims: Vec<&str> = self.claims.iter().map(|c| c.fingerprint.as_str()).collect();
        claims.sort_unstable();
        for pair in claims.windows(2).filter(|pair| pair[0] == pair[1]) {
            say("claims".into(), format!("`{}` is claimed twice", pair[0]));
        }
        if teams.contains("root") {
            say(
                "ambit_team.root".into(),
                "`root` is the name of the root persons, who answer where no team does".into(),
            );
        }
        for (kind, ids) in self.ids() {
            for id in &ids {
                if let Err(reason) = check_name(id) {
                    say(format!("{kind}.{id}"), reason);
                }
            }
            for pair in ids.windows(2).filter(|pair| pair[0] == pair[1]) {
                say(format!("{kind}.{}", pair[0]), "declared twice".into());
            }
        }
        for id in &self.root.persons {
            if !persons.contains(id.as_str()) {
                say(
                    "root".into(),
                    format!("person `{id}` is not declared; root would lose a person"),
                );
            }
        }
        let distinct: BTreeSet<_> = self.root.persons.iter().collect();
        if self.root.threshold == 0 || self.root.threshold as usize > distinct.len() {
            say(
                "root".into(),
                format!(
                    "threshold {} of {} persons cannot be met",
                    self.root.threshold,
                    distinct.len()
                ),
            );
        }
        let mut seen: BTreeMap<&[u8], String> = BTreeMap::new();
        let person_keys = self.persons.iter().flat_map(|p| {
            p.keys
                .iter()
                .map(move |k| (format!("ambit_person.{}", p.id), &k.key))
        });
        let agent_keys = self.agents.iter().flat_map(|a| {
            a.keys
                .iter()
                .map(move |k| (format!("ambit_agent.{}", a.id), k))
        });
        for (owner, key) in person_keys.chain(agent_keys) {
            if let Some(other) = seen.insert(key.wire(), owner.clone()) {
                say(
                    owner,
                    format!(
                        "key {} is declared for {other} too; a key belongs to one principal",
                        key.fingerprint()
                    ),
                );
            }
        }
        for person in &self.persons {
            if person.keys.is_empty() {
                say(format!("ambit_person.{}", person.id), "has no key".into());
            }
            for key in &person.keys {
                if key.assurance == Assurance::Hardware && !key.key.is_security_key() {
                    let problem = format!(
                        "key {} is declared `hardware` but is not a security key (sk-…)",
                        key.key.fingerprint()
                    );
                    say(format!("ambit_person.{}", person.id), problem);
                }
            }
        }
        for team in &self.teams {
            let name = format!("ambit_team.{}", team.id);
            if team.members.is_empty() {
                say(
                    name.clone(),
                    "has no members, so nobody could ever approve for it".into(),
                );
            }
            for member in team
                .members
                .iter()
                .filter(|m| !persons.contains(m.as_str()))
            {
                say(
                    name.clone(),
                    format!("member `{member}` is not declared as a person"),
                );
            }
            for pair in team.members.windows(2).filter(|pair| pair[0] == pair[1]) {
                say(
                    name.clone(),
                    format!("member `{}` is listed twice", pair[0]),
                );
            }
        }
        for agent in &self.agents {
            if !persons.contains(agent.sponsor.as_str()) {
                say(
                    format!("ambit_agent.{}", agent.id),
                    format!("sponsor `{}` is not declared as a person", agent.sponsor),
                );
            }
        }
        let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
        for environment in &self.environments {
            for stack in &environment.stacks {
                if let Some(other) = claimed.insert(stack, &environment.id) {
                    say(
                        format!("ambit_environment.{}", environment.id),
                        format!("stack `{stack}` belongs to `{other}` already"),
                    );
                }
            }
        }
        for owner in &self.ownership {
            let name = format!("ambit_ownership.{}", owner.id);
            if !teams.contains(owner.team.as_str()) {
                say(
                    name.clone(),
                    format!("team `{}` is not declared", owner.team),
                );
            }
            if owner.addresses.is_empty()
                && owner.types.is_empty()
                && owner.tags.is_empty()
                && owner.stacks.is_empty()
            {
                say(
                    name.clone(),
                    "selects nothing; give `addresses`, `types`, `tags` or `stacks`".into(),
                );
            }
            for address in &owner.addresses {
                if let Err(error) = Selector::parse(address) {
                    say(name.clone(), error.to_string());
                }
            }
        }
        for rule in &self.rules {
            let name = format!("ambit_approval_rule.{}", rule.id);
            if rule.count == 0 || rule.min_persons < rule.count {
                say(
                    name.clone(),
                    "needs `count` of at least 1 and `min_persons` of at least `count`".into(),
                );
            }
            for environment in rule
                .environments
                .iter()
                .filter(|e| !environments.contains(e.as_str()))
            {
                say(
                    name.clone(),
                    format!("environment `{environment}` is not declared"),
                );
            }
        }
        problems
    }

    fn ids(&self) -> Vec<(&'static str, Vec<&str>)> {
        vec![
            (
                "ambit_person",
                self.persons.iter().map(|x| x.id.as_str()).collect(),
            ),
            (
                "ambit_team",
                self.teams.iter().map(|x| x.id.as_str()).collect(),
            ),
            (
                "ambit_agent",
                self.agents.iter().map(|x| x.id.as_str()).collect(),
            ),
            (
                "ambit_environment",
                self.environments.iter().map(|x| x.id.as_str()).collect(),
            ),
            (
                "ambit_ownership",
                self.ownership.iter().map(|x| x.id.as_str()).collect(),
            ),
            (
                "ambit_approval_rule",
                self.rules.iter().map(|x| x.id.as_str()).collect(),
            ),
        ]
    }

    /// The teams that own an instance, by the closest kind of selector; empty means root answers.
    /// Order: exact address, longer address prefix, type, tag, stack. `always` adds to whatever won.
    pub fn owners(
        &self,
        instance: &InstanceKey,
        tags: &BTreeMap<String, String>,
        stack: &str,
    ) -> BTreeSet<String> {
        let mut best = None;
        let mut owners = BTreeSet::new();
        let mut always = BTreeSet::new();
        for declared in &self.ownership {
            let Some(rank) = declared.rank(instance, tags, stack) else {
                continue;
            };
            if declared.always {
                always.insert(declared.team.clone());
            }
            if best.is_none_or(|b| rank > b) {
                best = Some(rank);
                owners.clear();
            }
            if best == Some(rank) {
                owners.insert(declared.team.clone());
            }
        }
        owners.extend(always);
        owners
    }
}

impl Ownership {
    fn rank(
        &self,
        instance: &InstanceKey,
        tags: &BTreeMap<String, String>,
        stack: &str,
    ) -> Option<Rank> {
        let fits = self
            .addresses
            .iter()
            .filter_map(|a| Selector::parse(a).ok()?.fit(instance))
            .map(Rank::Address);
        let by_type = self.types.contains(&instance.kind).then_some(Rank::Type);
        let by_tag = self
            .tags
            .iter()
            .any(|(k, v)| tags.get(k) == Some(v))
            .then_some(Rank::Tag);
        let by_stack = self
            .stacks
            .iter()
            .any(|s| s == stack)
            .then_some(Rank::Stack);
        fits.chain(by_type).chain(by_tag).chain(by_stack).max()
    }
}

/// Closeness of an ownership declaration, the closest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stack,
    Tag,
    Type,
    Address(crate::address::Fit),
}

/// Names of declarations: shown, compared and typed by people, so ASCII and short.
pub fn check_name(name: &str) -> Result<(), String> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
    if first && rest && name.len() <= 64 {
        return Ok(());
    }
    Err("a name starts with a lower-case letter and holds lower-case letters, digits, `-`, `_` and `.`, 64 at most; for example `platform-team`".into())
}

#[cfg(test)]
mod tests;
