//! The engine's progress as it happens, one JSON object per line.
//!
//! Both engines add event types between versions, so an unknown one is kept by name and never an
//! error. Values of outputs are not read: they may be sensitive.

use serde_json::Value;

use super::diagnostics::Diagnostic;

/// Longer lines are given up: no event the gate acts on comes near it.
const MAX_LINE: usize = 16 << 20;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Version {
        engine: String,
    },
    PlannedChange {
        resource: ResourceRef,
        action: String,
        reason: Option<String>,
    },
    ResourceDrift {
        resource: ResourceRef,
        action: String,
    },
    RefreshStart {
        resource: ResourceRef,
    },
    RefreshComplete {
        resource: ResourceRef,
    },
    ApplyStart {
        resource: ResourceRef,
        action: String,
    },
    ApplyProgress {
        resource: ResourceRef,
        action: String,
        seconds: u64,
    },
    ApplyComplete {
        resource: ResourceRef,
        action: String,
        id: Option<String>,
        seconds: u64,
    },
    ApplyErrored {
        resource: ResourceRef,
        action: String,
        seconds: u64,
    },
    ProvisionStart {
        resource: ResourceRef,
        provisioner: String,
    },
    /// One line a provisioner printed, raw.
    ProvisionProgress {
        resource: ResourceRef,
        provisioner: String,
        output: String,
    },
    ProvisionComplete {
        resource: ResourceRef,
        provisioner: String,
    },
    ProvisionErrored {
        resource: ResourceRef,
        provisioner: String,
    },
    ChangeSummary {
        operation: String,
        add: u64,
        change: u64,
        remove: u64,
        import: u64,
        forget: u64,
    },
    /// Names only.
    Outputs {
        names: Vec<String>,
    },
    Diagnostic(Diagnostic),
    /// An event of a type not named above.
    Other {
        kind: String,
    },
    /// A line that is not an event: something else wrote to the engine's output.
    Unreadable,
}

/// The resource instance an event is about, as the engine names it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceRef {
    pub address: String,
    /// Module path, empty in the root module.
    pub module: String,
    pub kind: String,
    pub name: String,
    /// Key as JSON: null, number or text.
    pub key: Value,
}

impl Event {
    pub fn parse(line: &[u8]) -> Event {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            return Event::Unreadable;
        };
        let Some(kind) = value.get("type").and_then(Value::as_str) else {
            return Event::Unreadable;
        };
        Event::read(kind, &value)
    }

    fn read(kind: &str, value: &Value) -> Event {
        let hook = value.get("hook").unwrap_or(&Value::Null);
        let change = value.get("change").unwrap_or(&Value::Null);
        let text =
            |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let action = || text(hook, "action");
        let provisioner = || text(hook, "provisioner");
        // Engines have written both whole and broken seconds.
        let seconds = || {
            let elapsed = hook.get("elapsed_seconds");
            elapsed
                .and_then(|n| n.as_u64().or_else(|| n.as_f64().map(|n| n as u64)))
                .unwrap_or(0)
        };
        let resource = || ResourceRef::read(hook.get("resource"));
        let changed = || ResourceRef::read(change.get("resource"));

        // An event that must name a resource and does not is not understood.
        let event = match kind {
            "version" => {
                let engine = ["tofu", "terraform"]
                    .iter()
                    .find_map(|key| value.get(key)?.as_str());
                return Event::Version {
                    engine: engine.unwrap_or("").to_owned(),
                };
            }
            "diagnostic" => {
                return Event::Diagnostic(Diagnostic::read(
                    value.get("diagnostic").unwrap_or(&Value::Null),
                ));
            }
            "change_summary" => {
                let changes = value.get("changes").unwrap_or(&Value::Null);
                let count = |key: &str| changes.get(key).and_then(Value::as_u64).unwrap_or(0);
                return Event::ChangeSummary {
                    operation: text(changes, "operation"),
                    add: count("add"),
                    change: count("change"),
                    remove: count("remove"),
                    import: count("import"),
                    forget: count("forget"),
                };
            }
            "outputs" => {
                let outputs = value.get("outputs").and_then(Value::as_object);
                let names = outputs
                    .map(|map| map.keys().cloned().collect())
                    .unwrap_or_default();
                return Event::Outputs { names };
            }
            "planned_change" => changed().map(|resource| Event::PlannedChange {
                resource,
                action: text(change, "action"),
                reason: change
                    .get("reason")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            }),
            "resource_drift" => changed().map(|resource| Event::ResourceDrift {
                resource,
                action: text(change, "action"),
            }),
            "refresh_start" => resource().map(|resource| Event::RefreshStart { resource }),
            "refresh_complete" => resource().map(|resource| Event::RefreshComplete { resource }),
            "apply_start" => resource().map(|resource| Event::ApplyStart {
                resource,
                action: action(),
            }),
            "apply_progress" => resource().map(|resource| Event::ApplyProgress {
                resource,
                action: action(),
                seconds: seconds(),
            }),
            "apply_complete" => resource().map(|resource| Event::ApplyComplete {
                resource,
                action: action(),
                id: hook
                    .get("id_value")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                seconds: seconds(),
            }),
            "apply_errored" => resource().map(|resource| Event::ApplyErrored {
                resource,
                action: action(),
                seconds: seconds(),
            }),
            "provision_start" => resource().map(|resource| Event::ProvisionStart {
                resource,
                provisioner: provisioner(),
            }),
            "provision_progress" => resource().map(|resource| Event::ProvisionProgress {
                resource,
                provisioner: provisioner(),
                output: text(hook, "output"),
            }),
            "provision_complete" => resource().map(|resource| Event::ProvisionComplete {
                resource,
                provisioner: provisioner(),
            }),
            "provision_errored" => resource().map(|resource| Event::ProvisionErrored {
                resource,
                provisioner: provisioner(),
            }),
            other => Some(Event::Other {
                kind: other.to_owned(),
            }),
        };
        event.unwrap_or(Event::Unreadable)
    }

    /// Whether something outside the engine may have changed once this was seen.
    pub fn is_start_of_work(&self) -> bool {
        matches!(
            self,
            Event::ApplyStart { .. }
                | Event::ApplyProgress { .. }
                | Event::ApplyComplete { .. }
                | Event::ApplyErrored { .. }
                | Event::ProvisionStart { .. }
                | Event::ProvisionProgress { .. }
                | Event::ProvisionComplete { .. }
                | Event::ProvisionErrored { .. }
        )
    }
}

impl ResourceRef {
    fn read(value: Option<&Value>) -> Option<ResourceRef> {
        let value = value?;
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        Some(ResourceRef {
            address: value.get("addr")?.as_str()?.to_owned(),
            module: text("module"),
            kind: text("resource_type"),
            name: text("resource_name"),
            key: value.get("resource_key").cloned().unwrap_or(Value::Null),
        })
    }
}

/// Pieces of output put together to lines.
#[derive(Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// In the middle of a line that was given up.
    skipping: bool,
}

impl Lines {
    pub(super) fn feed(&mut self, mut bytes: &[u8], on_event: &mut dyn FnMut(Event)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end]);
            self.finish(on_event);
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    /// Ends the line at hand, for instance at the end of the output.
    pub(super) fn finish(&mut self, on_event: &mut dyn FnMut(Event)) {
        let line = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.skipping) {
            on_event(Event::Unreadable);
        } else if !line.iter().all(u8::is_ascii_whitespace) {
            on_event(Event::parse(&line));
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.skipping || self.partial.len() + bytes.len() > MAX_LINE {
            self.skipping = true;
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RESOURCE: &str = r#"{"addr":"toy.a[\"k\"]","module":"","resource":"toy.a[\"k\"]","implied_provider":"toy","resource_type":"toy","resource_name":"a","resource_key":"k"}"#;

    fn hook(kind: &str, more: &str) -> Event {
        let line = format!(
            r#"{{"@level":"info","type":"{kind}","hook":{{"resource":{RESOURCE}{more}}}}}"#
        );
        Event::parse(line.as_bytes())
    }

    #[test]
    fn known_events() {
        let resource = ResourceRef {
            address: "toy.a[\"k\"]".into(),
            module: String::new(),
            kind: "toy".into(),
            name: "a".into(),
            key: "k".into(),
        };
        let r = || resource.clone();
        for (got, expected) in [
            (hook("apply_start", r#","action":"create""#), Event::ApplyStart { resource: r(), action: "create".into() }),
            (
                hook("apply_complete", r#","action":"create","id_key":"id","id_value":"i-1","elapsed_seconds":3"#),
                Event::ApplyComplete { resource: r(), action: "create".into(), id: Some("i-1".into()), seconds: 3 },
            ),
            (
                hook("apply_errored", r#","action":"delete","elapsed_seconds":1.7"#),
                Event::ApplyErrored { resource: r(), action: "delete".into(), seconds: 1 },
            ),
            (
                hook("provision_progress", r#","provisioner":"local-exec","output":"hi""#),
                Event::ProvisionProgress { resource: r(), provisioner: "local-exec".into(), output: "hi".into() },
            ),
            (hook("ephemeral_op_start", ""), Event::Other { kind: "ephemeral_op_start".into() }),
            (
                Event::parse(br#"{"type":"change_summary","changes":{"add":1,"change":0,"remove":2,"operation":"apply"}}"#),
                Event::ChangeSummary { operation: "apply".into(), add: 1, change: 0, remove: 2, import: 0, forget: 0 },
            ),
            (
                Event::parse(br#"{"type":"outputs","outputs":{"password":{"value":"hunter2"}}}"#),
                Event::Outputs { names: vec!["password".into()] },
            ),
            (Event::parse(br#"{"type":"version","tofu":"1.12.6"}"#), Event::Version { engine: "1.12.6".into() }),
        ] {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn what_is_not_an_event() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for line in [
            "",
            "garbage",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"apply_start"}"#,
            r#"{"type":"apply_start","hook":{"resource":{}}}"#,
            r#"{"type":"apply_complete","hook":[]}"#,
            r#"{"type":"planned_change","change":{"resource":{"addr":7}}}"#,
            deep.as_str(),
            "\u{0}",
        ] {
            assert_eq!(
                Event::parse(line.as_bytes()),
                Event::Unreadable,
                "{}",
                &line[..line.len().min(60)]
            );
        }
    }

    fn lines(pieces: &[&[u8]]) -> Vec<Event> {
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for piece in pieces {
            lines.feed(piece, &mut |event| events.push(event));
        }
        lines.finish(&mut |event| events.push(event));
        events
    }

    #[test]
    fn a_line_too_long_is_given_up_and_the_next_is_read() {
        let long = vec![b'x'; MAX_LINE + 1];
        let events = lines(&[&long, b"tail\n{\"type\":\"log\"}\n"]);
        assert_eq!(
            events,
            [Event::Unreadable, Event::Other { kind: "log".into() }]
        );
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = lines(&[&bytes]);
        }

        #[test]
        fn cutting_does_not_matter(at in 0usize..90) {
            let text = b"{\"type\":\"a\"}\n\nnoise\n{\"type\":\"outputs\",\"outputs\":{}}\n{\"type\":\"b\"}";
            let at = at.min(text.len());
            prop_assert_eq!(lines(&[&text[..at], &text[at..]]), lines(&[text]));
        }
    }
}
