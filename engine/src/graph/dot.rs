//! DOT, the language of Graphviz.

use std::fmt::Write as _;

use super::drawing::{Group, Item, Shape, draw};
use super::line;
use crate::compile::{Plan, Reason};

/// The plan as a directed graph.
#[must_use]
pub fn dot(plan: &Plan) -> String {
    let (body, on_error) = draw(plan);
    let mut out = Writer { text: String::new(), clusters: 0 };
    out.line(0, &format!("digraph {} {{", quoted(&plan.name)));
    let title =
        plan.summary.as_deref().map_or_else(|| plan.name.to_string(), |it| format!("{}: {it}", plan.name));
    out.line(1, &format!("graph [label={}, labelloc=t, compound=true]", quoted(&title)));
    out.line(1, "node [shape=box, style=rounded]");
    out.group(&body, 1);
    if let Some(group) = &on_error {
        out.open("on_error", 1);
        out.group(group, 2);
        out.line(1, "}");
    }
    out.line(0, "}");
    out.text
}

struct Writer {
    text: String,
    clusters: usize,
}

/// Where an edge ends: a node and, if it ends at the cluster around it, that cluster.
struct End {
    node: String,
    cluster: Option<String>,
}

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a String does not fail.
        _ = writeln!(self.text, "{}{text}", "  ".repeat(depth));
    }

    /// Begins a cluster; tells its name.
    fn open(&mut self, title: &str, depth: usize) -> String {
        self.clusters += 1;
        let name = format!("cluster_{}", self.clusters);
        self.line(depth, &format!("subgraph {name} {{"));
        self.line(depth + 1, &format!("label={}", quoted(title)));
        name
    }

    /// Writes a block; tells where its first item can be reached.
    fn group(&mut self, group: &Group, depth: usize) -> Option<String> {
        let ends: Vec<End> = group.items.iter().map(|item| self.item(item, depth)).collect();
        for edge in &group.edges {
            let (Some(from), Some(to)) = (ends.get(edge.from), ends.get(edge.to)) else { continue };
            let mut marks = Vec::new();
            match edge.reason {
                Reason::Reads => {}
                Reason::Needs => marks.push("style=dashed".to_owned()),
                Reason::Guard => marks.push("style=dotted".to_owned()),
            }
            marks.extend(from.cluster.as_ref().map(|name| format!("ltail={name}")));
            marks.extend(to.cluster.as_ref().map(|name| format!("lhead={name}")));
            let marks = if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) };
            self.line(depth, &format!("{} -> {}{marks}", quoted(&from.node), quoted(&to.node)));
        }
        ends.into_iter().next().map(|end| end.node)
    }

    fn item(&mut self, item: &Item, depth: usize) -> End {
        let id = quoted(&item.id);
        if item.parts.is_empty() {
            let shape = match item.shape {
                Shape::Step => "",
                Shape::Guard => ", shape=hexagon, style=solid",
                Shape::Return => ", shape=oval, style=solid",
            };
            self.line(depth, &format!("{id} [label={}{shape}]", lines(&item.label)));
            return End { node: item.id.clone(), cluster: None };
        }
        self.clusters += 1;
        let cluster = format!("cluster_{}", self.clusters);
        self.line(depth, &format!("subgraph {cluster} {{"));
        self.line(depth + 1, &format!("label={}", lines(&item.label)));
        let mut node = None;
        if item.acts {
            let verb = item.label.get(1).map_or("", String::as_str);
            self.line(depth + 1, &format!("{id} [label={}]", quoted(verb)));
            node = Some(item.id.clone());
        }
        for (title, group) in &item.parts {
            let first = match title {
                Some(title) => {
                    self.open(title, depth + 1);
                    let first = self.group(group, depth + 2);
                    self.line(depth + 1, "}");
                    first
                }
                None => self.group(group, depth + 1),
            };
            node = node.or(first);
        }
        self.line(depth, "}");
        End { node: node.unwrap_or_else(|| item.id.clone()), cluster: Some(cluster) }
    }
}

fn lines(label: &[String]) -> String {
    let label: Vec<String> = label.iter().map(|text| escaped(text)).collect();
    format!("\"{}\"", label.join("\\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}
