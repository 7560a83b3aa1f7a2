//! What a condition proves about the paths it reads.

use minijinja::value::ValueKind;

use super::ast::{Ast, Callee, Comparison, Function, Path, Relation, Root, Slice, TestKind};
use super::{Read, Segment};

type Paths = Vec<Vec<Segment>>;

/// The paths that are defined and not none when `ast`, as a condition, came out as `outcome`.
pub(super) fn of(ast: &Ast, outcome: bool, reads: &[Read]) -> Paths {
    let mut paths = Prover { reads }.when(ast, outcome);
    paths.dedup();
    paths
}

struct Prover<'a> {
    reads: &'a [Read],
}

impl Prover<'_> {
    fn when(&self, ast: &Ast, outcome: bool) -> Paths {
        match (ast, outcome) {
            (Ast::Path(path), true) => self.path(path, 0),
            (Ast::Not(operand), _) => self.when(operand, !outcome),
            (Ast::And(both), true) | (Ast::Or(both), false) => {
                union(self.when(&both.0, outcome), self.when(&both.1, outcome))
            }
            (Ast::And(both), false) | (Ast::Or(both), true) => {
                // What the left alone proves by having been evaluated holds either way.
                let either = intersection(&self.when(&both.0, outcome), &self.right(both, outcome));
                union(self.evaluated(&both.0), either)
            }
            (Ast::Compare(comparison), _) => self.comparison(comparison, outcome),
            (Ast::Test(test), _) => match (&test.kind, &test.input, outcome) {
                (TestKind::None, Ast::Path(path), false) => self.path(path, 0),
                // Being defined, it may yet be none; what it is found in is neither.
                (TestKind::Defined, Ast::Path(path), true)
                | (TestKind::Undefined, Ast::Path(path), false) => self.path(path, 1),
                (TestKind::Native(name), Ast::Path(path), true)
                    if !matches!(
                        name.as_str(),
                        "false"
                            | "eq"
                            | "equalto"
                            | "ne"
                            | "sameas"
                            | "in"
                            | "lt"
                            | "lessthan"
                            | "le"
                            | "lower"
                            | "upper"
                            | "iterable"
                    ) =>
                {
                    self.path(path, 0)
                }
                _ => Paths::new(),
            },
            (Ast::Default(filter), true) if is_falsy(&filter.other) => self.when(&filter.input, true),
            (Ast::If(it), true) if it.otherwise.as_ref().is_none_or(is_falsy) => {
                union(self.when(&it.test, true), self.when(&it.then, true))
            }
            (Ast::Call(call), _) if call.callee == Callee::Reveal => {
                call.arguments.positional.first().map_or_else(Paths::new, |inner| self.when(inner, outcome))
            }
            _ => self.evaluated(ast),
        }
    }

    /// The right side of `and` and `or` is evaluated only when the left came out so.
    fn right(&self, both: &(Ast, Ast), outcome: bool) -> Paths {
        union(self.when(&both.0, !outcome), self.when(&both.1, outcome))
    }

    /// What `ast` proves by not failing: paths where undefined and none are refused.
    fn evaluated(&self, ast: &Ast) -> Paths {
        match ast {
            Ast::Filter(filter) => {
                let refuses_none = match &filter.function {
                    Function::Native(name, _) => {
                        matches!(name.as_str(), "length" | "count" | "round" | "abs")
                    }
                    Function::Own(_) => false,
                };
                let accepts = match &filter.function {
                    Function::Own(own) => own.accepts_undefined(!filter.arguments.is_empty()),
                    Function::Native(..) => false,
                };
                match (&filter.input, accepts) {
                    (_, true) => Paths::new(),
                    (Ast::Path(path), false) => self.path(path, usize::from(!refuses_none)),
                    (input, false) => self.evaluated(input),
                }
            }
            Ast::Binary(it) if it.op != super::ast::Op::Concat => {
                let operand = |operand: &Ast| match operand {
                    Ast::Path(path) => self.path(path, 0),
                    other => self.evaluated(other),
                };
                union(operand(&it.left), operand(&it.right))
            }
            Ast::Slice(slice) => {
                let Slice { input, .. } = slice.as_ref();
                match input {
                    Ast::Path(path) => self.path(path, 1),
                    other => self.evaluated(other),
                }
            }
            Ast::Not(operand) => self.evaluated(operand),
            Ast::Compare(it) => it
                .rest
                .first()
                .filter(|(op, _)| !op.accepts_undefined())
                .map_or_else(Paths::new, |(_, right)| union(self.operand(&it.first), self.operand(right))),
            _ => Paths::new(),
        }
    }

    /// What a strict operand proves: it is defined, so what it is found in is not none.
    fn operand(&self, ast: &Ast) -> Paths {
        match ast {
            Ast::Path(path) => self.path(path, 1),
            other => self.evaluated(other),
        }
    }

    fn comparison(&self, it: &Comparison, outcome: bool) -> Paths {
        let [(op, right)] = it.rest.as_slice() else {
            return self.evaluated(&Ast::Compare(Box::new(it.clone())));
        };
        let left = &it.first;
        let op = if outcome { *op } else { opposite(*op) };
        match op {
            Relation::Eq => match (left, right) {
                (side, Ast::Const(value)) | (Ast::Const(value), side) if !value.is_none() => self.whole(side),
                _ => Paths::new(),
            },
            Relation::Ne => match (left, right) {
                (side, Ast::Const(value)) | (Ast::Const(value), side) if value.is_none() => self.whole(side),
                _ => Paths::new(),
            },
            // None is less than every number and every text.
            Relation::Gt | Relation::Ge if is_ordered(right) => union(self.whole(left), self.operand(left)),
            Relation::Lt | Relation::Le if is_ordered(left) => union(self.whole(right), self.operand(right)),
            Relation::Gt | Relation::Ge | Relation::Lt | Relation::Le => {
                union(self.operand(left), self.operand(right))
            }
            Relation::In => {
                let item = match right {
                    Ast::Const(list) if !holds_none(list) => self.whole(left),
                    _ => Paths::new(),
                };
                union(item, self.whole(right))
            }
            Relation::NotIn => Paths::new(),
        }
    }

    /// The path that `side` is, if it is one; else what its evaluation proves.
    fn whole(&self, side: &Ast) -> Paths {
        match side {
            Ast::Path(path) => self.path(path, 0),
            other => self.evaluated(other),
        }
    }

    /// The segments of `path` but the last `less`, as far as they are known.
    fn path(&self, path: &Path, less: usize) -> Paths {
        let Root::Read(read, _) = path.root else { return Paths::new() };
        let Some(read) = self.reads.get(read) else { return Paths::new() };
        let full = path.steps.len() + 1;
        let known: Vec<Segment> = read
            .path
            .iter()
            .take(full.saturating_sub(less))
            .take_while(|segment| **segment != Segment::Dynamic)
            .cloned()
            .collect();
        if known.is_empty() { Paths::new() } else { vec![known] }
    }
}

fn opposite(op: Relation) -> Relation {
    match op {
        Relation::Eq => Relation::Ne,
        Relation::Ne => Relation::Eq,
        Relation::Lt => Relation::Ge,
        Relation::Le => Relation::Gt,
        Relation::Gt => Relation::Le,
        Relation::Ge => Relation::Lt,
        Relation::In => Relation::NotIn,
        Relation::NotIn => Relation::In,
    }
}

fn union(mut a: Paths, b: Paths) -> Paths {
    a.extend(b);
    a
}

/// Paths that both prove: one that is a prefix of another is proved by it.
fn intersection(a: &[Vec<Segment>], b: &[Vec<Segment>]) -> Paths {
    let mut both = Paths::new();
    for left in a {
        for right in b {
            let common: Vec<Segment> =
                left.iter().zip(right).take_while(|(x, y)| x == y).map(|(x, _)| x.clone()).collect();
            if !common.is_empty() && !both.contains(&common) {
                both.push(common);
            }
        }
    }
    both
}

fn is_falsy(ast: &Ast) -> bool {
    matches!(ast, Ast::Const(value) if !value.is_true())
}

fn is_ordered(ast: &Ast) -> bool {
    matches!(ast, Ast::Const(value) if matches!(value.kind(), ValueKind::Number | ValueKind::String))
}

fn holds_none(list: &crate::Value) -> bool {
    match list.kind() {
        ValueKind::Seq | ValueKind::Map => {
            list.try_iter().is_ok_and(|mut items| items.any(|item| item.is_none()))
        }
        _ => false,
    }
}
