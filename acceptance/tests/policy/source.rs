//! A Rust source file as far as layering needs it: which paths the code names, tests left out. It is a reader of tokens,
//! not a parser, because the inside of a macro call is code too and no syntax tree shows it.

use std::collections::BTreeMap;

pub struct Source {
    pub name: String,
    /// The code without comments, literals and test items. Lines stay where they were.
    code: String,
    /// Modules declared by `#[cfg(test)] mod NAME;`.
    test_modules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub line: usize,
    /// From the root of a crate, with imports and `crate`, `self` and `super` resolved. A glob ends in `::*`.
    pub path: String,
}

impl Source {
    pub fn read(name: &str, text: &str) -> Self {
        let mut code = blank(text);
        let mut test_modules = Vec::new();
        while let Some((start, end)) = next_test_item(&code) {
            let item: String = code[start..end].into();
            if let Some(module) = item.trim_end().strip_suffix(';').and_then(declared_module) {
                test_modules.push(module.to_owned());
            }
            erase(&mut code, start, end);
        }
        Self {
            name: name.to_owned(),
            code,
            test_modules,
        }
    }

    /// Names, without `.rs`, of the files and folders that hold this file's test modules.
    pub fn test_files(&self) -> Vec<String> {
        let stem = self.name.strip_suffix(".rs").unwrap_or(&self.name);
        let (folder, last) = stem.rsplit_once('/').unwrap_or(("", stem));
        let place = match last {
            "mod" | "lib" | "main" => folder,
            _ => stem,
        };
        self.test_modules
            .iter()
            .map(|module| format!("{place}/{module}"))
            .collect()
    }

    pub fn references(&self) -> Vec<Reference> {
        let tokens = tokens(&self.code);
        let mut imports = Vec::new();
        let mut inline = Vec::new();
        let mut i = 0;
        while i < tokens.len() {
            let after_use = i + 1;
            // `use<'a>` in a type imports nothing.
            if tokens[i].text == "use" && tokens.get(after_use).is_some_and(|t| t.text != "<") {
                i = import(&tokens, after_use, &mut Vec::new(), &mut imports);
            } else if is_name(tokens[i].text) {
                let (path, next) = path_at(&tokens, i);
                if path.len() > 1 && (i == 0 || tokens[i - 1].text != ".") {
                    inline.push((tokens[i].line, path));
                }
                i = next;
            } else {
                i += 1;
            }
        }
        // What a name stands for. Two imports of one name, in two scopes, both count.
        let mut aliases: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
        for found in &imports {
            if let Some(alias) = found.alias {
                aliases
                    .entry(alias)
                    .or_default()
                    .push(self.absolute(&found.path));
            }
        }
        let mut references: Vec<Reference> = imports
            .iter()
            .map(|found| (found.line, self.absolute(&found.path)))
            .map(|(line, path)| Reference {
                line,
                path: path.join("::"),
            })
            .collect();
        for (line, path) in inline {
            let absolute = self.absolute(&path);
            let stands_for = aliases.get(path[0]).into_iter().flatten();
            let resolved = stands_for.map(|start| [start, &path[1..]].concat());
            for path in resolved.chain([absolute]) {
                references.push(Reference {
                    line,
                    path: path.join("::"),
                });
            }
        }
        references
    }

    /// Replaces `self` and `super` at the start of a path by the module that this file is.
    fn absolute<'a>(&'a self, path: &[&'a str]) -> Vec<&'a str> {
        let inside = self
            .name
            .rsplit_once("src/")
            .map_or("", |(_, inside)| inside);
        let mut module: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
            module.pop();
        }
        module.insert(0, "crate");
        let ups = path.iter().take_while(|step| **step == "super").count();
        let rest = match path.first() {
            Some(&"super") => &path[ups..],
            Some(&"self") => &path[1..],
            _ => return path.to_vec(),
        };
        module.truncate(module.len().saturating_sub(ups).max(1));
        [module, rest.to_vec()].concat()
    }
}

struct Import<'a> {
    line: usize,
    path: Vec<&'a str>,
    /// The name it goes by here.
    alias: Option<&'a str>,
}

/// Reads one use tree, returns where it ends.
fn import<'a>(
    tokens: &[Token<'a>],
    mut i: usize,
    before: &mut Vec<&'a str>,
    found: &mut Vec<Import<'a>>,
) -> usize {
    let depth = before.len();
    while let Some(token) = tokens.get(i) {
        match token.text {
            "::" => i += 1,
            "{" => {
                i += 1;
                while tokens.get(i).is_some_and(|t| t.text != "}") {
                    i = import(tokens, i, before, found);
                    if tokens.get(i).is_some_and(|t| t.text == ",") {
                        i += 1;
                    }
                }
                before.truncate(depth);
                return i + 1;
            }
            "," | "}" | ";" => break,
            "as" => {
                let alias = tokens.get(i + 1).map(|t| t.text);
                found.push(Import {
                    line: token.line,
                    path: without_self(before),
                    alias,
                });
                before.truncate(depth);
                return i + 2;
            }
            name => {
                before.push(name);
                i += 1;
            }
        }
    }
    if before.len() > depth {
        let path = without_self(before);
        found.push(Import {
            line: tokens[i.min(tokens.len() - 1)].line,
            alias: path.last().copied().filter(|name| *name != "*"),
            path,
        });
    }
    before.truncate(depth);
    // Something that no use tree holds must not stop the reader.
    if tokens.get(i).is_some_and(|t| t.text == ";") {
        i + 1
    } else {
        i
    }
}

/// `std::fs::{self}` is `std::fs`.
fn without_self<'a>(path: &[&'a str]) -> Vec<&'a str> {
    match path {
        [before @ .., "self"] if !before.is_empty() => before.to_vec(),
        path => path.to_vec(),
    }
}

fn path_at<'a>(tokens: &[Token<'a>], start: usize) -> (Vec<&'a str>, usize) {
    let mut path = vec![tokens[start].text];
    let mut i = start + 1;
    while let [separator, name, ..] = &tokens[i..] {
        if separator.text != "::" || !is_name(name.text) {
            break;
        }
        path.push(name.text);
        i += 2;
    }
    (path, i)
}

#[derive(Clone, Copy)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = if is_name_part(first) {
            rest.find(|c| !is_name_part(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (text, after) = rest.split_at(length);
        if first == '\n' {
            line += 1;
        } else if !first.is_whitespace() {
            tokens.push(Token { line, text });
        }
        rest = after;
    }
    tokens
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Comments, strings and character literals as spaces, byte for byte.
fn blank(text: &str) -> String {
    let mut code = text.to_owned();
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        let after_name = code[..at].ends_with(is_name_part);
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if rest.starts_with('"') {
            string(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !after_name) {
            length
        } else if rest.starts_with('\'') {
            character(rest)
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        erase(&mut code, at, at + length);
        at += length.max(1);
    }
    code
}

fn erase(code: &mut String, start: usize, end: usize) {
    let blank: String = code[start..end]
        .bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect();
    code.replace_range(start..end, &blank);
}

/// Comments nest.
fn comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, also after `b` or `c`. `r#name` is a name.
fn raw_string(rest: &str) -> Option<usize> {
    let marks = rest
        .strip_prefix(['b', 'c'])
        .unwrap_or(rest)
        .strip_prefix('r')?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    let inside = marks[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(rest.len() - inside.len() + length)
}

/// A literal such as `'x'`, or the mark of a lifetime.
fn character(rest: &str) -> usize {
    let inside = &rest[1..];
    let length = match inside.strip_prefix('\\') {
        Some(escape) => {
            // The character after the backslash may be a quote itself.
            let first = escape.chars().next().map_or(0, char::len_utf8);
            escape[first..].find('\'').map(|at| 1 + first + at)
        }
        None => {
            let first = inside.chars().next().map_or(0, char::len_utf8);
            inside[first..].starts_with('\'').then_some(first)
        }
    };
    length.map_or(1, |length| length + 2)
}

/// Where the next item that only tests compile begins and ends, its attributes included.
fn next_test_item(code: &str) -> Option<(usize, usize)> {
    for (start, _) in code.match_indices('#') {
        let squeezed: String = code[start..]
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(16)
            .collect();
        if ["#![cfg(test)]", "#![cfg(all(test,"]
            .iter()
            .any(|a| squeezed.starts_with(a))
        {
            return Some((start, code.len()));
        }
        if ["#[cfg(test)]", "#[cfg(all(test,", "#[cfg(all(test)"]
            .iter()
            .any(|a| squeezed.starts_with(a))
        {
            return Some((start, item_end(code, start)));
        }
    }
    None
}

/// The end of the item at `start`: its `;`, or the brace that closes its body.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    // The braces of `use a::{b};` are no body.
    let mut is_use = false;
    let mut word = start;
    for (offset, c) in code[start..].char_indices() {
        let at = start + offset;
        if is_name_part(c) {
            continue;
        }
        is_use |= depth == 0 && &code[word..at] == "use";
        word = at + c.len_utf8();
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                // The end of what is around: the item was the last thing in it, like a field without a comma.
                if depth == 0 {
                    return at;
                }
                depth -= 1;
                if c == '}' && depth == 0 && !is_use {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn declared_module(item: &str) -> Option<&str> {
    let (before, name) = item.trim_end().rsplit_once(char::is_whitespace)?;
    before.trim_end().ends_with("mod").then_some(name)
}
