//! The process an engine starts. Everything it serves is in the library, where tests and documents reach it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    tfplugin_proto::serve(terraform_provider_ambit::Ambit)
}
