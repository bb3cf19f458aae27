pub mod engine;
pub mod graph;
pub mod plan;
