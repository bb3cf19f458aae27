//! Names: what a declaration is known by everywhere, and its id. Only the form is checked; whether somebody of that
//! name is declared is a question about all declarations, which the gate asks.

use crate::wording::{sentence, shown};
use ambit_authority::bundle::check_name;
use tfplugin_proto::{Attribute, Diagnostic, Type};

/// The attribute `name` of every named declaration.
pub fn attribute(describe: &str) -> Attribute {
    Attribute::required(Type::String)
        .describe(format!(
            "{describe} Starts with a lower-case letter and holds lower-case letters, digits, \
             `-`, `_` and `.`, 64 at most. Another name is another declaration: changing it \
             replaces this one."
        ))
        .force_new()
}

/// The attribute `id`.
pub fn id() -> Attribute {
    Attribute::computed(Type::String)
        .describe("The same as `name`.")
        .never_null()
}

/// `of` is what is named, with its article: `a person`.
pub fn check(of: &'static str) -> impl Fn(&str) -> Result<String, Diagnostic> {
    move |text| match check_name(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(reason) => Err(Diagnostic::error(
            format!("{} is not the name of {of}", shown(text)),
            sentence(reason),
        )),
    }
}
