//! Plan JSON of real engines, and what must never be read as a plan.
//!
//! The documents are under `testdata/plans`; `testdata/plans/make` makes them anew. Values in them that an engine draws
//! at random appear in no expectation.

use ambit_gatekeeper::plan::*;
use proptest::prelude::*;

const ENGINES: [&str; 2] = ["opentofu-1.12.6", "terraform-1.11.4"];

fn testdata(path: &str) -> String {
    let path = format!("{}/../testdata/plans/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).expect(&path)
}

/// A real plan with nearly every action in it, without the section that repeats it all and that nobody reads.
fn change() -> String {
    let text = testdata("opentofu-1.12.6/change.json");
    let (before, rest) = text.split_once(r#""planned_values":"#).expect("a section");
    let (_, after) = rest
        .split_once(r#""resource_changes":"#)
        .expect("a section");
    format!(r#"{before}"resource_changes":{after}"#)
}

/// Replaces the first `from`, which must be there: an edit that does nothing would test nothing.
fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "no `{from}` to edit");
        text.replacen(from, to, 1)
    })
}

/// One line for each change that is not a plain no-op.
fn outline(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    for change in plan
        .changes
        .iter()
        .filter(|change| !change.is_plain_no_op())
    {
        let mut line = format!("{} {}", change.key, change.action.as_str());
        if let Some(previous) = &change.previous {
            line += &format!(" from {previous}");
        }
        if let Some(importing) = &change.importing {
            line += &format!(" import {}", importing.id.as_deref().unwrap_or("-"));
        }
        for path in &change.replace_paths {
            line += &format!(" forced by {path}");
        }
        for changed in change.changed().expect("readable") {
            let mark = if changed.sensitive { "*" } else { "" };
            line += &format!(
                " {}{mark}:{}>{}",
                changed.path,
                side(&changed.before),
                side(&changed.after)
            );
        }
        out.push(line);
    }
    out
}

fn side(side: &Side) -> String {
    match side {
        Side::Absent => "absent".into(),
        Side::Null => "null".into(),
        Side::Unknown => "unknown".into(),
        Side::Value(Value::Number(number)) => number.clone(),
        Side::Value(Value::String(text)) if text.len() < 30 => format!("'{text}'"),
        Side::Value(Value::List(items)) => format!("list of {}", items.len()),
        Side::Value(Value::Object(fields)) => format!("object of {}", fields.len()),
        Side::Value(_) => "value".into(),
    }
}

#[test]
fn both_engines_say_the_same_of_the_same_change() {
    for engine in ENGINES {
        let plan = Plan::read(testdata(&format!("{engine}/change.json")).as_bytes()).expect(engine);
        let expected = [
            r#"terraform_data.adopted no-op import made-elsewhere"#,
            r#"terraform_data.counted[2] delete id:value>absent input:2>absent output:2>absent triggers_replace:null>absent"#,
            r#"terraform_data.first create-then-delete forced by triggers_replace id:value>unknown input:list of 2>list of 3 output:list of 2>unknown triggers_replace:'1'>'2'"#,
            r#"terraform_data.forgotten forget id:value>absent input:'leaves the state'>absent output:'leaves the state'>absent triggers_replace:null>absent"#,
            r#"terraform_data.gone delete id:value>absent input:'is deleted'>absent output:'is deleted'>absent triggers_replace:null>absent"#,
            r#"terraform_data.keyed["new key"] create id:absent>unknown input:absent>'new key' output:absent>unknown triggers_replace:absent>null"#,
            r#"terraform_data.new_name no-op from terraform_data.old_name"#,
            r#"terraform_data.plain update input.size:1>2 output:object of 4>unknown"#,
            r#"terraform_data.secret update input.shown:'x'>'y' output:object of 2>unknown"#,
        ];
        let outline = outline(&plan);
        assert_eq!(outline[..expected.len()], expected, "{engine}");
        assert!(
            outline[expected.len()].starts_with("data.terraform_remote_state.other read "),
            "{engine}"
        );
        assert_eq!(outline.len(), expected.len() + 1);

        assert!(
            plan.format.is_tested() && plan.unknown_fields.is_empty(),
            "{engine}: {:?}",
            plan.unknown_fields
        );
        assert_eq!(plan.complete, (engine != ENGINES[0]).then_some(true));
        assert_eq!(plan.outputs["size"].action, Action::Update);
        assert_eq!(
            plan.outputs["size"].changed().expect("readable")[0].after,
            Side::Unknown
        );
        assert_eq!(plan.outputs["token"].changed().expect("readable"), []);
        assert!(plan.variables["token"].sensitive);
        let status: Vec<_> = plan
            .checks
            .iter()
            .map(|c| (c.address.as_str(), c.status))
            .collect();
        assert_eq!(status, [("check.always", CheckStatus::Unknown)]);
    }
}

#[test]
fn numbers_come_through_exactly() {
    let plan = Plan::read(change().as_bytes()).expect("a plan");
    let key = InstanceKey::parse("terraform_data.plain").expect("an address");
    let before = plan
        .change(&key)
        .expect("a change")
        .before()
        .expect("readable")
        .expect("an object");
    let number = |name: &str| {
        before
            .get("input")
            .and_then(|input| input.get(name))
            .cloned()
    };
    assert_eq!(
        number("exact"),
        Some(Value::Number("18446744073709551617".into()))
    );
    assert_eq!(number("big"), Some(Value::Number("1e400".into())));
    assert_eq!(number("small"), Some(Value::Number("0.1".into())));
}

#[test]
fn keys_with_every_sign_in_them() {
    let plan = Plan::read(change().as_bytes()).expect("a plan");
    let keys: Vec<_> = plan
        .changes
        .iter()
        .filter(|c| c.key.name == "keyed")
        .map(|c| c.key.index.clone())
        .collect();
    let text = |key: &str| Some(Key::String(key.to_owned()));
    assert_eq!(
        keys,
        [
            text("${z}"),
            text("a b"),
            text("line\nbreak"),
            text("new key"),
            text("x\"]y")
        ]
    );
    let record = InstanceKey::parse(r#"module.net["eu.west"].module.dns.terraform_data.record"#)
        .expect("an address");
    assert_eq!(
        plan.change(&record).map(|change| change.action),
        Some(Action::NoOp)
    );
    assert_eq!(record.resource().module, ["net", "dns"]);
    assert_eq!(plan.provider_config_key(&record), Some("terraform"));
    let prior = &plan.prior[&record];
    assert_eq!(
        prior
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["module.net.terraform_data.zone"]
    );
    assert!(prior.id().expect("readable").is_some());
}

#[test]
fn objects_left_over_keep_their_own_keys() {
    for engine in ENGINES {
        let plan =
            Plan::read(testdata(&format!("{engine}/aftermath.json")).as_bytes()).expect(engine);
        let first: Vec<_> = plan
            .changes
            .iter()
            .filter(|c| c.key.name == "first")
            .map(|c| (c.key.to_string(), c.action))
            .collect();
        let expected = [
            ("terraform_data.first".to_owned(), Action::NoOp),
            (
                "terraform_data.first (deposed 0badcafe)".to_owned(),
                Action::Delete,
            ),
        ];
        assert_eq!(first, expected, "{engine}");
        let plain = InstanceKey::parse("terraform_data.plain").expect("an address");
        assert!(plan.prior[&plain].tainted);
        let change = plan.change(&plain).expect("a change");
        assert_eq!(change.action, Action::DeleteThenCreate);
        assert_eq!(
            change.action_reason.as_deref(),
            Some("replace_because_tainted")
        );
        assert_eq!(change.replace_paths, []);
    }
}

#[test]
fn the_order_of_changes_does_not_matter() {
    let text = change();
    let mut document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    document["resource_changes"]
        .as_array_mut()
        .expect("a list")
        .reverse();
    let (plan, reversed) = (
        Plan::read(text.as_bytes()),
        Plan::read(document.to_string().as_bytes()),
    );
    assert_eq!(
        outline(&plan.expect("a plan")),
        outline(&reversed.expect("a plan"))
    );
}

/// The error of a plan that must not be read, as the user sees it.
fn refusal(text: &[u8]) -> String {
    match Plan::read(text) {
        Ok(_) => panic!(
            "read as a plan: {}",
            String::from_utf8_lossy(&text[..text.len().min(200)])
        ),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_no_plan() {
    for (text, message) in [
        ("", "the plan is not readable JSON: the document is empty"),
        (
            "[]",
            "the plan JSON has another shape than engines write, at line 1 column 0: expected an object",
        ),
        (
            "{}",
            "this is not the JSON of a plan but a document without `format_version`: give what `show -json` writes for a plan file",
        ),
        (
            r#"{"format_version":"1.0","terraform_version":"1.12.6","values":{"root_module":{}}}"#,
            "this is not the JSON of a plan but the JSON of a state: give what `show -json` writes for a plan file",
        ),
        (
            r#"{"format_version":"1.2","resource_changes":{}}"#,
            "the plan JSON has another shape than engines write, at line 1 column 43: expected a sequence",
        ),
        (
            "\u{feff}{}",
            "the plan is not readable JSON: the document starts with a UTF-8 byte order mark: write it without",
        ),
    ] {
        assert_eq!(refusal(text.as_bytes()), message, "{text}");
    }
}

#[test]
fn format_versions() {
    let with = |version: &str| format!(r#"{{"format_version":"{version}","resource_changes":[]}}"#);
    for (version, tested) in [
        ("0.1", true),
        ("0.2", true),
        ("1.0", true),
        ("1.1", true),
        ("1.2", true),
        ("1.3", false),
        ("1.99", false),
        ("0.3", false),
    ] {
        assert_eq!(
            Plan::read(with(version).as_bytes())
                .expect(version)
                .format
                .is_tested(),
            tested,
            "{version}"
        );
    }
    for version in [
        "2.0",
        "2",
        "1",
        "",
        "1.",
        ".1",
        "1.x",
        "v1.2",
        "1.2.0",
        "01.2",
        "1.02",
        "-1.2",
        "+1.2",
        "0.0",
        "99999999999.0",
    ] {
        let message = format!(
            "the plan JSON has format version `{version}`: known are 0.1, 0.2 and 1.0 to 1.2, and later 1.x"
        );
        assert_eq!(refusal(with(version).as_bytes()), message);
    }
}

/// Each edit changes a real plan in one place, and each must be noticed.
#[test]
fn altered_plans_are_refused() {
    let plain = r#""name":"plain","provider_name":"terraform.io/builtin/terraform","change":{"actions":["update"]"#;
    let plain_with = |actions: &str| edited(plain, &[(r#"["update"]"#, actions)]);
    let gone =
        r#""address":"terraform_data.gone","mode":"managed","type":"terraform_data","name":"gone""#;
    let counted = r#""address":"terraform_data.counted[1]","mode":"managed","type":"terraform_data","name":"counted","index":1"#;
    let record = r#""address":"module.net[\"us\"].module.dns.terraform_data.record","module_address":"module.net[\"us\"].module.dns""#;
    let prior_gone = r#""name":"gone","provider_name":"terraform.io/builtin/terraform","schema_version":0,"values":{"id":""#;
    let cases: &[(&str, String, &str)] = &[
        (r#","errored":false"#, r#","errored":true"#.into(), "the engine stopped part-way while it made this plan (`errored` is true): plan again"),
        // Actions.
        (plain, plain_with(r#"["melt"]"#), "`terraform_data.plain` has the action `melt`, which is not known here"),
        (plain, plain_with("[]"), "`terraform_data.plain` has the action ``, which is not known here"),
        (plain, plain_with(r#"["create","update"]"#), "`terraform_data.plain` has the action `create, update`, which is not known here"),
        (plain, plain_with(r#"["update","update"]"#), "`terraform_data.plain` has the action `update, update`, which is not known here"),
        (plain, plain_with(r#"["Update"]"#), "`terraform_data.plain` has the action `Update`, which is not known here"),
        (plain, plain_with(r#"["\u001b[2J"]"#), "`terraform_data.plain` has the action `\\u001b[2J`, which is not known here"),
        (plain, plain_with("null"), "`terraform_data.plain` has the action ``, which is not known here"),
        (r#""output_changes":{"size":{"actions":["update"]"#, r#""output_changes":{"size":{"actions":["melt"]"#.into(), "`output.size` has the action `melt`, which is not known here"),
        // Actions against values.
        (plain, plain_with(r#"["no-op"]"#), "`terraform_data.plain` contradicts itself: nothing is done to it, and it is another object after"),
        (plain, plain_with(r#"["create"]"#), "`terraform_data.plain` contradicts itself: it is created, and exists before"),
        (plain, plain_with(r#"["delete"]"#), "`terraform_data.plain` contradicts itself: it is deleted, and exists after"),
        (r#""replace_paths":[["triggers_replace"]]"#, r#""replace_paths":["triggers_replace"]"#.into(), "`terraform_data.first` contradicts itself: `replace_paths` is not a list of paths"),
        (plain, format!(r#""index_unknown":true,{plain}"#), "`terraform_data.plain` contradicts itself: a change of this apply has an index that is not known yet"),
        // Names.
        (gone, edited(gone, &[(r#""terraform_data.gone""#, r#""terraform_data.other""#)]), "the address `terraform_data.other` does not say the same as the fields beside it, which name `terraform_data.gone`"),
        (gone, edited(gone, &[(r#""name":"gone""#, r#""name":"g.one""#)]), "`g.one` is no name of a resource"),
        (gone, edited(gone, &[(r#""type":"terraform_data""#, r#""type":"aws_vpc""#)]), "the address `terraform_data.gone` does not say the same as the fields beside it, which name `aws_vpc.gone`"),
        (gone, edited(gone, &[("managed", "data")]), "the address `terraform_data.gone` does not say the same as the fields beside it, which name `data.terraform_data.gone`"),
        (gone, edited(gone, &[("managed", "list")]), "the mode `list` is not known"),
        (gone, edited(gone, &[(r#""address":"terraform_data.gone","#, "")]), "a resource instance has no `address`"),
        (gone, edited(gone, &[(r#","name":"gone""#, "")]), "a resource instance has no `name`"),
        (gone, format!(r#""module_address":"module.a",{gone}"#), "the address `terraform_data.gone` does not say the same as the fields beside it, which name `module.a.terraform_data.gone`"),
        (gone, format!(r#""module_address":"a.b",{gone}"#), "`a.b` is no address: expected `module.` at byte 0"),
        (gone, format!(r#""index":0,{gone}"#), "the address `terraform_data.gone` does not say the same as the fields beside it, which name `terraform_data.gone[0]`"),
        (counted, edited(counted, &[(r#""index":1"#, r#""index":"1""#)]), "the address `terraform_data.counted[1]` does not say the same as the fields beside it, which name `terraform_data.counted[\"1\"]`"),
        (counted, edited(counted, &[(r#""index":1"#, r#""index":1.5"#)]), "the index `1.5` is neither a whole number nor a string"),
        (counted, edited(counted, &[(r#""index":1"#, r#""index":-1"#)]), "the index `-1` is neither a whole number nor a string"),
        (counted, edited(counted, &[(r#""index":1"#, r#""index":[1]"#)]), "the index `of another kind` is neither a whole number nor a string"),
        (record, edited(record, &[(r#"address":"module.net[\"us\"].module.dns""#, r#"address":"module.net.module.dns""#)]), "the address `module.net[\"us\"].module.dns.terraform_data.record` does not say the same as the fields beside it, which name `module.net.module.dns.terraform_data.record`"),
        (r#""previous_address":"terraform_data.old_name""#, r#""previous_address":"terraform_data""#.into(), "`terraform_data` is no address: expected `.` at byte 14"),
        (r#""address":"terraform_data.keyed[\"a b\"]","mode":"managed","type":"terraform_data","name":"keyed","index":"a b""#, r#""address":"terraform_data.keyed[\"e\u0301\"]","mode":"managed","type":"terraform_data","name":"keyed","index":"e\u0301""#.into(), "`e\u{301}` is not in Unicode normal form C, so another spelling of the same text may stand beside it"),
        // One instance twice.
        (gone, edited(gone, &[(r#""terraform_data.gone""#, r#""terraform_data.plain""#), (r#""name":"gone""#, r#""name":"plain""#)]), "`terraform_data.plain` has more than one change"),
        (counted, edited(counted, &[("counted[1]", "counted[0]"), (r#""index":1"#, r#""index":0.0e3"#)]), "`terraform_data.counted[0]` has more than one change"),
        // The state against the changes.
        (prior_gone, format!("{prior_gone}0"), "the change of `terraform_data.gone` starts from another object than the prior state holds: the plan or the state in it was altered, plan again"),
        (prior_gone, edited(prior_gone, &[("values", "other")]), "the change of `terraform_data.gone` starts from another object than the prior state holds: the plan or the state in it was altered, plan again"),
    ];
    for (from, to, message) in cases {
        let altered = edited(&change(), &[(from, to)]);
        assert_eq!(refusal(altered.as_bytes()), *message, "{from} -> {to}");
    }
}

/// An attacker who edits the state inside a plan file makes one of these documents.
#[test]
fn a_forged_state_is_noticed_in_every_object() {
    let text = change();
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let plan = Plan::read(text.as_bytes()).expect("a plan");
    let mut forged = 0;
    for path in [
        "/prior_state/values/root_module/resources",
        "/prior_state/values/root_module/child_modules/0/resources",
    ] {
        let count = document
            .pointer(path)
            .and_then(|list| list.as_array())
            .expect(path)
            .len();
        for n in 0..count {
            let mut copy = document.clone();
            let object = copy.pointer_mut(&format!("{path}/{n}")).expect("an object");
            let address = object["address"].as_str().expect("an address").to_owned();
            if object["mode"] != "managed" {
                continue;
            }
            object["values"]["id"] = "somebody-elses".into();
            let message = refusal(copy.to_string().as_bytes());
            let shown = address.replace('\n', "\\n");
            assert!(
                message.contains("starts from another object than the prior state holds"),
                "{shown}: {message}"
            );

            copy.pointer_mut(path)
                .and_then(|list| list.as_array_mut())
                .expect("a list")
                .remove(n);
            assert!(
                refusal(copy.to_string().as_bytes()).contains("starts from another object"),
                "{shown}"
            );
            forged += 1;
        }
    }
    assert!(forged >= 10 && forged <= plan.prior.len());
}

/// A create must not hide that the object exists.
#[test]
fn a_create_over_an_object_of_the_state_is_refused() {
    let text = edited(
        &change(),
        &[(
            r#""schema_version":0,"values":{"#,
            r#""schema_version":0},{"address":"terraform_data.keyed[\"new key\"]","mode":"managed","type":"terraform_data","name":"keyed","index":"new key","provider_name":"x","values":{"#,
        )],
    );
    assert!(refusal(text.as_bytes()).contains("starts from another object"));
}

/// Engines before 1.2 plan the deletion of an orphan from the object as it was before the refresh, and say so as drift.
#[test]
fn drift_explains_a_deletion_of_the_unrefreshed_object_and_nothing_else() {
    let document = |format: &str, drift: &str| {
        let names = r#""mode":"managed","type":"t","name":"n""#;
        format!(
            r#"{{"format_version":"{format}",
                "prior_state":{{"values":{{"root_module":{{"resources":[{{"address":"t.n",{names},"values":{{"a":"refreshed"}}}}]}}}}}},
                "resource_drift":[{{{drift}}}],
                "resource_changes":[{{"address":"t.n",{names},"provider_name":"p","change":{{"actions":["delete"],"before":{{"a":"stored"}},"after":null}}}}]}}"#
        )
    };
    let drift = |before: &str, after: &str| {
        format!(
            r#""address":"t.n","mode":"managed","type":"t","name":"n","provider_name":"p",
               "change":{{"actions":["update"],"before":{{"a":"{before}"}},"after":{{"a":"{after}"}}}}"#
        )
    };
    assert!(Plan::read(document("1.0", &drift("stored", "refreshed")).as_bytes()).is_ok());
    for (before, after) in [
        ("stored", "other"),
        ("other", "refreshed"),
        ("refreshed", "stored"),
    ] {
        let message = refusal(document("1.0", &drift(before, after)).as_bytes());
        assert!(message.contains("starts from another object"), "{message}");
    }
    // Versions before 1.0 wrote drift without addresses; later ones must not.
    let nameless = drift("stored", "refreshed").replace(r#""address":"t.n","#, "");
    assert!(Plan::read(document("0.2", &nameless).as_bytes()).is_ok());
    assert_eq!(
        refusal(document("1.0", &nameless).as_bytes()),
        "a resource instance has no `address`"
    );
}

/// Versions before 1.0 left module and index out of the addresses in the prior state.
#[test]
fn early_prior_states_have_short_addresses() {
    let document = |format: &str, address: &str| {
        format!(
            r#"{{"format_version":"{format}","prior_state":{{"values":{{"root_module":{{"child_modules":[{{"address":"module.m",
                "resources":[{{"address":"{address}","mode":"managed","type":"t","name":"n","index":0,"values":{{}}}}]}}]}}}}}}}}"#
        )
    };
    for (format, address, key) in [
        ("0.1", "t.n", Some("module.m.t.n[0]")),
        ("0.1", "module.m.t.n[0]", Some("module.m.t.n[0]")),
        ("0.1", "t.other", None),
        ("0.1", "module.other.t.n[0]", None),
        ("1.0", "t.n", None),
        ("1.0", "module.m.t.n", None),
        ("1.0", "module.m.t.n[0]", Some("module.m.t.n[0]")),
    ] {
        let read = Plan::read(document(format, address).as_bytes());
        let keys = read
            .map(|plan| {
                plan.prior
                    .keys()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
            })
            .ok();
        assert_eq!(
            keys,
            key.map(|key| vec![key.to_owned()]),
            "{format} {address}"
        );
    }
}

#[test]
fn every_action_has_its_name() {
    let document = |actions: &str| {
        format!(
            r#"{{"format_version":"1.2","resource_changes":[{{"address":"t.n","mode":"managed","type":"t","name":"n","provider_name":"p","change":{{"actions":{actions}}}}}]}}"#
        )
    };
    // Deletes, creates, replaces, forgets.
    for (actions, name, kinds) in [
        (r#"["no-op"]"#, "no-op", [false, false, false, false]),
        (r#"["create"]"#, "create", [false, true, false, false]),
        (r#"["read"]"#, "read", [false, false, false, false]),
        (r#"["update"]"#, "update", [false, false, false, false]),
        (r#"["delete"]"#, "delete", [true, false, false, false]),
        (
            r#"["delete","create"]"#,
            "delete-then-create",
            [true, true, true, false],
        ),
        (
            r#"["create","delete"]"#,
            "create-then-delete",
            [true, true, true, false],
        ),
        (r#"["forget"]"#, "forget", [false, false, false, true]),
        (
            r#"["create","forget"]"#,
            "create-then-forget",
            [false, true, true, true],
        ),
        (
            r#"["forget","create"]"#,
            "forget-then-create",
            [false, true, true, true],
        ),
    ] {
        let plan = Plan::read(document(actions).as_bytes()).expect(actions);
        let action = plan.changes[0].action;
        assert_eq!(action.as_str(), name);
        assert_eq!(
            [
                action.deletes(),
                action.creates(),
                action.replaces(),
                action.forgets()
            ],
            kinds,
            "{name}"
        );
    }
}

#[test]
fn fields_that_nobody_has_tried_are_named() {
    let text = edited(
        &change(),
        &[
            (r#"{"format_version""#, r#"{"hooks":[1],"format_version""#),
            (
                r#""address":"terraform_data.gone","#,
                r#""address":"terraform_data.gone","\u0077aves":true,"#,
            ),
            (
                r#""actions":["update"]"#,
                r#""actions":["update"],"after_effects":{}"#,
            ),
            (r#""importing":{"id""#, r#""importing":{"from":"x","id""#),
        ],
    );
    let plan = Plan::read(text.as_bytes()).expect("a plan");
    let unknown: Vec<_> = plan.unknown_fields.iter().map(String::as_str).collect();
    let expected = [
        "hooks",
        "resource_changes[].change.after_effects",
        "resource_changes[].change.importing.from",
        "resource_changes[].waves",
    ];
    assert_eq!(unknown, expected);
}

#[test]
fn what_runs_beside_the_changes() {
    let text = edited(
        &change(),
        &[(
            r#"{"format_version""#,
            r#"{"action_invocations":[{"address":"action.aws_lambda_invoke.a","type":"aws_lambda_invoke","name":"a","provider_name":"p",
                "config_values":{"name":"f"},"config_unknown":{"payload":true},
                "lifecycle_action_trigger":{"triggering_resource_address":"terraform_data.plain","action_trigger_event":"AfterUpdate","action_trigger_block_index":0,"actions_list_index":0}},
               {"address":"action.x.b","invoke_action_trigger":{}},
               {"address":"action.x.c","moon_phase_trigger":{}}],
              "deferred_action_invocations":[{"reason":"r","action_invocation":{"address":"action.x.d","invoke_action_trigger":{}}}],
              "deferred_changes":[{"reason":"provider_config_unknown","resource_change":{"address":"t.n[*]","mode":"managed","type":"t","name":"n","index_unknown":true,"change":{"actions":["create"]}}}],
              "format_version""#,
        )],
    );
    let plan = Plan::read(text.as_bytes()).expect("a plan");
    let triggers: Vec<_> = plan
        .action_invocations
        .iter()
        .map(|a| (a.address.as_str(), &a.trigger, a.deferred))
        .collect();
    let resource = InstanceKey::parse("terraform_data.plain").expect("an address");
    let lifecycle = Trigger::Lifecycle {
        resource,
        event: "AfterUpdate".into(),
    };
    assert_eq!(
        triggers,
        [
            ("action.aws_lambda_invoke.a", &lifecycle, false),
            ("action.x.b", &Trigger::Invoked, false),
            ("action.x.c", &Trigger::Other, false),
            ("action.x.d", &Trigger::Invoked, true),
        ]
    );
    let config = plan.action_invocations[0]
        .config()
        .expect("readable")
        .expect("a configuration");
    assert_eq!(config.get("payload"), Some(&Value::Unknown));
    assert_eq!(plan.deferred[0].address, "t.n[*]");
    assert_eq!(
        plan.unknown_fields.iter().collect::<Vec<_>>(),
        ["action_invocations[].moon_phase_trigger"]
    );
}

#[test]
fn text_that_parsers_disagree_about_is_refused() {
    let deep = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"format_version":"1.2","variables":{{"deep":{{"value":{value}}}}}}}"#)
    };
    let plan = Plan::read(deep(MAX_DEPTH - 3).as_bytes()).expect("as deep as may be");
    assert!(plan.variables["deep"].value().expect("readable").is_some());
    for depth in [MAX_DEPTH - 2, 10_000, 1_000_000] {
        let message = refusal(deep(depth).as_bytes());
        assert_eq!(
            message,
            "the plan is not readable JSON: lists and objects nest deeper than 1000 levels at byte 1050"
        );
    }

    let twice = edited(
        &change(),
        &[(r#""timestamp":"#, r#""errored":false,"timestamp":"#)],
    );
    assert!(refusal(twice.as_bytes()).contains("the key `errored` stands twice in the object"));
    let twice = edited(
        &change(),
        &[(
            r#""mode":"managed""#,
            r#""mode":"managed","mode":"managed""#,
        )],
    );
    assert!(refusal(twice.as_bytes()).contains("the key `mode` stands twice in the object"));

    let text = change().replacen("is deleted", "is \u{fffd}deleted", 1);
    let offset = text.find('\u{fffd}').expect("there");
    let mut bytes = text.into_bytes();
    bytes[offset..offset + 3].copy_from_slice(b"\xe2\x28\xa1");
    assert_eq!(
        refusal(&bytes),
        format!("the plan is not readable JSON: invalid UTF-8 at byte {offset}")
    );

    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(change().encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert!(refusal(&utf16).contains("UTF-16"));
}

/// Modules nest in the document, and the reader of the outline must not follow them off the stack.
#[test]
fn deeply_nested_modules_are_refused() {
    let modules = |depth: usize| {
        format!(
            r#"{{"format_version":"1.2","prior_state":{{"values":{{"root_module":{}{{}}{}}}}}}}"#,
            r#"{"child_modules":["#.repeat(depth),
            "]}".repeat(depth)
        )
    };
    assert!(Plan::read(modules(40).as_bytes()).is_ok());
    assert!(refusal(modules(400).as_bytes()).ends_with(": modules nest too deep"));
    let calls = format!(
        r#"{{"format_version":"1.2","configuration":{{"root_module":{}{{}}{}}}}}"#,
        r#"{"module_calls":{"m":{"module":"#.repeat(300),
        "}}}".repeat(300)
    );
    assert!(refusal(calls.as_bytes()).ends_with(": modules nest too deep"));
}

#[test]
fn no_error_and_no_debug_output_shows_a_value() {
    let text = change().replace("not-a-secret-but-marked", "hunter2");
    for (from, to) in [
        (r#""actions":["update"]"#, r#""actions":"hunter2""#),
        (
            r#""change":{"#,
            r#""change":"hunter2, expected hunter2 at line hunter2","change2":{"#,
        ),
        (r#""index":0"#, r#""index":{"hunter2":1}"#),
        (r#""errored":false"#, r#""errored":"hunter2""#),
        (r#"{"value":"hunter2"}"#, r#""hunter2""#),
        (r#""token":"hunter2""#, r#""token":"hunter3""#),
    ] {
        let message = refusal(edited(&text, &[(from, to)]).as_bytes());
        assert!(!message.contains("hunter2"), "{message}");
    }
    assert!(!format!("{:?}", Plan::read(text.as_bytes()).expect("a plan")).contains("hunter2"));
}

/// Everything a stage after this one may ask of a plan.
fn ask_everything(plan: &Plan) {
    for change in plan.changes.iter().chain(&plan.drift) {
        change.changed().expect("readable");
        change.identities().expect("readable");
    }
    for output in plan.outputs.values() {
        output.changed().expect("readable");
    }
    for prior in plan.prior.values() {
        prior.id().expect("readable");
        prior.sensitive().expect("readable");
    }
    for variable in plan.variables.values() {
        variable.value().expect("readable");
    }
    for provider in plan.providers.values() {
        provider.expressions().expect("readable");
    }
    for action in &plan.action_invocations {
        action.config().expect("readable");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), engine in 0..2usize) {
        let mut bytes = testdata(&format!("{}/change.json", ENGINES[engine])).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(plan) = Plan::read(&bytes) {
            ask_everything(&plan);
        }
    }

    #[test]
    fn a_cut_document_never_reads(at in any::<prop::sample::Index>()) {
        let text = testdata("terraform-1.11.4/destroy.json");
        let end = text.trim_end().len();
        prop_assert!(Plan::read(&text.as_bytes()[..at.index(end)]).is_err());
    }

    #[test]
    fn pieces_put_together_anyhow_never_panic(pieces in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..80), 0..12)) {
        let text = testdata("opentofu-1.12.6/aftermath.json");
        let mut bytes = b"{\"format_version\":\"1.2\",".to_vec();
        for (at, length) in pieces {
            let at = at.index(text.len());
            bytes.extend_from_slice(&text.as_bytes()[at..(at + length).min(text.len())]);
        }
        if let Ok(plan) = Plan::read(&bytes) {
            ask_everything(&plan);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let _ = Plan::read(&bytes);
    }
}
