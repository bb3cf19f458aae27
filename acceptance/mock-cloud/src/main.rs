//! A cloud in a file, for acceptance tests: every object a real engine creates,
//! changes and destroys through this provider is an entry in one JSON document.
//!
//! It exists so that the gate can be tested on real engines without an account
//! anywhere, and so that `tfplugin-proto` has a user of its own. It is no product:
//! nothing outside the acceptance suite may depend on it.
//!
//! ```text
//! provider   the configuration: which file, which region and account
//! kinds      the six resource types: their schemas, all that tells them apart
//! object     what creating, reading, changing and removing any of them does
//! network    a data source
//! store      the file, its lock, and the switches that make it slow or failing
//! ```

mod kinds;
mod network;
mod object;
mod provider;
mod store;

fn main() -> std::process::ExitCode {
    tfplugin_proto::serve(provider::MockCloud)
}
