//! Templates in depth: a YAML value whose texts may be templates.

use indexmap::IndexMap;

use super::{EvalError, Expression, Scope, Variables};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Kind, Node, Span, Text};
use crate::value::{MapBuilder, too_deep};

/// A template as a key.
const TEMPLATE_KEY: Code = Code("PW0313");

/// A YAML value in which every text is a template.
#[derive(Debug, Clone)]
pub struct Tree {
    span: Span,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// Nothing in it is computed.
    Const(Value),
    Expr(Box<Expression>),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Parses `node`. Keys are taken as they stand: a template among them is diagnosed.
    pub fn parse(node: &Node, variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Self> {
        let form = match &node.kind {
            Kind::Null => Form::Const(Value::from(())),
            Kind::Bool(it) => Form::Const(Value::from(*it)),
            Kind::Int(it) => Form::Const(Value::from(*it)),
            Kind::Float(it) => Form::Const(Value::from(*it)),
            Kind::Text(text) => return Self::text(text, variables, diagnostics),
            Kind::List(items) => {
                let trees: Vec<_> =
                    items.iter().map(|item| Self::parse(item, variables, diagnostics)).collect();
                Form::List(trees.into_iter().collect::<Option<_>>()?)
            }
            Kind::Map(entries) => {
                let mut trees = Vec::with_capacity(entries.len());
                for entry in entries {
                    let key = &entry.key;
                    if ["{{", "{%", "${"].iter().any(|mark| key.value.contains(mark)) {
                        diagnostics.push(
                            Diagnostic::error(TEMPLATE_KEY, "a key cannot be a template")
                                .at(key.span, "")
                                .help("build the map by an expression: `{{ {name: value} }}`"),
                        );
                        trees.push(None);
                    }
                    let tree = Self::parse(&entry.value, variables, diagnostics);
                    trees.push(tree.map(|tree| (key.value.clone(), tree)));
                }
                Form::Map(trees.into_iter().collect::<Option<_>>()?)
            }
        };
        Some(Self { span: node.span, form: form.folded() })
    }

    /// A tree of one template.
    pub fn text(text: &Text, variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Self> {
        Expression::template(text, variables, diagnostics).map(Self::from)
    }

    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Its value, if nothing in it is computed.
    #[must_use]
    pub fn as_constant(&self) -> Option<&Value> {
        match &self.form {
            Form::Const(value) => Some(value),
            Form::Expr(expression) => expression.as_constant(),
            _ => None,
        }
    }

    /// The template, if it is a single one.
    #[must_use]
    pub fn as_expression(&self) -> Option<&Expression> {
        match &self.form {
            Form::Expr(expression) => Some(expression),
            _ => None,
        }
    }

    /// The entries in their order, if it is a map in which something is computed.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(String, Self)]> {
        match &self.form {
            Form::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list in which something is computed.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.form {
            Form::List(items) => Some(items),
            _ => None,
        }
    }

    /// Its value; an undefined value is refused, naming its path.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        let value = self.value(scope)?;
        if matches!(self.form, Form::List(_) | Form::Map(_)) && too_deep(&value) {
            return Err(EvalError {
                message: "the value is too large or nested too deeply".into(),
                span: self.span,
            });
        }
        Ok(value)
    }

    fn value(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        match &self.form {
            Form::Const(value) => Ok(value.clone()),
            Form::Expr(expression) => expression.eval(scope),
            Form::List(items) => {
                items.iter().map(|item| item.value(scope)).collect::<Result<Vec<_>, _>>().map(Value::from)
            }
            Form::Map(entries) => {
                let mut map = MapBuilder::with_capacity(entries.len());
                for (key, tree) in entries {
                    map.insert(Value::from(key.as_str()), tree.value(scope)?);
                }
                Ok(map.finish())
            }
        }
    }

    /// All its templates that are computed or secret, in the order written.
    #[must_use]
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut found = Vec::new();
        self.visit(&mut |expression| found.push(expression));
        found
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression)) {
        match &self.form {
            Form::Const(_) => {}
            Form::Expr(expression) => visit(expression),
            Form::List(items) => items.iter().for_each(|item| item.visit(visit)),
            Form::Map(entries) => entries.iter().for_each(|(_, tree)| tree.visit(visit)),
        }
    }

    /// Calls `visit` for each of its templates, to bind them.
    pub fn visit_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        match &mut self.form {
            Form::Const(_) => {}
            Form::Expr(expression) => visit(expression),
            Form::List(items) => items.iter_mut().for_each(|item| item.visit_mut(visit)),
            Form::Map(entries) => entries.iter_mut().for_each(|(_, tree)| tree.visit_mut(visit)),
        }
    }
}

impl From<Expression> for Tree {
    fn from(expression: Expression) -> Self {
        let span = expression.span();
        // A secret constant stays an expression, so that it is still known to be secret.
        let form = match expression.as_constant() {
            Some(value) if !expression.has_secret() => Form::Const(value.clone()),
            _ => Form::Expr(Box::new(expression)),
        };
        Self { span, form }
    }
}

impl Form {
    /// One constant for a list or a map of constants.
    fn folded(self) -> Self {
        let constant = |tree: &Tree| match &tree.form {
            Form::Const(value) => Some(value.clone()),
            _ => None,
        };
        let value = match &self {
            Self::List(items) => items.iter().map(constant).collect::<Option<Vec<_>>>().map(Value::from),
            Self::Map(entries) => {
                let pairs =
                    entries.iter().map(|(key, tree)| Some((Value::from(key.as_str()), constant(tree)?)));
                pairs.collect::<Option<IndexMap<_, _>>>().map(Value::from)
            }
            _ => None,
        };
        value.map_or(self, Self::Const)
    }
}
