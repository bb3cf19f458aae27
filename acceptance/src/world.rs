//! One repository with a cloud, and people around it. Founder, builder and runner share the checkout and one gate
//! directory; everybody else has a machine of their own and gets files handed over.

use crate::products::{Engine, Products, repository};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub struct World {
    root: PathBuf,
    pub engine: PathBuf,
    pub origin: String,
    pub genesis: String,
    _keep: tempfile::TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Output {
    pub command: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "`{}` ended with {}, expected {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        );
        self
    }

    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.all().contains(words),
            "`{}` does not say `{words}`:\n{}",
            self.command,
            self.all()
        );
        self
    }

    #[track_caller]
    pub fn never_says(self, words: &str) -> Self {
        assert!(
            !self.all().contains(words),
            "`{}` says `{words}`:\n{}",
            self.command,
            self.all()
        );
        self
    }

    /// What was on stdout, with random ids, digests and the state's serial masked: engines count their writes differently.
    pub fn screen(&self) -> String {
        let mut out = String::new();
        let mut rest = self.stdout.as_str();
        while let Some(c) = rest.chars().next() {
            let digits = |prefix: &str| {
                let after = rest.strip_prefix(prefix)?;
                let n = after.bytes().take_while(u8::is_ascii_hexdigit).count();
                (n >= 16).then(|| prefix.len() + n)
            };
            let serial = || {
                let after = rest.strip_prefix("#default serial ")?;
                let n = after.bytes().take_while(u8::is_ascii_digit).count();
                Some((&"#default serial ", rest.len() - after.len() + n))
            };
            let found = ["r-", "ambit-", "sha256:"]
                .iter()
                .find_map(|prefix| Some((prefix, digits(prefix)?)))
                .or_else(serial);
            let length = match found {
                Some((prefix, length)) => {
                    out.extend([prefix, "…"]);
                    length
                }
                None => {
                    out.push(c);
                    c.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        out
    }

    /// The first request id in the output.
    #[track_caller]
    pub fn request(&self) -> String {
        self.find_request()
            .unwrap_or_else(|| panic!("`{}` names no request:\n{}", self.command, self.all()))
    }

    pub fn find_request(&self) -> Option<String> {
        let text = &self.stdout;
        text.match_indices("r-").find_map(|(at, _)| {
            let id = text.get(at..at + 18)?;
            id[2..]
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then(|| id.to_owned())
        })
    }
}

const IN_THE_CHECKOUT: [&str; 3] = ["founder", "builder", "runner"];

impl World {
    /// The estate written down, with keys for everyone it names; nothing is begun yet.
    pub fn new(engine: &Engine) -> Self {
        let keep = tempfile::Builder::new()
            .prefix("ambit")
            .tempdir()
            .expect("a directory");
        let root = keep.path().canonicalize().expect("a real path");
        let world = Self {
            root,
            engine: engine.0.clone(),
            origin: String::new(),
            genesis: String::new(),
            _keep: keep,
        };
        copy(&repository().join("examples/estate"), &world.estate(""));
        fs::create_dir(world.estate("keys")).expect("created");
        private(&world.path("gate"));
        for person in ["founder", "dana", "wes", "sam", "builder"] {
            let key = world.key(person);
            fs::copy(
                key.with_extension("key.pub"),
                world.estate(&format!("keys/{person}.pub")),
            )
            .expect("a public key");
        }
        world.write(
            "shop/ambit.hcl",
            "stack \"estate\" {\n  dir = \"estate\"\n}\n",
        );
        let cloud = format!("cloud = \"{}\"\n", world.path("cloud.json").display());
        world.write("shop/estate/terraform.tfvars", &cloud);
        let git = Command::new("git")
            .args(["init", "-q"])
            .current_dir(world.path("shop"))
            .status();
        assert!(git.expect("git starts").success());
        world
    }

    /// A history begun, pinned by builder and runner.
    pub fn begun(engine: &Engine) -> Self {
        let mut world = Self::new(engine);
        world.init();
        world
    }

    /// The estate exists, authority record 1 is in force and enforces.
    pub fn running(engine: &Engine) -> Self {
        let world = Self::begun(engine);
        world.bootstrap();
        world
    }

    pub fn init(&mut self) -> Output {
        let key = self.key("founder");
        let output = self.run("founder", &["init", "--as", &text(&key)]).ends(0);
        let field = |name: &str| {
            let line = output
                .stdout
                .lines()
                .find_map(|l| l.trim().strip_prefix(name));
            line.expect("a field").trim().to_owned()
        };
        (self.origin, self.genesis) = (field("origin"), field("genesis"));
        self.trust("builder");
        self.trust("runner");
        output
    }

    pub fn trust(&self, who: &str) {
        self.run(who, &["trust", "add", &self.origin, &self.genesis])
            .ends(0);
    }

    /// The founder, alone, asks for the estate, approves it and applies it.
    pub fn bootstrap(&self) -> String {
        let id = self.plan_as("founder").ends(0).request();
        self.agree("founder", &id);
        self.apply(&id)
            .ends(0)
            .says("outcome verified")
            .says("authority record 1 is in force");
        id
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn estate(&self, name: &str) -> PathBuf {
        self.path("shop/estate").join(name)
    }

    pub fn ledger(&self) -> PathBuf {
        self.path("shop/.ambit/ledger.db")
    }

    pub fn inbox(&self) -> PathBuf {
        self.path("shop/.ambit/inbox")
    }

    pub fn state(&self) -> PathBuf {
        self.estate("terraform.tfstate")
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, content).expect("written");
    }

    /// Replaces text in a file of the estate that must be there.
    #[track_caller]
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.estate(file);
        let text = fs::read_to_string(&path).expect("a file of the estate");
        assert!(text.contains(from), "`{from}` is not in {file}");
        fs::write(path, text.replace(from, to)).expect("written");
    }

    pub fn append(&self, file: &str, more: &str) {
        let path = self.estate(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, text + more).expect("written");
    }

    pub fn change_json(&self, path: &Path, change: impl FnOnce(&mut Value)) {
        let mut value: Value =
            serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON");
        change(&mut value);
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        fs::write(path, text).expect("written");
    }

    pub fn cloud(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("cloud.json")).expect("a cloud")).expect("JSON")
    }

    /// The private key of a person, made when first asked for.
    pub fn key(&self, who: &str) -> PathBuf {
        self.key_named(who, who)
    }

    /// One more key in a person's directory.
    pub fn key_named(&self, who: &str, name: &str) -> PathBuf {
        let dir = self.path(&format!("people/{who}"));
        fs::create_dir_all(dir.join("config")).expect("created");
        let key = dir.join(format!("{name}.key"));
        if !key.exists() {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(&key)
                .status();
            assert!(made.expect("ssh-keygen starts").success());
        }
        key
    }

    pub fn command(&self, who: &str, arguments: &[&str]) -> Command {
        let products = Products::get();
        let home = self.path(&format!("people/{who}"));
        fs::create_dir_all(home.join("config")).expect("created");
        let (dir, gate) = match IN_THE_CHECKOUT.contains(&who) {
            true => (self.path("shop"), self.path("gate")),
            false => (home.clone(), home.join("state")),
        };
        let mut command = Command::new(&products.ambit);
        command
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("AMBIT_CONFIG_DIR", home.join("config"))
            .env("AMBIT_STATE_DIR", gate)
            .env("AMBIT_ENGINE", &self.engine)
            .env("TF_CLI_CONFIG_FILE", &products.cli_config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, who: &str, arguments: &[&str]) -> Output {
        self.finish(self.command(who, arguments))
    }

    /// Runs a command that was changed, and shortens the paths of this world in what it says.
    pub fn finish(&self, mut command: Command) -> Output {
        let output = command.output().expect("ambit starts");
        let shown = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&format!("{}/", self.root.display()), "")
        };
        Output {
            command: format!("{command:?}").chars().take(2000).collect(),
            code: output.status.code().unwrap_or(-1),
            stdout: shown(&output.stdout),
            stderr: shown(&output.stderr),
        }
    }

    pub fn plan_as(&self, who: &str) -> Output {
        self.run(who, &["plan", "--as", &text(&self.key(who))])
    }

    /// The exported file and the names to be acknowledged.
    pub fn export(&self, id: &str) -> (PathBuf, Vec<String>) {
        let file = self.path(&format!("{id}.json"));
        let output = self
            .run("runner", &["show", id, "--export", &text(&file)])
            .ends(0);
        let names = output
            .stdout
            .lines()
            .filter_map(|l| l.strip_prefix("  to be acknowledged: "))
            .map(str::to_owned)
            .collect();
        (file, names)
    }

    /// A decision on an exported request, everything acknowledged, written to a file that is returned with the output.
    pub fn decide(&self, who: &str, verb: &str, id: &str, key: &Path) -> (Output, PathBuf) {
        let (file, names) = self.export(id);
        if !IN_THE_CHECKOUT.contains(&who) {
            self.trust(who);
        }
        let out = self.path(&format!("people/{who}/{id}.{verb}.json"));
        let (file, key, to) = (text(&file), text(key), text(&out));
        let mut arguments = vec![verb, &file, "--as", &key, "--out", &to];
        if verb == "approve" {
            arguments.extend(names.iter().flat_map(|n| ["--acknowledge", n.as_str()]));
        }
        (self.run(who, &arguments), out)
    }

    pub fn approve(&self, who: &str, id: &str) -> PathBuf {
        let (output, file) = self.decide(who, "approve", id, &self.key(who));
        output.ends(0);
        file
    }

    pub fn import(&self, file: &Path) -> Output {
        self.run("runner", &["approve", "--import", &text(file)])
    }

    /// Approves and hands the statement back.
    pub fn agree(&self, who: &str, id: &str) -> PathBuf {
        let file = self.approve(who, id);
        self.import(&file).ends(0);
        file
    }

    pub fn apply(&self, id: &str) -> Output {
        self.run("runner", &["apply", id])
    }

    pub fn status(&self, id: &str) -> Output {
        self.run("runner", &["status", id])
    }

    /// How many records of a kind the log holds; the log verifies.
    pub fn records(&self, kind: &str) -> usize {
        self.run("runner", &["log", "verify"]).ends(0);
        let list = self.run("runner", &["log", "list"]).ends(0).stdout;
        list.lines()
            .filter(|l| l.split_whitespace().nth(2) == Some(kind))
            .count()
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("paths of tests are UTF-8").to_owned()
}

fn private(dir: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .expect("created");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let place = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).expect("copied");
        }
    }
}
