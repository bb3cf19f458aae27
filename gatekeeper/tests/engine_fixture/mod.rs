//! A small repository, a gate directory outside it, and an engine to run over both.

#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ambit_gatekeeper::engine::{
    Backend, CliConfig, Engine, Environment, EnvironmentRequest, Interrupts, Kind, LocalState,
    Profile, Run, Seal, SealError, SealRequest, Version,
};

pub struct Repository {
    pub dir: tempfile::TempDir,
    pub workspace: String,
    /// The environment of whoever calls the gate.
    pub caller: BTreeMap<OsString, OsString>,
}

/// Everything a run borrows.
pub struct Opened {
    pub engine: Engine,
    pub state: LocalState,
    pub seal: Seal,
    pub environment: Environment,
    pub interrupts: Interrupts,
}

impl Repository {
    /// Files by path from the top level; the stack lies in `stack`.
    pub fn new(files: &[(&str, &str)]) -> Repository {
        let dir = tempfile::tempdir().unwrap();
        let made = Repository {
            workspace: "default".into(),
            caller: BTreeMap::from([("HOME".into(), dir.path().join("home").into())]),
            dir,
        };
        std::fs::create_dir_all(made.stack_dir()).unwrap();
        std::fs::create_dir_all(made.dir.path().join("home")).unwrap();
        for (path, text) in files {
            made.write(path, text);
        }
        made
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub fn stack_dir(&self) -> PathBuf {
        self.root().join("stack")
    }

    pub fn gate_dir(&self) -> PathBuf {
        self.dir.path().join("gate")
    }

    /// Relative paths of all files of the user's tree.
    pub fn files(&self) -> BTreeSet<String> {
        files_below(&self.root())
    }

    pub fn state(&self, engine: &Engine) -> LocalState {
        let declared = Backend::declared_in(&self.stack_dir(), engine.kind).unwrap();
        LocalState::resolve(
            &declared,
            &BTreeMap::new(),
            &self.stack_dir(),
            &self.workspace,
        )
        .unwrap()
    }

    pub fn seal(&self, name: &str, exclude: &[PathBuf]) -> Result<Seal, SealError> {
        Seal::copy(&SealRequest {
            repository: &self.root(),
            stack_dir: Path::new("stack"),
            stack: name,
            gate_dir: &self.gate_dir(),
            exclude,
            undigested: &["approvals.tf"],
            max_bytes: 64 << 20,
        })
    }

    pub fn open(&self, engine: &Engine) -> Opened {
        self.open_as(engine, "stack")
    }

    pub fn open_as(&self, engine: &Engine, name: &str) -> Opened {
        let state = self.state(engine);
        let seal = self.seal(name, &state.files()).unwrap();
        let cli_config = CliConfig::import(&self.caller, engine.kind).unwrap();
        let environment = Environment::build(&EnvironmentRequest {
            profile: Profile::Local,
            caller: &self.caller,
            pass: &[],
            workspace: &self.workspace,
            cli_config: &cli_config,
            packages: seal.packages(),
        })
        .unwrap();
        Opened {
            engine: engine.clone(),
            state,
            seal,
            environment,
            interrupts: Interrupts::detached(),
        }
    }
}

impl Opened {
    pub fn run(&self) -> Run<'_> {
        Run::new(
            &self.engine,
            &self.seal,
            &self.state,
            &self.environment,
            &self.interrupts,
        )
    }
}

pub fn files_below(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            } else {
                found.insert(
                    entry
                        .path()
                        .strip_prefix(root)
                        .unwrap()
                        .display()
                        .to_string(),
                );
            }
        }
    }
    found
}

/// The real engine: `AMBIT_ENGINE`, `tofu` or `terraform`.
pub fn real_engine() -> Engine {
    Engine::locate(None).expect("these tests need OpenTofu or Terraform")
}

/// An executable that is whatever the test needs it to be.
pub fn fake_program(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("fake-engine");
    // Written by another process: one that another test starts at this moment would inherit our
    // open file, and the system refuses to run a file that is open for writing.
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "cat > \"$1\"", "sh"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(
        &mut shell.stdin.take().unwrap(),
        format!("#!/bin/sh\n{script}\n").as_bytes(),
    )
    .unwrap();
    assert!(shell.wait().unwrap().success());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

pub fn fake_engine(dir: &Path, script: &str) -> Engine {
    Engine {
        path: fake_program(dir, script),
        kind: Kind::OpenTofu,
        version: Version {
            major: 1,
            minor: 12,
            patch: 0,
            pre: None,
        },
        sha256: [0; 32],
        is_script: true,
    }
}
