//! The pages of `docs/` say what the schema says, or this fails.
//!
//! `UPDATE_DOCS=1 cargo test -p terraform-provider-ambit --test documents` writes them anew. The examples on the pages
//! are files of `examples/`, which the engine test runs.

use std::{collections::BTreeMap, fs, path::PathBuf};
use terraform_provider_ambit::Ambit;
use tfplugin_proto::{
    Attribute, Function, Provider, Resource, Type,
    schema::{Mode, Nesting, Shape, problems},
};

#[test]
fn pages_are_fresh() {
    let mut pages = vec![("docs/index.md".to_owned(), index())];
    for resource in Ambit.resources() {
        let name = resource.type_name().trim_start_matches("ambit_");
        pages.push((format!("docs/resources/{name}.md"), page(&*resource)));
    }
    for function in Ambit.functions() {
        let path = format!("docs/functions/{}.md", function.name());
        pages.push((path, function_page(&*function)));
    }
    for folder in ["docs/resources", "docs/functions"] {
        for file in fs::read_dir(root(folder)).into_iter().flatten() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            let known = pages.iter().any(|(page, _)| *page == path);
            assert!(known, "{path} describes nothing the provider has");
        }
    }
    let mut stale = Vec::new();
    for (path, fresh) in pages {
        let file = root(&path);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &fresh).unwrap();
        }
        if fs::read_to_string(&file).unwrap_or_default() != fresh {
            stale.push(path);
        }
    }
    assert!(
        stale.is_empty(),
        "stale: {stale:?}; run again with UPDATE_DOCS=1"
    );
}

#[test]
fn everything_is_described() {
    let mut schemas = vec![("ambit", Ambit.schema())];
    let resources = Ambit.resources();
    schemas.extend(resources.iter().map(|r| (r.type_name(), r.schema())));
    for (name, schema) in schemas {
        assert_eq!(problems(&schema), [""; 0], "{name}");
        assert!(!schema.block.description.is_empty(), "{name}");
        described(name, &schema.block.attributes);
    }
}

fn described(of: &str, attributes: &BTreeMap<String, Attribute>) {
    for (name, attribute) in attributes {
        let description = &attribute.description;
        assert!(description.ends_with('.'), "{of}.{name}: {description}");
        if let Shape::Nested(_, nested) = &attribute.shape {
            described(&format!("{of}.{name}"), nested);
        }
    }
}

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

fn example(path: &str) -> String {
    let file = root("examples").join(path);
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    format!("## Example Usage\n\n```terraform\n{text}```\n")
}

fn front(title: &str, description: &str) -> String {
    let first = description.split_inclusive(". ").next().unwrap_or_default();
    format!(
        "---\npage_title: \"{title}\"\nsubcategory: \"\"\ndescription: |-\n  {}\n---\n",
        first.trim_end()
    )
}

fn index() -> String {
    let description = Ambit.schema().block.description;
    let example = example("provider/provider.tf");
    let front = front("Provider: Ambit", &description);
    format!("{front}\n# Ambit Provider\n\n{description}\n\n{example}")
}

fn page(resource: &dyn Resource<()>) -> String {
    let name = resource.type_name();
    let block = resource.schema().block;
    let front = front(&format!("{name} Resource"), &block.description);
    let example = example(&format!("resources/{name}/resource.tf"));
    let mut out = format!(
        "{front}\n# {name} (Resource)\n\n{}\n\n{example}\n## Schema\n",
        block.description
    );
    members(&mut out, "###", "", &block.attributes);
    out.push_str(
        "\n## Import\n\nThere is nothing to import: the declaration lives in the state alone. Declare it and apply.\n",
    );
    out
}

fn members(out: &mut String, heading: &str, path: &str, attributes: &BTreeMap<String, Attribute>) {
    let groups = [
        ("Required", vec![Mode::Required]),
        ("Optional", vec![Mode::Optional, Mode::OptionalComputed]),
        ("Read-Only", vec![Mode::Computed]),
    ];
    for (title, modes) in groups {
        let of_mode = |(_, a): &(&String, &Attribute)| modes.contains(&a.mode);
        // What can be used comes before what cannot yet.
        let (later, now): (Vec<_>, Vec<_>) = attributes
            .iter()
            .filter(of_mode)
            .partition(|(_, a)| a.description.starts_with("Not yet"));
        for (position, (name, attribute)) in now.into_iter().chain(later).enumerate() {
            if position == 0 {
                out.push_str(&format!("\n{heading} {title}\n\n"));
            }
            out.push_str(&format!("- `{name}` {}\n", line(path, name, attribute)));
        }
    }
    for (name, attribute) in attributes {
        if let Shape::Nested(_, nested) = &attribute.shape {
            let inner = format!("{path}--{name}");
            out.push_str(&format!(
                "\n<a id=\"nestedatt{inner}\"></a>\n### Nested Schema for `{}`\n",
                inner.trim_start_matches("--").replace("--", ".")
            ));
            members(out, "####", &inner, nested);
        }
    }
}

fn line(path: &str, name: &str, attribute: &Attribute) -> String {
    let kind = match &attribute.shape {
        Shape::Plain(ty) => kind(ty),
        Shape::Nested(Nesting::List, _) => "Attributes List".to_owned(),
        Shape::Nested(Nesting::Set, _) => "Attributes Set".to_owned(),
        Shape::Nested(Nesting::Map, _) => "Attributes Map".to_owned(),
        Shape::Nested(Nesting::Single, _) => "Attributes".to_owned(),
    };
    let mut text = format!("({kind}) {}", attribute.description);
    if let Some(default) = &attribute.default {
        let default = default.to_json().unwrap();
        let shown = default
            .as_str()
            .map_or_else(|| default.to_string(), str::to_owned);
        text.push_str(&format!(" Defaults to `{shown}`."));
    }
    if matches!(attribute.shape, Shape::Nested(..)) {
        text.push_str(&format!(" See [below](#nestedatt{path}--{name})."));
    }
    text
}

fn kind(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".into(),
        Type::Number => "Number".into(),
        Type::String => "String".into(),
        Type::Dynamic => "Any".into(),
        Type::List(element) => format!("List of {}", kind(element)),
        Type::Set(element) => format!("Set of {}", kind(element)),
        Type::Map(element) => format!("Map of {}", kind(element)),
        Type::Tuple(_) => "Tuple".into(),
        Type::Object(_) => "Object".into(),
    }
}

fn function_page(function: &dyn Function) -> String {
    let name = function.name();
    let signature = function.signature();
    let parameters: Vec<_> = signature
        .parameters
        .iter()
        .map(|p| format!("{} {}", p.name, kind(&p.ty).to_lowercase()))
        .collect();
    let mut out = front(&format!("{name} Function"), &signature.summary);
    out.push_str(&format!(
        "\n# {name} (Function)\n\n{}\n\n{}\n## Signature\n\n```text\n{name}({}) {}\n```\n\n## Arguments\n\n",
        signature.description,
        example(&format!("functions/{name}/function.tf")),
        parameters.join(", "),
        kind(&signature.returns).to_lowercase(),
    ));
    for (position, p) in signature.parameters.iter().enumerate() {
        out.push_str(&format!(
            "{}. `{}` ({}) {}\n",
            position + 1,
            p.name,
            kind(&p.ty),
            p.description
        ));
    }
    out
}
