//! Mermaid flowcharts, which code hosts draw in documents.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::drawing::{Group, Item, Shape, draw};
use super::line;
use crate::compile::{Plan, Reason};

/// The plan as a flowchart.
#[must_use]
pub fn mermaid(plan: &Plan) -> String {
    let (body, on_error) = draw(plan);
    let title =
        plan.summary.as_deref().map_or_else(|| plan.name.to_string(), |it| format!("{}: {it}", plan.name));
    let mut out = Writer {
        text: String::new(),
        names: HashMap::new(),
        edges: 0,
        needs: Vec::new(),
        guards: Vec::new(),
    };
    // The title is YAML, of which a JSON text is a part.
    let title = serde_json::to_string(&line(&title)).unwrap_or_default();
    out.line(0, &format!("---\ntitle: {title}\n---\nflowchart TD"));
    out.group(&body, 1);
    if let Some(group) = &on_error {
        out.cluster("on_error", "on_error", 1, |out| out.group(group, 2));
    }
    for (edges, dashes) in [(&out.needs, "6 4"), (&out.guards, "1 4")] {
        if !edges.is_empty() {
            let list = edges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            // Writing to a String does not fail.
            _ = writeln!(out.text, "  linkStyle {list} stroke-dasharray:{dashes}");
        }
    }
    out.text
}

struct Writer {
    text: String,
    /// Short names for the ids of items.
    names: HashMap<String, String>,
    edges: usize,
    /// Numbers of edges.
    needs: Vec<usize>,
    guards: Vec<usize>,
}

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        _ = writeln!(self.text, "{}{text}", "  ".repeat(depth));
    }

    fn name(&mut self, id: &str) -> String {
        let next = self.names.len() + 1;
        self.names.entry(id.to_owned()).or_insert_with(|| format!("n{next}")).clone()
    }

    fn cluster(&mut self, id: &str, title: &str, depth: usize, inside: impl FnOnce(&mut Self)) {
        let name = self.name(&format!("cluster {id}"));
        self.line(depth, &format!("subgraph {name}[\"{}\"]", escaped(title)));
        inside(self);
        self.line(depth, "end");
    }

    fn group(&mut self, group: &Group, depth: usize) {
        for item in &group.items {
            self.item(item, depth);
        }
        for edge in &group.edges {
            let end = |n: usize| group.items.get(n).map(target).unwrap_or_default();
            let (from, to) = (self.name(&end(edge.from)), self.name(&end(edge.to)));
            let arrow = if edge.reason == Reason::Reads { "-->" } else { "-.->" };
            match edge.reason {
                Reason::Reads => {}
                Reason::Needs => self.needs.push(self.edges),
                Reason::Guard => self.guards.push(self.edges),
            }
            self.edges += 1;
            self.line(depth, &format!("{from} {arrow} {to}"));
        }
    }

    fn item(&mut self, item: &Item, depth: usize) {
        let label = item.label.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>");
        if item.parts.is_empty() {
            let name = self.name(&item.id);
            let (open, close) = match item.shape {
                Shape::Step => ("[", "]"),
                Shape::Guard => ("{{", "}}"),
                Shape::Return => ("([", "])"),
            };
            return self.line(depth, &format!("{name}{open}\"{label}\"{close}"));
        }
        let name = self.name(&target(item));
        self.line(depth, &format!("subgraph {name}[\"{label}\"]"));
        if item.acts {
            let name = self.name(&item.id);
            let label = item.label.get(1).map(|verb| escaped(verb)).unwrap_or_default();
            self.line(depth + 1, &format!("{name}[\"{label}\"]"));
        }
        for (n, (title, group)) in item.parts.iter().enumerate() {
            match title {
                Some(title) => {
                    let id = format!("{} {n}", item.id);
                    self.cluster(&id, title, depth + 1, |out| out.group(group, depth + 2));
                }
                None => self.group(group, depth + 1),
            }
        }
        self.line(depth, "end");
    }
}

/// What edges of an item lead to: its cluster, if it is one.
fn target(item: &Item) -> String {
    if item.parts.is_empty() { item.id.clone() } else { format!("cluster {}", item.id) }
}

/// A line of a label; whatever could mean something is written as a number.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in line(text).chars() {
        if c.is_alphanumeric() || " _-.,:·…".contains(c) {
            out.push(c);
        } else {
            _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}
