//! The authority bundle that a plan's `ambit_*` resources declare.
//!
//! Compiled from configured values and names: what the engine plans them to be, whatever the state says. Ids and other
//! computed attributes are not read. An unknown in a declaration refuses, since nobody can sign what is not known yet.

use crate::{
    plan::{Action, Mode as ResourceMode, Plan, Value},
    stop::Stop,
};
use ambit_authority::{
    bundle::{
        Agent, ApprovalRule, Assurance, Bundle, Environment, Mode, Ownership, Person, PersonKey,
        Team,
    },
    key::PublicKey,
    tier::Tier,
};
use std::collections::BTreeMap;

/// Type prefix and the end of the source of our own provider, whatever registry host stands before it.
const PREFIX: &str = "ambit_";
const SOURCE: &str = "/ambit/ambit";

/// The bundle as it would be after this plan; `None` when the plan declares nothing.
pub fn compile(plan: &Plan, in_force: &Bundle) -> Result<Option<Bundle>, Stop> {
    let mut bundle = Bundle {
        // These carry over: they change only by a signed difference of their own.
        root: in_force.root.clone(),
        settings: in_force.settings.clone(),
        claims: in_force.claims.clone(),
        tables: vec![],
        persons: vec![],
        teams: vec![],
        programmes: vec![],
        agents: vec![],
        delegations: vec![],
        environments: vec![],
        ownership: vec![],
        rules: vec![],
        windows: vec![],
    };
    let mut any = false;
    for change in &plan.changes {
        if change.key.mode != ResourceMode::Managed || !change.key.r#type.starts_with(PREFIX) {
            continue;
        }
        let address = change.key.to_string();
        if !change.provider_name.ends_with(SOURCE) {
            return Err(Stop::denied(format!(
                "{address} comes from provider `{}`, not from ambit/ambit: a declaration of authority has one provider",
                change.provider_name
            )));
        }
        any = true;
        if matches!(change.action, Action::Delete | Action::Forget) || change.key.deposed.is_some()
        {
            continue;
        }
        let sides = change.sides().map_err(Stop::failure)?;
        let value = sides.after.or(sides.before).unwrap_or(Value::Null);
        let declared = Declared {
            address: &address,
            value: &value,
        };
        match change.key.r#type.as_str() {
            "ambit_person" => bundle.persons.push(declared.person()?),
            "ambit_team" => bundle.teams.push(Team {
                id: declared.name()?,
                members: declared.texts("members")?,
            }),
            "ambit_agent" => bundle.agents.push(Agent {
                id: declared.name()?,
                sponsor: declared.text("sponsor")?,
                keys: declared
                    .texts("keys")?
                    .iter()
                    .map(|k| declared.key(k))
                    .collect::<Result<_, _>>()?,
            }),
            "ambit_environment" => bundle.environments.push(declared.environment()?),
            "ambit_ownership" => bundle.ownership.push(Ownership {
                id: declared.name()?,
                team: declared.text("team")?,
                addresses: declared.texts("addresses")?,
                types: declared.texts("types")?,
                tags: declared.map("tags")?,
                stacks: declared.texts("stacks")?,
                always: declared.flag("always")?,
            }),
            "ambit_approval_rule" => bundle.rules.push(declared.rule()?),
            // Carries a statement; declares nothing.
            "ambit_approval" => {}
            other => {
                return Err(Stop::denied(format!(
                    "{address}: this version does not know `{other}`, so it cannot judge what it declares"
                )));
            }
        }
    }
    if !any {
        return Ok(None);
    }
    let bundle = bundle.sorted();
    match bundle.check() {
        problems if problems.is_empty() => Ok(Some(bundle)),
        problems => Err(Stop::denied("the declarations contradict each other")
            .details(problems.iter().map(ToString::to_string))
            .next("correct the declarations and plan again")),
    }
}

/// One `ambit_*` resource as planned.
struct Declared<'a> {
    address: &'a str,
    value: &'a Value,
}

impl Declared<'_> {
    fn wrong(&self, attribute: &str, problem: &str) -> Stop {
        Stop::denied(format!("{}: `{attribute}` {problem}", self.address))
    }

    fn get(&self, attribute: &str) -> Result<&Value, Stop> {
        let value = self.value.get(attribute).unwrap_or(&Value::Null);
        if !value.is_known() {
            let problem = "is only known after apply; authority is signed before, so write it with values known at plan";
            return Err(self.wrong(attribute, problem));
        }
        Ok(value)
    }

    fn name(&self) -> Result<String, Stop> {
        self.text("name")
    }

    fn text(&self, attribute: &str) -> Result<String, Stop> {
        self.get(attribute)?
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| self.wrong(attribute, "is missing"))
    }

    fn texts(&self, attribute: &str) -> Result<Vec<String>, Stop> {
        match self.get(attribute)? {
            Value::Null => Ok(vec![]),
            Value::List(items) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| self.wrong(attribute, "holds something that is no text"))
                })
                .collect(),
            _ => Err(self.wrong(attribute, "is not a list")),
        }
    }

    fn map(&self, attribute: &str) -> Result<BTreeMap<String, String>, Stop> {
        match self.get(attribute)? {
            Value::Null => Ok(BTreeMap::new()),
            Value::Object(fields) => fields
                .iter()
                .map(|(k, v)| {
                    Ok((
                        k.clone(),
                        v.as_str()
                            .ok_or_else(|| {
                                self.wrong(attribute, "holds something that is no text")
                            })?
                            .to_owned(),
                    ))
                })
                .collect(),
            _ => Err(self.wrong(attribute, "is not a map")),
        }
    }

    fn flag(&self, attribute: &str) -> Result<bool, Stop> {
        match self.get(attribute)? {
            Value::Null => Ok(false),
            Value::Bool(b) => Ok(*b),
            _ => Err(self.wrong(attribute, "is not true or false")),
        }
    }

    fn number(&self, attribute: &str) -> Result<u32, Stop> {
        match self.get(attribute)? {
            Value::Number(n) => n
                .parse()
                .map_err(|_| self.wrong(attribute, "is not a small whole number")),
            _ => Err(self.wrong(attribute, "is missing")),
        }
    }

    fn key(&self, text: &str) -> Result<PublicKey, Stop> {
        PublicKey::parse(text).map_err(|e| self.wrong("keys", &e.to_string()))
    }

    fn person(&self) -> Result<Person, Stop> {
        let Value::List(items) = self.get("keys")? else {
            return Err(self.wrong("keys", "is missing"));
        };
        let mut keys = Vec::new();
        for item in items {
            let text = item
                .get("key")
                .and_then(Value::as_str)
                .ok_or_else(|| self.wrong("keys", "needs `key` in each element"))?;
            let assurance = match item.get("assurance").and_then(Value::as_str) {
                None | Some("software") => Assurance::Software,
                Some("hardware") => Assurance::Hardware,
                Some(_) => {
                    return Err(
                        self.wrong("keys", "knows the assurances `software` and `hardware`")
                    );
                }
            };
            keys.push(PersonKey {
                key: self.key(text)?,
                assurance,
            });
        }
        Ok(Person {
            id: self.name()?,
            keys,
        })
    }

    fn environment(&self) -> Result<Environment, Stop> {
        let mode = match self.get("mode")?.as_str() {
            Some("enforce") => Mode::Enforce,
            Some("observe") => Mode::Observe,
            _ => return Err(self.wrong("mode", "is `observe` or `enforce`")),
        };
        Ok(Environment {
            id: self.name()?,
            stacks: self.texts("stacks")?,
            critical: self.flag("critical")?,
            mode,
        })
    }

    fn rule(&self) -> Result<ApprovalRule, Stop> {
        let tier = match self.get("tier")?.as_str() {
            Some("low") => Tier::Low,
            Some("medium") => Tier::Medium,
            Some("high") => Tier::High,
            Some("critical") => Tier::Critical,
            _ => return Err(self.wrong("tier", "is `low`, `medium`, `high` or `critical`")),
        };
        let (count, min_persons) = (self.number("count_per_team")?, self.number("min_persons")?);
        Ok(ApprovalRule {
            id: self.name()?,
            tier,
            environments: self.texts("environments")?,
            count,
            min_persons,
        })
    }
}

/// The statements that `ambit_approval` resources carry. They count once verified, wherever they come from.
pub fn carried_statements(plan: &Plan) -> Result<Vec<String>, Stop> {
    let mut statements = Vec::new();
    for change in plan
        .changes
        .iter()
        .filter(|c| c.key.r#type == "ambit_approval" && c.provider_name.ends_with(SOURCE))
    {
        let after = change.sides().map_err(Stop::failure)?.after;
        let statement = after
            .as_ref()
            .and_then(|v| v.get("statement"))
            .and_then(Value::as_str);
        statements.extend(statement.map(str::to_owned));
    }
    Ok(statements)
}
