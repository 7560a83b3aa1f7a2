//! Checks what an expression reads: that it exists, and is there when it is read.

use super::super::complaint::{missing, no_such_property};
use super::{Checker, TOKEN};
use crate::diagnostic::Diagnostic;
use crate::expression::{Bound, Read, Segment, Slot};
use crate::schema::{Lookup, Shape};

impl Checker<'_> {
    /// Binds a path; tells what it yields, or reports why it yields nothing.
    pub(super) fn read(&mut self, read: &Read, tolerated: bool) -> Option<(Bound, Shape)> {
        let found = match self.names.find(read) {
            Ok(found) => found,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                return None;
            }
        };
        if let Some(keeping) = &mut self.keeping {
            keeping.note(found.bound.slot, self.names.levels.len());
        }
        let mut shape = found.shape;
        let mut known = found.bound.consumed;
        let is_token = matches!(found.bound.slot, Slot::Auth)
            && matches!(read.path.get(1), Some(Segment::Key(key)) if key == "token");
        if is_token {
            self.diagnostics.push(
                Diagnostic::error(TOKEN, "`auth.token` may stand in the headers of a service only")
                    .at(read.span, "not here")
                    .help("declare a service whose headers carry it, and call that"),
            );
            return None;
        }
        loop {
            let is_last = known == read.path.len();
            if shape.is_optional() {
                if self.is_proven(read.path.get(..known)?) {
                    shape = shape.present();
                } else if !tolerated {
                    self.diagnostics.push(missing(read, known, is_last, found.skipped_by));
                    return Some((found.bound, Shape::Any));
                }
            }
            let Some(segment) = read.path.get(known) else { break };
            match shape.look_up(segment) {
                Lookup::Found(inner) => shape = inner,
                problem => {
                    self.diagnostics.push(no_such_property(read, known, &problem));
                    return Some((found.bound, Shape::Any));
                }
            }
            known += 1;
        }
        Some((found.bound, shape))
    }

    /// From here on the guards written before step `n` of the innermost block count.
    pub(super) fn guards_before(&mut self, n: u32) {
        if let Some(guards) = self.guards.last_mut() {
            guards.before = n;
        }
    }

    fn is_proven(&self, path: &[Segment]) -> bool {
        self.facts.iter().any(|fact| fact.starts_with(path))
            || self.guards.iter().any(|guards| guards.prove(path))
    }
}
