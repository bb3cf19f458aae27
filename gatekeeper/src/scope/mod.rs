//! From a blast radius to the scope that people approve: one grant per effect, under one context.
//!
//! Everything the engine showed is committed under the request's key. Texts of the configuration (expressions, guards,
//! commands) are plain digests: they are in the repository for everyone to read.

pub mod values;

use crate::{
    engine::{Engine, PlanArgs, ProviderPackage, Seal},
    graph::{
        AttributePath, Exec, Graph, NodeId,
        origin::{
            ExpressionTrace, TraceEntry, exec_digest_input, expression_digest_input,
            guards_digest_input, output_digest_input, provider_digest_input,
        },
    },
    plan::{PlanFile, Side as PlanSide, Value},
    radius::{BlastRadius, Effect, Sources},
    stop::Stop,
};
use ambit_authority::{
    digest::{Commitment, CommitmentKey, Digest},
    scope::{
        Action, Binding, Context, Exec as ExecGrant, FileDigest, Grant, Guard, Named, Object,
        PathChange, RunMode, Scope, Subject,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// What a scope is made from beyond the radius.
pub struct Surroundings<'a> {
    pub key: &'a CommitmentKey,
    pub engine: &'a Engine,
    pub file: &'a PlanFile,
    pub packages: &'a [ProviderPackage],
    pub arguments: &'a PlanArgs,
    pub lineage: &'a str,
    /// Commitment to the environment values handed to the engine.
    pub environment: Vec<Named>,
    /// The sealed tree, for files that commands and expressions name.
    pub seal: &'a Seal,
    pub authority_after: Option<Digest>,
}

pub fn scope(
    sources: &Sources<'_>,
    radius: &BlastRadius<'_>,
    around: &Surroundings<'_>,
) -> Result<Scope, Stop> {
    let grants = radius
        .effects
        .iter()
        .map(|effect| grant(sources, radius, effect, around))
        .collect::<Result<Vec<_>, _>>()?;
    Scope::new(context(sources, around)?, grants, around.authority_after).map_err(Stop::failure)
}

fn context(sources: &Sources<'_>, around: &Surroundings<'_>) -> Result<Context, Stop> {
    let evidence = &around.file.evidence;
    let sorted = |items: &[String]| {
        let mut items = items.to_vec();
        items.sort();
        items
    };
    let mut providers: Vec<String> = around
        .packages
        .iter()
        .map(|p| format!("{} {} {}", p.source, p.version, p.h1))
        .collect();
    providers.sort();
    let bindings = (0..sources.graph.providers().len())
        .map(|n| {
            Ok(Named {
                name: configuration_name(sources.graph, n),
                value: resolved(sources, around.key, n)?,
            })
        })
        .collect::<Result<Vec<_>, Stop>>()?;
    Ok(Context {
        engine: around.engine.kind.to_string().to_lowercase(),
        engine_minor: format!(
            "{}.{}",
            around.engine.version.major, around.engine.version.minor
        ),
        fingerprint: sources.fingerprint.to_owned(),
        lineage: around.lineage.to_owned(),
        mode: match around.arguments.mode {
            crate::engine::Mode::Normal => RunMode::Normal,
            crate::engine::Mode::Destroy => RunMode::Destroy,
            crate::engine::Mode::RefreshOnly => RunMode::RefreshOnly,
        },
        // As asked and as the plan file says: whichever names more.
        targets: sorted(if around.arguments.targets.is_empty() {
            &evidence.targets
        } else {
            &around.arguments.targets
        }),
        excludes: sorted(if around.arguments.excludes.is_empty() {
            &evidence.excludes
        } else {
            &around.arguments.excludes
        }),
        replaces: sorted(&around.arguments.replace),
        lock: Digest::tagged(
            "ambit/file",
            around.file.lock.as_deref().unwrap_or_default(),
        ),
        providers,
        bindings,
        ephemeral: ephemeral(sources, around)?,
        targeting: around.environment.clone(),
    })
}

/// Ephemeral root variables never stand in the plan; their values come from the command line, from variable files or
/// from the default. Which file sets which is not told apart: all of them are bound.
fn ephemeral(sources: &Sources<'_>, around: &Surroundings<'_>) -> Result<Vec<Named>, Stop> {
    let Some(root) = sources
        .configuration
        .modules
        .get(&crate::graph::ModulePath::root())
    else {
        return Ok(vec![]);
    };
    let variables: Vec<_> = root.variables.iter().filter(|(_, v)| v.ephemeral).collect();
    if variables.is_empty() {
        return Ok(vec![]);
    }
    let mut files = Vec::new();
    let read = crate::engine::variable_files(around.seal, &around.arguments.var_files);
    for (name, content) in
        read.map_err(|e| Stop::failure(format!("cannot read variable files: {e}")))?
    {
        files.extend(values::encode(&Value::String(name)));
        files.extend(Digest::of(&content).bytes());
    }
    let given = |name: &str| {
        around
            .arguments
            .vars
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    Ok(variables
        .into_iter()
        .map(|(name, variable)| {
            let text =
                |text: Option<String>| values::encode(&text.map_or(Value::Null, Value::String));
            let mut bytes = text(given(name).map(str::to_owned));
            bytes.extend(text(variable.default.as_ref().map(|d| d.text())));
            bytes.extend(&files);
            Named {
                name: name.clone(),
                value: around.key.commit("ambit/value", &bytes),
            }
        })
        .collect())
}

fn grant(
    sources: &Sources<'_>,
    radius: &BlastRadius<'_>,
    effect: &Effect<'_>,
    around: &Surroundings<'_>,
) -> Result<Grant, Stop> {
    let key = around.key;
    let mut paths = Vec::new();
    for changed in &effect.paths {
        let undecided = match &changed.after {
            PlanSide::Unknown => true,
            PlanSide::Value(value) => !value.is_known(),
            _ => false,
        };
        let open = match (undecided, effect.node, &effect.subject) {
            (true, Some(node), _) => expression(sources, node, &changed.path, around)?,
            (true, _, Subject::Output(name)) => output_digest_input(sources.configuration, name)
                .map(|trace| digest_of_trace(sources, &trace, around))
                .transpose()?,
            _ => None,
        };
        paths.push(PathChange {
            path: values::path(&changed.path),
            before: values::side(key, &changed.before),
            after: values::side(key, &changed.after),
            sensitive: changed.sensitive,
            open,
        });
    }
    paths.sort();
    let mut guards = Vec::new();
    if let Some(node) = effect.node {
        for (setting, text) in guards_on(sources.graph, node) {
            guards.push(Guard { setting, text });
        }
        // Conditions may hide behind locals: everything the lifecycle reads through is bound as well.
        if let Some(trace) =
            guards_digest_input(sources.configuration, &sources.graph.node(node).address)
        {
            guards.push(Guard {
                setting: "lifecycle".into(),
                text: digest_of_trace(sources, &trace, around)?,
            });
        }
        guards.sort();
    }
    let exec = effect
        .execs
        .iter()
        .map(|e| exec(sources, effect.node, e, around))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Grant {
        subject: effect.subject.clone(),
        action: effect.action,
        object: object(effect, key)?,
        previous: effect
            .change
            .and_then(|c| c.previous.as_ref())
            .map(values::instance),
        provider: binding(sources, effect, key)?,
        paths,
        guards,
        after: ordering(sources, radius, effect),
        exec,
    })
}

/// The object an effect acts on: by its recorded id, by the id it is imported under, or none yet.
fn object(effect: &Effect<'_>, key: &CommitmentKey) -> Result<Object, Stop> {
    let Some(change) = effect.change else {
        return Ok(Object::Absent);
    };
    if let Some(importing) = &change.importing {
        let mut text = importing.id.clone().unwrap_or_default().into_bytes();
        text.extend(
            importing
                .identity
                .as_ref()
                .map(values::encode)
                .unwrap_or_default(),
        );
        return Ok(Object::Import {
            id: key.commit("ambit/id", &text),
        });
    }
    match change.before().map_err(Stop::failure)? {
        None | Some(Value::Null) => Ok(Object::Absent),
        // A type without an `id` is known by everything recorded of it.
        Some(before) => {
            let id = before
                .get("id")
                .map(values::encode)
                .unwrap_or_else(|| values::encode(&before));
            let (provider, kind) = (change.provider_name.clone(), change.key.r#type.clone());
            Ok(Object::Remote {
                provider,
                kind,
                id: key.commit("ambit/id", &id),
            })
        }
    }
}

fn binding(
    sources: &Sources<'_>,
    effect: &Effect<'_>,
    key: &CommitmentKey,
) -> Result<Option<Binding>, Stop> {
    let (Some(node), Some(_)) = (effect.node, &effect.key) else {
        // An orphan has no configuration; its provider is the one the state recorded.
        let recorded = effect.change.map(|c| c.provider_name.clone());
        return Ok(recorded.map(|source| Binding {
            configuration: source.clone(),
            resolved: key.commit("ambit/provider", b""),
            source,
        }));
    };
    let bound = &sources.graph.node(node).provider;
    let place = sources.graph.providers().iter().position(|p| {
        Some(&p.module) == bound.config_module.as_ref()
            && p.local_name == bound.config_name
            && p.alias == bound.alias
    });
    let mut configuration = match place {
        Some(n) => configuration_name(sources.graph, n),
        None => bound.config_name.clone(),
    };
    if let Some(instance) = &bound.key {
        configuration.push_str(&format!("[{instance}]"));
    }
    let resolved = match place {
        Some(n) => resolved(sources, key, n)?,
        None => key.commit("ambit/provider", b""),
    };
    Ok(Some(Binding {
        source: bound.source.clone(),
        configuration,
        resolved,
    }))
}

fn configuration_name(graph: &Graph, n: usize) -> String {
    let provider = &graph.providers()[n];
    let module = provider.module.key();
    let alias = provider
        .alias
        .as_ref()
        .map(|a| format!(".{a}"))
        .unwrap_or_default();
    if module.is_empty() {
        format!("{}{alias}", provider.local_name)
    } else {
        format!("{module}:{}{alias}", provider.local_name)
    }
}

/// What a provider configuration resolves to: its text through locals and modules, and every root variable's value.
fn resolved(sources: &Sources<'_>, key: &CommitmentKey, n: usize) -> Result<Commitment, Stop> {
    let provider = &sources.graph.providers()[n];
    let trace = provider_digest_input(
        sources.configuration,
        &provider.module,
        &provider.local_name,
        provider.alias.as_deref(),
    );
    let mut bytes = provider.text.clone().into_bytes();
    for entry in trace.iter().flat_map(|t| &t.entries) {
        bytes.extend(entry_bytes(entry));
        if let Some(value) = root_variable(sources, entry)? {
            bytes.extend(values::encode(&value));
        }
    }
    Ok(key.commit("ambit/provider", &bytes))
}

fn entry_bytes(entry: &TraceEntry) -> Vec<u8> {
    [&entry.scope, &entry.name, &entry.text]
        .into_iter()
        .flat_map(|t| values::encode(&Value::String(t.clone())))
        .collect()
}

/// Digest of a provider configuration's text by name, comparable between requests.
pub fn provider_texts(graph: &Graph) -> BTreeMap<String, Digest> {
    (0..graph.providers().len())
        .map(|n| {
            (
                configuration_name(graph, n),
                Digest::tagged("ambit/text", graph.providers()[n].text.as_bytes()),
            )
        })
        .collect()
}

fn guards_on(graph: &Graph, node: NodeId) -> Vec<(String, Digest)> {
    let lifecycle = &graph.node(node).lifecycle;
    let single = [
        ("prevent_destroy", &lifecycle.prevent_destroy),
        ("ignore_changes", &lifecycle.ignore_changes),
        ("create_before_destroy", &lifecycle.create_before_destroy),
        ("replace_triggered_by", &lifecycle.replace_triggered_by),
        ("enabled", &lifecycle.enabled),
        ("destroy", &lifecycle.destroy),
    ];
    let single = single
        .into_iter()
        .filter_map(|(name, text)| Some((name, vec![text.clone()?])));
    let lists = [
        ("precondition", lifecycle.preconditions.clone()),
        ("postcondition", lifecycle.postconditions.clone()),
    ];
    let lists = lists.into_iter().filter(|(_, texts)| !texts.is_empty());
    let mut out: Vec<(String, Digest)> = single
        .chain(lists)
        .map(|(name, texts)| {
            (
                name.to_owned(),
                Digest::tagged("ambit/text", texts.join("\n").as_bytes()),
            )
        })
        .collect();
    out.sort();
    out
}

/// Every guard of a configuration, `block setting` to the digest of its text.
pub fn guards_of(graph: &Graph) -> BTreeMap<String, Digest> {
    graph
        .nodes()
        .flat_map(|(id, node)| {
            guards_on(graph, id)
                .into_iter()
                .map(move |(setting, text)| (format!("{} {setting}", node.address), text))
        })
        .collect()
}

/// Other effects that come before this one, at resource level and transitively: deletions come after what depends on them.
fn ordering(sources: &Sources<'_>, radius: &BlastRadius<'_>, effect: &Effect<'_>) -> Vec<Subject> {
    let before: BTreeSet<NodeId> = match (&effect.subject, effect.node) {
        (Subject::Output(name), _) => {
            let direct: Vec<NodeId> = sources
                .graph
                .output_sources(name)
                .into_iter()
                .map(|e| e.to)
                .collect();
            let mut all = sources.graph.upstream(&direct);
            all.extend(direct);
            all
        }
        (_, Some(node)) if effect.action == Action::Delete => sources.graph.dependents(&[node]),
        (_, Some(node)) => sources.graph.upstream(&[node]),
        _ => BTreeSet::new(),
    };
    let mut subjects: Vec<Subject> = radius
        .effects
        .iter()
        .filter(|e| {
            e.node.is_some_and(|n| before.contains(&n))
                && e.subject != effect.subject
                && matches!(e.subject, Subject::Resource(_))
        })
        .map(|e| e.subject.clone())
        .collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

/// An unknown value without an expression is computed by the provider, and not open.
fn expression(
    sources: &Sources<'_>,
    node: NodeId,
    path: &crate::plan::Path,
    around: &Surroundings<'_>,
) -> Result<Option<Digest>, Stop> {
    let address = &sources.graph.node(node).address;
    let whole = AttributePath::parse(&path.to_string()).unwrap_or(AttributePath(vec![]));
    let trace = expression_digest_input(sources.configuration, address, &whole);
    trace
        .map(|trace| digest_of_trace(sources, &trace, around))
        .transpose()
}

/// The texts of a trace, and commitments to the values it ends at: a text that reads a variable or a data source says
/// nothing of what will be there, and the plan does not show it where the result is decided at apply.
fn digest_of_trace(
    sources: &Sources<'_>,
    trace: &ExpressionTrace,
    around: &Surroundings<'_>,
) -> Result<Digest, Stop> {
    let mut bytes = Vec::new();
    let committed = |value: &Value| {
        values::encode(&Value::String(
            values::commit(around.key, value).to_string(),
        ))
    };
    for entry in &trace.entries {
        bytes.extend(entry_bytes(entry));
        if let Some(value) = root_variable(sources, entry)? {
            bytes.extend(committed(&value));
        }
    }
    for file in &trace.files {
        bytes.extend(values::encode(&Value::String(file.text.clone())));
        if let Some(path) = &file.path {
            let digest = file_digest(path, around)?;
            bytes.extend(values::encode(&Value::String(
                digest.map(|d| d.to_string()).unwrap_or_default(),
            )));
        }
    }
    for source in &trace.sources {
        bytes.extend(values::encode(&Value::String(source.clone())));
        for value in values_read(sources, source)? {
            bytes.extend(committed(&value));
        }
    }
    Ok(Digest::tagged("ambit/expression", &bytes))
}

/// The value of a root variable that a trace ends at; null where the plan has none. `None` for every other entry.
fn root_variable(sources: &Sources<'_>, entry: &TraceEntry) -> Result<Option<Value>, Stop> {
    let (true, Some(name)) = (entry.scope.is_empty(), entry.name.strip_prefix("var.")) else {
        return Ok(None);
    };
    let value = sources
        .plan
        .variables
        .get(name)
        .map(|v| v.value())
        .transpose()
        .map_err(Stop::failure)?
        .flatten();
    Ok(Some(value.unwrap_or(Value::Null)))
}

/// What is recorded at `address.path`, for every instance of the block; the whole object where the path names no
/// attribute by itself.
fn values_read(sources: &Sources<'_>, source: &str) -> Result<Vec<Value>, Stop> {
    let mut found = Vec::new();
    for (key, instance) in &sources.plan.prior {
        let block = key.resource().to_string();
        let Some(rest) = source.strip_prefix(&block) else {
            continue;
        };
        if !(rest.is_empty() || rest.starts_with(['.', '['])) {
            continue;
        }
        let Some(value) = instance.values().map_err(Stop::failure)? else {
            continue;
        };
        let name = rest.strip_prefix('.').unwrap_or_default();
        let name = name.split(['.', '[']).next().unwrap_or_default();
        found.push(value.get(name).cloned().unwrap_or(value));
    }
    Ok(found)
}

/// A command's text with everything it reads through, so that a command behind a local is bound too.
fn exec(
    sources: &Sources<'_>,
    node: Option<NodeId>,
    exec: &Exec,
    around: &Surroundings<'_>,
) -> Result<ExecGrant, Stop> {
    let place = node.and_then(|node| {
        let node = sources.graph.node(node);
        let position = node.execs.iter().position(|e| std::ptr::eq(e, exec))?;
        exec_digest_input(sources.configuration, &node.address, position)
    });
    let text = match place {
        Some(trace) => digest_of_trace(sources, &trace, around)?,
        None => Digest::tagged("ambit/text", exec.text.as_bytes()),
    };
    let mut files = Vec::new();
    for read in &exec.files {
        let path = read.path.clone().unwrap_or_else(|| read.text.clone());
        let content = match &read.path {
            Some(path) => file_digest(path, around)?,
            None => None,
        };
        files.push(FileDigest { path, content });
    }
    files.sort();
    let when = match exec.when {
        crate::graph::When::Create => "create",
        crate::graph::When::Destroy => "destroy",
    };
    Ok(ExecGrant {
        provisioner: exec.kind.clone(),
        when: when.into(),
        text,
        files,
    })
}

/// Content of a file the configuration names, inside the sealed stack directory. What cannot be read stays unnamed, and
/// its path is bound all the same.
fn file_digest(path: &str, around: &Surroundings<'_>) -> Result<Option<Digest>, Stop> {
    match crate::engine::read_sealed(around.seal, path) {
        Ok(Some(bytes)) => Ok(Some(Digest::tagged("ambit/file", &bytes))),
        Ok(None) => Ok(None),
        Err(e) => Err(Stop::failure(format!(
            "cannot read `{}`, which the configuration names: {e}",
            ambit_authority::address::escape(path)
        ))),
    }
}

/// The plan must start from a state of the lineage read beside it. Serial and content are compared at apply, with the
/// request's; this does not see a state that is written between that reading and the plan.
pub fn same_state(plan: &PlanFile, lineage: &str) -> bool {
    plan.state_identity.lineage == lineage
        || plan.state_identity.lineage.is_empty()
        || lineage.is_empty()
}
