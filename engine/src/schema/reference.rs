//! `$ref`: within the schema only, to a schema that exists, and never round in a circle.

use std::collections::HashMap;

use super::survey::{Site, Survey};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Spanned;

const NOT_LOCAL: Code = Code("PW0403");
const NO_TARGET: Code = Code("PW0404");
const CIRCULAR: Code = Code("PW0405");
pub(super) const TOO_LARGE: Code = Code("PW0410");

/// How many subschemas one value may be held against before its parts are looked at.
const MAX_IN_PLACE: u64 = 10_000;

/// Checks all references; what they resolve to goes into the result.
pub(super) fn resolve(survey: &Survey, diagnostics: &mut Diagnostics) -> Targets {
    let pointers: HashMap<&str, usize> =
        survey.sites.iter().enumerate().map(|(n, site)| (site.pointer.as_str(), n)).collect();
    let anchors: HashMap<&str, usize> = survey.anchors.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mut targets = Targets::default();
    let mut edges: Vec<Vec<usize>> = survey.sites.iter().map(|site| site.in_place.clone()).collect();
    for (site, edges) in survey.sites.iter().zip(&mut edges) {
        for reference in &site.references {
            let Some(fragment) = reference.value.strip_prefix('#') else {
                diagnostics.push(not_local(reference));
                continue;
            };
            let fragment = decode(fragment);
            let target = match fragment.as_str() {
                "" => Some(0),
                pointer if pointer.starts_with('/') => pointers.get(pointer).copied(),
                name => anchors.get(name).copied(),
            };
            match target.and_then(|n| Some((n, survey.sites.get(n)?))) {
                Some((n, target)) => {
                    targets.pointers.insert(reference.value.clone(), target.pointer.clone());
                    edges.push(n);
                }
                None => diagnostics.push(no_target(reference, survey)),
            }
        }
    }
    Expansion { edges: &edges, sites: &survey.sites, counts: vec![None; edges.len()] }.check(diagnostics);
    targets
}

/// What references resolve to.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pointers: HashMap<String, String>,
}

impl Targets {
    /// JSON Pointer to what `reference` names.
    pub(super) fn pointer(&self, reference: &str) -> Option<&str> {
        self.pointers.get(reference).map(String::as_str)
    }
}

fn not_local(reference: &Spanned<String>) -> Diagnostic {
    Diagnostic::error(NOT_LOCAL, format!("`{}` refers to another schema", reference.value))
        .at(reference.span, "not in this schema")
        .help("copy the other schema under `$defs` and refer to it by `#/$defs/NAME`")
}

fn no_target(reference: &Spanned<String>, survey: &Survey) -> Diagnostic {
    let known: Vec<String> = survey.sites.iter().skip(1).map(|site| format!("#{}", site.pointer)).collect();
    Diagnostic::error(NO_TARGET, format!("`{}` refers to nothing", reference.value))
        .at(reference.span, "no schema stands there")
        .help("write `#/$defs/NAME`, where `$defs` stands at the top of this schema")
        .suggest(&reference.value, known.iter().map(String::as_str))
}

/// Undoes percent-encoding.
fn decode(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        match code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok())
        {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many subschemas each site stands for, with references followed.
struct Expansion<'a> {
    edges: &'a [Vec<usize>],
    sites: &'a [Site],
    counts: Vec<Option<u64>>,
}

impl Expansion<'_> {
    /// Depth first without recursion: chains of references may be long.
    fn check(mut self, diagnostics: &mut Diagnostics) {
        for start in 0..self.edges.len() {
            let mut path: Vec<(usize, usize)> = vec![(start, 0)];
            while let Some((site, next)) = path.last().copied() {
                if self.count(site).is_some() {
                    path.pop();
                    continue;
                }
                let edges = self.edges.get(site).map(Vec::as_slice).unwrap_or_default();
                let Some(child) = edges.get(next).copied() else {
                    let total = edges.iter().filter_map(|n| self.count(*n)).fold(1, u64::saturating_add);
                    if total > MAX_IN_PLACE && edges.iter().all(|n| self.count(*n) <= Some(MAX_IN_PLACE)) {
                        self.report(site, TOO_LARGE, diagnostics);
                    }
                    self.settle(site, total);
                    path.pop();
                    continue;
                };
                if let Some(top) = path.last_mut() {
                    top.1 += 1;
                }
                if path.iter().any(|(on_path, _)| *on_path == child) {
                    self.report(child, CIRCULAR, diagnostics);
                    self.settle(child, 1);
                } else if self.count(child).is_none() {
                    path.push((child, 0));
                }
            }
        }
    }

    fn count(&self, site: usize) -> Option<u64> {
        self.counts.get(site).copied().flatten()
    }

    fn settle(&mut self, site: usize, count: u64) {
        if let Some(slot) = self.counts.get_mut(site) {
            *slot = Some(count);
        }
    }

    fn report(&self, site: usize, code: Code, diagnostics: &mut Diagnostics) {
        let Some(site) = self.sites.get(site) else { return };
        diagnostics.push(if code == CIRCULAR {
            Diagnostic::error(code, "this schema refers to itself for the same value")
                .at(site.span, "comes back to here")
                .help("refer to it from `properties` or `items`, so that each turn goes one level deeper")
        } else {
            Diagnostic::error(code, format!("this schema stands for more than {MAX_IN_PLACE} others"))
                .at(site.span, "too large with its references followed")
                .help("simplify it: each `$ref` inside `allOf`, `anyOf` and `oneOf` multiplies")
        });
    }
}
