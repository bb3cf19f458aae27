//! A real engine, a configuration and a cloud of their own, for one test.
//!
//! The engine is the one in `AMBIT_ENGINE`, else `tofu`, else `terraform` on PATH.
//! Without one the tests fail: a conformance test that is skipped shows nothing.

// Each test binary uses the part it needs.
#![allow(dead_code)]

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value as Json;

/// A working directory prepared to use the provider, after `init`.
pub struct Workspace {
    root: tempfile::TempDir,
    engine: PathBuf,
    /// Set for every command.
    pub env: Vec<(&'static str, String)>,
}

/// What a command printed, and whether it succeeded.
pub struct Ran {
    pub success: bool,
    pub code: Option<i32>,
    pub text: String,
}

pub fn find() -> PathBuf {
    if let Some(engine) = env::var_os("AMBIT_ENGINE") {
        let engine = PathBuf::from(engine);
        assert!(
            engine.is_file(),
            "AMBIT_ENGINE=`{}` is not a file: set it to a tofu or terraform binary",
            engine.display()
        );
        return engine;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = ["tofu", "terraform"]
        .into_iter()
        .flat_map(|name| env::split_paths(&path).map(move |dir| dir.join(name)));
    candidates.find(|candidate| candidate.is_file()).expect(
        "these tests need a real engine: set AMBIT_ENGINE to a tofu or terraform binary, or put one on PATH",
    )
}

impl Workspace {
    /// `config` without the `terraform` and `provider` blocks, which are the same for all.
    pub fn new(config: &str) -> Self {
        let workspace = Self::without_init(&with_provider(config));
        workspace.run(&["init"]).expect_success();
        workspace
    }

    /// The whole configuration but the `terraform` block; `ENDPOINT` stands for the cloud's path.
    pub fn without_init(config: &str) -> Self {
        let root = tempfile::Builder::new()
            .prefix("mockcloud")
            .tempdir()
            .expect("a directory");
        let workspace = Self {
            root,
            engine: find(),
            env: Vec::new(),
        };
        fs::create_dir(workspace.dir()).expect("created");
        workspace.lay_out_mirror();
        workspace.write(config);
        workspace
    }

    pub fn dir(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub fn cloud_path(&self) -> PathBuf {
        self.root.path().join("cloud.json")
    }

    pub fn write(&self, config: &str) {
        let config = config.replace("ENDPOINT", &self.cloud_path().display().to_string());
        let providers = ["mockcloud", "probe"].map(|name| match config.contains(name) {
            true => format!("    {name} = {{ source = \"ambit-test/{name}\" }}\n"),
            false => String::new(),
        });
        let required = format!(
            "terraform {{\n  required_providers {{\n{}  }}\n}}\n",
            providers.concat()
        );
        fs::write(self.dir().join("main.tf"), format!("{required}{config}")).expect("written");
    }

    /// Writes a new configuration with the usual provider block.
    pub fn rewrite(&self, config: &str) {
        self.write(&with_provider(config));
    }

    /// The cloud's file.
    pub fn cloud(&self) -> Json {
        let text = fs::read(self.cloud_path()).expect("the cloud's file");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// Changes the cloud as somebody else would.
    pub fn change_cloud(&self, change: impl FnOnce(&mut Json)) {
        let mut cloud = if self.cloud_path().exists() {
            self.cloud()
        } else {
            serde_json::json!({})
        };
        change(&mut cloud);
        fs::write(self.cloud_path(), cloud.to_string()).expect("written");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.engine);
        command
            .args(arguments)
            .current_dir(self.dir())
            .env("TF_CLI_CONFIG_FILE", self.root.path().join("cli.tfrc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env_remove("TF_LOG")
            .envs(self.env.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null());
        if arguments.first() != Some(&"show") {
            command.env("TF_CLI_ARGS", "-no-color");
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("the engine starts");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ran {
            success: output.status.success(),
            code: output.status.code(),
            text,
        }
    }

    pub fn apply(&self) -> Ran {
        self.run(&["apply", "-auto-approve", "-input=false"])
    }

    /// Asserts that there is nothing to do.
    pub fn expect_no_changes(&self) {
        let plan = self.run(&["plan", "-input=false", "-detailed-exitcode"]);
        assert_eq!(plan.code, Some(0), "the plan is not empty:\n{}", plan.text);
    }

    /// A plan, as the engine describes it in JSON.
    pub fn plan_json(&self) -> Json {
        self.run(&["plan", "-input=false", "-out=plan.bin"])
            .expect_success();
        self.show(&["show", "-json", "plan.bin"])
    }

    pub fn state_json(&self) -> Json {
        self.show(&["show", "-json"])
    }

    fn show(&self, arguments: &[&str]) -> Json {
        let output = self.command(arguments).output().expect("the engine starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn lay_out_mirror(&self) {
        let mirror = self.root.path().join("mirror");
        let built = [
            (
                "mockcloud",
                env!("CARGO_BIN_EXE_terraform-provider-mockcloud"),
            ),
            ("probe", env!("CARGO_BIN_EXE_terraform-provider-probe")),
        ];
        for host in ["registry.opentofu.org", "registry.terraform.io"] {
            for (name, binary) in built {
                let version = mirror
                    .join(host)
                    .join("ambit-test")
                    .join(name)
                    .join("0.1.0")
                    .join(platform());
                fs::create_dir_all(&version).expect("created");
                let place = version.join(format!("terraform-provider-{name}_v0.1.0"));
                // A link where possible: copies of a debug binary add up.
                fs::hard_link(binary, &place)
                    .or_else(|_| fs::copy(binary, &place).map(drop))
                    .expect("laid out");
            }
        }
        let cli = format!(
            "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            mirror.display()
        );
        fs::write(self.root.path().join("cli.tfrc"), cli).expect("written");
    }
}

fn with_provider(config: &str) -> String {
    format!(
        "provider \"mockcloud\" {{\n  endpoint = \"ENDPOINT\"\n  region = \"local-1\"\n  account = \"123456789012\"\n}}\n{config}"
    )
}

fn platform() -> String {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        env::consts::OS
    };
    let arch = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}_{arch}")
}

impl Ran {
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.success, "the engine failed:\n{}", self.text);
        self
    }

    /// Asserts that it failed and said each of these. Line breaks and frames do not matter.
    #[track_caller]
    pub fn expect_failure(self, said: &[&str]) -> Self {
        assert!(!self.success, "the engine succeeded:\n{}", self.text);
        for part in said {
            assert!(
                self.says(part),
                "the engine did not say `{part}`:\n{}",
                self.text
            );
        }
        self
    }

    pub fn says(&self, part: &str) -> bool {
        let flat: Vec<_> = self
            .text
            .split_whitespace()
            .filter(|word| !["│", "╷", "╵"].contains(word))
            .collect();
        flat.join(" ").contains(part)
    }
}

/// The one change of the resource at `address`.
#[track_caller]
pub fn change<'j>(plan: &'j Json, address: &str) -> &'j Json {
    let changes = plan["resource_changes"].as_array().expect("changes");
    let change = changes.iter().find(|change| change["address"] == address);
    &change.unwrap_or_else(|| panic!("no change of {address} in {plan}"))["change"]
}

/// The object called `name` in the cloud's file.
#[track_caller]
pub fn object<'j>(cloud: &'j mut Json, name: &str) -> &'j mut Json {
    let objects = cloud["objects"].as_array_mut().expect("objects");
    objects
        .iter_mut()
        .find(|object| object["attributes"]["name"] == name)
        .expect("an object of that name")
}
