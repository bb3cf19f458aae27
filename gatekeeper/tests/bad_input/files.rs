//! Files that nobody should hand to a gate.

use base64::{Engine, engine::general_purpose::STANDARD};
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

pub fn testdata(path: &str) -> Vec<u8> {
    let path = format!("{}/../testdata/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path)
}

pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(*name, options).expect("a new entry");
        writer.write_all(content).expect("content");
    }
    writer.finish().expect("an archive").into_inner()
}

/// Sixteen megabytes of nothing, in as many kilobytes.
pub fn bomb() -> Vec<u8> {
    zip(&[("tfplan", &vec![0; 16 << 20])])
}

/// `levels` lists inside each other.
pub fn deep(before: &str, levels: usize, after: &str) -> String {
    format!(
        "{before}{}{}{after}",
        "[".repeat(levels),
        "]".repeat(levels)
    )
}

fn public(kind: &str, numbers: &[&[u8]]) -> String {
    let mut wire = Vec::new();
    for part in [&[kind.as_bytes()], numbers].concat() {
        wire.extend((part.len() as u32).to_be_bytes());
        wire.extend(part);
    }
    format!("{kind} {} somebody\n", STANDARD.encode(wire))
}

/// A public key of a kind that no longer signs anywhere.
pub fn dsa() -> String {
    let number = [&[0x00, 0x80][..], &[0x01; 127]].concat();
    public("ssh-dss", &[&number, &[0x00, 0x80, 0x01], &number, &number])
}

pub fn rsa(bits: usize) -> String {
    let modulus = [&[0x00, 0x80][..], &vec![0x01; bits / 8 - 1]].concat();
    public("ssh-rsa", &[&[0x01, 0x00, 0x01], &modulus])
}

/// A signed statement that says the opposite under the same signature.
pub fn turned(envelope: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(envelope).expect("an envelope");
    let payload = STANDARD
        .decode(json["payload"].as_str().expect("a payload"))
        .expect("base64");
    let payload = String::from_utf8(payload).expect("text");
    let other = payload.replacen("\"decision\":\"approve\"", "\"decision\":\"reject\"", 1);
    assert_ne!(other, payload);
    json["payload"] = STANDARD.encode(other).into();
    json.to_string()
}
