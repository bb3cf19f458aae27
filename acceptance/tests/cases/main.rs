//! What must hold beside the story: each case drives the real programs on a real engine and names the exit code.

mod attacks;
mod authority;
mod interrupted;
mod machine;
mod people;
mod trust;

use ambit_acceptance::{Engine, World};
use std::path::Path;

fn running() -> World {
    World::running(&Engine::any())
}

fn begun() -> World {
    World::begun(&Engine::any())
}

/// A change that only wes has to agree to.
fn larger_server(world: &World) -> String {
    world.edit("main.tf", "a = \"small\"", "a = \"large\"");
    world.plan_as("builder").ends(0).request()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
