//! Which edges a configuration has: one small source per way of referring to something.

mod graph_sources;

use graph_sources::{configuration, graph, line, lines, try_graph};

/// Blocks `a` to `c` exist in every case; the text adds what reads them.
fn reads(text: &str) -> Vec<String> {
    let base = r#"
        resource "x" "a" {}
        resource "x" "b" {}
        resource "x" "many" { count = 2 }
        resource "x" "each" { for_each = toset(["k"]) }
        data "x" "d" {}
        ephemeral "x" "e" {}
        variable "v" {}
    "#;
    let graph = graph(&[("main.tf", base), ("case.tf", text)]);
    assert_eq!(graph.unresolved(), &[], "in {text}");
    lines(&graph)
}

#[test]
fn each_way_of_referring_gives_its_edge() {
    let cases: &[(&str, &[&str])] = &[
        // plain values
        (
            r#"resource "y" "s" { p = x.a.id }"#,
            &["y.s p <- x.a.id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = resource.x.a.id }"#,
            &["y.s p <- x.a.id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = data.x.d.id }"#,
            &["y.s p <- data.x.d.id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = ephemeral.x.e.t }"#,
            &["y.s p <- ephemeral.x.e.t (Value)"],
        ),
        (
            r#"data "y" "s" { p = x.a }"#,
            &["data.y.s p <- x.a (Value)"],
        ),
        (
            r#"ephemeral "y" "s" { p = x.a.id }"#,
            &["ephemeral.y.s p <- x.a.id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = "${x.a.id}-${x.b.id}" }"#,
            &["y.s p <- x.a.id (Value)", "y.s p <- x.b.id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = { deep = [[f(x.a.tags["n"])]] } }"#,
            &[r#"y.s p <- x.a.tags["n"] (Value)"#],
        ),
        (
            r#"resource "y" "s" { p = (x.a).id }"#,
            &["y.s p <- x.a (Value)"],
        ),
        (
            r#"resource "y" "s" { p = provider::x::f(x.a.id)[0] }"#,
            &["y.s p <- x.a.id (Value)"],
        ),
        // instance keys, and what only looks like one
        (
            r#"resource "y" "s" { p = x.many[1].id }"#,
            &["y.s p <- x.many[1].id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = x.many.1.id }"#,
            &["y.s p <- x.many[1].id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = x.each["k"].id }"#,
            &[r#"y.s p <- x.each["k"].id (Value)"#],
        ),
        (
            r#"resource "y" "s" { p = x.many[*].id }"#,
            &["y.s p <- x.many[*].id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = x.many.*.id }"#,
            &["y.s p <- x.many[*].id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = x.a[0].id }"#,
            &["y.s p <- x.a.[0].id (Value)"],
        ),
        (
            r#"resource "y" "s" { p = x.many[x.b.n].id }"#,
            &["y.s p <- x.b.n (Value)", "y.s p <- x.many[*].id (Value)"],
        ),
        // bound names are not references
        (r#"resource "y" "s" { p = [for x in ["q"] : x.a.id] }"#, &[]),
        (
            r#"resource "y" "s" { p = [for i, x in x.many : x.a] }"#,
            &["y.s p <- x.many (Value)"],
        ),
        (
            r#"resource "y" "s" { p = { for k, v in x.each : k => v.id if x.a.id != v } }"#,
            &["y.s p <- x.a.id (Value)", "y.s p <- x.each (Value)"],
        ),
        (
            r#"resource "y" "s" { p = [for o in [x.b] : [for x in [o] : x.a.id]] }"#,
            &["y.s p <- x.b (Value)"],
        ),
        (
            r#"resource "y" "s" { p = "%{ for x in x.many }${x.a.id}%{ endfor }${x.b.id}" }"#,
            &["y.s p <- x.b.id (Value)", "y.s p <- x.many (Value)"],
        ),
        (
            "resource \"y\" \"s\" {\n p = <<-E\n %{ for i, v in x.many ~}\n ${v}${x.a.id}\n %{ endfor }\n E\n}",
            &["y.s p <- x.a.id (Value)", "y.s p <- x.many (Value)"],
        ),
        (
            r#"resource "y" "s" { p = "$${x.a.id} %%{ if x.b.id }" }"#,
            &[],
        ),
        (r#"resource "y" "s" { p = { a = 1, x = 2 } }"#, &[]),
        (
            r#"resource "y" "s" { p = { (x.a.id) = 1, "${x.b.id}" = 2 } }"#,
            &["y.s p <- x.a.id (Value)", "y.s p <- x.b.id (Value)"],
        ),
        // meta-arguments
        (
            "resource \"y\" \"s\" {\n count = x.a.n\n p = count.index\n}",
            &["y.s count <- x.a.n (Count)", "y.s p <- x.a.n (Count)"],
        ),
        (
            "resource \"y\" \"s\" {\n for_each = x.each\n p = each.value.id\n q = each.key\n}",
            &[
                "y.s for_each <- x.each (Each)",
                "y.s p <- x.each[*].id (Each)",
                "y.s q <- x.each (Each)",
            ],
        ),
        (
            r#"resource "y" "s" { depends_on = [x.a, "x.b", data.x.d] }"#,
            &[
                "y.s depends_on <- x.a (DependsOn)",
                "y.s depends_on <- x.b (DependsOn)",
                "y.s depends_on <- data.x.d (DependsOn)",
            ],
        ),
        (
            "resource \"y\" \"s\" {\n lifecycle {\n replace_triggered_by = [x.a.id, x.each[\"k\"]]\n ignore_changes = [x, b]\n }\n}",
            &[
                "y.s lifecycle.replace_triggered_by <- x.a.id (Trigger)",
                r#"y.s lifecycle.replace_triggered_by <- x.each["k"] (Trigger)"#,
            ],
        ),
        (
            "resource \"y\" \"s\" {\n lifecycle {\n precondition {\n condition = x.a.ok\n error_message = x.b.id\n }\n }\n}",
            &[
                "y.s lifecycle.precondition.condition <- x.a.ok (Condition)",
                "y.s lifecycle.precondition.error_message <- x.b.id (Condition)",
            ],
        ),
        (
            "resource \"y\" \"s\" {\n connection {\n host = x.a.ip\n }\n provisioner \"local-exec\" {\n when = destroy\n command = x.b.id\n connection {\n host = x.b.ip\n }\n }\n}",
            &[
                "y.s connection.host <- x.a.ip (Connection)",
                "y.s provisioner[0].command <- x.b.id (Provisioner)",
                "y.s provisioner[0].connection.host <- x.b.ip (Connection)",
            ],
        ),
        (
            "resource \"y\" \"s\" {\n lifecycle {\n enabled = x.a.on\n }\n}",
            &["y.s lifecycle.enabled <- x.a.on (Count)"],
        ),
        // nested and dynamic blocks
        (
            "resource \"y\" \"s\" {\n rule {\n target { id = x.a.id }\n }\n}",
            &["y.s rule.target.id <- x.a.id (Value)"],
        ),
        (
            "resource \"y\" \"s\" {\n dynamic \"rule\" {\n for_each = x.many\n content {\n p = rule.value.id\n q = x.a.id\n }\n }\n}",
            &[
                "y.s rule.for_each <- x.many (Value)",
                "y.s rule.q <- x.a.id (Value)",
            ],
        ),
        (
            "resource \"y\" \"s\" {\n dynamic \"rule\" {\n for_each = [1]\n iterator = x\n labels = [x.value]\n content {\n p = x.a.id\n }\n }\n q = x.b.id\n}",
            &["y.s q <- x.b.id (Value)"],
        ),
        (
            "resource \"y\" \"s\" {\n dynamic \"x\" {\n for_each = x.many\n content {\n dynamic \"in\" {\n for_each = x.value\n content {\n p = \"${x.key}${in.value}${data.x.d.id}\"\n }\n }\n }\n }\n}",
            &[
                "y.s x.for_each <- x.many (Value)",
                "y.s x.in.p <- data.x.d.id (Value)",
            ],
        ),
        (
            "resource \"y\" \"s\" {\n _ {\n count = x.a.id\n }\n}",
            &["y.s count <- x.a.id (Value)"],
        ),
        // through named values
        (
            "locals {\n l = x.a\n m = local.l\n}\nresource \"y\" \"s\" { p = local.m.tags }",
            &["y.s p <- x.a.tags (Value)"],
        ),
        (
            "locals {\n l = \"${x.a.id}!\"\n}\nresource \"y\" \"s\" { p = local.l.ignored }",
            &["y.s p <- x.a.id (Value)"],
        ),
        (
            "locals {\n l = x.many\n}\nresource \"y\" \"s\" { p = local.l[1].id }",
            &["y.s p <- x.many[1].id (Value)"],
        ),
        (
            "locals {\n l = [x.a.id, x.a.id]\n}\nresource \"y\" \"s\" { p = [local.l, local.l] }",
            &["y.s p <- x.a.id (Value)"],
        ),
        (r#"resource "y" "s" { p = var.v }"#, &[]),
        // things that name no object
        (
            r#"resource "y" "s" { p = "${path.module}${terraform.workspace}${self.id}" }"#,
            &[],
        ),
        // import
        (
            "resource \"y\" \"s\" {}\nimport {\n to = y.s\n id = x.a.id\n}",
            &["y.s import.id <- x.a.id (Value)"],
        ),
        (
            "resource \"y\" \"s\" { for_each = {} }\nimport {\n for_each = x.each\n to = y.s[each.key]\n id = each.value.id\n}",
            &[
                "y.s import.id <- x.each[*].id (Each)",
                "y.s import.for_each <- x.each (Value)",
                "y.s import.to <- x.each (Each)",
            ],
        ),
        // checks
        (
            "check \"c\" {\n data \"y\" \"s\" { p = x.a.id }\n assert {\n condition = x.b.id\n error_message = \"\"\n }\n}",
            &[
                "data.y.s p <- x.a.id (Value)",
                "data.y.s check.c <- x.b.id (Condition)",
            ],
        ),
        (
            "moved {\n from = x.gone\n to = x.a\n}\nremoved {\n from = x.other\n}",
            &[],
        ),
    ];
    for (text, expected) in cases {
        let mut found = reads(text);
        // That a check waits for everything has a test of its own.
        found.retain(|line| !line.contains(" check <- "));
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "in {text}");
    }
}

#[test]
fn modules_are_looked_through() {
    let child = r#"
        variable "in" {}
        variable "other" { default = 1 }
        locals { l = var.in }
        resource "x" "inner" { p = local.l }
        output "same" { value = var.in }
        output "made" { value = x.inner.id }
        output "all" { value = { a = var.other } }
    "#;
    let cases: &[(&str, &[&str])] = &[
        ("p = module.m.same.tags", &["y.s p <- x.a.tags (Value)"]),
        (
            "p = module.m.made",
            &["y.s p <- module.m.x.inner.id (Value)"],
        ),
        ("p = module.m.all", &[]),
        (
            "p = module.m",
            &[
                "y.s p <- module.m.x.inner.id (Value)",
                "y.s p <- x.a (Value)",
            ],
        ),
        (
            "depends_on = [module.m]",
            &[
                "y.s depends_on <- module.m.x.inner (DependsOn)",
                "y.s depends_on <- module.m.x.inner.id (DependsOn)",
                "y.s depends_on <- x.a (DependsOn)",
            ],
        ),
    ];
    for (argument, expected) in cases {
        let root = format!(
            "resource \"x\" \"a\" {{}}\nmodule \"m\" {{\n source = \"./m\"\n in = x.a\n}}\n\
             resource \"y\" \"s\" {{ {argument} }}"
        );
        let graph = graph(&[("main.tf", &root), ("m/main.tf", child)]);
        let mut found = lines(&graph);
        found.retain(|line| line.starts_with("y.s"));
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "in {argument}");
    }
}

#[test]
fn what_repeats_or_delays_a_module_reaches_all_of_it() {
    let root = r#"
        resource "x" "count" {}
        resource "x" "gate" {}
        module "a" {
          source     = "./a"
          count      = x.count.n
          depends_on = [x.gate]
        }
        resource "y" "reader" { p = module.a[0].constant }
    "#;
    let outer = "module \"b\" {\n source = \"./b\"\n}\noutput \"constant\" { value = 1 }";
    let inner = "resource \"x\" \"leaf\" {}";
    let graph = graph(&[
        ("main.tf", root),
        ("a/main.tf", outer),
        ("a.b/main.tf", inner),
    ]);
    assert_eq!(
        lines(&graph),
        [
            "y.reader p <- x.count.n (ModuleMeta)",
            "y.reader p <- x.gate (ModuleMeta)",
            "module.a.module.b.x.leaf module <- x.count.n (ModuleMeta)",
            "module.a.module.b.x.leaf module <- x.gate (ModuleMeta)",
        ]
    );
}

#[test]
fn module_each_is_the_for_each_of_the_call() {
    let root = r#"
        resource "x" "net" {}
        resource "x" "peers" { for_each = toset(["k"]) }
        module "m" {
          source   = "./m"
          for_each = x.peers
          in       = each.value.id
          constant = "c"
        }
    "#;
    let child = r#"
        variable "in" {}
        variable "constant" {}
        resource "y" "fed" { p = var.in }
        resource "y" "still" { p = var.constant }
    "#;
    let graph = graph(&[("main.tf", root), ("m/main.tf", child)]);
    assert_eq!(
        lines(&graph),
        [
            "module.m.y.fed p <- x.peers[*].id (Value)",
            "module.m.y.fed module <- x.peers (ModuleMeta)",
            "module.m.y.still module <- x.peers (ModuleMeta)",
        ]
    );
}

#[test]
fn provider_configurations_feed_their_resources() {
    let root = r#"
        terraform {
          required_providers {
            cloud = { source = "example.com/acme/cloud" }
          }
        }
        resource "seed" "a" {}
        resource "seed" "b" {}
        provider "cloud" { endpoint = seed.a.url }
        provider "cloud" {
          alias    = "west"
          endpoint = module.boot.url
        }
        module "boot" { source = "./boot" }
        resource "cloud_vm" "default" {}
        resource "cloud_vm" "aliased" { provider = cloud.west }
        resource "cloud_vm" "quoted" { provider = "cloud.west" }
        resource "other_thing" "renamed" { provider = cloud }
        module "inherits" { source = "./child" }
        module "passes" {
          source    = "./child"
          providers = { renamed = cloud.west }
        }
    "#;
    // The child knows the same provider under a name of its own.
    let child = r#"
        terraform {
          required_providers {
            renamed = { source = "Example.com/acme/cloud" }
          }
        }
        resource "renamed_vm" "vm" {}
    "#;
    let boot = "resource \"seed\" \"x\" {}\noutput \"url\" { value = seed.x.url }";
    let files = [
        ("main.tf", root),
        ("boot/main.tf", boot),
        ("inherits/main.tf", child),
        ("passes/main.tf", child),
    ];
    let graph = graph(&files);
    assert_eq!(
        lines(&graph),
        [
            "cloud_vm.aliased provider <- module.boot.seed.x.url (Provider)",
            "cloud_vm.default provider <- seed.a.url (Provider)",
            "cloud_vm.quoted provider <- module.boot.seed.x.url (Provider)",
            "other_thing.renamed provider <- seed.a.url (Provider)",
            "module.inherits.renamed_vm.vm provider <- seed.a.url (Provider)",
            "module.passes.renamed_vm.vm provider <- module.boot.seed.x.url (Provider)",
        ]
    );
    let binding = |address: &str| {
        let node = graph.node(graph.find(address).expect("a node"));
        let provider = &node.provider;
        (
            provider.local_name.clone(),
            provider.source.clone(),
            provider.alias.clone(),
        )
    };
    let source = "Example.com/acme/cloud".to_owned();
    let west = Some("west".to_owned());
    assert_eq!(
        binding("module.passes.renamed_vm.vm"),
        ("renamed".to_owned(), source, west)
    );
    assert_eq!(
        binding("seed.a"),
        ("seed".to_owned(), "hashicorp/seed".to_owned(), None)
    );
    let fed: Vec<usize> = (0..graph.providers().len())
        .map(|provider| graph.provider_sources(provider).len())
        .collect();
    assert_eq!(fed, [1, 1]);
}

#[test]
fn provider_instances_and_functions_are_references_too() {
    let root = r#"
        resource "seed" "regions" {}
        resource "seed" "names" {}
        provider "cloud" {
          alias    = "by_region"
          for_each = seed.regions.all
          region   = each.value
        }
        provider "text" { language = seed.names.language }
        resource "cloud_vm" "vm" {
          for_each = toset(["a"])
          provider = cloud.by_region[each.key]
        }
        resource "cloud_vm" "keyed" {
          provider = cloud.by_region[seed.names.region]
        }
        locals { upper = provider::text::upper("x") }
        resource "seed" "reader" { p = local.upper }
    "#;
    let graph = graph(&[("main.tf", root)]);
    assert_eq!(graph.unresolved(), &[]);
    assert_eq!(
        lines(&graph),
        [
            "cloud_vm.keyed provider <- seed.names.region (Provider)",
            "cloud_vm.keyed provider <- seed.regions.all (Provider)",
            "cloud_vm.keyed provider <- seed.regions.all[…] (Provider)",
            "cloud_vm.vm provider <- seed.regions.all (Provider)",
            "cloud_vm.vm provider <- seed.regions.all[…] (Provider)",
            "seed.reader p <- seed.names.language (Value)",
        ]
    );
    let vm = graph.node(graph.find("cloud_vm.vm").expect("a node"));
    assert_eq!(vm.provider.key.as_deref(), Some("[each.key]"));
}

#[test]
fn a_check_waits_for_everything_else() {
    let graph = graph(&[(
        "main.tf",
        "resource \"x\" \"a\" {}\ncheck \"c\" {\n data \"x\" \"probe\" {}\n assert {\n condition = true\n error_message = \"\"\n }\n}",
    )]);
    assert_eq!(lines(&graph), ["data.x.probe check <- x.a (ModuleMeta)"]);
}

#[test]
fn validations_delay_what_reads_the_variable() {
    let graph = graph(&[(
        "main.tf",
        "resource \"x\" \"a\" {}\nvariable \"v\" {\n validation {\n condition = var.v == x.a.id\n error_message = \"\"\n }\n}\nresource \"y\" \"s\" { p = var.v }",
    )]);
    assert_eq!(lines(&graph), ["y.s p <- x.a.id (Condition)"]);
}

#[test]
fn a_value_read_both_ways_counts_as_a_value() {
    // Through the whole module it is only an order; through the local it is a value.
    let root = "module \"m\" {\n source = \"./m\"\n for_each = {}\n}\nlocals {\n l = module.m\n}\nresource \"y\" \"s\" { p = [local.l, x.a.id] }\nresource \"x\" \"a\" {}";
    let child = "resource \"x\" \"in\" {}\noutput \"o\" { value = x.in }";
    let graph = graph(&[("main.tf", root), ("m/main.tf", child)]);
    assert_eq!(
        lines(&graph),
        ["y.s p <- x.a.id (Value)", "y.s p <- module.m.x.in (Value)"]
    );
}

#[test]
fn walks_agree_with_edges() {
    let root = r#"
        resource "x" "a" {}
        resource "x" "b" { p = x.a.id }
        resource "x" "c" { p = local.b }
        locals { b = x.b.id }
        resource "x" "d" { p = [x.c.id, local.b] }
        resource "x" "apart" {}
        output "o" { value = local.b }
    "#;
    let graph = graph(&[("main.tf", root)]);
    let id = |name: &str| graph.find(&format!("x.{name}")).expect("a node");
    let names = |ids: std::collections::BTreeSet<_>| -> Vec<String> {
        ids.into_iter()
            .map(|id| graph.node(id).name.clone())
            .collect()
    };
    assert_eq!(names(graph.dependents(&[id("a")])), ["b", "c", "d"]);
    assert_eq!(names(graph.dependents(&[id("b"), id("apart")])), ["c", "d"]);
    assert_eq!(names(graph.upstream(&[id("c")])), ["a", "b"]);
    let path = graph.shortest_path(id("d"), id("a")).expect("a path");
    let path: Vec<String> = path.iter().map(|edge| line(&graph, edge)).collect();
    assert_eq!(path, ["x.d p <- x.b.id (Value)", "x.b p <- x.a.id (Value)"]);
    assert_eq!(graph.shortest_path(id("a"), id("d")), None);
    assert_eq!(graph.shortest_path(id("a"), id("a")), None);
    let readers: Vec<String> = graph
        .direct_dependents(id("b"))
        .iter()
        .map(|edge| line(&graph, edge))
        .collect();
    assert_eq!(
        readers,
        ["x.c p <- x.b.id (Value)", "x.d p <- x.b.id (Value)"]
    );
    let output: Vec<_> = graph
        .output_sources("o")
        .into_iter()
        .map(|edge| edge.to)
        .collect();
    assert_eq!(output, [id("b")]);
    assert!(graph.output_sources("none").is_empty());
}

#[test]
fn edges_say_where_they_are_made() {
    let root = "resource \"x\" \"a\" {}\n\nresource \"y\" \"s\" {\n  # a comment\n  p = [\n    1,\n    x.a.id,\n  ]\n}\n";
    let child = "variable \"in\" {}\nresource \"y\" \"in\" {\n  p = var.in\n}\n";
    let call = "module \"m\" {\n  source = \"./m\"\n  in = x.a.id\n}\n";
    let graph = graph(&[("main.tf", root), ("call.tf", call), ("m/main.tf", child)]);
    let places: Vec<String> = graph.edges().map(|edge| edge.at.to_string()).collect();
    assert_eq!(places, ["main.tf:7", "m/main.tf:3"]);
}

#[test]
fn names_that_mean_nothing_are_reported() {
    let cases = [
        ("resource \"y\" \"s\" { p = x.gone.id }", "x.gone.id"),
        ("resource \"y\" \"s\" { p = local.gone }", "local.gone"),
        ("resource \"y\" \"s\" { p = var.gone }", "var.gone"),
        (
            "resource \"y\" \"s\" { p = module.gone.x }",
            "module.gone.x",
        ),
        ("resource \"y\" \"s\" { p = data.x.gone }", "data.x.gone"),
        ("resource \"y\" \"s\" { p = alone }", "alone"),
        ("resource \"y\" \"s\" { p = each.key }", "each.key"),
        ("resource \"y\" \"s\" { p = count.index }", "count.index"),
        ("resource \"y\" \"s\" { p = local }", "local"),
        ("resource \"y\" \"s\" { p = var[\"x\"] }", "var[\"x\"]"),
        ("locals {\n l = each.value\n}", "each.value"),
        (
            "resource \"y\" \"s\" { provider = cloud.gone }",
            "provider cloud",
        ),
        (
            "check \"c\" {\n assert {\n condition = x.gone.id\n error_message = \"\"\n }\n}",
            "x.gone.id",
        ),
    ];
    for (text, expected) in cases {
        let graph = graph(&[("main.tf", text)]);
        let found: Vec<&str> = graph
            .unresolved()
            .iter()
            .map(|found| found.text.as_str())
            .collect();
        assert_eq!(found, [expected], "in {text}");
    }
}

#[test]
fn loops_are_named() {
    let cases = [
        (
            "locals {\n a = local.b\n b = local.a\n}",
            "local.a -> local.b -> local.a",
        ),
        (
            "resource \"x\" \"a\" { p = x.b.id }\nresource \"x\" \"b\" { p = local.l }\nlocals {\n l = x.a.id\n}",
            "x.a -> x.b -> local.l -> x.a",
        ),
        (
            "provider \"x\" { p = x.a.id }\nresource \"x\" \"a\" {}",
            "x.a -> provider.x -> x.a",
        ),
    ];
    for (text, expected) in cases {
        let error = try_graph(&[("main.tf", text)])
            .expect_err("a loop")
            .to_string();
        assert_eq!(
            error,
            format!("the configuration refers to itself: {expected}; break the loop"),
            "in {text}"
        );
    }
}

#[test]
fn modules_that_do_not_fit_together_are_refused() {
    let missing = try_graph(&[("main.tf", "module \"m\" { source = \"acme/net/aws\" }")]);
    assert_eq!(
        missing.expect_err("a missing module").to_string(),
        "main.tf:1: module `m` is not part of the snapshot; run the engine's init first"
    );
    let uncalled = try_graph(&[("main.tf", ""), ("m/main.tf", "")]);
    assert!(
        uncalled
            .expect_err("a module too many")
            .to_string()
            .contains("nothing calls")
    );
    let configuration =
        configuration(&[("main.tf", "module \"m\" {\n source = \"acme/net/aws\"\n}")]);
    let missing: Vec<_> = configuration
        .missing_modules()
        .into_iter()
        .map(|(path, source, at)| (path.key(), source, at.to_string()))
        .collect();
    let expected = (
        "m".to_owned(),
        "\"acme/net/aws\"".to_owned(),
        "main.tf:1".to_owned(),
    );
    assert_eq!(missing, [expected]);
}
