//! A machine of one user: a repository, a configuration directory, a gate directory, a key. What `ambit` leaves behind on
//! it is compared with what was there.

use ambit_authority::{
    bundle::{Assurance, Bundle, EngineSettings, Person, PersonKey, Root, Settings},
    canonical,
    chain::{self, AuthorityRecord},
    digest::Digest,
    key::PublicKey,
    record::{Body, Record},
};
use ambit_evidence::{Inbox, Journal, LedgerError, LogKey, Retention};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

pub const ORIGIN: &str = "ambit-0123456789abcdef0123456789abcdef";

pub struct Machine {
    root: TempDir,
    variables: BTreeMap<String, String>,
}

pub struct Ran {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
    given: String,
}

impl Machine {
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        for dir in [
            "repository/.git",
            "config",
            "home",
            "elsewhere",
            "folder",
            "tmp",
        ] {
            fs::create_dir_all(root.path().join(dir)).expect(dir);
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(root.path().join("state"))
            .expect("state");
        let machine = Self {
            root,
            variables: BTreeMap::new(),
        };
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "anna", "-f"])
            .arg(machine.path("anna.key"));
        assert!(command.status().expect("ssh-keygen").success());
        machine
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        // A new file each time: an old one may be gigabytes of nothing.
        fs::write(self.path(name), bytes).expect(name);
    }

    /// As `ssh-keygen` wants its private keys.
    pub fn private(&self, name: &str, bytes: &[u8]) {
        self.put(name, bytes);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect(name);
    }

    /// A file of `size` bytes that takes no room: `start`, and zeros after it.
    pub fn sparse(&self, name: &str, start: &[u8], size: u64) {
        let mut file = fs::File::create(self.path(name)).expect(name);
        file.write_all(start).expect(name);
        file.set_len(size).expect(name);
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect(name)
    }

    pub fn variable(&mut self, name: &str, value: &str) {
        self.variables.insert(name.into(), value.into());
    }

    pub fn run(&self, given: &[&str]) -> Ran {
        self.run_in("repository", given)
    }

    /// Runs `ambit`, and holds that it did not panic and left everything as it was.
    pub fn run_in(&self, dir: &str, given: &[&str]) -> Ran {
        let before = self.content();
        // Short names stand for files of this machine, which lie beside the repository.
        let beside = |argument: &&str| match self.path(argument) {
            path if given.first() == Some(&"check") && *argument != "check" => {
                path.display().to_string()
            }
            _ => (*argument).to_owned(),
        };
        let output = Command::new(env!("CARGO_BIN_EXE_ambit"))
            .args(given.iter().map(beside))
            .current_dir(self.path(dir))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("AMBIT_CONFIG_DIR", self.path("config"))
            .env("AMBIT_STATE_DIR", self.path("state"))
            // No engine: whatever gets as far as starting one fails with another code than these cases expect.
            .env("AMBIT_ENGINE", self.path("no-engine"))
            .envs(&self.variables)
            .stdin(Stdio::null())
            .output()
            .expect("ambit");
        let ran = Ran {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            given: given
                .iter()
                .map(|g| g.escape_default().to_string())
                .collect::<Vec<_>>()
                .join(" "),
        };
        assert!(
            !ran.stderr.contains("panicked"),
            "`ambit {}`:\n{}",
            ran.given,
            ran.stderr
        );
        let after = self.content();
        let changed: Vec<&String> = before
            .iter()
            .chain(&after)
            .filter(|(name, content)| {
                before.get(*name) != Some(content) || after.get(*name) != Some(content)
            })
            .map(|(name, _)| name)
            .collect();
        assert!(
            changed.is_empty(),
            "`ambit {}` changed {changed:?}",
            ran.given
        );
        ran
    }

    /// Runs `ambit`, which must end with `exit` and a message that holds every one of `says`: file, reason, way out.
    pub fn refuses(&self, given: &[&str], exit: i32, says: &[&str]) {
        self.run(given).refused(exit, says);
    }

    /// Everything on the machine, by name: size and, unless it is very large, content.
    fn content(&self) -> BTreeMap<String, (u64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.root.path().to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                let meta = path.symlink_metadata().expect("metadata");
                let content = match meta.is_file() && meta.len() < 1 << 20 {
                    true => fs::read(&path).expect("a file"),
                    false => vec![],
                };
                // The size of a directory is its file system's affair.
                let size = if meta.is_dir() { 0 } else { meta.len() };
                found.insert(path.display().to_string(), (size, content));
                if meta.is_dir() {
                    open.push(path);
                }
            }
        }
        found
    }

    /// A history as `ambit init` begins it, made without an engine: record 0 signed, ledger, log key, pins.
    pub fn begin(&self) {
        let key = PublicKey::parse(&String::from_utf8(self.read("anna.key.pub")).expect("text"))
            .expect("a key");
        let fingerprint = "local:estate/terraform.tfstate#default";
        let bundle = Bundle {
            root: Root {
                persons: vec!["anna".into()],
                threshold: 1,
            },
            settings: Settings {
                engine: EngineSettings {
                    kind: "opentofu".into(),
                    minor: "1.12".into(),
                    binaries: vec![Digest::of(b"engine")],
                },
                providers: vec![],
                environment_names: vec![],
                tables_version: ambit_gatekeeper::tables::Tables::built_in().version,
            },
            claims: vec![ambit_authority::bundle::Claim {
                stack: "estate".into(),
                fingerprint: fingerprint.into(),
            }],
            persons: vec![Person {
                id: "anna".into(),
                keys: vec![PersonKey {
                    key,
                    assurance: Assurance::Software,
                }],
            }],
            teams: vec![],
            agents: vec![],
            environments: vec![],
            ownership: vec![],
            rules: vec![],
            tables: vec![],
            programmes: vec![],
            delegations: vec![],
            windows: vec![],
        };
        assert!(bundle.check().is_empty(), "{:?}", bundle.check());
        let gate = self.path("state").join(ORIGIN);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&gate)
            .expect("gate");
        let log_key = LogKey::create(&gate.join("log.key"), ORIGIN).expect("a log key");
        let bytes = canonical::encode(&bundle).expect("a bundle");
        let mut record = AuthorityRecord {
            origin: ORIGIN.into(),
            n: 0,
            made_at: 1_700_000_000,
            prev: None,
            bundle_digest: Digest::of_document(&bundle).expect("a digest"),
            request: None,
            log_key: log_key.public().to_string(),
            signatures: vec![],
            statements: vec![],
        };
        record.signatures =
            vec![self.sign(chain::NAMESPACE, &record.to_sign().expect("a message"))];
        let digest = Digest::of_document(&record).expect("a digest");
        let ledger = self.path("repository/.ambit/ledger.db");
        fs::create_dir(ledger.parent().expect("a parent")).expect(".ambit");
        Inbox::create(&self.path("repository/.ambit/inbox")).expect("an inbox");
        Journal::create(&ledger, log_key, record.made_at, |tx| {
            let blob = tx.blob(
                "application/vnd.ambit.authority-bundle+json",
                &bytes,
                Retention::Keep,
            )?;
            let record = Record {
                origin: ORIGIN.into(),
                time: tx.time(),
                request: None,
                body: Body::Authority(record),
                blobs: vec![blob],
            };
            tx.append("authority", &canonical::encode(&record).expect("a record"))?;
            Ok::<(), LedgerError>(())
        })
        .expect("a ledger");
        let place = self
            .path("repository")
            .canonicalize()
            .expect("a repository");
        let pins = serde_json::json!({
            "origins": { ORIGIN: digest.to_string() },
            "repositories": { place.display().to_string(): ORIGIN },
            "type": "ambit/pins",
            "v": 1,
        });
        self.put(
            "config/trust.json",
            &canonical::encode_value(&pins).expect("pins"),
        );
    }

    fn sign(&self, namespace: &str, message: &[u8]) -> String {
        let file = self.path("tmp/message");
        fs::write(&file, message).expect("a message");
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(self.path("anna.key"))
            .arg(&file);
        assert!(
            command
                .stderr(Stdio::null())
                .status()
                .expect("ssh-keygen")
                .success()
        );
        fs::read_to_string(Path::new(&format!("{}.sig", file.display()))).expect("a signature")
    }
}

impl Ran {
    pub fn refused(&self, exit: i32, says: &[&str]) {
        let said = format!(
            "`ambit {}` ended with {}:\n{}",
            self.given, self.exit, self.stderr
        );
        assert_eq!(self.exit, exit, "{said}");
        assert_eq!(self.stdout, "", "{said}");
        for wanted in says {
            assert!(self.stderr.contains(wanted), "not said: {wanted}\n{said}");
        }
        // What came from outside cannot move the cursor of who reads the message.
        assert!(!self.stderr.contains('\u{1b}'), "{said}");
    }
}
