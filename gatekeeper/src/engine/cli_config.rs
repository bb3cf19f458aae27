//! The engine's command line configuration, written by the gate.
//!
//! From the user's own file come the things a site needs to install providers and modules at
//! all: where provider packages are found, service hosts, credentials. Development overrides
//! would put an unchecked program in place of a provider, so they are refused; anything else
//! is left out and named.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body, Structure};
use thiserror::Error;

use super::diagnostics::printable;
use super::find::Kind;

const MAX_FILE: u64 = 1 << 20;

/// What was taken from the user. Tokens are never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CliConfig {
    files: Vec<PathBuf>,
    installation: Vec<Method>,
    hosts: BTreeMap<String, BTreeMap<String, String>>,
    tokens: BTreeMap<String, String>,
    ignored: BTreeSet<String>,
}

/// One way to install providers; the order of ways matters to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Method {
    kind: &'static str,
    /// `path` or `url`.
    place: Option<(&'static str, String)>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
}

#[derive(Debug, Error)]
pub enum CliConfigError {
    #[error("engine configuration `{file}` could not be read: {source}")]
    Read { file: String, source: io::Error },
    #[error("engine configuration `{file}` is larger than 1 MiB")]
    TooLarge { file: String },
    #[error("engine configuration `{file}` is not understood: {reason}")]
    Malformed { file: String, reason: String },
    #[error(
        "engine configuration `{file}` has `dev_overrides`, which puts an unchecked program in place of a \
         provider; remove the block, or name a file without it in TF_CLI_CONFIG_FILE"
    )]
    DevOverrides { file: String },
    #[error(
        "engine configuration `{file}`: {what} is not supported; use a filesystem or network mirror"
    )]
    Unsupported { file: String, what: String },
}

impl CliConfig {
    /// Reads what the engine itself would read for this user.
    pub fn import(
        caller: &BTreeMap<OsString, OsString>,
        kind: Kind,
    ) -> Result<CliConfig, CliConfigError> {
        let get = |name: &str| {
            caller
                .get(OsStr::new(name))
                .filter(|value| !value.is_empty())
        };
        let home = get("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute());
        let mut config = CliConfig::default();

        if let Some(named) = get("TF_CLI_CONFIG_FILE").or_else(|| get("TERRAFORM_CONFIG")) {
            // A named file replaces everything else; both engines only warn when it is missing.
            config.read(Path::new(named))?;
        } else if let Some(home) = &home {
            let usual: &[&str] = match kind {
                Kind::OpenTofu => &[".tofurc", ".terraformrc"],
                Kind::Terraform => &[".terraformrc"],
            };
            for name in usual {
                if config.read(&home.join(name))? {
                    break;
                }
            }
            for file in fragments(&home.join(".terraform.d")) {
                config.read(&file)?;
            }
        }
        if config.installation.is_empty()
            && let Some(home) = &home
        {
            config.installation = implicit_mirrors(home, kind);
        }
        Ok(config)
    }

    /// Files that were read, for a notice.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Settings of the user that do not apply under the gate.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        self.ignored.iter().map(String::as_str)
    }

    /// The gate's own file. `packages` keeps installed packages between runs; the engine takes
    /// from it only what the lock file's hashes allow.
    pub(super) fn render(&self, packages: &Path) -> String {
        let mut out = String::from("disable_checkpoint = true\n");
        if let Some(packages) = packages.to_str()
            && is_plain(packages)
            && Path::new(packages).is_dir()
        {
            let _ = writeln!(out, "plugin_cache_dir = {}", quoted(packages));
        }
        for (host, services) in &self.hosts {
            let _ = writeln!(out, "host {} {{\n  services = {{", quoted(host));
            for (service, url) in services {
                let _ = writeln!(out, "    {} = {}", quoted(service), quoted(url));
            }
            out.push_str("  }\n}\n");
        }
        for (host, token) in &self.tokens {
            let _ = writeln!(
                out,
                "credentials {} {{\n  token = {}\n}}",
                quoted(host),
                quoted(token)
            );
        }
        if !self.installation.is_empty() {
            out.push_str("provider_installation {\n");
            for method in &self.installation {
                let _ = writeln!(out, "  {} {{", method.kind);
                if let Some((name, place)) = &method.place {
                    let _ = writeln!(out, "    {name} = {}", quoted(place));
                }
                for (name, list) in [("include", &method.include), ("exclude", &method.exclude)] {
                    if let Some(list) = list {
                        let list: Vec<String> = list.iter().map(|item| quoted(item)).collect();
                        let _ = writeln!(out, "    {name} = [{}]", list.join(", "));
                    }
                }
                out.push_str("  }\n");
            }
            out.push_str("}\n");
        }
        out
    }

    /// Whether the file existed.
    fn read(&mut self, path: &Path) -> Result<bool, CliConfigError> {
        let name = printable(&path.to_string_lossy());
        let text = match read_bounded(path) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(CliConfigError::TooLarge { file: name }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(CliConfigError::Read { file: name, source }),
        };
        self.files.push(path.to_owned());
        if path.extension() == Some(OsStr::new("json")) {
            self.take_json(&name, &text)?;
        } else {
            self.take_hcl(&name, &text)?;
        }
        Ok(true)
    }

    fn take_hcl(&mut self, file: &str, text: &str) -> Result<(), CliConfigError> {
        let malformed = |reason: String| CliConfigError::Malformed {
            file: file.to_owned(),
            reason,
        };
        let body: Body = match text.parse::<Body>() {
            Ok(body) => body,
            // The engines read an older language, in which the names inside are quoted; the
            // refusal should not hide behind that difference.
            Err(_) if text.contains("dev_overrides") => {
                return Err(CliConfigError::DevOverrides {
                    file: file.to_owned(),
                });
            }
            Err(error) => return Err(malformed(printable(error.message()))),
        };
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => match attribute.key.as_str() {
                    // The gate has its own of the first and always sets the others.
                    "plugin_cache_dir" | "disable_checkpoint" | "disable_checkpoint_signature" => {}
                    other => drop(self.ignored.insert(printable(other))),
                },
                Structure::Block(block) => match block.ident.as_str() {
                    "provider_installation" => {
                        if !self.installation.is_empty() {
                            return Err(malformed(
                                "more than one `provider_installation` block".into(),
                            ));
                        }
                        self.installation = methods(file, block)?;
                    }
                    "host" => {
                        let host = label(block)
                            .ok_or_else(|| malformed("`host` without a name".into()))?;
                        let services = block
                            .body
                            .get_attribute("services")
                            .map(|attribute| &attribute.value);
                        let services = services.and_then(string_map).ok_or_else(|| {
                            malformed(format!(
                                "host `{}` without plain services",
                                printable(&host)
                            ))
                        })?;
                        self.hosts.insert(host, services);
                    }
                    "credentials" => {
                        let host = label(block)
                            .ok_or_else(|| malformed("`credentials` without a host".into()))?;
                        let token = block
                            .body
                            .get_attribute("token")
                            .and_then(|attribute| plain_text(&attribute.value))
                            .ok_or_else(|| {
                                malformed(format!(
                                    "credentials for `{}` without a plain token",
                                    printable(&host)
                                ))
                            })?;
                        self.tokens.insert(host, token);
                    }
                    other => drop(self.ignored.insert(printable(other))),
                },
            }
        }
        Ok(())
    }

    /// What `login` writes: credentials only. Other settings in JSON are rare enough to refuse.
    fn take_json(&mut self, file: &str, text: &str) -> Result<(), CliConfigError> {
        let malformed = |reason: &str| CliConfigError::Malformed {
            file: file.to_owned(),
            reason: reason.to_owned(),
        };
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| malformed(&printable(&error.to_string())))?;
        let top = value
            .as_object()
            .ok_or_else(|| malformed("not an object"))?;
        for (key, value) in top {
            if key != "credentials" {
                return Err(CliConfigError::Unsupported {
                    file: file.to_owned(),
                    what: format!("`{}` in JSON", printable(key)),
                });
            }
            for (host, entry) in value
                .as_object()
                .ok_or_else(|| malformed("`credentials` is not an object"))?
            {
                let token = entry
                    .get("token")
                    .and_then(serde_json::Value::as_str)
                    .filter(|t| is_plain(t));
                let token = token.ok_or_else(|| malformed("credentials without a plain token"))?;
                if !is_plain(host) {
                    return Err(malformed("a host name with unusual characters"));
                }
                self.tokens.insert(host.clone(), token.to_owned());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CliConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CliConfig")
            .field("files", &self.files)
            .field("installation", &self.installation)
            .field("hosts", &self.hosts)
            .field("tokens_for", &self.tokens.keys())
            .field("ignored", &self.ignored)
            .finish()
    }
}

fn methods(file: &str, block: &Block) -> Result<Vec<Method>, CliConfigError> {
    let malformed = |reason: String| CliConfigError::Malformed {
        file: file.to_owned(),
        reason,
    };
    let mut methods = Vec::new();
    for structure in block.body.iter() {
        let block = match structure {
            Structure::Block(block) => block,
            Structure::Attribute(attribute) => {
                return Err(malformed(format!(
                    "`{}` in `provider_installation`",
                    printable(attribute.key.as_str())
                )));
            }
        };
        let (kind, place) = match block.ident.as_str() {
            "dev_overrides" => {
                return Err(CliConfigError::DevOverrides {
                    file: file.to_owned(),
                });
            }
            "filesystem_mirror" => ("filesystem_mirror", Some("path")),
            "network_mirror" => ("network_mirror", Some("url")),
            "direct" => ("direct", None),
            other => {
                return Err(CliConfigError::Unsupported {
                    file: file.to_owned(),
                    what: format!("`{}` in `provider_installation`", printable(other)),
                });
            }
        };
        let mut method = Method {
            kind,
            place: None,
            include: None,
            exclude: None,
        };
        for structure in block.body.iter() {
            let Structure::Attribute(attribute) = structure else {
                return Err(malformed(format!("a block inside `{kind}`")));
            };
            let name = attribute.key.as_str();
            let unclear = || {
                malformed(format!(
                    "`{}` of `{kind}` is not plain text",
                    printable(name)
                ))
            };
            match name {
                "include" => {
                    method.include = Some(string_list(&attribute.value).ok_or_else(unclear)?)
                }
                "exclude" => {
                    method.exclude = Some(string_list(&attribute.value).ok_or_else(unclear)?)
                }
                _ if Some(name) == place => {
                    let text = plain_text(&attribute.value).ok_or_else(unclear)?;
                    // Relative to the folder the engine runs in, which is not the user's.
                    if name == "path" && !Path::new(&text).is_absolute() {
                        return Err(malformed(format!(
                            "mirror path `{}` is not absolute",
                            printable(&text)
                        )));
                    }
                    method.place = place.map(|name| (name, text));
                }
                other => return Err(malformed(format!("`{}` in `{kind}`", printable(other)))),
            }
        }
        if place.is_some() && method.place.is_none() {
            return Err(malformed(format!(
                "`{kind}` without `{}`",
                place.unwrap_or_default()
            )));
        }
        methods.push(method);
    }
    Ok(methods)
}

/// Without installation settings both engines look into folders below the home they do not have
/// under the gate; this says the same aloud.
fn implicit_mirrors(home: &Path, kind: Kind) -> Vec<Method> {
    let share = match kind {
        Kind::OpenTofu => ".local/share/opentofu/plugins",
        Kind::Terraform => ".local/share/terraform/plugins",
    };
    let mut methods = Vec::new();
    let mut everything = BTreeSet::new();
    for folder in [home.join(".terraform.d/plugins"), home.join(share)] {
        let found = providers_below(&folder);
        let Some(path) = folder
            .to_str()
            .filter(|path| is_plain(path) && !found.is_empty())
        else {
            continue;
        };
        everything.extend(found.iter().cloned());
        methods.push(Method {
            kind: "filesystem_mirror",
            place: Some(("path", path.to_owned())),
            include: Some(found.into_iter().collect()),
            exclude: None,
        });
    }
    if !methods.is_empty() {
        let exclude = Some(everything.into_iter().collect());
        methods.push(Method {
            kind: "direct",
            place: None,
            include: None,
            exclude,
        });
    }
    methods
}

/// `host/namespace/type` of every provider in a mirror folder.
fn providers_below(folder: &Path) -> BTreeSet<String> {
    let below = |prefix: &str| -> Vec<String> {
        let entries = std::fs::read_dir(folder.join(prefix))
            .into_iter()
            .flatten()
            .flatten();
        let names = entries
            .filter(|entry| entry.path().is_dir())
            .filter_map(|e| e.file_name().into_string().ok());
        let plain = |name: &String| {
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b))
        };
        names
            .filter(plain)
            .map(|name| {
                if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}/{name}")
                }
            })
            .collect()
    };
    let hosts = below("").into_iter().filter(|host| host.contains('.'));
    hosts
        .flat_map(|host| below(&host))
        .flat_map(|namespace| below(&namespace))
        .collect()
}

/// `*.tfrc` and `*.tfrc.json` of the engine's configuration folder, in name order.
fn fragments(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name.ends_with(".tfrc") || name.ends_with(".tfrc.json")) && path.is_file()
        })
        .collect()
}

/// `None` when too large.
fn read_bounded(path: &Path) -> io::Result<Option<String>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    Ok((text.len() as u64 <= MAX_FILE).then_some(text))
}

fn label(block: &Block) -> Option<String> {
    match block.labels.as_slice() {
        [only] => Some(only.as_str().to_owned()).filter(|text| is_plain(text)),
        _ => None,
    }
}

fn plain_text(expression: &Expression) -> Option<String> {
    expression
        .as_str()
        .filter(|text| is_plain(text))
        .map(str::to_owned)
}

fn string_list(expression: &Expression) -> Option<Vec<String>> {
    expression.as_array()?.iter().map(plain_text).collect()
}

fn string_map(expression: &Expression) -> Option<BTreeMap<String, String>> {
    let object = expression.as_object()?;
    object
        .iter()
        .map(|(key, value)| {
            let key = match key.as_ident() {
                Some(ident) => ident.as_str().to_owned(),
                None => plain_text(key.as_expr()?)?,
            };
            Some((key, plain_text(value.expr())?))
        })
        .collect()
}

/// Text that means the same quoted in any version of the engines' configuration language.
fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control) && !text.contains("${") && !text.contains("%{")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<CliConfig, CliConfigError> {
        let mut config = CliConfig::default();
        config.take_hcl("rc", text).map(|()| config)
    }

    #[test]
    fn what_a_site_needs_survives_and_reads_back_the_same() {
        let text = r#"
            plugin_cache_dir   = "$HOME/.cache"
            disable_checkpoint = true
            credentials "app.example.com" { token = "s3cr\"et" }
            credentials_helper "x" { args = [] }
            host "registry.example.com" {
              services = { "providers.v1" = "https://r.example.com/p/" }
            }
            provider_installation {
              filesystem_mirror {
                path    = "/opt/mirror"
                include = ["example.com/*/*"]
              }
              network_mirror { url = "https://mirror.example.com/" }
              direct { exclude = ["example.com/*/*"] }
            }
        "#;
        let config = read(text).unwrap();
        assert_eq!(config.ignored().collect::<Vec<_>>(), ["credentials_helper"]);
        let again = read(&config.render(Path::new("/nonexistent"))).unwrap();
        assert_eq!(
            (&again.installation, &again.hosts, &again.tokens),
            (&config.installation, &config.hosts, &config.tokens)
        );
        assert_eq!(config.tokens["app.example.com"], "s3cr\"et");
        assert!(
            !format!("{config:?}").contains("s3cr"),
            "tokens are not printed"
        );
    }

    #[test]
    fn refused() {
        for (text, expected) in [
            (
                "provider_installation { dev_overrides { \"a/b\" = \"/x\" } }",
                "dev_overrides",
            ),
            (
                "provider_installation {\n dev_overrides {\n }\n direct {}\n}",
                "dev_overrides",
            ),
            (
                "provider_installation {\noci_mirror {\nrepository_template = \"x\"\n}\n}",
                "not supported",
            ),
            (
                "provider_installation {\nfilesystem_mirror {\npath = \"mirror\"\n}\n}",
                "not absolute",
            ),
            (
                "provider_installation {\nfilesystem_mirror {}\n}",
                "without `path`",
            ),
            (
                "provider_installation {\nfilesystem_mirror {\npath = \"/${x}\"\n}\n}",
                "not plain",
            ),
            (
                "provider_installation {\ndirect {\nurl = \"x\"\n}\n}",
                "`url` in `direct`",
            ),
            (
                "provider_installation {\ndirect {}\n}\nprovider_installation {\ndirect {}\n}",
                "more than one",
            ),
            ("provider_installation { x = 1 }", "`x` in"),
            ("credentials \"h\" { token = env }", "plain token"),
            ("credentials { token = \"t\" }", "without a host"),
            ("host \"h\" { services = 1 }", "plain services"),
            ("provider_installation {", "not understood"),
            ("\u{0}", "not understood"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    fn caller(home: &Path, more: &[(&str, &Path)]) -> BTreeMap<OsString, OsString> {
        let mut caller = BTreeMap::from([("HOME".into(), home.into())]);
        caller.extend(
            more.iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        );
        caller
    }

    #[test]
    fn files_are_found_where_the_engines_look() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, host: &str| {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(
                &path,
                format!("credentials \"{host}\" {{\n token = \"t\"\n}}\n"),
            )
            .unwrap();
            path
        };
        let hosts = |caller: &BTreeMap<_, _>, kind| {
            CliConfig::import(caller, kind)
                .unwrap()
                .tokens
                .into_keys()
                .collect::<Vec<_>>()
        };
        write(".terraformrc", "terraformrc");
        assert_eq!(
            hosts(&caller(home.path(), &[]), Kind::OpenTofu),
            ["terraformrc"]
        );
        write(".tofurc", "tofurc");
        write(".terraform.d/more.tfrc", "more");
        std::fs::write(
            home.path().join(".terraform.d/credentials.tfrc.json"),
            r#"{"credentials":{"login":{"token":"t"}}}"#,
        )
        .unwrap();
        assert_eq!(
            hosts(&caller(home.path(), &[]), Kind::OpenTofu),
            ["login", "more", "tofurc"]
        );
        assert_eq!(
            hosts(&caller(home.path(), &[]), Kind::Terraform),
            ["login", "more", "terraformrc"]
        );
        let named = write("named", "named");
        let missing = home.path().join("missing");
        assert_eq!(
            hosts(
                &caller(home.path(), &[("TF_CLI_CONFIG_FILE", &named)]),
                Kind::OpenTofu
            ),
            ["named"]
        );
        assert!(
            hosts(
                &caller(home.path(), &[("TF_CLI_CONFIG_FILE", &missing)]),
                Kind::OpenTofu
            )
            .is_empty()
        );
    }

    #[test]
    fn providers_in_the_home_folder_stay_findable() {
        let home = tempfile::tempdir().unwrap();
        let plugins = home.path().join(".terraform.d/plugins");
        std::fs::create_dir_all(plugins.join("example.com/acme/toy/1.0.0/linux_amd64")).unwrap();
        std::fs::create_dir_all(plugins.join("linux_amd64")).unwrap();
        let config = CliConfig::import(&caller(home.path(), &[]), Kind::OpenTofu).unwrap();
        let text = config.render(Path::new("/nonexistent"));
        assert!(
            text.contains("include = [\"example.com/acme/toy\"]"),
            "{text}"
        );
        assert!(
            text.contains("exclude = [\"example.com/acme/toy\"]"),
            "{text}"
        );
        assert_eq!(read(&text).unwrap().installation, config.installation);
    }

    #[test]
    fn bad_files_are_named() {
        let home = tempfile::tempdir().unwrap();
        let rc = home.path().join(".terraformrc");
        let import = || {
            CliConfig::import(&caller(home.path(), &[]), Kind::Terraform)
                .unwrap_err()
                .to_string()
        };
        std::fs::write(&rc, vec![b'#'; (1 << 20) + 1]).unwrap();
        assert!(import().contains("larger than 1 MiB"));
        std::fs::write(&rc, [0xff, 0xfe]).unwrap();
        assert!(import().contains("could not be read"));
        std::fs::remove_file(&rc).unwrap();
        std::fs::create_dir(&rc).unwrap();
        assert!(import().contains(".terraformrc"));
        std::fs::remove_dir(&rc).unwrap();
        std::fs::create_dir(home.path().join(".terraform.d")).unwrap();
        for json in [
            "[]",
            "{\"credentials\":[]}",
            "{\"credentials\":{\"h\":{}}}",
            "{\"provider_installation\":[]}",
            "{",
        ] {
            std::fs::write(home.path().join(".terraform.d/c.tfrc.json"), json).unwrap();
            assert!(import().contains("c.tfrc.json"), "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z_ \"{}=\\[\\]$\\\\\n]{0,80}") {
            let _ = read(&text);
        }

        #[test]
        fn plain_text_reads_back(token in "[^\\p{C}]{1,40}") {
            prop_assume!(is_plain(&token));
            let config = CliConfig { tokens: BTreeMap::from([("h".to_owned(), token)]), ..CliConfig::default() };
            prop_assert_eq!(read(&config.render(Path::new("/nonexistent"))).unwrap().tokens, config.tokens);
        }
    }
}
