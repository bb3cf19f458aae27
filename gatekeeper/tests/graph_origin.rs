//! The text behind an argument: a change anywhere along the way changes the trace, and a change
//! anywhere else does not.

mod graph_sources;

use ambit_gatekeeper::graph::origin::{
    ExpressionTrace, exec_digest_input, expression_digest_input, guards_digest_input,
    provider_digest_input,
};
use ambit_gatekeeper::graph::{AttributePath, Configuration, ModulePath};
use graph_sources::configuration;

fn trace(files: &[(&str, &str)], address: &str, path: &str) -> Option<ExpressionTrace> {
    let path = AttributePath::parse(path).expect("a path");
    expression_digest_input(&configuration(files), address, &path)
}

fn entries(trace: &ExpressionTrace) -> Vec<String> {
    let line = |entry: &ambit_gatekeeper::graph::origin::TraceEntry| {
        format!("{}|{}|{}", entry.scope, entry.name, entry.text)
    };
    trace.entries.iter().map(line).collect()
}

const ROOT: &str = r#"
    variable "region" {}
    variable "unused" {}
    locals {
      base   = "net-${var.region}"
      chain  = local.base
      apart  = "apart"
      amount = length(x.seed.items)
    }
    resource "x" "seed" {}
    module "m" {
      source   = "./m"
      for_each = { a = local.chain }
      in       = each.value
      other    = local.apart
    }
    resource "y" "s" {
      name  = module.m["a"].made
      all   = module.m
      count = local.amount
      index = "i-${count.index}"
      plain = "literal"
      file  = templatefile("${path.module}/t.tpl", { v = local.apart })
      tags  = { "x" = local.chain, y = local.apart, nested = { z = var.region } }
      list  = [local.apart, local.chain]
      one   = [{ v = local.apart }]
      mixed = { (local.apart) = 1, y = local.chain }
      rule {
        target = local.chain
        port   = 1
      }
      two { v = local.chain }
      two { v = local.apart }
      dynamic "made" {
        for_each = local.chain
        content {
          v = made.value
          w = local.apart
        }
      }
      _ { depends_on = local.apart }
      lifecycle {
        precondition {
          condition     = local.apart == "apart"
          error_message = "m"
        }
      }
      connection { host = local.chain }
      provisioner "local-exec" { command = local.apart }
      provisioner "local-exec" { command = "second" }
    }
    provider "y" { endpoint = local.chain }
"#;

const CHILD: &str = r#"
    variable "in" { default = "fallback" }
    variable "other" {}
    resource "x" "inner" { p = var.other }
    output "made" { value = "${var.in}-${x.inner.id}" }
    output "rest" { value = var.other }
"#;

const FILES: [(&str, &str); 2] = [("main.tf", ROOT), ("m/main.tf", CHILD)];

#[test]
fn a_trace_follows_every_named_value() {
    let found = trace(&FILES, "y.s", "name").expect("a trace");
    assert_eq!(
        entries(&found),
        [
            "|y.s name|module.m[\"a\"].made",
            "|local.base|\"net-${var.region}\"",
            "|local.chain|local.base",
            "|module.m.for_each|{\"a\" = local.chain}",
            "|var.region|",
            "module.m|output.made|\"${var.in}-${x.inner.id}\"",
            "module.m|var.in|each.value",
            "module.m|var.in default|\"fallback\"",
        ]
    );
    assert_eq!(found.sources, ["module.m.x.inner.id"]);
    assert!(!found.widened);
    assert_eq!(found.files, []);
}

#[test]
fn arguments_are_found_as_narrowly_as_the_text_allows() {
    // path, text of the first entry, names of the rest that matter, widened
    let cases: &[(&str, &str, bool)] = &[
        ("plain", "\"literal\"", false),
        ("index", "\"i-${count.index}\"", false),
        (
            "tags",
            "{\"x\" = local.chain, \"y\" = local.apart, \"nested\" = {\"z\" = var.region}}",
            false,
        ),
        ("tags[\"x\"]", "local.chain", false),
        ("tags.x", "local.chain", false),
        ("tags.nested.z", "var.region", false),
        ("tags.nested.gone", "{\"z\" = var.region}", true),
        (
            "tags[0]",
            "{\"x\" = local.chain, \"y\" = local.apart, \"nested\" = {\"z\" = var.region}}",
            true,
        ),
        ("plain.deeper", "\"literal\"", true),
        ("list[0]", "[local.apart, local.chain]", true),
        ("one[0].v", "local.apart", false),
        ("one[1].v", "[{\"v\" = local.apart}]", true),
        ("mixed.y", "{(local.apart) = 1, \"y\" = local.chain}", true),
        ("rule[0].target", "local.chain", false),
        ("rule.target", "local.chain", false),
        ("rule", "rule {\nport = 1\ntarget = local.chain\n}", true),
        (
            "rule[0].gone",
            "rule {\nport = 1\ntarget = local.chain\n}",
            true,
        ),
        (
            "two[1].v",
            "two {\nv = local.chain\n}\ntwo {\nv = local.apart\n}",
            true,
        ),
        (
            "made[0].v",
            "dynamic \"made\" {\nfor_each = local.chain\ncontent {\nv = made.value\nw = local.apart\n}\n}",
            true,
        ),
        ("depends_on", "local.apart", false),
    ];
    for (path, text, widened) in cases {
        let found = trace(&FILES, "y.s", path).unwrap_or_else(|| panic!("a trace of {path}"));
        assert_eq!(
            (found.entries[0].text.as_str(), found.widened),
            (*text, *widened),
            "{path}"
        );
        assert_eq!(
            found.entries[0].name,
            format!("y.s {}", AttributePath::parse(path).expect("a path"))
        );
    }
}

#[test]
fn an_argument_nobody_sets_has_no_trace() {
    for path in [
        "id",
        "gone",
        "gone[0].x",
        "lifecycle",
        "provisioner",
        "connection",
    ] {
        assert_eq!(trace(&FILES, "y.s", path), None, "{path}");
    }
    for address in [
        "y.gone",
        "y",
        "",
        "module.m.y.s",
        "module.gone.x.inner",
        "data.y.s",
        "module.",
    ] {
        assert_eq!(trace(&FILES, address, "name"), None, "{address}");
    }
    let path = AttributePath(Vec::new());
    let whole = expression_digest_input(&configuration(&FILES), "y.s", &path).expect("a trace");
    assert!(whole.widened && whole.entries[0].text.contains("provisioner"));
}

#[test]
fn files_and_counts_belong_to_the_trace() {
    let found = trace(&FILES, "y.s", "file").expect("a trace");
    let files: Vec<_> = found
        .files
        .iter()
        .map(|file| (file.by.as_str(), file.path.as_deref()))
        .collect();
    assert_eq!(files, [("templatefile", Some("./t.tpl"))]);
    let found = trace(&FILES, "y.s", "index").expect("a trace");
    assert_eq!(found.sources, ["x.seed.items"]);
    assert!(entries(&found).contains(&"|y.s.count|local.amount".to_owned()));
}

#[test]
fn commands_guards_and_providers_are_traced_too() {
    let configuration = configuration(&FILES);
    let exec = exec_digest_input(&configuration, "y.s", 0).expect("a trace");
    assert!(entries(&exec).contains(&"|local.apart|\"apart\"".to_owned()));
    assert!(
        entries(&exec).contains(&"|local.chain|local.base".to_owned()),
        "the connection counts"
    );
    let second = exec_digest_input(&configuration, "y.s", 1).expect("a trace");
    assert!(!entries(&second).contains(&"|local.apart|\"apart\"".to_owned()));
    assert_eq!(exec_digest_input(&configuration, "y.s", 2), None);
    let guards = guards_digest_input(&configuration, "y.s").expect("a trace");
    assert!(entries(&guards).contains(&"|local.apart|\"apart\"".to_owned()));
    assert_eq!(guards_digest_input(&configuration, "x.seed"), None);
    let provider = provider_digest_input(&configuration, &ModulePath::root(), "y", None);
    assert!(entries(&provider.expect("a trace")).contains(&"|local.chain|local.base".to_owned()));
    assert_eq!(
        provider_digest_input(&configuration, &ModulePath::root(), "y", Some("w")),
        None
    );
}

/// What a signature over `y.s name` must notice, and what it must not.
#[test]
fn changes_along_the_way_are_noticed_and_no_others() {
    let original = trace(&FILES, "y.s", "name").expect("a trace");
    let changed = |from: &str, to: &str| {
        let edit = |text: &str| text.replace(from, to);
        let (root, child) = (edit(ROOT), edit(CHILD));
        assert!(
            root != ROOT || child != CHILD,
            "`{from}` is in neither file"
        );
        trace(&[("main.tf", &root), ("m/main.tf", &child)], "y.s", "name").expect("a trace")
    };
    let noticed = [
        ("net-${var.region}", "open-${var.region}"),
        ("chain  = local.base", "chain  = local.apart"),
        ("{ a = local.chain }", "{ a = local.chain, b = 1 }"),
        ("in       = each.value", "in       = each.key"),
        (
            "\"${var.in}-${x.inner.id}\"",
            "\"${var.in}-${x.inner.arn}\"",
        ),
        ("module.m[\"a\"].made", "module.m[\"a\"].rest"),
        ("fallback", "other"),
    ];
    for (from, to) in noticed {
        assert_ne!(changed(from, to), original, "{from} to {to}");
    }
    let unrelated = [
        ("apart  = \"apart\"", "apart  = \"other\""),
        ("plain = \"literal\"", "plain = \"x\""),
        ("p = var.other", "p = 1"),
        ("name  = module", "name /* here */ =\n\n module"),
        ("base   = ", "# a comment\n      base = "),
        ("value = var.other", "value = 1"),
    ];
    for (from, to) in unrelated {
        let to = to.replace("\n\n", "");
        assert_eq!(changed(from, &to), original, "{from} to {to}");
    }
}

#[test]
fn json_blocks_written_both_ways_are_taken_together() {
    let json = r#"{"variable": {"v": {}}, "resource": {"y": {"s": {
        "rule": [{"p": "${var.v}"}],
        "dynamic": {"rule": {"for_each": "${local.l}", "content": {"p": "${rule.value}"}}}
    }}}, "locals": {"l": ["a"]}}"#;
    let found = trace(&[("a.tf.json", json)], "y.s", "rule[0].p").expect("a trace");
    assert!(found.widened);
    let names: Vec<&str> = found.entries[1..]
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(names, ["local.l", "var.v"]);
}

#[test]
fn a_loop_does_not_hang_a_trace() {
    let text = "locals {\n a = local.b\n b = local.a\n}\nresource \"y\" \"s\" { p = local.a }";
    let found = trace(&[("main.tf", text)], "y.s", "p").expect("a trace");
    assert_eq!(found.entries.len(), 3);
}

#[test]
fn a_long_chain_is_traced_whole() {
    let mut text =
        String::from("resource \"y\" \"s\" { p = local.l2000 }\nlocals {\n l0 = \"end\"\n");
    for link in 1..=2000 {
        text.push_str(&format!(" l{link} = \"${{local.l{}}}\"\n", link - 1));
    }
    text.push('}');
    let found: Configuration = configuration(&[("main.tf", &text)]);
    let path = AttributePath::parse("p").expect("a path");
    let found = expression_digest_input(&found, "y.s", &path).expect("a trace");
    assert_eq!(found.entries.len(), 2002);
}
