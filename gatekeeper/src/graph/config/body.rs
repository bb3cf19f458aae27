//! Blocks and attributes of one file, the same for the native and the JSON syntax, before anything
//! knows what the blocks mean.

use super::expression::{Expr, Location};

#[derive(Debug, Clone, Default)]
pub struct Body {
    pub attributes: Vec<Attribute>,
    pub blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
pub struct Attribute {
    pub name: String,
    pub value: Expr,
    pub at: Location,
}

#[derive(Debug, Clone)]
pub struct Block {
    pub kind: String,
    pub labels: Vec<String>,
    pub body: Body,
    pub at: Location,
}

impl Body {
    pub fn attribute(&self, name: &str) -> Option<&Expr> {
        let found = self
            .attributes
            .iter()
            .find(|attribute| attribute.name == name);
        found.map(|attribute| &attribute.value)
    }

    pub fn blocks_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }

    /// Normalised text: attributes by name (their order has no meaning), then blocks as written.
    pub fn text(&self) -> String {
        let mut attributes: Vec<&Attribute> = self.attributes.iter().collect();
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        let attributes = attributes
            .iter()
            .map(|attribute| format!("{} = {}", attribute.name, attribute.value.text()));
        let blocks = self.blocks.iter().map(Block::text);
        attributes.chain(blocks).collect::<Vec<_>>().join("\n")
    }

    /// Every expression in the body, however deep.
    pub(crate) fn each_expression<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        for attribute in &self.attributes {
            visit(&attribute.value);
        }
        for block in &self.blocks {
            block.body.each_expression(visit);
        }
    }
}

impl Block {
    pub fn text(&self) -> String {
        let mut text = self.kind.clone();
        for label in &self.labels {
            text.push(' ');
            text.push_str(&super::expression::quoted(label));
        }
        text.push_str(" {\n");
        text.push_str(&self.body.text());
        text.push_str("\n}");
        text
    }

    /// The block type this block produces: a `dynamic` block makes blocks named by its label.
    pub fn effective_kind(&self) -> &str {
        match (self.kind.as_str(), self.labels.as_slice()) {
            ("dynamic", [label]) => label,
            (kind, _) => kind,
        }
    }
}
