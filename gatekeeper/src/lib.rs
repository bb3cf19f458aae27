//! The gate between a plan and its apply.
//!
//! ```text
//! request ─► PlanFile ─► Plan ─► Graph ─► BlastRadius ─► Scope ─► Decision ─► Recorded<Warrant> ─► Outcome
//!            plan        plan    graph    radius         scope    decision    apply                outcome
//! ```
//!
//! `survey` is the line up to the scope, `request` records what it finds, `apply` takes the same look again and goes on.
//! Only `engine` and `signing` start processes; only `cli`, `place` and `engine` touch files and clocks.

pub mod cli;
pub mod decision;
pub mod engine;
pub mod graph;
pub mod plan;
pub mod radius;
pub mod scope;
pub mod stop;
pub mod tables;

mod apply;
mod bench;
mod check;
mod declarations;
mod export;
mod gate;
mod genesis;
mod history;
mod intake;
mod outcome;
mod place;
mod present;
mod request;
mod settle;
mod signing;
mod survey;
