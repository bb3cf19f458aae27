//! What a configuration declares: settings, guards, commands, files, and what is not understood.

mod graph_sources;

use ambit_gatekeeper::graph::config::{Setting, literal};
use ambit_gatekeeper::graph::{Configuration, Dialect, ModulePath, Snapshot, When};
use graph_sources::{configuration, graph, load, snapshot};
use serde_json::json;

fn local_text(text: &str) -> String {
    let source = format!("locals {{\n  l = {text}\n}}\n");
    let configuration = configuration(&[("main.tf", &source)]);
    configuration.root().expect("a root module").locals["l"]
        .value
        .text()
}

#[test]
fn text_is_without_comments_and_layout() {
    let same: &[(&str, &str)] = &[
        ("f( a ,b )", "f(a, b)"),
        ("a+b * ( c )", "a + b * (c)"),
        ("[ 1, # one\n 2,\n ]", "[1, 2]"),
        ("{ a : 1, \"b\" = 2 /* two */ }", "{\"a\" = 1, \"b\" = 2}"),
        ("a ?b: c", "a ? b : c"),
        (
            "{for k,v in x:k=>v... if k}",
            "{for k, v in x : k => v... if k}",
        ),
        (
            "\"a\\u0041${ x }%{ if y ~}z%{else}w%{ endif }\"",
            "\"aA${x}%{ if y~}z%{ else }w%{ endif }\"",
        ),
        ("x [ 0 ] . y [*] .z", "x[0].y[*].z"),
        ("! a", "!a"),
        ("- 5", "-5"),
        ("1.50", "1.50"),
        ("99999999999999999999999", "99999999999999999999999"),
        ("p :: f ( x ... )", "p::f(x...)"),
    ];
    for (text, expected) in same {
        assert_eq!(local_text(text), *expected, "for {text}");
    }
}

#[test]
fn text_differs_where_meaning_does() {
    let pairs: &[(&str, &str)] = &[
        ("a - b", "a + b"),
        ("(a + b) * c", "a + b * c"),
        ("\"${a}\"", "\"$${a}\""),
        ("\"a b\"", "\"ab\""),
        ("\"a\\nb\"", "\"a\\\\nb\""),
        ("1", "\"1\""),
        ("1.0", "1.00"),
        ("x.y", "x[\"y\"]"),
        ("{ (a) = 1 }", "{ a = 1 }"),
        ("\"${a ~}b\"", "\"${a}b\""),
        ("<<E\n  a\nE", "<<-E\n  a\nE"),
        ("<<-E\n  a\n b\nE", "<<-E\n  a\n  b\nE"),
        ("<<E\na\nE", "<<E\na\n\nE"),
        ("<<E\n\ta\nE", "<<E\n a\nE"),
        ("<<E\na # b\nE", "<<E\na\nE"),
        ("f(x)", "f(x...)"),
        ("[for k, v in x : v]", "[for v, k in x : v]"),
        ("[1, 2]", "[2, 1]"),
        ("null", "\"null\""),
    ];
    for (one, other) in pairs {
        assert_ne!(local_text(one), local_text(other), "{one} against {other}");
    }
}

#[test]
fn literals_fold_and_nothing_else_does() {
    let value = |text: &str| {
        let source = format!("locals {{\n  l = {text}\n}}\n");
        let configuration = configuration(&[("main.tf", &source)]);
        literal(&configuration.root().expect("a root module").locals["l"].value)
    };
    assert_eq!(value("\"a$${b}\""), Some(json!("a${b}")));
    assert_eq!(
        value("[1, -2, true, null, \"x\"]"),
        Some(json!([1, -2, true, null, "x"]))
    );
    assert_eq!(
        value("{ a = { \"b\" = [] } }"),
        Some(json!({ "a": { "b": [] } }))
    );
    assert_eq!(value("<<E\nplain\nE"), Some(json!("plain\n")));
    let big = value("123456789012345678901234567890").expect("a literal");
    assert_eq!(big.to_string(), "123456789012345678901234567890");
    let not_literal = [
        "a",
        "f(1)",
        "\"${a}\"",
        "1 + 1",
        "!true",
        "[a]",
        "{ (a) = 1 }",
        "{ a = b }",
        "<<-E\n x\nE",
        "true ? 1 : 2",
        "[for x in [] : x]",
        "007",
    ];
    for text in not_literal {
        assert_eq!(value(text), None, "for {text}");
    }
}

#[test]
fn settings_are_read_without_an_engine() {
    let text = r#"
        terraform {
          required_version = ">= 1.6"
          required_providers {
            aws   = { source = "hashicorp/aws", version = "~> 5.0" }
            ambit = { source = "example.com/ambit/ambit", configuration_aliases = [ambit.x] }
            old   = "~> 1.0"
          }
          backend "s3" {
            bucket = "state"
            key    = "k-${var.x}"
            assume_role { role_arn = "r" }
          }
        }
        module "net" {
          source  = "acme/net/aws"
          version = "1.2.3"
        }
        variable "x" { ephemeral = true }
    "#;
    let configuration = configuration(&[("main.tf", text)]);
    let root = configuration.root().expect("a root module");
    let settings = &root.settings;
    assert_eq!(settings.required_version, [">= 1.6"]);
    let backend = settings.backend.as_ref().expect("a backend");
    assert_eq!(
        (backend.kind.as_str(), backend.at.to_string()),
        ("s3", "main.tf:9".to_owned())
    );
    assert_eq!(
        backend.arguments["bucket"],
        Setting::Literal(json!("state"))
    );
    assert_eq!(
        backend.arguments["key"],
        Setting::Text("\"k-${var.x}\"".to_owned())
    );
    assert!(
        matches!(&backend.arguments["assume_role"], Setting::Text(text) if text.contains("role_arn"))
    );
    assert_eq!(settings.provider_source("ambit"), "example.com/ambit/ambit");
    assert_eq!(settings.provider_source("random"), "hashicorp/random");
    assert_eq!(
        settings.provider_source("terraform"),
        "terraform.io/builtin/terraform"
    );
    assert_eq!(
        settings.required_providers["old"].version.as_deref(),
        Some("~> 1.0")
    );
    assert_eq!(settings.cloud, None);
    let source = root.calls["net"].source.as_ref().expect("a source");
    assert_eq!(
        (source.literal_text(), source.at.line),
        (Some("acme/net/aws"), 16)
    );
    assert!(root.variables["x"].ephemeral);
    assert_eq!(configuration.unknown_blocks().count(), 0);

    let cloud = graph_sources::configuration(&[(
        "a.tf",
        "terraform {\n  cloud {\n    organization = \"o\"\n  }\n}",
    )]);
    assert_eq!(
        cloud
            .root()
            .expect("a root")
            .settings
            .cloud
            .as_ref()
            .map(|at| at.line),
        Some(2)
    );
}

#[test]
fn what_is_not_known_is_reported() {
    let cases = [
        ("action \"x\" \"y\" {}", "action"),
        ("actions {}", "actions"),
        ("x = 1", "x"),
        ("resource \"a\" {}", "resource"),
        ("resource \"a\" \"b\" \"c\" {}", "resource"),
        (
            "data \"a\" \"b\" {\n  lifecycle {\n    action_trigger {}\n  }\n}",
            "data.lifecycle.action_trigger",
        ),
        (
            "resource \"a\" \"b\" {\n  lifecycle {\n    later = 1\n  }\n}",
            "resource.lifecycle.later",
        ),
        ("resource \"a\" \"b\" {\n  locals {}\n}", "resource.locals"),
        (
            "resource \"a\" \"b\" {\n  provisioner \"x\" {\n    when = never\n  }\n}",
            "resource.provisioner.when",
        ),
        (
            "resource \"a\" \"b\" {\n  provisioner {}\n}",
            "resource.provisioner",
        ),
        (
            "terraform {\n  experiments = [x]\n}",
            "terraform.experiments",
        ),
        (
            "terraform {\n  state_store \"x\" {}\n}",
            "terraform.state_store",
        ),
        ("variable \"a\" {\n  later = 1\n}", "variable.later"),
        ("output \"a\" {\n  value = 1\n  later {}\n}", "output.later"),
        (
            "module \"m\" {\n  source = \"x\"\n  later {}\n}",
            "module.later",
        ),
        (
            "module \"m\" {\n  source = \"x\"\n  lifecycle {\n    x = 1\n  }\n}",
            "module.lifecycle.x",
        ),
        ("removed {\n  from = a.b\n  later = 1\n}", "removed.later"),
        (
            "removed {\n  from = a.b\n  lifecycle {\n    later = 1\n  }\n}",
            "removed.lifecycle.later",
        ),
        (
            "moved {\n  from = a.b\n  to = a.c\n  later {}\n}",
            "moved.later",
        ),
        (
            "import {\n  to = a.b\n  id = 1\n  later = 1\n}",
            "import.later",
        ),
        ("check \"c\" {\n  later {}\n}", "check.later"),
        ("check \"c\" {\n  later = 1\n}", "check.later"),
        ("locals {\n  later {}\n}", "locals.later"),
    ];
    for (text, expected) in cases {
        let configuration = configuration(&[("main.tf", text)]);
        let found: Vec<&str> = configuration
            .unknown_blocks()
            .map(|(_, block)| block.path.as_str())
            .collect();
        assert_eq!(found, [expected], "in {text}");
    }
    let json = configuration(&[("a.tf.json", "{\"action\": {}, \"//\": 1}")]);
    assert_eq!(json.unknown_blocks().count(), 1);
}

#[test]
fn broken_files_name_file_line_and_reason() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "main.tf",
            "locals {\n  a = 1e400\n}",
            "main.tf:2: cannot parse the configuration: ",
        ),
        ("main.tf", "locals {\n  a = \n}", "main.tf:2: cannot parse"),
        (
            "main.tf",
            "resource \"a\" \"b\" {",
            "main.tf:1: cannot parse",
        ),
        (
            "main.tf",
            "locals {\n a = 1\n a = 2\n}",
            "main.tf:3: cannot parse",
        ),
        (
            "main.tf",
            "locals {\n  a = \"${\"\n}",
            "main.tf:2: cannot parse",
        ),
        (
            "main.tf",
            "locals {\n  a = \"\\q\"\n}",
            "main.tf:2: cannot parse",
        ),
        ("main.tf", "locals {\n  a = <<E\nx\n", "main.tf:"),
        ("m/a.tf", "}", "m/a.tf:1: cannot parse"),
        (
            "a.tf.json",
            "{\n\"locals\": [}\n",
            "a.tf.json:2: cannot parse",
        ),
        (
            "a.tf.json",
            "{\n\"locals\": {\n\"a\": \"${\"}}",
            "a.tf.json:3: cannot parse the configuration: in a template",
        ),
        (
            "a.tf.json",
            "{\n\"locals\": {},\n\"locals\": {}}",
            "key `locals` occurs twice",
        ),
        (
            "a.tf.json",
            "{\"locals\": {\"a\": {\"b\": 1,\n\"b\": 2}}}",
            "a.tf.json:2: cannot parse the configuration: key `b` occurs twice",
        ),
        ("a.tf.json", "[1]", "a.tf.json:1: cannot parse"),
        ("a.tf.json", "{} {}", "a.tf.json:1: cannot parse"),
        (
            "a.tf.json",
            "{\"resource\": {\"a\": 1}}",
            "a.tf.json:1: cannot parse",
        ),
        (
            "a.tf.json",
            "{\"module\": {\"a.b\": {\"source\": \"x\"}}}",
            "`a.b` is not a name",
        ),
        (
            "a.tf",
            "resource \"a.b\" \"c\" {}",
            "a.tf:1: `a.b` is not a name",
        ),
        ("a.tf", "resource \"a\" \"c[0]\" {}", "`c[0]` is not a name"),
        (
            "a.tf",
            "resource \"a\" \"\u{202e}\" {}",
            "`\\u{202e}` is not a name",
        ),
        (
            "a.tf",
            "locals {\n a = 1\n}\nlocals {\n a = 2\n}",
            "a.tf:5: local value `a` is declared twice, first at a.tf:2",
        ),
        (
            "a.tf",
            "resource \"a\" \"b\" {}\nresource \"a\" \"b\" {}",
            "a.tf:2: `a.b` is declared twice",
        ),
        (
            "a.tf",
            "provider \"a\" {}\nprovider \"a\" {}",
            "declared twice",
        ),
        (
            "a.tf",
            "variable \"a\" {}\nvariable \"a\" {}",
            "declared twice",
        ),
        (
            "a.tf",
            "module \"a\" { source = \"\" }\nmodule \"a\" { source = \"\" }",
            "declared twice",
        ),
        (
            "a.tf",
            "terraform {\n backend \"a\" {}\n backend \"b\" {}\n}",
            "the backend is declared twice",
        ),
        (
            "a.tf",
            "provider \"a\" { alias = f(1) }",
            "the alias of provider `a` must be a literal name",
        ),
        (
            "a.tf",
            "resource \"a\" \"b\" { provider = f(1) }",
            "`f(1)` is not a provider name",
        ),
        (
            "a.tf",
            "module \"a\" {\n source = \"\"\n providers = x\n}",
            "`providers` must be an object",
        ),
    ];
    for (name, text, expected) in cases {
        let error = load(&[(name, text)]).expect_err(text).to_string();
        assert!(
            error.contains(expected),
            "{error:?} lacks {expected:?} for {text}"
        );
        assert!(!error.ends_with('.'), "{error}");
    }
    let mut bytes = snapshot(&[("a.tf", "")]);
    bytes.modules.get_mut("").expect("a module")[0].bytes = vec![0xff, 0xfe];
    let error = Configuration::load(&bytes, Dialect::OpenTofu).expect_err("not UTF-8");
    assert_eq!(
        error.to_string(),
        "a.tf: the file is not valid UTF-8; save it as UTF-8"
    );
}

#[test]
fn damaged_snapshots_are_refused() {
    for key in ["a..b", "a.0", ".", "a b", "../x"] {
        let mut damaged = Snapshot::default();
        damaged.modules.insert(key.to_owned(), Vec::new());
        assert!(
            Configuration::load(&damaged, Dialect::OpenTofu).is_err(),
            "key {key}"
        );
    }
    let twice = snapshot(&[("a.tf", ""), ("root/a.tf", "")]);
    assert!(Configuration::load(&twice, Dialect::OpenTofu).is_err());
    let twice = snapshot(&[("a.tf", ""), ("a.tf", "")]);
    let error = Configuration::load(&twice, Dialect::OpenTofu).expect_err("one file twice");
    assert!(error.to_string().contains("`a.tf` occurs twice"));
}

#[test]
fn only_files_the_engine_loads_are_read() {
    let broken = "%";
    let files = [
        ("main.tf", "locals {\n a = 1\n}"),
        (".hidden.tf", broken),
        ("backup.tf~", broken),
        ("#main.tf#", broken),
        ("x.tfvars", broken),
        ("x.tftest.hcl", broken),
        ("x.txt", broken),
    ];
    assert_eq!(
        configuration(&files)
            .root()
            .expect("a root module")
            .locals
            .len(),
        1
    );

    let shadowing = [
        ("a.tf", broken),
        ("a.tofu", "locals {\n tofu = 1\n}"),
        ("b.tf.json", broken),
        ("b.tofu.json", "{}"),
        ("c_override.tf", broken),
        ("c_override.tofu", "locals {\n tofu = 2\n}"),
    ];
    let tofu = configuration(&shadowing);
    assert_eq!(
        tofu.root().expect("a root module").locals["tofu"]
            .value
            .text(),
        "2"
    );
    let terraform = Configuration::load(&snapshot(&shadowing), Dialect::Terraform);
    assert!(terraform.is_err(), "Terraform reads the broken `.tf` files");
    let plain = snapshot(&[("a.tofu", broken), ("b.tf", "")]);
    assert!(
        Configuration::load(&plain, Dialect::Terraform).is_ok(),
        "and no `.tofu` file"
    );
}

#[test]
fn overrides_replace_what_they_name() {
    let base = r#"
        resource "a" "b" {
          p = 1
          q = 1
          rule { n = 1 }
          dynamic "rule" {
            for_each = [1]
            content { n = 2 }
          }
          other { n = 1 }
          lifecycle {
            prevent_destroy = true
            ignore_changes  = [p]
            precondition {
              condition     = true
              error_message = "kept"
            }
          }
        }
        terraform {
          backend "s3" { bucket = "b" }
          required_providers {
            x = { source = "one/x" }
            y = { source = "one/y" }
          }
        }
        provider "x" { alias = "w" }
        provider "x" { p = 1 }
    "#;
    let change = r#"
        resource "a" "b" {
          q = 2
          rule { n = 3 }
          lifecycle { prevent_destroy = false }
        }
        terraform {
          backend "local" {}
          required_providers { x = { source = "two/x" } }
        }
        provider "x" { p = 2 }
    "#;
    let configuration = configuration(&[("main.tf", base), ("override.tf", change)]);
    let root = configuration.root().expect("a root module");
    let resource = root.resources.values().next().expect("a resource");
    assert_eq!(
        resource.body.text(),
        "p = 1\nq = 2\nother {\nn = 1\n}\nlifecycle {\nignore_changes = [p]\nprevent_destroy = false\n\
         precondition {\ncondition = true\nerror_message = \"kept\"\n}\n}\nrule {\nn = 3\n}"
    );
    assert_eq!(resource.lifecycle.prevent_destroy.as_deref(), Some("false"));
    assert_eq!(
        root.settings
            .backend
            .as_ref()
            .map(|backend| backend.kind.as_str()),
        Some("local")
    );
    assert_eq!(root.settings.provider_source("x"), "two/x");
    assert_eq!(root.settings.provider_source("y"), "one/y");
    let config = &root.providers[&("x".to_owned(), None)];
    assert_eq!(config.body.text(), "p = 2");
    assert_eq!(root.providers.len(), 2);
}

#[test]
fn guards_and_commands_are_read_with_their_text() {
    let text = r#"
        resource "a" "b" {
          connection { host = "h" }
          provisioner "local-exec" {
            command = file("run.sh") # comment
          }
          provisioner "remote-exec" {
            when       = destroy
            on_failure = continue
            scripts    = ["${path.module}/a.sh", local.b]
            connection { host = templatefile("${path.root}/h.tpl", {}) }
          }
          lifecycle {
            prevent_destroy       = true
            create_before_destroy = true
            ignore_changes        = all
            replace_triggered_by  = [a.c]
            postcondition {
              condition     = self.ok
              error_message = "no"
            }
          }
        }
        resource "a" "c" {}
        locals { b = "b.sh" }
        removed {
          from = module.x.a.old
          provisioner "local-exec" {
            when    = destroy
            command = "rm -rf ${filebase64(var.path)}"
          }
          lifecycle { destroy = false }
        }
        variable "path" {}
    "#;
    let graph = graph(&[("main.tf", text)]);
    let node = graph.node(graph.find("a.b").expect("a node"));
    assert_eq!(node.lifecycle.prevent_destroy.as_deref(), Some("true"));
    assert_eq!(node.lifecycle.ignore_changes.as_deref(), Some("all"));
    assert_eq!(
        node.lifecycle.replace_triggered_by.as_deref(),
        Some("[a.c]")
    );
    assert_eq!(
        node.lifecycle.postconditions,
        ["condition = self.ok\nerror_message = \"no\""]
    );
    let [local, remote] = node.execs.as_slice() else {
        panic!("two commands, not {}", node.execs.len());
    };
    assert_eq!(
        (local.kind.as_str(), local.when, local.on_failure.as_str()),
        ("local-exec", When::Create, "fail")
    );
    assert_eq!(
        local.text,
        "provisioner \"local-exec\" {\ncommand = file(\"run.sh\")\n}\nconnection {\nhost = \"h\"\n}"
    );
    assert_eq!(
        (remote.when, remote.on_failure.as_str()),
        (When::Destroy, "continue")
    );
    assert!(
        !remote.text.contains("host = \"h\""),
        "its own connection comes first"
    );
    let files = |exec: &ambit_gatekeeper::graph::Exec| -> Vec<(String, Option<String>)> {
        exec.files
            .iter()
            .map(|file| (file.by.clone(), file.path.clone()))
            .collect()
    };
    let some = |by: &str, path: &str| (by.to_owned(), Some(path.to_owned()));
    assert_eq!(files(local), [some("file", "run.sh")]);
    assert_eq!(
        files(remote),
        [
            some("scripts", "./a.sh"),
            ("scripts".to_owned(), None),
            some("templatefile", "./h.tpl")
        ]
    );
    let [removed] = graph.removed() else {
        panic!("one removed block");
    };
    assert_eq!(removed.from, "module.x.a.old");
    assert_eq!(removed.lifecycle.destroy.as_deref(), Some("false"));
    assert_eq!(
        removed.execs[0].text,
        "provisioner \"local-exec\" {\ncommand = \"rm -rf ${filebase64(var.path)}\"\nwhen = destroy\n}"
    );
    assert_eq!(files(&removed.execs[0]), [("filebase64".to_owned(), None)]);
}

#[test]
fn json_declares_the_same_things() {
    let json = r#"{
        "terraform": {"backend": {"http": {"address": "https://x"}}, "required_providers": {"x": {"source": "a/x"}}},
        "provider": {"x": [{"region": "a"}, {"alias": "w", "region": "b"}]},
        "resource": {"x_vm": {"one": {
            "count": 2,
            "provider": "x.w",
            "//": "comment",
            "connection": {"host": "h"},
            "provisioner": [{"local-exec": {"command": "${file(\"c.sh\")}", "when": "destroy"}}],
            "lifecycle": {"prevent_destroy": true, "ignore_changes": ["tags"], "precondition": [{"condition": "${true}", "error_message": "m"}]},
            "rule": [{"dynamic": {"inner": {"for_each": [1], "content": {"v": "${inner.value}"}}}}],
            "dynamic": {"outer": [{"for_each": "${var.list}", "iterator": "it", "content": {"v": "${it.value}${var.plain}"}}]}
        }}},
        "removed": [{"from": "x_vm.gone", "provisioner": {"local-exec": {"command": "true"}}}],
        "moved": [{"from": "x_vm.was", "to": "x_vm.one"}],
        "import": [{"to": "x_vm.one[0]", "id": "i"}],
        "check": {"c": {"data": {"x_look": {"probe": {"key": "k"}}}, "assert": {"condition": "${var.plain == 1}", "error_message": "m"}}},
        "variable": {"list": {"default": []}, "plain": {"sensitive": true}}
    }"#;
    let configuration = configuration(&[("main.tf.json", json)]);
    assert_eq!(configuration.unknown_blocks().count(), 0);
    let root = configuration.root().expect("a root module");
    assert_eq!(root.providers.len(), 2);
    assert_eq!(root.imports[0].to, "x_vm.one[0]");
    assert!(root.imports[0].target.is_some());
    assert_eq!(root.moved[0].from, "x_vm.was");
    assert_eq!(root.removed[0].execs.len(), 1);
    assert!(root.variables["plain"].sensitive);
    let backend = root.settings.backend.as_ref().expect("a backend");
    assert_eq!(backend.arguments["address"].as_str(), Some("https://x"));
    let graph = ambit_gatekeeper::graph::Graph::build(&configuration).expect("a graph");
    assert_eq!(graph.unresolved(), &[]);
    let node = graph.node(graph.find("x_vm.one").expect("a node"));
    assert_eq!(node.provider.alias.as_deref(), Some("w"));
    assert_eq!(node.execs[0].when, When::Destroy);
    assert_eq!(node.execs[0].files[0].path.as_deref(), Some("c.sh"));
    assert_eq!(node.lifecycle.preconditions.len(), 1);
    assert!(graph.find("data.x_look.probe").is_some());
}

#[test]
fn a_directory_is_read_with_its_local_modules() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let write = |path: &str, text: &str| {
        let path = place.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    };
    write(
        "stack/main.tf",
        "module \"a\" {\n source = \"../shared/a\"\n}\nmodule \"far\" {\n source = \"acme/far/x\"\n}",
    );
    write("stack/ignored.txt", "%");
    write("shared/a/main.tf", "module \"b\" {\n source = \"./b\"\n}");
    write(
        "shared/a/b/main.tf",
        "resource \"x\" \"y\" { p = file(\"${path.module}/f\") }",
    );
    write("installed/main.tf", "");
    let stack = place.path().join("stack");
    let found = Snapshot::from_dir(&stack, Dialect::OpenTofu).expect("a snapshot");
    let manifest: Vec<(&str, &str)> = found
        .manifest
        .iter()
        .map(|(key, place)| (key.as_str(), place.as_str()))
        .collect();
    assert_eq!(
        manifest,
        [("", "."), ("a", "../shared/a"), ("a.b", "../shared/a/b")]
    );
    let configuration = Configuration::load(&found, Dialect::OpenTofu).expect("a configuration");
    let path = ModulePath::from_key("a.b").expect("a path");
    let resource = configuration.modules[&path]
        .resources
        .values()
        .next()
        .expect("a resource");
    assert_eq!(resource.at.to_string(), "../shared/a/b/main.tf:1");
    assert_eq!(
        resource.body.attributes[0].value.files()[0].path.as_deref(),
        Some("../shared/a/b/f")
    );
    assert_eq!(configuration.missing_modules().len(), 1);

    let installed = [("far".to_owned(), "../installed".to_owned())].into();
    let found =
        Snapshot::from_installed(&stack, Dialect::OpenTofu, &installed).expect("a snapshot");
    let configuration = Configuration::load(&found, Dialect::OpenTofu).expect("a configuration");
    assert_eq!(configuration.missing_modules(), []);

    write("loop/main.tf", "module \"again\" {\n source = \"./\"\n}");
    let error = Snapshot::from_dir(&place.path().join("loop"), Dialect::OpenTofu);
    assert!(
        error
            .expect_err("a loop")
            .to_string()
            .contains("does a module call itself?")
    );
    let error = Snapshot::from_dir(&place.path().join("none"), Dialect::OpenTofu);
    assert!(
        error
            .expect_err("no directory")
            .to_string()
            .starts_with("cannot read `")
    );
}
