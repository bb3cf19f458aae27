//! `ambit_approval`: somebody's signed decision, carried in the configuration.
//!
//! Form and signature are checked here, nothing else. The provider does not know whose key it is, which request is open
//! or who must agree; the gate does.

use crate::wording::{sentence, shown};
use ambit_authority::statement::{self, BadStatement, Signed};
use jiff::Timestamp;
use tfplugin_proto::{
    Attribute, Block, Change, Declaration, Diagnostic, Diagnostics, Schema, Type, Value,
};

/// What to write, at the end of every refusal.
const CORRECT: &str = "Pass the file that `ambit approve` wrote as it is, for example \
     `statement = file(\"approvals/alice.json\")`.";

pub struct Approval;

impl Declaration for Approval {
    fn type_name(&self) -> &'static str {
        "ambit_approval"
    }

    fn schema(&self) -> Schema {
        let text = |description: &str| {
            Attribute::computed(Type::String)
                .describe(description)
                .never_null()
        };
        Schema::new(
            Block::new(
                "Carries somebody's signed decision about a change request in the \
                 configuration. The provider checks that the statement is well formed and \
                 that its signature fits the key inside; it does not know whose key that \
                 is, or whether the decision counts, which the gate judges. Taking the \
                 resource away takes nothing back: a decision is withdrawn with `ambit \
                 revoke`.",
            )
            .attribute(
                "statement",
                Attribute::required(Type::String)
                    .describe(
                        "The statement as `ambit approve` writes it: a DSSE envelope in JSON. \
                         Another statement is another approval: changing it replaces this \
                         one.",
                    )
                    .force_new(),
            )
            .attribute(
                "id",
                text("Digest of the statement, by which records refer to it."),
            )
            .attribute("request", text("Id of the change request."))
            .attribute(
                "approver",
                text(
                    "Who the statement says has signed. Trust it only after the gate has found \
                     the key to be theirs.",
                ),
            )
            .attribute("decision", text("`approve`, `reject` or `revoke`."))
            .attribute(
                "scope_digest",
                text("Digest of the scope that was decided on."),
            )
            .attribute(
                "key_fingerprint",
                text("Fingerprint of the key that signed, `SHA256:…`."),
            )
            .attribute(
                "expires",
                text("When the decision ends, in RFC 3339, to be compared with `timecmp`."),
            ),
        )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match config.get("statement").as_str().map(read) {
            Some(Err(diagnostic)) => diagnostic.at("statement").into(),
            _ => Diagnostics::new(),
        }
    }

    fn plan(&self, change: &mut Change<'_>) -> Diagnostics {
        // Unknown stays unknown; what is known and broken was refused before any plan.
        let read = change.get("statement").as_str().map(read);
        if let Some(Ok(facts)) = read {
            for (name, fact) in facts {
                change.compute(name, fact);
            }
        }
        Diagnostics::new()
    }
}

/// What a statement says, by attribute.
fn read(text: &str) -> Result<[(&'static str, String); 7], Diagnostic> {
    if !text.trim_start().starts_with('{') {
        let detail = format!("It is {}. {CORRECT}", shown(text));
        return Err(Diagnostic::error("the statement is not JSON", detail));
    }
    let Signed {
        digest,
        predicate,
        verified,
        ..
    } = statement::open(text.as_bytes()).map_err(|error| refusal(&error))?;
    let expires = Timestamp::from_second(predicate.expires).map_err(|_| {
        let detail = format!(
            "It expires at second {} of the Unix calendar, which is no date. {CORRECT}",
            predicate.expires
        );
        Diagnostic::error("the statement is not a change decision", detail)
    })?;
    Ok([
        ("id", digest.to_string()),
        ("request", predicate.request),
        ("approver", predicate.approver),
        ("decision", predicate.decision.to_string()),
        ("scope_digest", predicate.scope_digest.to_string()),
        ("key_fingerprint", verified.key.fingerprint()),
        ("expires", expires.to_string()),
    ])
}

fn refusal(error: &BadStatement) -> Diagnostic {
    let summary = match error {
        BadStatement::Signature(_) => "the signature of the statement does not hold",
        _ => "the statement is not a change decision",
    };
    Diagnostic::error(summary, format!("{} {CORRECT}", sentence(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{config, transcript};

    const GOLDEN: &str = include_str!("../../testdata/formats/statement.json");

    #[test]
    fn refusals() {
        let good = config(&Approval, [("statement", format!("{GOLDEN}\n").into())]);
        let request = include_str!("../../testdata/formats/change-request.json");
        let payload = include_str!("../../testdata/formats/statement-payload.json");
        let (before, signature) = GOLDEN.split_once("\"sig\":\"").unwrap();
        // Another base64 digit inside the payload, and inside the signature.
        let changed = GOLDEN.replacen("ImFsaWNlI", "ImFsaWNmI", 1);
        let forged = format!(
            "{before}\"sig\":\"{}",
            signature.replacen("VTFOSV", "VTFOSW", 1)
        );
        assert!(changed != GOLDEN && forged != GOLDEN);
        let twice = GOLDEN.replacen("]}", ",{\"sig\":\"\"}]}", 1);
        let statement = |text: String| vec![("statement", text.into())];
        let cases = vec![
            statement(String::new()),
            statement("approvals/alice.json".into()),
            statement("\u{feff}{}".into()),
            statement("{}".into()),
            statement("{\"payload\":".into()),
            statement(GOLDEN[..GOLDEN.len() / 2].into()),
            statement(request.into()),
            statement(payload.into()),
            statement(changed),
            statement(forged),
            statement(twice),
            statement(GOLDEN.replacen("in-toto", "in-tutu", 1)),
            statement(GOLDEN.replacen("{", "{\"extra\":1,", 1)),
            statement(format!("{GOLDEN}{GOLDEN}")),
            statement(format!("{{{}", " ".repeat(64 * 1024))),
        ];
        insta::assert_snapshot!(transcript(&Approval, good, cases));
    }

    #[test]
    fn a_statement_says() {
        let facts: Vec<String> = read(GOLDEN)
            .unwrap()
            .into_iter()
            .map(|(name, fact)| format!("{name} = {fact}"))
            .collect();
        insta::assert_snapshot!(facts.join("\n"));
    }
}
