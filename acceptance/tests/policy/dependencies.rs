//! What the workspace may be built from. Decided over the whole graph that Cargo resolves for every platform, tests and
//! build scripts included: whoever builds this runs all of it.

use crate::{cargo, none, output, root, tracked};
use serde_json::Value;
use std::process::Command;

/// Licences we accept. A crate that needs another one is a decision, to be seen in the difference of this list.
const LICENCES: [&str; 6] = [
    "Apache-2.0",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

const BANNED: [(&str, &str); 7] = [
    (
        "aws-lc-rs",
        "one cryptographic library, and that is ring: aws-lc needs a second C toolchain",
    ),
    (
        "aws-lc-sys",
        "one cryptographic library, and that is ring: aws-lc needs a second C toolchain",
    ),
    ("native-tls", "TLS is rustls on ring everywhere"),
    (
        "openssl",
        "binaries must not depend on the system's OpenSSL",
    ),
    (
        "openssl-sys",
        "binaries must not depend on the system's OpenSSL",
    ),
    (
        "rsa",
        "RUSTSEC-2023-0071 has no fix; ring verifies RSA signatures",
    ),
    ("serde_yaml", "no longer maintained"),
];

/// Crates of which a second version would mean a second opinion on a signature.
const ONCE: [&str; 3] = ["ring", "rustls", "ssh-key"];

/// What each crate of ours may use of ours: the arrows of the design. Tests count for all but `ambit-acceptance`.
const LAYERS: [(&str, &[&str]); 7] = [
    ("tfplugin-proto", &[]),
    ("ambit-authority", &[]),
    ("ambit-evidence", &["ambit-authority"]),
    ("ambit-gatekeeper", &["ambit-authority", "ambit-evidence"]),
    (
        "terraform-provider-ambit",
        &["ambit-authority", "tfplugin-proto"],
    ),
    ("terraform-provider-mockcloud", &["tfplugin-proto"]),
    // Black-box: it may write down signed formats, and knows nothing of how the programs decide.
    ("ambit-acceptance", &["ambit-authority"]),
];

/// Crates with which a file, a clock, a socket or chance could come into `authority`, which is pure.
const IMPURE: [&str; 7] = [
    "getrandom",
    "rand",
    "rusqlite",
    "rustix",
    "tempfile",
    "tokio",
    "tonic",
];

#[test]
fn licences_are_ones_we_accept() {
    let offences = third_party(&metadata())
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("");
            match Expression::parse(licence) {
                Some(expression) if expression.satisfied_by(&LICENCES) => None,
                _ => Some(format!("{}: `{licence}`", named(package))),
            }
        })
        .collect();
    none("licences outside the list", offences);
}

#[test]
fn nothing_banned_is_in_the_graph() {
    let offences = third_party(&metadata())
        .filter_map(|package| {
            let (_, reason) = BANNED.iter().find(|(name, _)| package["name"] == *name)?;
            Some(format!("{}: {reason}", named(package)))
        })
        .collect();
    none("banned crates, see `cargo tree -i NAME`", offences);
}

#[test]
fn every_crate_comes_from_the_registry_or_from_here() {
    let offences = metadata()["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter(|package| match package["source"].as_str() {
            Some(source) => !source.starts_with("registry+"),
            None => !is_inside(package),
        })
        .map(named)
        .collect();
    none("crates from git, or from outside the tree", offences);
}

#[test]
fn one_version_where_two_would_disagree() {
    let metadata = metadata();
    for name in ONCE {
        let versions: Vec<_> = third_party(&metadata)
            .filter(|package| package["name"] == name)
            .map(named)
            .collect();
        assert_eq!(versions.len(), 1, "{name}: {versions:?}");
    }
}

#[test]
fn crates_point_one_way() {
    let metadata = metadata();
    let ours: Vec<&Value> = packages(&metadata)
        .filter(|package| package["source"].is_null())
        .collect();
    assert_eq!(ours.len(), LAYERS.len(), "a crate is missing from LAYERS");
    let mut offences = Vec::new();
    for package in &ours {
        let name = package["name"].as_str().expect("name");
        let (_, allowed) = LAYERS
            .iter()
            .find(|(crate_name, _)| *crate_name == name)
            .unwrap_or_else(|| panic!("`{name}` is missing from LAYERS"));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let used = dependency["name"].as_str().expect("name");
            let of_ours = ours.iter().any(|package| package["name"] == used);
            let in_tests = dependency["kind"] == "dev";
            if of_ours && !allowed.contains(&used) {
                offences.push(format!("{name} depends on {used}"));
            }
            if name == "ambit-authority" && !in_tests && IMPURE.contains(&used) {
                offences.push(format!(
                    "{name} depends on {used}, and must stay without I/O"
                ));
            }
        }
    }
    none("dependencies against the direction of the layers", offences);
}

#[test]
fn every_dependency_says_why() {
    let mut offences = Vec::new();
    let mut manifests = 0;
    for (name, bytes) in tracked() {
        if name == "Cargo.toml" || name.ends_with("/Cargo.toml") {
            manifests += 1;
            let text = String::from_utf8(bytes).expect("manifests are UTF-8");
            offences.extend(unexplained(&text).map(|line| format!("{name}: {line}")));
        }
    }
    assert!(manifests > LAYERS.len(), "{manifests} manifests");
    none(
        "dependencies without a comment that gives the reason",
        offences,
    );
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
    for (text, satisfied) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("GPL-3.0-only/MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT OR Apache-2.0 AND GPL-3.0-only", true),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0 WITH Classpath-exception-2.0", false),
        ("Apache-2.0", false),
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|| panic!("`{text}` is one"));
        assert_eq!(expression.satisfied_by(&allowed), satisfied, "{text}");
    }
    for text in [
        "",
        "OR",
        "MIT OR",
        "MIT MIT",
        "(MIT",
        "MIT)",
        "MIT WITH",
        "MIT AND OR MIT",
        "()",
    ] {
        assert!(Expression::parse(text).is_none(), "{text}");
    }
}

#[test]
fn a_dependency_without_a_reason_is_found_in_every_spelling() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\nb = \"1\" # why\nc.workspace = true\n\
                    d = { version = \"1\", features = [\"#\"] }\ne = { path = \"../e\" }\nf = \"1\" #\n\
                    g.version = \"1\"\n[target.'cfg(unix)'.build-dependencies]\nh = \"1\"\n\
                    [dev-dependencies.i]\nversion = \"1\"\n[dependencies.j] # why\nversion = \"1\"\n[features]\nk = []\n";
    let found: Vec<_> = unexplained(manifest)
        .map(|line| line.split(['.', ' ', ']']).next().unwrap().to_owned())
        .collect();
    assert_eq!(found, ["a", "d", "f", "g", "h", "[dev-dependencies"]);
}

fn metadata() -> Value {
    let json = output(Command::new(cargo()).args([
        "metadata",
        "--locked",
        "--all-features",
        "--format-version",
        "1",
    ]));
    serde_json::from_slice(&json).expect("cargo writes JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().expect("packages").iter()
}

fn third_party(metadata: &Value) -> impl Iterator<Item = &Value> {
    packages(metadata).filter(|package| !package["source"].is_null())
}

fn named(package: &Value) -> String {
    format!(
        "{} {}",
        package["name"].as_str().expect("name"),
        package["version"].as_str().expect("version")
    )
}

fn is_inside(package: &Value) -> bool {
    let root = root().canonicalize().expect("the root exists");
    std::path::Path::new(package["manifest_path"].as_str().expect("path")).starts_with(root)
}

/// Lines of a manifest that declare a dependency where it is chosen, and give no reason. `x.workspace = true` chooses
/// nothing: its reason stands in the workspace's manifest. Neither does a path: that is a crate of ours.
fn unexplained(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter(move |line| {
        let (code, comment) = split_comment(line);
        let code = code.trim();
        if let Some(header) = code.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header.ends_with("dependencies");
            let one = header
                .rsplit_once('.')
                .is_some_and(|(table, _)| table.ends_with("dependencies"));
            return one && !comment;
        }
        let chosen =
            code.contains('=') && !code.contains("workspace = true") && !code.contains("path = ");
        inside && chosen && !comment
    })
}

/// The code of a line, and whether a comment with words follows.
fn split_comment(line: &str) -> (&str, bool) {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if !quoted => return (&line[..at], line[at + 1..].contains(char::is_alphabetic)),
            _ => {}
        }
    }
    (line, false)
}

/// An SPDX licence expression. `/` is how it was once written for `OR`.
enum Expression {
    Licence(String),
    Any(Vec<Expression>),
    All(Vec<Expression>),
}

impl Expression {
    fn parse(text: &str) -> Option<Self> {
        let spaced = text
            .replace('(', " ( ")
            .replace(')', " ) ")
            .replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        let expression = Self::any(&mut rest)?;
        rest.is_empty().then_some(expression)
    }

    fn any(rest: &mut &[&str]) -> Option<Self> {
        let mut parts = vec![Self::all(rest)?];
        while rest.first() == Some(&"OR") {
            *rest = &rest[1..];
            parts.push(Self::all(rest)?);
        }
        Some(Self::Any(parts))
    }

    fn all(rest: &mut &[&str]) -> Option<Self> {
        let mut parts = vec![Self::one(rest)?];
        while rest.first() == Some(&"AND") {
            *rest = &rest[1..];
            parts.push(Self::one(rest)?);
        }
        Some(Self::All(parts))
    }

    fn one(rest: &mut &[&str]) -> Option<Self> {
        let (first, after) = rest.split_first()?;
        *rest = after;
        match *first {
            "(" => {
                let inner = Self::any(rest)?;
                *rest = rest.strip_prefix(&[")"])?;
                Some(inner)
            }
            ")" | "OR" | "AND" | "WITH" => None,
            licence => {
                let Some(after) = rest.strip_prefix(&["WITH"]) else {
                    return Some(Self::Licence(licence.to_owned()));
                };
                let (exception, after) = after.split_first()?;
                *rest = after;
                Some(Self::Licence(format!("{licence} WITH {exception}")))
            }
        }
    }

    fn satisfied_by(&self, allowed: &[&str]) -> bool {
        match self {
            Self::Licence(licence) => allowed.contains(&licence.as_str()),
            Self::Any(parts) => parts.iter().any(|part| part.satisfied_by(allowed)),
            Self::All(parts) => parts.iter().all(|part| part.satisfied_by(allowed)),
        }
    }
}
