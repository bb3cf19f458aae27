//! The programs under test: built once for each test process, with a mirror that engines install the providers from.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

pub struct Products {
    pub ambit: PathBuf,
    /// The engine configuration that names the mirror.
    pub cli_config: PathBuf,
}

/// A real engine. What is skipped shows nothing, so a missing one fails.
#[derive(Clone, Debug)]
pub struct Engine(pub PathBuf);

impl Engine {
    /// `AMBIT_ENGINE`, else `tofu` on PATH, else Terraform.
    pub fn any() -> Self {
        let named = env::var_os("AMBIT_ENGINE").map(PathBuf::from);
        if let Some(engine) = &named {
            assert!(
                engine.is_file(),
                "AMBIT_ENGINE=`{}` is not a file: `AMBIT_ENGINE=$(scripts/engines)` finds or builds one",
                engine.display()
            );
        }
        let found = named
            .or_else(|| on_path("tofu"))
            .or_else(|| on_path("terraform"));
        Self(found.expect(
            "these tests drive a real engine and there is none: `export AMBIT_ENGINE=$(scripts/engines)` finds or builds one",
        ))
    }

    /// `AMBIT_TERRAFORM`, else `terraform` on PATH. The second engine is optional.
    pub fn terraform() -> Option<Self> {
        if let Some(engine) = env::var_os("AMBIT_TERRAFORM").map(PathBuf::from) {
            assert!(
                engine.is_file(),
                "AMBIT_TERRAFORM=`{}` is not a file",
                engine.display()
            );
            return Some(Self(engine));
        }
        on_path("terraform").map(Self)
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

impl Products {
    pub fn get() -> &'static Self {
        static BUILT: OnceLock<Products> = OnceLock::new();
        BUILT.get_or_init(Self::build)
    }

    fn build() -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(repository())
            .args(["build", "--locked", "--quiet", "-p", "ambit-gatekeeper"])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "ambit does not build");
        let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        let ambit = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|message| message["target"]["name"] == "ambit")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the program it built");
        let dir = ambit
            .parent()
            .and_then(Path::parent)
            .expect("a target directory")
            .join("acceptance");
        fs::create_dir_all(&dir).expect("a directory for the mirror");
        // Several test processes may start at once; one at a time fills the mirror.
        let lock = File::create(dir.join("lock")).expect("a lock file");
        lock.lock().expect("the lock");
        let mirror = dir.join("mirror");
        let status = Command::new(repository().join("scripts/mirror"))
            .arg(&mirror)
            .status()
            .expect("scripts/mirror starts");
        assert!(status.success(), "scripts/mirror failed");
        Self {
            ambit,
            cli_config: mirror.join("cli.tfrc"),
        }
    }
}
