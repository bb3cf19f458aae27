//! Statements as a user finds them in files, to be taken apart, changed and put together by hand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

const TYPE: &str = "application/vnd.in-toto+json";

/// A DSSE envelope with one signature.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub payload: String,
    pub signature: Vec<u8>,
}

impl Envelope {
    pub fn read(path: &Path) -> Self {
        let value: Value =
            serde_json::from_slice(&fs::read(path).expect("a statement file")).expect("JSON");
        let bytes = |value: &Value| {
            STANDARD
                .decode(value.as_str().expect("text"))
                .expect("base64")
        };
        Self {
            payload: String::from_utf8(bytes(&value["payload"])).expect("UTF-8"),
            signature: bytes(&value["signatures"][0]["sig"]),
        }
    }

    /// The payload of a file that `--unsigned` wrote: what follows the fourth space.
    pub fn unsigned(path: &Path) -> String {
        let text = fs::read_to_string(path).expect("a file to be signed");
        text.splitn(5, ' ').nth(4).expect("five parts").to_owned()
    }

    /// Signed with `ssh-keygen`, as anyone can.
    pub fn sign(payload: String, key: &Path) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let message = dir.path().join("message");
        let text = format!("DSSEv1 {} {TYPE} {} {payload}", TYPE.len(), payload.len());
        fs::write(&message, text).expect("written");
        let output = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "ambit-decision-v1", "-f"])
            .args([key, &message])
            .output()
            .expect("ssh-keygen starts");
        assert!(output.status.success(), "{output:?}");
        Self {
            payload,
            signature: fs::read(dir.path().join("message.sig")).expect("a signature"),
        }
    }

    pub fn write(&self, path: &Path) {
        let json = json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": TYPE,
            "signatures": [{ "sig": STANDARD.encode(&self.signature) }],
        });
        fs::write(path, json.to_string()).expect("written");
    }
}
