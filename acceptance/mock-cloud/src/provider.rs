//! The provider and its configuration.
//!
//! The file must lie outside the working directory: the working directory is the
//! repository under test, and a "cloud" inside it would be copied, planned and
//! diffed along with it.

use std::path::{Path, PathBuf};

use tfplugin_proto::{
    Attribute, Block, DataSource, Diagnostic, Diagnostics, Provider, Resource, Schema, Type, Value,
};

use crate::{kinds, network::NetworkByName, object::Objects, store::Store};

pub struct MockCloud;

/// A configured connection.
pub struct Cloud {
    pub store: Store,
    pub region: String,
    pub account: String,
}

impl Provider for MockCloud {
    type Client = Cloud;

    fn name(&self) -> &'static str {
        "mockcloud"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn schema(&self) -> Schema {
        Schema::new(
            Block::new("A cloud in a file, for tests.")
                .attribute(
                    "endpoint",
                    Attribute::required(Type::String)
                        .describe("Absolute path of the JSON file that holds all objects."),
                )
                .attribute(
                    "region",
                    Attribute::optional(Type::String).describe("Recorded with every object."),
                )
                .attribute(
                    "account",
                    Attribute::optional(Type::String).describe("Recorded with every object."),
                ),
        )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let endpoint = config.get("endpoint").as_str();
        endpoint
            .and_then(|endpoint| checked(endpoint).err())
            .map(Diagnostics::from)
            .unwrap_or_default()
    }

    fn configure(&self, config: &Value) -> Result<Cloud, Diagnostics> {
        let text =
            |name: &str, otherwise: &str| config.get(name).as_str().unwrap_or(otherwise).to_owned();
        Ok(Cloud {
            store: Store::new(checked(&text("endpoint", ""))?),
            region: text("region", "local-1"),
            account: text("account", "000000000000"),
        })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Cloud>>> {
        kinds::ALL
            .iter()
            .map(|kind| Box::new(Objects(kind)) as Box<dyn Resource<Cloud>>)
            .collect()
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Cloud>>> {
        vec![Box::new(NetworkByName)]
    }
}

/// The endpoint as a path that may be used.
fn checked(endpoint: &str) -> Result<PathBuf, Diagnostic> {
    let refused = |summary: &str, detail: String| Diagnostic::error(summary, detail).at("endpoint");
    let path = PathBuf::from(endpoint);
    if !path.is_absolute() {
        return Err(refused(
            "the endpoint is not an absolute path",
            format!(
                "`{endpoint}` would mean another file in every directory. Give a path such as `/var/tmp/cloud.json`."
            ),
        ));
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    // Symbolic links resolved: a link from outside into the repository is inside all the same.
    let parent = parent.canonicalize().map_err(|error| {
        refused(
            "the endpoint's directory cannot be used",
            format!(
                "`{}`: {error}. Create it first; the file itself appears by itself.",
                parent.display()
            ),
        )
    })?;
    let here = std::env::current_dir()
        .and_then(|here| here.canonicalize())
        .map_err(|error| {
            refused(
                "the working directory cannot be determined",
                format!("{error}. Run the engine in an existing directory."),
            )
        })?;
    if parent.starts_with(&here) {
        return Err(refused(
            "the endpoint lies inside the working directory",
            format!(
                "`{endpoint}` is inside `{}`, the repository itself. Give a path outside of it.",
                here.display()
            ),
        ));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_inside_the_repository_is_refused() {
        let here = std::env::current_dir().expect("a working directory");
        let inside = here.join("cloud.json");
        let nested = here.join("src/cloud.json");
        let roundabout = here.join("src/../cloud.json");
        let link = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(&here, link.path().join("link")).expect("a link");
        let linked = link.path().join("link/cloud.json");
        for endpoint in [inside, nested, roundabout, linked] {
            assert!(
                checked(&endpoint.display().to_string()).is_err(),
                "{}",
                endpoint.display()
            );
        }
        for endpoint in [
            "",
            "cloud.json",
            "./cloud.json",
            "../cloud.json",
            "~/cloud.json",
            "/nowhere/at/all/cloud.json",
        ] {
            assert!(checked(endpoint).is_err(), "{endpoint}");
        }
        let outside = link.path().join("cloud.json");
        assert_eq!(checked(&outside.display().to_string()), Ok(outside));
    }

    #[test]
    fn what_the_provider_declares_is_sound() {
        assert_eq!(tfplugin_proto::problems(&MockCloud), Vec::<String>::new());
    }
}
