//! What no file of the tree may contain, whatever its kind. The words are put together from pieces, so that this file is
//! held to them too.

use crate::{none, tracked, tracked_sources};

/// Nobody else has the folders of the machine a file was made on.
const MACHINE: [&str; 2] = [concat!("/wo", "rk/"), concat!("/fa", "rm/")];

/// Which mirror a build uses is the reader's setting (GOPROXY, Cargo's source replacement), never ours.
const REGISTRIES: [&str; 8] = [
    concat!("proxy.golang", ".org"),
    concat!("sum.golang", ".org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
];

/// What is not done is not there. A test that is not run does not exist.
const UNFINISHED: [&str; 5] = [
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("#[ign", "ore"),
    concat!(", ign", "ore)]"),
    concat!("```ign", "ore"),
];

/// More than this is two modules under one name. Generated code is not read as a file; a table of cases may be longer
/// than the code it tests.
const LINES: usize = 700;
const LINES_OF_CASES: usize = 900;
const GENERATED: [&str; 1] = ["proto/src/wire/"];

#[test]
fn no_path_of_a_machine_and_no_registry() {
    let mut offences = Vec::new();
    for (name, bytes) in tracked() {
        let text = String::from_utf8_lossy(&bytes);
        for (line, content) in text.lines().enumerate() {
            let found = MACHINE
                .iter()
                .find(|path| has_absolute(content, path))
                .or_else(|| REGISTRIES.iter().find(|host| content.contains(**host)));
            if let Some(found) = found {
                offences.push(format!("{name}:{}: {found}", line + 1));
            }
        }
    }
    none("paths of one machine, or package registries", offences);
}

#[test]
fn nothing_is_left_for_later() {
    let mut offences = Vec::new();
    for (name, text) in tracked_sources() {
        for (line, content) in text.lines().enumerate() {
            if let Some(found) = UNFINISHED.iter().find(|word| content.contains(**word)) {
                offences.push(format!("{name}:{}: {found}", line + 1));
            }
        }
    }
    none("unfinished code, or tests that do not run", offences);
}

#[test]
fn files_stay_readable() {
    let offences = tracked_sources()
        .into_iter()
        .filter(|(name, _)| !GENERATED.iter().any(|folder| name.starts_with(folder)))
        .filter_map(|(name, text)| {
            let code = text
                .lines()
                .take_while(|line| line.trim() != "#[cfg(test)]")
                .count();
            let cases = name.contains("/tests/") || name.ends_with("/tests.rs");
            let (lines, most) = if cases {
                (text.lines().count(), LINES_OF_CASES)
            } else {
                (code, LINES)
            };
            (lines > most).then(|| format!("{name}: {lines} lines, at most {most}"))
        })
        .collect();
    none("files too long to be read in one go", offences);
}

#[test]
fn an_absolute_path_is_told_from_a_part_of_one() {
    let path = "/there/";
    for (text, found) in [
        ("/there/x", true),
        ("\"/there/x\"", true),
        ("dir=/there/x", true),
        ("home/there/x", false),
        ("~/there/x", false),
        ("../there/x", false),
        ("a/there/x and /there/x", true),
    ] {
        assert_eq!(has_absolute(text, path), found, "{text}");
    }
}

fn has_absolute(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        !text[..at]
            .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '}'))
    })
}
