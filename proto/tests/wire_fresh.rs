//! The generated code in `src/wire` is what the `.proto` files say.
//!
//! Run with `TFPLUGIN_PROTO_REGENERATE=1` to write it anew after a change to a
//! `.proto` file. Neither protoc nor a build script is involved, so that the
//! crate builds anywhere.

use std::{fs, path::Path};

const PACKAGES: [&str; 2] = ["plugin", "tfplugin6"];

fn generate(into: &Path) {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files = PACKAGES.map(|package| format!("{package}.proto"));
    let descriptors = protox::compile(&files, [&proto]).expect("the .proto files compile");
    tonic_prost_build::configure()
        .btree_map(".")
        .out_dir(into)
        .compile_fds(descriptors)
        .expect("code can be generated");
}

#[test]
fn generated_code_is_fresh() {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire");
    if std::env::var_os("TFPLUGIN_PROTO_REGENERATE").is_some() {
        generate(&wire);
    }
    let fresh = tempfile::tempdir().expect("a temporary directory");
    generate(fresh.path());
    for package in PACKAGES {
        let name = format!("{package}.rs");
        let expected = fs::read_to_string(fresh.path().join(&name)).expect("generated");
        let found = fs::read_to_string(wire.join(&name)).unwrap_or_default();
        assert!(
            expected == found,
            "src/wire/{name} differs from what proto/{package}.proto says: run this test with TFPLUGIN_PROTO_REGENERATE=1"
        );
    }
}
