//! The provider in the hands of real engines: the examples of the documents are planned, applied, changed and
//! destroyed, and what is wrong is refused where it stands.
//!
//! One OpenTofu and one Terraform, as far as they are there: `AMBIT_ENGINE`, and `tofu` and `terraform` on PATH. Nothing
//! is fetched: they find the provider in a mirror in a private directory, and no other source is configured.

use serde_json::Value as Json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

const STATEMENT: &str = include_str!("../../testdata/formats/statement.json");

#[test]
fn the_examples_live_a_whole_life() {
    for engine in engines() {
        let stack = Stack::new(&engine);
        stack.write_examples();
        stack.init();

        let plan = stack.plan("create.plan", 2);
        let changes = plan["resource_changes"].as_array().unwrap();
        assert_eq!(changes.len(), 8, "{engine:?}");
        for change in changes {
            let address = change["address"].as_str().unwrap();
            let unknown = &change["change"]["after_unknown"];
            assert!(!holds_true(unknown), "{address}: {unknown}");
        }
        let planned = |address: &str| after(&plan, address);
        assert_eq!(
            planned("ambit_person.alice")["fingerprints"],
            serde_json::json!([
                "SHA256:+bdOeHg22WwsBkxsxHkuuHIBJ2Xoa+WX0+vR/voVwD4",
                "SHA256:S7DJXswidTvpN+djOu9aBwhm5yZC/gJXvzGoTx7vsP8"
            ])
        );
        assert_eq!(
            planned("ambit_person.alice")["keys"][0]["assurance"],
            "software"
        );
        assert_eq!(planned("ambit_team.data")["id"], "data");
        assert_eq!(
            planned("ambit_agent.builder")["fingerprints"][0],
            "SHA256:9qTnht+60sFoDB5LaiZXt2cHcK4qRZVN5KhzEMOdsRY"
        );
        assert_eq!(planned("ambit_ownership.databases")["always"], false);
        assert_eq!(planned("ambit_ownership.databases")["notify"], Json::Null);
        let approval = planned("ambit_approval.alice");
        for (attribute, value) in [
            ("request", "r-0123456789abcdef"),
            ("approver", "alice"),
            ("decision", "approve"),
            ("expires", "2027-01-22T08:00:00Z"),
            (
                "key_fingerprint",
                "SHA256:KQfNmNvQyFWmCyA0dILkTK5A0Te1iyA1p5zSf14QHrM",
            ),
        ] {
            assert_eq!(approval[attribute], value);
        }
        let outputs = &plan["planned_values"]["outputs"];
        assert_eq!(outputs["database"]["value"]["module"][0]["key"], "eu");
        assert_eq!(outputs["database"]["value"]["index"], 0);
        assert_eq!(outputs["belongs_to_data"]["value"], true);

        stack.ok(&["apply", "-no-color", "-input=false", "create.plan"]);
        stack.plan("again.plan", 0);

        // Saying a default aloud is no change; another comment on a key is one, in place; another name is another object.
        stack.edit("ambit_ownership.tf", "  tags ", "  always = false\n  tags ");
        stack.plan("default.plan", 0);
        stack.edit("ambit_person.tf", "carol@laptop", "carol@desk");
        stack.edit("ambit_team.tf", "\"data\"\n", "\"storage\"\n");
        let plan = stack.plan("change.plan", 2);
        assert_eq!(actions(&plan, "ambit_person.carol"), ["update"]);
        let carol = change(&plan, "ambit_person.carol");
        assert_eq!(
            carol["before"]["fingerprints"],
            carol["after"]["fingerprints"]
        );
        assert_eq!(actions(&plan, "ambit_team.data"), ["delete", "create"]);
        assert_eq!(
            change(&plan, "ambit_team.data")["replace_paths"],
            serde_json::json!([["name"]])
        );
        assert_eq!(after(&plan, "ambit_team.data")["id"], "storage");
        stack.ok(&["apply", "-no-color", "-input=false", "change.plan"]);
        stack.plan("again.plan", 0);

        stack.ok(&["destroy", "-no-color", "-input=false", "-auto-approve"]);
        assert_eq!(stack.ok(&["state", "list"]), "");
    }
}

#[test]
fn what_is_not_known_yet_is_waited_for() {
    for engine in engines() {
        let stack = Stack::new(&engine);
        stack.write(
            "main.tf",
            r#"
resource "terraform_data" "later" {
  input = { name = "alice", tags = { team = "data" }, nothing = null }
}

resource "ambit_person" "alice" {
  name = terraform_data.later.output.name
  keys = [{ key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBgGKwkNHfG+2f3tzP97zbA7IzZnrdV4aRpxR1banuGe ${terraform_data.later.id}" }]
}

resource "ambit_team" "data" {
  name    = "data"
  members = [ambit_person.alice.id]
  teams   = terraform_data.later.output.nothing
}

resource "ambit_ownership" "tagged" {
  name = "tagged"
  team = ambit_team.data.id
  tags = terraform_data.later.output.tags
}
"#,
        );
        stack.init();
        let plan = stack.plan("create.plan", 2);
        let alice = &change(&plan, "ambit_person.alice")["after_unknown"];
        assert_eq!(alice["id"], true);
        assert_eq!(alice["fingerprints"], serde_json::json!([true]));
        assert_eq!(after(&plan, "ambit_ownership.tagged")["team"], "data");
        stack.ok(&["apply", "-no-color", "-input=false", "create.plan"]);
        stack.plan("again.plan", 0);

        // A broken value that is known only while applying is refused then.
        stack.edit("main.tf", "\"alice\"", "\"Alice\"");
        let out = stack.run(&["apply", "-no-color", "-input=false", "-auto-approve"]);
        assert!(!out.status.success());
        assert!(text(&out.stderr).contains("`Alice` is not the name of a person"));
    }
}

#[test]
fn refusals_stand_where_the_fault_is() {
    let person = |keys: &str| {
        format!("resource \"ambit_person\" \"x\" {{\n  name = \"x\"\n  keys = {keys}\n}}\n")
    };
    let forged = STATEMENT.replacen("ImFsaWNlI", "ImFsaWNmI", 1);
    assert_ne!(forged, STATEMENT);
    // Configuration, the line and the code that is underlined, what is said.
    let cases = [
        (
            "resource \"ambit_approval\" \"x\" {\n  statement = file(\"forged.json\")\n}\n".to_owned(),
            (2, "file(\"forged.json\")"),
            "the signature of the statement does not hold",
        ),
        (
            "resource \"ambit_approval\" \"x\" {\n  statement = \"forged.json\"\n}\n".to_owned(),
            (2, "\"forged.json\""),
            "the statement is not JSON",
        ),
        (
            person("[\n    { key = \"ssh-ed25519 AAAA\" },\n  ]"),
            (4, "{ key = \"ssh-ed25519 AAAA\" }"),
            "`ssh-ed25519 AAAA` is not an SSH public key",
        ),
        (
            "resource \"ambit_team\" \"x\" {\n  name = \"x\"\n  members = [\"a\",\n  \"a\"]\n}\n".to_owned(),
            (4, "\"a\""),
            "`a` is listed twice",
        ),
        (
            "resource \"ambit_team\" \"x\" {\n  name = \"x\"\n  members = [\"a\"]\n  minimum = 2\n}\n".to_owned(),
            (4, "2"),
            "not yet: `minimum`",
        ),
        (
            "resource \"ambit_ownership\" \"x\" {\n  name = \"x\"\n  team = \"t\"\n}\n".to_owned(),
            (1, "{"),
            "this ownership selects nothing",
        ),
        (
            "resource \"ambit_ownership\" \"x\" {\n  name = \"x\"\n  team = \"t\"\n  tags = {\n    team = null\n  }\n}\n".to_owned(),
            (5, "null"),
            "the tag `team` is null",
        ),
    ];
    for engine in engines() {
        let stack = Stack::new(&engine);
        stack.write("forged.json", &forged);
        stack.init();
        for (config, (line, code), summary) in &cases {
            stack.write("main.tf", config);
            let out = stack.run(&["validate", "-json"]);
            let json: Json = serde_json::from_slice(&out.stdout).unwrap();
            let told = json["diagnostics"].as_array().unwrap();
            assert_eq!(told.len(), 1, "{json:#}");
            assert_eq!(told[0]["summary"], *summary, "{json:#}");
            assert_eq!(told[0]["severity"], "error");
            let range = &told[0]["range"];
            assert_eq!(range["start"]["line"], *line, "{json:#}");
            let (from, to) = (&range["start"]["byte"], &range["end"]["byte"]);
            let (from, to) = (
                from.as_u64().unwrap() as usize,
                to.as_u64().unwrap() as usize,
            );
            assert_eq!(&config[from..to], *code, "{json:#}");
        }
        stack.write("main.tf", &cases[0].0);
        let out = stack.run(&["plan", "-no-color", "-input=false"]);
        assert!(!out.status.success());
        let said = text(&out.stderr);
        for part in [
            "Error: the signature of the statement does not hold",
            "on main.tf line 2, in resource \"ambit_approval\" \"x\":",
            "2:   statement = file(\"forged.json\")",
            "the text was changed after signing",
        ] {
            assert!(said.contains(part), "`{part}` is not in:\n{said}");
        }
    }
}

#[test]
fn there_is_nothing_to_import() {
    for engine in engines() {
        let stack = Stack::new(&engine);
        stack.write_examples();
        stack.init();
        let out = stack.run(&["import", "-no-color", "ambit_team.data", "data"]);
        assert!(!out.status.success());
        let said = text(&out.stderr);
        assert!(said.contains("`ambit_team` cannot be imported"), "{said}");
        assert!(said.contains("Declare it and apply"), "{said}");
    }
}

/// One engine of each kind. None at all is a failure: skipping would look like passing.
fn engines() -> Vec<PathBuf> {
    let chosen = std::env::var_os("AMBIT_ENGINE").map(PathBuf::from);
    if let Some(chosen) = &chosen {
        let shown = chosen.display();
        assert!(chosen.is_file(), "AMBIT_ENGINE={shown} is not a file");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &str| {
        std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    };
    let of_kind = |kind: &str| {
        let named = |file: &PathBuf| file.file_name().is_some_and(|name| name == kind);
        chosen.clone().filter(named).or_else(|| on_path(kind))
    };
    let mut found: Vec<_> = ["tofu", "terraform"]
        .into_iter()
        .filter_map(of_kind)
        .collect();
    // Chosen under a name of its own.
    found.extend(chosen.clone().filter(|chosen| !found.contains(chosen)));
    assert!(
        !found.is_empty(),
        "no engine: put `tofu` or `terraform` on PATH, or set AMBIT_ENGINE (`scripts/engines` builds one)"
    );
    found
        .into_iter()
        .map(|engine| std::path::absolute(engine).unwrap())
        .collect()
}

/// A directory with a configuration, and beside it the mirror and everything else an engine writes.
struct Stack {
    engine: PathBuf,
    dir: TempDir,
}

impl Stack {
    fn new(engine: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stack = Self {
            engine: engine.to_owned(),
            dir,
        };
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            other => other,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let version = env!("CARGO_PKG_VERSION");
        for host in ["registry.opentofu.org", "registry.terraform.io"] {
            let package = format!("mirror/{host}/ambit/ambit/{version}/{os}_{arch}");
            let package = stack.path(&package);
            fs::create_dir_all(&package).unwrap();
            let binary = package.join(format!("terraform-provider-ambit_v{version}"));
            // A copy where a link cannot be: the mirror takes no symbolic links.
            let built = env!("CARGO_BIN_EXE_terraform-provider-ambit");
            fs::hard_link(built, &binary)
                .or_else(|_| fs::copy(built, &binary).map(drop))
                .unwrap();
        }
        let mirror = Json::from(stack.path("mirror").to_str().unwrap());
        stack.write(
            "../engine.rc",
            &format!(
                "provider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n"
            ),
        );
        stack.write("provider.tf", &example("provider/provider.tf"));
        stack
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Writes a file of the configuration.
    fn write(&self, file: &str, text: &str) {
        let file = self.path("stack").join(file);
        fs::create_dir_all(self.path("stack/approvals")).unwrap();
        fs::write(file, text).unwrap();
    }

    fn write_examples(&self) {
        for kind in fs::read_dir(examples().join("resources")).unwrap() {
            let kind = kind.unwrap().file_name().into_string().unwrap();
            let text = example(&format!("resources/{kind}/resource.tf"));
            self.write(&format!("{kind}.tf"), &text);
        }
        for function in fs::read_dir(examples().join("functions")).unwrap() {
            let function = function.unwrap().file_name().into_string().unwrap();
            let text = example(&format!("functions/{function}/function.tf"));
            self.write(&format!("{function}.tf"), &text);
        }
        self.write("approvals/alice.json", STATEMENT);
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path("stack").join(file);
        let before = fs::read_to_string(&path).unwrap();
        let after = before.replacen(from, to, 1);
        assert_ne!(before, after, "`{from}` is not in {file}");
        fs::write(path, after).unwrap();
    }

    /// Runs the engine with nothing of the caller's environment but where programs are.
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.engine)
            .args(arguments)
            .current_dir(self.path("stack"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("TF_CLI_CONFIG_FILE", self.path("engine.rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap()
    }

    /// What it printed, having succeeded.
    fn ok(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments);
        assert!(
            out.status.success(),
            "{} {arguments:?}\n{}{}",
            self.engine.display(),
            text(&out.stdout),
            text(&out.stderr)
        );
        text(&out.stdout)
    }

    fn init(&self) {
        self.ok(&["init", "-no-color", "-input=false"]);
    }

    /// Plans into `file`: exit code 0 is no change, 2 is changes. Returns the plan.
    fn plan(&self, file: &str, code: i32) -> Json {
        let out = format!("-out={file}");
        let done = self.run(&[
            "plan",
            "-no-color",
            "-input=false",
            "-detailed-exitcode",
            &out,
        ]);
        assert_eq!(
            done.status.code(),
            Some(code),
            "{}\n{}{}",
            self.engine.display(),
            text(&done.stdout),
            text(&done.stderr)
        );
        serde_json::from_str(&self.ok(&["show", "-json", file])).unwrap()
    }
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn example(path: &str) -> String {
    fs::read_to_string(examples().join(path)).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn change<'p>(plan: &'p Json, address: &str) -> &'p Json {
    let changes = plan["resource_changes"].as_array().unwrap();
    let found = changes.iter().find(|change| change["address"] == address);
    &found.unwrap_or_else(|| panic!("{address} is not in the plan"))["change"]
}

fn after<'p>(plan: &'p Json, address: &str) -> &'p Json {
    &change(plan, address)["after"]
}

fn actions<'p>(plan: &'p Json, address: &str) -> Vec<&'p str> {
    let actions = change(plan, address)["actions"].as_array().unwrap();
    actions
        .iter()
        .map(|action| action.as_str().unwrap())
        .collect()
}

fn holds_true(value: &Json) -> bool {
    match value {
        Json::Bool(bool) => *bool,
        Json::Array(elements) => elements.iter().any(holds_true),
        Json::Object(entries) => entries.values().any(holds_true),
        _ => false,
    }
}
