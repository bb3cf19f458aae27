//! The `ambit` provider: people, teams, agents, what belongs to whom and who must agree, declared beside the
//! infrastructure they answer for.
//!
//! It is logical. Nothing here opens a file or a connection, reads a clock, decides or signs. A resource checks what one
//! declaration can know of itself, and computes what follows from it, at plan. Whether names resolve, and whether an
//! approval counts, is judged by the gate over all declarations together, and never here: a provider that is part of
//! the change under review cannot be its judge.

mod wording;

mod key;
mod later;
mod list;
mod name;
mod stack;

mod agent;
mod approval;
mod approval_rule;
mod environment;
mod ownership;
mod person;
mod team;

mod address;

#[cfg(test)]
mod told;

use tfplugin_proto::{
    Block, Diagnostics, Function, Provider, Resource, Schema, Value, declaration,
};

pub struct Ambit;

impl Provider for Ambit {
    type Client = ();

    fn name(&self) -> &'static str {
        "ambit"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn schema(&self) -> Schema {
        Schema::new(Block::new(
            "Declares who exists, who let which agent in, what belongs to whom, and who must \
             agree before a change is applied. The provider needs no configuration, no \
             network and no account: its resources live in the state alone. The `ambit` \
             command compiles them into the authority that is in force once it is signed; a \
             declaration by itself changes nothing.",
        ))
    }

    fn configure(&self, _: &Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn resources(&self) -> Vec<Box<dyn Resource<()>>> {
        vec![
            declaration(person::Person),
            declaration(team::Team),
            declaration(agent::Agent),
            declaration(environment::Environment),
            declaration(ownership::Ownership),
            declaration(approval_rule::ApprovalRule),
            declaration(approval::Approval),
        ]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![
            Box::new(address::ParseAddress),
            Box::new(address::AddressMatches),
        ]
    }
}
