//! Which way the modules point, where Cargo cannot see it: what a folder may not name. Code compiled only for tests is
//! outside these rules.

use crate::source::Source;
use crate::{none, tracked_sources};

struct Rule {
    why: &'static str,
    within: &'static [&'static str],
    /// Files inside to which the rule does not apply.
    except: &'static [&'static str],
    banned: &'static [&'static str],
}

const RULES: [Rule; 7] = [
    Rule {
        why: "authority is what programs and signatures share: same input, same bytes, so nothing is read from outside",
        within: &["authority/src/"],
        except: &[],
        banned: &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::os",
            "std::thread",
            "std::io::stdin",
            "std::time::SystemTime",
            "std::time::Instant",
            "jiff::Timestamp::now",
            "jiff::Zoned::now",
        ],
    },
    Rule {
        why: "the stages from plan to decision are pure: files and clocks belong to cli, engine and evidence",
        within: &[
            "gatekeeper/src/plan/",
            "gatekeeper/src/graph/",
            "gatekeeper/src/radius/",
            "gatekeeper/src/scope/",
            "gatekeeper/src/decision/",
            "gatekeeper/src/report/",
        ],
        // Reads the sealed tree where the plan file is encrypted and holds no readable snapshot.
        except: &["gatekeeper/src/graph/snapshot.rs"],
        banned: &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::time::SystemTime",
            "std::time::Instant",
            "jiff::Timestamp::now",
            "jiff::Zoned::now",
        ],
    },
    Rule {
        why: "only the engine starts processes, and signing runs ssh-keygen",
        within: &[
            "proto/src/",
            "authority/src/",
            "evidence/src/",
            "gatekeeper/src/",
            "provider/src/",
            "acceptance/mock-cloud/src/",
        ],
        except: &[
            "gatekeeper/src/engine/",
            "gatekeeper/src/engine.rs",
            "gatekeeper/src/signing/",
            "gatekeeper/src/signing.rs",
        ],
        banned: &["std::process::Command", "tokio::process", "rustix::runtime"],
    },
    Rule {
        why: "report reads all stages and is read by none",
        within: &["gatekeeper/src/"],
        except: &[
            "gatekeeper/src/report/",
            "gatekeeper/src/report.rs",
            "gatekeeper/src/cli/",
            "gatekeeper/src/cli.rs",
            "gatekeeper/src/main.rs",
        ],
        banned: &["crate::report", "ambit_gatekeeper::report"],
    },
    Rule {
        why: "generated types stay in proto: providers speak of values, schemas and diagnostics",
        within: &["provider/src/", "acceptance/mock-cloud/src/"],
        except: &[],
        banned: &["tfplugin_proto::wire", "prost", "tonic"],
    },
    Rule {
        why: "messages are generated into proto/src/wire and written by hand nowhere",
        within: &["proto/src/"],
        except: &["proto/src/wire/"],
        banned: &["prost::Message", "prost::Oneof", "prost::Enumeration"],
    },
    Rule {
        why: "the engine's plan JSON is understood in one place: what leaves `plan` is a Plan",
        within: &["gatekeeper/src/"],
        except: &["gatekeeper/src/plan/"],
        banned: &["crate::plan::raw", "ambit_gatekeeper::plan::raw"],
    },
];

#[test]
fn layers_point_one_way() {
    let sources: Vec<_> = tracked_sources()
        .into_iter()
        .filter(|(name, _)| name.contains("/src/"))
        .map(|(name, text)| Source::read(&name, &text))
        .collect();
    let test_files: Vec<_> = sources
        .iter()
        .flat_map(|source| source.test_files())
        .collect();
    let mut offences = Vec::new();
    let mut applied = [0; RULES.len()];
    for source in &sources {
        // `foo.rs` and everything below `foo/` where `#[cfg(test)] mod foo;` declares it.
        if test_files.iter().any(|stem| {
            source
                .name
                .strip_prefix(stem.as_str())
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        }) {
            continue;
        }
        for (rule, applied) in RULES.iter().zip(&mut applied) {
            if rule.covers(&source.name) {
                *applied += 1;
                offences.extend(rule.offences(source));
            }
        }
    }
    assert!(
        applied.iter().all(|files| *files > 0),
        "a rule covers no file: {applied:?}"
    );
    none("names against the direction of the layers", offences);
}

impl Rule {
    fn covers(&self, name: &str) -> bool {
        self.within.iter().any(|folder| name.starts_with(folder))
            && !self.except.iter().any(|place| name.starts_with(place))
    }

    fn offences(&self, source: &Source) -> Vec<String> {
        source
            .references()
            .into_iter()
            .filter(|reference| {
                self.banned
                    .iter()
                    .any(|banned| reaches(&reference.path, banned))
            })
            .map(|reference| {
                format!(
                    "{}:{}: {} ({})",
                    source.name, reference.line, reference.path, self.why
                )
            })
            .collect()
    }
}

/// A path that names something banned, something inside it, or by `*` everything around it.
fn reaches(path: &str, banned: &str) -> bool {
    if let Some(around) = path.strip_suffix("::*") {
        return reaches(around, banned) || banned.starts_with(&format!("{around}::"));
    }
    path == banned
        || path
            .strip_prefix(banned)
            .is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn every_way_to_name_a_thing_is_seen() {
    let rule = &RULES[0];
    let offends = |code: &str| {
        !rule
            .offences(&Source::read("authority/src/a/b.rs", code))
            .is_empty()
    };
    for code in [
        "use std::fs;",
        "use std::fs::File;",
        "pub(crate) use std::{collections::BTreeMap, fs::{self, File}};",
        "use std::*;",
        "use ::std::net::TcpStream;",
        "use std::{self as s}; fn f() { s::fs::read(p); }",
        "use std as s; fn f() { s::process::exit(1); }",
        "use std::time; fn f() { time::SystemTime::now(); }",
        "use std::time as t; fn f() { t::Instant::now(); }",
        "use std::time::{Duration, SystemTime as Clock};",
        "fn f() { println!(\"{}\", std::env::var(\"X\")); }",
        "fn f() { let x = std :: fs\n :: read(p); }",
        "#[cfg(test)] mod tests { } use std::fs;",
        "#[cfg(test)] use std::fs; use std::net;",
        "#[cfg(not(test))] use std::fs;",
        "#[cfg(any(test, unix))] use std::fs;",
        "#[cfg(test)] fn f() -> [u8; 2] { } fn g() { std::fs::read(p); }",
        "fn f<'a>(x: &'a str) { let c = '\"'; std::fs::read(c); let d = '\"'; }",
        "const X: &str = r#\"\"#; use std::fs; const Y: &str = r#\"\"#;",
        "const X: &str = \"\\\\\"; use std::fs;",
        "/* /* */ */ use std::fs;",
        "use jiff::Timestamp; fn f() { Timestamp::now() }",
    ] {
        assert!(offends(code), "{code}");
    }
    for code in [
        "use std::fmt; use std::time::Duration;",
        "// use std::fs;\n/* std::net */",
        "const X: &str = \"std::fs\"; const Y: &str = r##\"\"# std::fs \"##;",
        "#[cfg(test)]\n#[allow(x)]\nmod tests { use std::fs; fn f() { { std::net::x() } } }",
        "#[cfg(all(test, unix))] use std::{fs, net};",
        "#![cfg(test)] use std::fs;",
        "use crate::std_like::fs; fn f() { mystd::fs(); x.std; }",
        "fn f() -> impl Sized + use<'_> { fs::read() }",
    ] {
        assert!(!offends(code), "{code}");
    }
}

#[test]
fn relative_paths_are_followed() {
    let rule = &RULES[3];
    for (name, code, offends) in [
        ("gatekeeper/src/plan/mod.rs", "use super::report;", true),
        (
            "gatekeeper/src/plan/x.rs",
            "use super::super::report::text;",
            true,
        ),
        ("gatekeeper/src/plan/x.rs", "use super::report;", false),
        (
            "gatekeeper/src/lib.rs",
            "pub mod report; use self::report::text;",
            true,
        ),
        (
            "gatekeeper/src/plan.rs",
            "fn f() { crate::report::text(); }",
            true,
        ),
        (
            "gatekeeper/src/engine/run.rs",
            "use crate::reporter;",
            false,
        ),
    ] {
        assert!(rule.covers(name), "{name}");
        assert_eq!(
            !rule.offences(&Source::read(name, code)).is_empty(),
            offends,
            "{name}: {code}"
        );
    }
    assert!(!rule.covers("gatekeeper/src/cli/plan.rs"));
    assert!(!rule.covers("gatekeeper/src/report/text.rs"));
}
