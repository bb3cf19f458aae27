//! Functions a provider adds to the language.
//!
//! They must be pure: the engines compare what a call gave at plan with what it
//! gives at apply, and refuse a difference. There is no client to call here.

use crate::{
    cty::{Type, Value},
    wire::tfplugin6 as wire,
};

pub trait Function: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    fn signature(&self) -> Signature;

    /// `arguments` has one value per parameter, then those of the variadic one. All
    /// are wholly known; none is null unless the parameter allows it.
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError>;
}

#[derive(Debug, Clone)]
pub struct Signature {
    pub summary: String,
    pub description: String,
    pub parameters: Vec<Parameter>,
    pub variadic: Option<Parameter>,
    /// Required by the type, because an engine panics at a function without one.
    pub returns: Type,
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub ty: Type,
    pub allow_null: bool,
    pub description: String,
}

impl Parameter {
    pub fn new(name: &str, ty: Type, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            ty,
            allow_null: false,
            description: description.to_owned(),
        }
    }

    fn to_wire(&self) -> wire::function::Parameter {
        wire::function::Parameter {
            name: self.name.clone(),
            r#type: self.ty.to_json().into_bytes(),
            allow_null_value: self.allow_null,
            // An unknown argument makes the result unknown, without a call.
            allow_unknown_values: false,
            description: self.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
        }
    }
}

impl Signature {
    /// The parameter that takes the argument at `index`.
    pub(crate) fn parameter(&self, index: usize) -> Option<&Parameter> {
        self.parameters.get(index).or(self.variadic.as_ref())
    }

    pub(crate) fn to_wire(&self) -> wire::Function {
        wire::Function {
            parameters: self.parameters.iter().map(Parameter::to_wire).collect(),
            variadic_parameter: self.variadic.as_ref().map(Parameter::to_wire),
            r#return: Some(wire::function::Return {
                r#type: self.returns.to_json().into_bytes(),
            }),
            summary: self.summary.clone(),
            description: self.description.clone(),
            description_kind: wire::StringKind::Markdown.into(),
            deprecation_message: String::new(),
        }
    }
}

/// Why a call gave nothing, and which argument is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    pub text: String,
    pub argument: Option<usize>,
}

impl FunctionError {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// The fault lies with the argument at `index`, counted from zero.
    pub fn argument(index: usize, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: Some(index),
        }
    }

    pub(crate) fn to_wire(&self) -> wire::FunctionError {
        wire::FunctionError {
            text: self.text.clone(),
            function_argument: self.argument.and_then(|index| i64::try_from(index).ok()),
        }
    }
}
