//! Input meant to hurt: deep, long, huge, random. Every case ends in an answer or a clear error.

mod graph_sources;

use std::time::{Duration, Instant};

use ambit_gatekeeper::graph::config::ConfigError;
use ambit_gatekeeper::graph::{AttributePath, Configuration, Dialect, Graph};
use graph_sources::{configuration, graph, load, snapshot, try_graph};
use proptest::prelude::*;

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    let deep = 10_000;
    let nested = |open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(deep), close.repeat(deep))
    };
    let expressions = [
        nested("(", "1", ")"),
        nested("[", "", "]"),
        nested("{ a = ", "1", " }"),
        nested("f(", "1", ")"),
        nested("x[", "1", "]"),
        nested("[for a in ", "[]", " : a]"),
        nested("\"${", "1", "}\""),
        nested("\"%{ if true }", "", "%{ endif }\""),
        format!("{}1", "!".repeat(deep)),
        format!("{}1", "-".repeat(deep)),
        format!("1{}", " + 1".repeat(deep)),
        format!("1{}", " ? 1 : 1".repeat(deep)),
        format!("{}1", "1 ? 1 : ".repeat(deep)),
        format!(
            "\"{}{}\"",
            "%{ if true }".repeat(deep),
            "%{ endif }".repeat(deep)
        ),
        "(".repeat(deep),
        "[".repeat(deep),
        "\"${".repeat(deep),
        "{ a = ".repeat(deep),
    ];
    for expression in &expressions {
        let text = format!("locals {{\n  l = {expression}\n}}\n");
        let error = load(&[("main.tf", &text)]).expect_err("too deep");
        let shown: String = expression.chars().take(20).collect();
        assert!(
            matches!(error, ConfigError::Syntax { line: 2, .. }),
            "{error} for {shown}"
        );
        assert!(error.to_string().len() < 1000);
    }
    let blocks = format!("{}{}", "a {\n".repeat(deep), "}\n".repeat(deep));
    assert!(load(&[("main.tf", &blocks)]).is_err());
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"resource\":", "}")] {
        let text = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        let within = format!("{{\"locals\": {{\"a\": {text}}}}}");
        for text in [text, within] {
            // A name the file may not hold is not even entered.
            let loaded = load(&[("main.tf.json", &text)]);
            assert!(
                loaded.is_err_and(|error| error.to_string().len() < 1000)
                    || text.starts_with("{\"a\"")
            );
        }
    }
    let template = format!(
        "{{\"locals\": {{\"a\": \"{}1{}\"}}}}",
        "${[".repeat(deep),
        "]}".repeat(deep)
    );
    assert!(load(&[("main.tf.json", &template)]).is_err());
    // As deep as both limits allow at once.
    let template = format!("${{{}x.a.id{}}}", "[".repeat(60), "]".repeat(60));
    let text = format!("{}\"{template}\"{}", "[".repeat(90), "]".repeat(90));
    let text = format!(r#"{{"resource": {{"x": {{"a": {{}}, "b": {{"p": {text}}}}}}}}}"#);
    assert_eq!(graph(&[("main.tf.json", &text)]).edges().count(), 1);
    let string = format!("locals {{\n  l = \"{}\"\n}}", "(".repeat(deep));
    assert!(
        load(&[("main.tf", &string)]).is_ok(),
        "brackets in a string are text"
    );
}

/// The deepest that is accepted must survive every walk, on the small stack of a test thread.
#[test]
fn the_deepest_accepted_nesting_is_walked() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a = ", " }"),
        ("f(", ")"),
        ("\"${", "}\""),
        ("[for k in ", " : k]"),
    ] {
        let mut accepted = 0;
        for depth in 1..=80 {
            let text = format!(
                "resource \"x\" \"a\" {{}}\nresource \"y\" \"s\" {{\n  p = {}x.a.id{}\n}}",
                open.repeat(depth),
                close.repeat(depth)
            );
            let Ok(configuration) = load(&[("main.tf", &text)]) else {
                continue;
            };
            accepted = depth;
            let graph = Graph::build(&configuration).expect("a graph");
            assert_eq!(graph.edges().count(), 1);
        }
        assert!(
            accepted >= 20,
            "real configurations nest {open} this deep, accepted {accepted}"
        );
    }
    let chained = format!("x.a.id{}", " + x.a.id".repeat(100));
    let text = format!("resource \"x\" \"a\" {{}}\nresource \"y\" \"s\" {{\n  p = {chained}\n}}");
    assert_eq!(graph(&[("main.tf", &text)]).edges().count(), 1);
}

#[test]
fn long_chains_cost_their_length() {
    let start = Instant::now();
    let links = 2000;
    let mut locals = String::from("locals {\n l0 = x.seed.id\n");
    let mut resources = String::from("resource \"x\" \"seed\" {}\n");
    resources.push_str("resource \"x\" \"r0\" { p = x.seed.id }\n");
    for link in 1..=links {
        locals.push_str(&format!(" l{link} = local.l{}\n", link - 1));
        resources.push_str(&format!(
            "resource \"x\" \"r{link}\" {{ p = x.r{}.id }}\n",
            link - 1
        ));
    }
    locals.push_str("}\n");
    resources.push_str(&format!(
        "resource \"x\" \"end\" {{ p = local.l{links} }}\n"
    ));
    let graph = graph(&[("locals.tf", &locals), ("main.tf", &resources)]);
    let id = |name: &str| graph.find(name).expect("a node");
    assert_eq!(graph.dependencies(id("x.end")).len(), 1);
    assert_eq!(graph.dependents(&[id("x.seed")]).len(), links + 2);
    let path = graph
        .shortest_path(id(&format!("x.r{links}")), id("x.seed"))
        .expect("a path");
    assert_eq!(path.len(), links + 1);
    assert_eq!(graph.edges().count(), links + 2);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "took {:?}",
        start.elapsed()
    );
}

#[test]
fn shared_values_are_visited_once() {
    // Two references to the level below at each level: 2^200 paths, 200 values.
    let mut text = String::from("resource \"x\" \"a\" {}\nlocals {\n l0 = x.a\n");
    for level in 1..=200 {
        text.push_str(&format!(
            " l{level} = [local.l{0}.p, local.l{0}.q]\n",
            level - 1
        ));
    }
    text.push_str("}\nresource \"y\" \"s\" { p = local.l200 }");
    let graph = graph(&[("main.tf", &text)]);
    let start = Instant::now();
    let found: Vec<String> = graph
        .edges()
        .map(|edge| graph_sources::line(&graph, &edge))
        .collect();
    assert_eq!(found, ["y.s p <- x.a.p (Value)", "y.s p <- x.a.q (Value)"]);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "took {:?}",
        start.elapsed()
    );
}

#[test]
fn paths_that_grow_without_end_are_cut() {
    let mut text = String::from("resource \"x\" \"a\" {}\nlocals {\n l0 = x.a\n");
    for level in 1..=500 {
        text.push_str(&format!(" l{level} = local.l{}.deeper\n", level - 1));
    }
    text.push_str("}\nresource \"y\" \"s\" { p = local.l500 }");
    let graph = graph(&[("main.tf", &text)]);
    let edges: Vec<_> = graph.edges().collect();
    assert_eq!(
        edges.len(),
        1,
        "the edge stays whatever becomes of its path"
    );
    let path = edges[0].source_path.as_ref().map_or(0, |path| path.0.len());
    assert!(path <= 64, "{path}");
}

#[test]
fn a_loop_of_a_thousand_is_named_and_does_not_hang() {
    let mut text = String::from("locals {\n");
    for link in 0..1000 {
        text.push_str(&format!(" l{link} = local.l{}\n", (link + 1) % 1000));
    }
    text.push('}');
    let error = try_graph(&[("main.tf", &text)]).expect_err("a loop");
    assert!(error.to_string().contains("local.l0 -> local.l1 -> "));
}

#[test]
fn huge_names_pass_through() {
    let name = "n".repeat(1 << 20);
    let text =
        format!("resource \"x\" \"{name}\" {{}}\nresource \"y\" \"s\" {{ p = x.{name}.id }}");
    let graph = graph(&[("main.tf", &text)]);
    assert_eq!(graph.edges().count(), 1);
    let bad = "n ".repeat(1 << 19);
    let error =
        load(&[("main.tf", &format!("resource \"x\" \"{bad}\" {{}}"))]).expect_err("no name");
    assert!(
        error.to_string().len() < 1000,
        "an error need not repeat a megabyte"
    );
}

#[test]
fn many_members_do_not_take_for_ever() {
    let start = Instant::now();
    let members: String = (0..5_000)
        .map(|member| format!("  k{member} = x.a.id\n"))
        .collect();
    let text = format!(
        "resource \"x\" \"a\" {{}}\nlocals {{\n o = {{\n{members}}}\n{members}}}\nresource \"y\" \"s\" {{ p = local.o }}"
    );
    assert_eq!(graph(&[("main.tf", &text)]).edges().count(), 1);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "took {:?}",
        start.elapsed()
    );
}

#[test]
fn names_that_look_alike_stay_apart() {
    let graph = graph(&[(
        "main.tf",
        "resource \"x\" \"аpp\" {}\nresource \"x\" \"app\" {}\nresource \"y\" \"s\" { p = x.аpp.id }",
    )]);
    let sources: Vec<&str> = graph
        .edges()
        .map(|edge| graph.node(edge.to).name.as_str())
        .collect();
    assert_eq!(sources, ["аpp"]);
}

#[test]
fn order_of_files_and_blocks_changes_nothing() {
    let blocks = [
        "resource \"x\" \"a\" {}\n",
        "resource \"x\" \"b\" { p = local.l }\n",
        "locals {\n  l = x.a.id\n}\n",
        "module \"m\" {\n source = \"./m\"\n in = x.b.id\n}\n",
    ];
    let child = (
        "m/a.tf",
        "variable \"in\" {}\nresource \"x\" \"c\" { p = var.in }",
    );
    let shape = |order: [usize; 4]| {
        let names = ["1.tf", "2.tf", "3.tf", "4.tf"];
        let mut files: Vec<(&str, &str)> = order
            .iter()
            .zip(names)
            .map(|(block, name)| (name, blocks[*block]))
            .collect();
        files.push(child);
        let graph = graph(&files);
        let lines = graph_sources::lines(&graph);
        let nodes: Vec<String> = graph
            .nodes()
            .map(|(_, node)| node.address.clone())
            .collect();
        (lines, nodes, graph.closure())
    };
    let first = shape([0, 1, 2, 3]);
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
        assert_eq!(shape(order), first);
    }
}

/// Pieces that parse often enough to reach the code behind the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "resource \"x\" \"a\" {",
        "}",
        "\n",
        "locals {",
        "a = ",
        "x.a",
        "[",
        "]",
        "(",
        ")",
        "{",
        "\"",
        "${",
        "%{ for x in ",
        "%{ endfor }",
        "%{ if ",
        "%{ endif }",
        "<<E\n",
        "\nE\n",
        "for ",
        " in ",
        " : ",
        " => ",
        "...",
        "dynamic \"r\" {",
        "content {",
        "each.value",
        "local.a",
        "module.m.o",
        "var.v",
        "1e9",
        "-",
        "!",
        "?",
        "#",
        "//",
        "/*",
        "*/",
        "\\",
        "$${",
        "é",
        "\u{0}",
        "provider = ",
        "lifecycle {",
        "depends_on = [",
        "import {",
        "to = ",
        "=",
        ",",
        ".",
        "::",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn json_pieces() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(serde_json::json!(null)),
        any::<i64>().prop_map(|number| serde_json::json!(number)),
        prop::sample::select(vec![
            "${x.a.id}",
            "${local.l}",
            "plain",
            "%{ for x in y }",
            "$${x}",
            "${",
            "x.a",
            "",
        ])
        .prop_map(|text| serde_json::json!(text)),
    ];
    let names = prop::sample::select(vec![
        "resource",
        "locals",
        "x",
        "a",
        "dynamic",
        "content",
        "for_each",
        "iterator",
        "lifecycle",
        "provisioner",
        "module",
        "provider",
        "providers",
        "alias",
        "//",
        "terraform",
        "backend",
        "check",
        "data",
        "removed",
        "import",
        "to",
        "depends_on",
    ]);
    leaf.prop_recursive(6, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| serde_json::json!(items)),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| serde_json::json!(members)),
        ]
    })
    .prop_map(|value| value.to_string())
}

fn survives(name: &str, text: &str) {
    for dialect in [Dialect::OpenTofu, Dialect::Terraform] {
        let Ok(configuration) = Configuration::load(&snapshot(&[(name, text)]), dialect) else {
            continue;
        };
        let Ok(graph) = Graph::build(&configuration) else {
            continue;
        };
        let edges = graph.edges().count();
        assert_eq!(graph.closure().is_empty(), edges == 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_an_answer_or_an_error(text in ".{0,200}") {
        survives("main.tf", &text);
        survives("main.tf.json", &text);
    }

    #[test]
    fn likely_text_is_an_answer_or_an_error(text in pieces()) {
        survives("main.tf", &text);
    }

    #[test]
    fn likely_json_is_an_answer_or_an_error(text in json_pieces()) {
        survives("main.tf.json", &text);
    }

    #[test]
    fn any_path_is_read_or_not(text in "[a-z0-9_.\\[\\]\"* -]{0,30}") {
        if let Some(path) = AttributePath::parse(&text)
            && let Some(again) = AttributePath::parse(&path.to_string())
        {
            prop_assert_eq!(path, again);
        }
    }

    /// Adding a block never takes an edge away.
    #[test]
    fn more_configuration_never_means_fewer_edges(
        reads in prop::collection::vec((0usize..6, 0usize..6), 1..12),
        extra in 0usize..6,
    ) {
        // Block n may read only blocks before it, so that there is no loop.
        let mut bodies = vec![String::new(); 7];
        for (from, to) in &reads {
            if to < from {
                bodies[*from].push_str(&format!("x.b{to}.id, "));
            }
        }
        let write = |bodies: &[String]| -> String {
            bodies
                .iter()
                .enumerate()
                .map(|(block, reads)| format!("resource \"x\" \"b{block}\" {{ p = [{reads}] }}\n"))
                .collect()
        };
        let before = Graph::build(&configuration(&[("main.tf", &write(&bodies))])).expect("a graph");
        bodies[6].push_str(&format!("x.b{extra}.id, "));
        let after = Graph::build(&configuration(&[("main.tf", &write(&bodies))])).expect("a graph");
        prop_assert!(before.closure().is_subset(&after.closure()));
        let target = after.find(&format!("x.b{extra}")).expect("a node");
        let reader = after.find("x.b6").expect("a node");
        prop_assert!(after.dependents(&[target]).contains(&reader));
    }

    /// Comments and layout never show in the text.
    #[test]
    fn layout_never_changes_text(
        spaces in prop::collection::vec(prop::sample::select(vec![" ", "  ", "\t", " /* c */ ", "\n", " # c\n", "// c\n"]), 12),
    ) {
        let tokens = ["[", "for", "k", ",", "v", "in", "x", ":", "f", "(", "v", ")"];
        let mut text = String::new();
        for (token, space) in tokens.iter().zip(&spaces) {
            text.push_str(token);
            text.push_str(if *token == "for" { " " } else { space });
        }
        let text = format!("locals {{\n l = {text}]\n}}");
        let found = configuration(&[("main.tf", &text)]);
        let local = &found.root().expect("a root module").locals["l"];
        prop_assert_eq!(local.value.text(), "[for k, v in x : f(v)]");
    }
}
