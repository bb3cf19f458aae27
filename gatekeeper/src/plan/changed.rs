//! Which parts of a value a change touches.
//!
//! What cannot be proved narrower stays wide: when a list grows or shrinks nobody can say which element is the new one,
//! so the whole list counts as changed.

use std::collections::BTreeSet;

use super::path::{Path, Step};
use super::value::{Value, has_mark};

/// One changed part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub path: Path,
    pub before: Side,
    pub after: Side,
    /// The engine marks this part, something that holds it or something in it, before or after.
    pub sensitive: bool,
}

/// What stands at a path on one side of a change. Null, unknown and absent are three different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// Nothing is there: the object, the map key or the attribute does not exist on this side.
    Absent,
    Null,
    /// A value that is neither null nor unknown as a whole. Parts of a list or object may still be
    /// [`Value::Unknown`]; ask [`Value::is_known`].
    Value(Value),
    /// Decided at apply.
    Unknown,
}

impl Side {
    fn of(value: Option<&Value>) -> Side {
        match value {
            None => Side::Absent,
            Some(Value::Null) => Side::Null,
            Some(Value::Unknown) => Side::Unknown,
            Some(value) => Side::Value(value.clone()),
        }
    }
}

/// Both sides of a change. An object that does not exist on a side is `None` there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides {
    pub before: Option<Value>,
    /// The planned value, unknown parts laid in.
    pub after: Option<Value>,
    /// Trees of marks in the shape of the values: `true` where the engine holds something sensitive.
    pub before_sensitive: Option<Value>,
    pub after_sensitive: Option<Value>,
}

impl Sides {
    /// Every changed part, in the order of the paths' names.
    ///
    /// A part whose value stays the same while its sensitive mark comes or goes is a change too.
    pub fn changed(&self) -> Vec<Changed> {
        let whole = self.before.is_none() || self.after.is_none();
        let mut walk = Walk {
            whole,
            found: Vec::new(),
        };
        let root = Place {
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            before_marks: Marks::of(self.before_sensitive.as_ref()),
            after_marks: Marks::of(self.after_sensitive.as_ref()),
        };
        walk.place(&mut Path::default(), root);
        walk.found
    }
}

/// A tree of marks, seen from one place in the value.
#[derive(Clone, Copy)]
enum Marks<'a> {
    /// Everything from here down is marked, or the tree is not one that we understand.
    All,
    None,
    Tree(&'a Value),
}

impl<'a> Marks<'a> {
    fn of(tree: Option<&'a Value>) -> Marks<'a> {
        match tree {
            None | Some(Value::Null | Value::Bool(false)) => Marks::None,
            Some(tree @ (Value::List(_) | Value::Object(_))) => Marks::Tree(tree),
            Some(_) => Marks::All,
        }
    }

    fn field(self, key: &str) -> Marks<'a> {
        match self {
            Marks::Tree(Value::Object(fields)) => Marks::of(fields.get(key)),
            other => other.widened(),
        }
    }

    fn item(self, index: usize) -> Marks<'a> {
        match self {
            Marks::Tree(Value::List(items)) => Marks::of(items.get(index)),
            other => other.widened(),
        }
    }

    /// For a tree that does not have the shape of the value: any mark in it may mean the place asked for.
    fn widened(self) -> Marks<'a> {
        if self.any() { Marks::All } else { Marks::None }
    }

    fn any(self) -> bool {
        match self {
            Marks::All => true,
            Marks::None => false,
            Marks::Tree(tree) => has_mark(tree),
        }
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    before_marks: Marks<'a>,
    after_marks: Marks<'a>,
}

struct Walk {
    /// The whole object comes or goes, and with it every leaf.
    whole: bool,
    found: Vec<Changed>,
}

impl Walk {
    /// `path` is as before on return.
    fn place(&mut self, path: &mut Path, place: Place<'_>) {
        match (place.before, place.after) {
            (None, None) => {}
            (Some(Value::Object(before)), Some(Value::Object(after)))
                if !before.is_empty() || !after.is_empty() =>
            {
                let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                self.fields(path, place, keys);
            }
            (Some(Value::List(before)), Some(Value::List(after)))
                if before.len() == after.len() && !before.is_empty() =>
            {
                self.items(path, place, before.len());
            }
            // Inside an object that stays, a part that comes or goes is one change: from its leaves alone nobody could
            // tell whether the part went or was emptied.
            (None, Some(Value::Object(fields))) | (Some(Value::Object(fields)), None)
                if self.whole && !fields.is_empty() =>
            {
                self.fields(path, place, fields.keys().collect());
            }
            (None, Some(Value::List(items))) | (Some(Value::List(items)), None)
                if self.whole && !items.is_empty() =>
            {
                self.items(path, place, items.len());
            }
            (before, after) => self.part(path, place, before, after),
        }
    }

    fn fields(&mut self, path: &mut Path, place: Place<'_>, keys: BTreeSet<&String>) {
        for key in keys {
            path.0.push(Step::Attribute(key.clone()));
            let inner = Place {
                before: place.before.and_then(|v| v.get(key)),
                after: place.after.and_then(|v| v.get(key)),
                before_marks: place.before_marks.field(key),
                after_marks: place.after_marks.field(key),
            };
            self.place(path, inner);
            path.0.pop();
        }
    }

    fn items(&mut self, path: &mut Path, place: Place<'_>, length: usize) {
        for index in 0..length {
            path.0.push(Step::Index(index));
            let inner = Place {
                before: item_of(place.before, index),
                after: item_of(place.after, index),
                before_marks: place.before_marks.item(index),
                after_marks: place.after_marks.item(index),
            };
            self.place(path, inner);
            path.0.pop();
        }
    }

    fn part(
        &mut self,
        path: &Path,
        place: Place<'_>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let (was, is) = (place.before_marks.any(), place.after_marks.any());
        // What is unknown after may turn out equal to what was before, and may not: it counts as changed.
        let same = before == after && after.is_none_or(Value::is_known);
        // A mark on nothing hides nothing.
        let remarked = was != is && !matches!(before, Some(Value::Null));
        if !same || remarked {
            self.found.push(Changed {
                path: path.clone(),
                before: Side::of(before),
                after: Side::of(after),
                sensitive: was || is,
            });
        }
    }
}

fn item_of(side: Option<&Value>, index: usize) -> Option<&Value> {
    match side {
        Some(Value::List(items)) => items.get(index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sides(before: &str, after: &str, unknown: &str) -> Sides {
        let read = |text: &str| Some(Value::read(text).expect(text)).filter(|v| *v != Value::Null);
        let unknown = Value::read(unknown).expect(unknown);
        let after = match read(after) {
            None if !has_mark(&unknown) => None,
            known => Some(Value::planned(known.unwrap_or(Value::Null), &unknown)),
        };
        Sides {
            before: read(before),
            after,
            before_sensitive: None,
            after_sensitive: None,
        }
    }

    /// One line for each change, for tables.
    fn lines(sides: &Sides) -> Vec<String> {
        fn side(side: &Side) -> String {
            match side {
                Side::Absent => "absent".into(),
                Side::Null => "null".into(),
                Side::Unknown => "unknown".into(),
                Side::Value(value) => json(value),
            }
        }
        fn json(value: &Value) -> String {
            match value {
                Value::Null => "null".into(),
                Value::Bool(b) => b.to_string(),
                Value::Number(n) => n.clone(),
                Value::String(s) => format!("'{s}'"),
                Value::List(items) => {
                    format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(","))
                }
                Value::Object(fields) => {
                    format!(
                        "{{{}}}",
                        fields
                            .iter()
                            .map(|(k, v)| format!("{k}:{}", json(v)))
                            .collect::<Vec<_>>()
                            .join(",")
                    )
                }
                Value::Unknown => "?".into(),
            }
        }
        sides
            .changed()
            .iter()
            .map(|c| {
                let mark = if c.sensitive { " (sensitive)" } else { "" };
                format!(
                    "{}: {} -> {}{mark}",
                    c.path,
                    side(&c.before),
                    side(&c.after)
                )
            })
            .collect()
    }

    #[test]
    fn changed_paths() {
        let cases: &[(&str, &str, &str, &[&str])] = &[
            // Nothing.
            ("null", "null", "{}", &[]),
            ("{}", "{}", "{}", &[]),
            (
                r#"{"a":1,"b":[{"c":"x"}]}"#,
                r#"{"b":[{"c":"x"}],"a":1.0}"#,
                "{}",
                &[],
            ),
            // Update.
            (r#"{"a":1}"#, r#"{"a":2}"#, "{}", &["a: 1 -> 2"]),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, "{}", &["a: 1 -> '1'"]),
            (r#"{"a":null}"#, r#"{"a":""}"#, "{}", &["a: null -> ''"]),
            (r#"{"a":"x"}"#, r#"{"a":null}"#, "{}", &["a: 'x' -> null"]),
            (r#"{"a":"x"}"#, "{}", "{}", &["a: 'x' -> absent"]),
            (
                r#"{"t":{"k":"1","l":"2"}}"#,
                r#"{"t":{"k":"3","m":"2"}}"#,
                "{}",
                &[
                    "t.k: '1' -> '3'",
                    "t.l: '2' -> absent",
                    "t.m: absent -> '2'",
                ],
            ),
            (
                r#"{"t":{"a b":"1"}}"#,
                r#"{"t":{"a b":"2"}}"#,
                "{}",
                &[r#"t["a b"]: '1' -> '2'"#],
            ),
            (
                r#"{"t":null}"#,
                r#"{"t":{"k":"1"}}"#,
                "{}",
                &["t: null -> {k:'1'}"],
            ),
            (
                r#"{"t":{"k":"1"}}"#,
                r#"{"t":null}"#,
                "{}",
                &["t: {k:'1'} -> null"],
            ),
            (
                r#"{"t":{}}"#,
                r#"{"t":{"k":"1"}}"#,
                "{}",
                &["t.k: absent -> '1'"],
            ),
            (
                r#"{"t":{"k":"1"}}"#,
                r#"{"t":[]}"#,
                "{}",
                &["t: {k:'1'} -> []"],
            ),
            (
                r#"{"t":{"k":{"l":1}}}"#,
                r#"{"t":{}}"#,
                "{}",
                &["t.k: {l:1} -> absent"],
            ),
            (
                r#"{"t":{"k":{"l":1}}}"#,
                r#"{"t":{"k":{}}}"#,
                "{}",
                &["t.k.l: 1 -> absent"],
            ),
            (
                r#"{"t":{}}"#,
                r#"{"t":{"k":{"l":[1]}}}"#,
                "{}",
                &["t.k: absent -> {l:[1]}"],
            ),
            // Lists: same length by element, otherwise as a whole.
            (
                r#"{"p":[{"c":"x"},{"c":"y"}]}"#,
                r#"{"p":[{"c":"x"},{"c":"z"}]}"#,
                "{}",
                &["p[1].c: 'y' -> 'z'"],
            ),
            (
                r#"{"p":[1,2]}"#,
                r#"{"p":[0,1,2]}"#,
                "{}",
                &["p: [1,2] -> [0,1,2]"],
            ),
            (r#"{"p":[1]}"#, r#"{"p":[]}"#, "{}", &["p: [1] -> []"]),
            (r#"{"p":[]}"#, r#"{"p":{}}"#, "{}", &["p: [] -> {}"]),
            (
                r#"{"p":[[1],[2]]}"#,
                r#"{"p":[[1],[2,3]]}"#,
                "{}",
                &["p[1]: [2] -> [2,3]"],
            ),
            // Unknown.
            (r#"{"a":1}"#, "{}", r#"{"a":true}"#, &["a: 1 -> unknown"]),
            (
                r#"{"a":1,"t":{"k":1}}"#,
                r#"{"a":1,"t":{}}"#,
                r#"{"t":{"k":true}}"#,
                &["t.k: 1 -> unknown"],
            ),
            (
                r#"{"p":[1]}"#,
                r#"{"p":[null,2]}"#,
                r#"{"p":[true,false]}"#,
                &["p: [1] -> [?,2]"],
            ),
            (
                r#"{"p":[1,2]}"#,
                r#"{"p":[null,2]}"#,
                r#"{"p":[true,false]}"#,
                &["p[0]: 1 -> unknown"],
            ),
            (
                r#"{"a":{"b":1}}"#,
                "{}",
                r#"{"a":true}"#,
                &["a: {b:1} -> unknown"],
            ),
            // Create and delete: every leaf, empty containers and nulls included.
            (
                "null",
                r#"{"a":1,"n":null,"p":[{"c":"x"}],"e":[],"o":{}}"#,
                r#"{"id":true}"#,
                &[
                    "a: absent -> 1",
                    "e: absent -> []",
                    "id: absent -> unknown",
                    "n: absent -> null",
                    "o: absent -> {}",
                    "p[0].c: absent -> 'x'",
                ],
            ),
            ("null", "null", "true", &[".: absent -> unknown"]),
            ("null", "{}", "{}", &[".: absent -> {}"]),
            (
                r#"{"a":1,"n":null,"p":[{"c":"x"},2]}"#,
                "null",
                "{}",
                &[
                    "a: 1 -> absent",
                    "n: null -> absent",
                    "p[0].c: 'x' -> absent",
                    "p[1]: 2 -> absent",
                ],
            ),
            // Outputs are often no objects.
            (r#""x""#, r#""y""#, "false", &[".: 'x' -> 'y'"]),
            ("[1]", "[2]", "false", &["[0]: 1 -> 2"]),
        ];
        for (before, after, unknown, expected) in cases {
            assert_eq!(
                lines(&sides(before, after, unknown)),
                *expected,
                "{before} -> {after} with {unknown}"
            );
        }
    }

    #[test]
    fn marks_make_a_change_sensitive() {
        let cases: &[(&str, &str, &str, &str, &[&str])] = &[
            (
                r#"{"a":1,"b":1}"#,
                r#"{"a":2,"b":2}"#,
                "false",
                r#"{"a":true}"#,
                &["a: 1 -> 2 (sensitive)", "b: 1 -> 2"],
            ),
            (
                r#"{"a":{"k":1}}"#,
                r#"{"a":{"k":2}}"#,
                r#"{"a":true}"#,
                r#"{"a":true}"#,
                &["a.k: 1 -> 2 (sensitive)"],
            ),
            (
                r#"{"a":{"k":1}}"#,
                r#"{"a":{"k":2}}"#,
                "true",
                "true",
                &["a.k: 1 -> 2 (sensitive)"],
            ),
            // A whole list is sensitive if anything in it is.
            (
                r#"{"p":[{"k":1}]}"#,
                r#"{"p":[]}"#,
                r#"{"p":[{"k":true}]}"#,
                r#"{"p":[]}"#,
                &["p: [{k:1}] -> [] (sensitive)"],
            ),
            // Marks that do not fit the value widen.
            (
                r#"{"a":{"k":1}}"#,
                r#"{"a":{"k":2}}"#,
                "{}",
                r#"{"a":[true]}"#,
                &["a.k: 1 -> 2 (sensitive)"],
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":2}"#,
                "{}",
                r#""odd""#,
                &["a: 1 -> 2 (sensitive)"],
            ),
            // A mark that comes or goes is a change.
            (
                r#"{"a":1}"#,
                r#"{"a":1}"#,
                r#"{"a":true}"#,
                "{}",
                &["a: 1 -> 1 (sensitive)"],
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":1}"#,
                "{}",
                r#"{"a":true}"#,
                &["a: 1 -> 1 (sensitive)"],
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":1}"#,
                r#"{"a":true}"#,
                r#"{"a":true}"#,
                &[],
            ),
            (r#"{"a":null}"#, r#"{"a":null}"#, r#"{"a":true}"#, "{}", &[]),
            (r#"{"a":[]}"#, r#"{"a":[]}"#, r#"{"a":[]}"#, "false", &[]),
        ];
        for (before, after, before_marks, after_marks, expected) in cases {
            let mut sides = sides(before, after, "{}");
            sides.before_sensitive = Some(Value::read(before_marks).expect(before_marks));
            sides.after_sensitive = Some(Value::read(after_marks).expect(after_marks));
            assert_eq!(
                lines(&sides),
                *expected,
                "{before} -> {after} with {before_marks} and {after_marks}"
            );
        }
    }

    /// Threads have 2 MiB of stack here, less than the program's own.
    #[test]
    fn the_deepest_values_compare() {
        use crate::plan::MAX_DEPTH;
        let text = |leaf: &str| {
            format!(
                "{}{leaf}{}",
                r#"{"a":"#.repeat(MAX_DEPTH),
                "}".repeat(MAX_DEPTH)
            )
        };
        let changed = sides(&text("1"), &text("2"), "{}").changed();
        assert_eq!((changed.len(), changed[0].path.0.len()), (1, MAX_DEPTH));
        let mut marked = sides(&text("1"), "null", "{}");
        marked.before_sensitive = Some(Value::read(&text("true")).expect("JSON"));
        assert!(marked.changed()[0].sensitive);
    }

    /// Puts every reported change into `before`; if that gives `after`, nothing went unreported.
    fn replay(value: Option<Value>, changes: &[Changed]) -> Option<Value> {
        fn side(side: &Side) -> Option<Value> {
            match side {
                Side::Absent => None,
                Side::Null => Some(Value::Null),
                Side::Unknown => Some(Value::Unknown),
                Side::Value(value) => Some(value.clone()),
            }
        }
        let leaves: Vec<_> = changes
            .iter()
            .map(|c| (c.path.0.as_slice(), side(&c.after)))
            .collect();
        fn put(value: Option<Value>, leaves: &[(&[Step], Option<Value>)]) -> Option<Value> {
            if let [(path, after)] = leaves
                && path.is_empty()
            {
                return after.clone();
            }
            let mut value = value;
            for (n, (path, _)) in leaves.iter().enumerate() {
                let Some((step, _)) = path.split_first() else {
                    continue;
                };
                if leaves[..n].iter().any(|(p, _)| p.first() == Some(step)) {
                    continue;
                }
                let below: Vec<_> = leaves
                    .iter()
                    .filter(|(p, _)| p.first() == Some(step))
                    .map(|(p, a)| (&p[1..], a.clone()))
                    .collect();
                value = match (step, value) {
                    (Step::Attribute(key), value) => {
                        let mut fields = match value {
                            Some(Value::Object(fields)) => fields,
                            _ => Default::default(),
                        };
                        if let Some(new) = put(fields.remove(key), &below) {
                            fields.insert(key.clone(), new);
                        }
                        Some(Value::Object(fields))
                    }
                    (Step::Index(index), value) => {
                        let mut items = match value {
                            Some(Value::List(items)) => items,
                            _ => Vec::new(),
                        };
                        let old = items.get(*index).cloned();
                        if let Some(new) = put(old, &below) {
                            if *index < items.len() {
                                items[*index] = new
                            } else {
                                items.push(new)
                            }
                        }
                        Some(Value::List(items))
                    }
                };
            }
            value
        }
        put(value, &leaves)
    }

    proptest! {
        #[test]
        fn nothing_goes_unreported(before in shape(), after in shape()) {
            let sides = Sides { before: Some(before.clone()), after: Some(after.clone()), ..Sides::default() };
            prop_assert_eq!(replay(Some(before.clone()), &sides.changed()), Some(after.clone()));
            let create = Sides { before: None, ..sides };
            prop_assert_eq!(replay(None, &create.changed()), Some(after.clone()));
            let same = Sides { before: Some(after.clone()), after: Some(after), ..Sides::default() };
            prop_assert_eq!(same.changed().len(), 0);
        }
    }

    fn shape() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            "[xy]".prop_map(Value::String)
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(Value::Object),
            ]
        })
    }
}
