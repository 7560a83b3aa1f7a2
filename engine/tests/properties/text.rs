//! Random pathways as YAML.

use std::fmt::Write as _;

use super::model::{Block, MODULUS, OnError, Pathway, Read, Step, Sum, Term, Test, Verb};

/// The project that they run in.
pub(crate) const PROJECT: &str = "
services: { api: { url: http://127.0.0.1:9, retry: { attempts: 2, delay: 1s, jitter: 0.5 } } }
";

/// The pathway that they call.
pub(crate) const CHILD: &str = "pathway: child\nreturn: 1\n";

impl Pathway {
    pub(crate) fn yaml(&self) -> String {
        let mut out = format!("pathway: random\nmax_parallel: {}\n", self.max_parallel);
        self.body.write(&mut out, 0);
        if let Some(block) = &self.on_error {
            out.push_str("on_error:\n");
            block.write(&mut out, 1);
        }
        out
    }
}

impl Block {
    fn write(&self, out: &mut String, indent: usize) {
        let pad = "  ".repeat(indent);
        if self.steps.is_empty() {
            writeln!(out, "{pad}steps: {{}}").unwrap();
        } else {
            writeln!(out, "{pad}steps:").unwrap();
        }
        for n in &self.written {
            self.steps[*n].write(out, indent + 1);
        }
        if let Some(sum) = &self.returns {
            writeln!(out, "{pad}return: \"{{{{ {} }}}}\"", sum.text()).unwrap();
        }
    }
}

impl Step {
    fn write(&self, out: &mut String, indent: usize) {
        let pad = "  ".repeat(indent + 1);
        writeln!(out, "{}{}:", "  ".repeat(indent), self.name).unwrap();
        if !self.needs.is_empty() {
            writeln!(out, "{pad}needs: [{}]", self.needs.join(", ")).unwrap();
        }
        if let Some(when) = &self.when {
            writeln!(out, "{pad}when: \"{}\"", when.text()).unwrap();
        }
        if let Some(each) = &self.each {
            let items: Vec<_> = each.items.iter().map(Sum::text).collect();
            writeln!(out, "{pad}each: \"[{}]\"\n{pad}as: item_{}", items.join(", "), self.name).unwrap();
            if let Some(filter) = &each.filter {
                writeln!(out, "{pad}where: \"{}\"", filter.text()).unwrap();
            }
            if let Some(bound) = each.max_parallel {
                writeln!(out, "{pad}max_parallel: {bound}").unwrap();
            }
            writeln!(out, "{pad}keep_going: {}", each.keep_going).unwrap();
        }
        if let Some(once) = &self.once {
            writeln!(out, "{pad}once: \"{} if {} else none\"", once.key.text(), once.test.text()).unwrap();
        }
        if let Some(repeat) = &self.repeat {
            let test = repeat.test.text();
            writeln!(out, "{pad}while: \"{test}\"\n{pad}limit: {}", repeat.limit).unwrap();
        }
        if let Some(attempts) = self.retry {
            let on = match self.verb {
                Verb::Steps(_) | Verb::Switch(..) => "[outage, invalid, timeout]",
                _ => "[outage]",
            };
            writeln!(out, "{pad}retry: {{ attempts: {attempts}, delay: 1s, on: {on} }}").unwrap();
        }
        if let Some(sum) = &self.compensate {
            // Its own output is a term like any other; that of an `each` is the item's there.
            let own = self.verb.read().text(&format!("steps.{}", self.name));
            let json = format!("\"{{{{ {} + {own} }}}}\"", sum.text());
            writeln!(out, "{pad}compensate: {{ http: {{ service: api, delete: /, json: {json} }} }}")
                .unwrap();
        }
        match &self.on_error {
            None => {}
            Some(OnError::Continue) => writeln!(out, "{pad}on_error: continue").unwrap(),
            Some(OnError::Block(block)) => {
                writeln!(out, "{pad}on_error:").unwrap();
                block.write(out, indent + 2);
            }
        }
        self.write_verb(out, indent, &pad);
    }

    fn write_verb(&self, out: &mut String, indent: usize, pad: &str) {
        match &self.verb {
            Verb::Set(sum) => writeln!(out, "{pad}set: {}", sum.template()),
            Verb::Http(sum) => {
                writeln!(out, "{pad}http: {{ service: api, post: /, json: {} }}", sum.template())
            }
            Verb::Publish(sum) => writeln!(out, "{pad}publish: {{ topic: t, value: {} }}", sum.template()),
            Verb::Emit(sum) => writeln!(out, "{pad}emit: {}", sum.template()),
            Verb::Call(sum) => writeln!(out, "{pad}call: {{ pathway: child, input: {} }}", sum.template()),
            Verb::Sleep => writeln!(out, "{pad}wait: {{ for: 10s }}"),
            Verb::Signal => writeln!(out, "{pad}wait: {{ signal: {} }}", self.name),
            Verb::Steps(block) => {
                block.write(out, indent + 1);
                Ok(())
            }
            Verb::Switch(of, cases) => {
                writeln!(out, "{pad}switch:\n{pad}  of: \"({}) % 3\"\n{pad}  cases:", of.text()).unwrap();
                for (n, case) in cases.iter().enumerate() {
                    writeln!(out, "{pad}    \"{n}\":").unwrap();
                    case.write(out, indent + 4);
                }
                Ok(())
            }
            Verb::Return(sum) => writeln!(out, "{pad}return: {}", sum.template()),
            Verb::Fail => writeln!(out, "{pad}fail: {{ message: wanted }}"),
        }
        .unwrap();
    }
}

impl Sum {
    fn text(&self) -> String {
        let mut text = format!("({}", self.constant);
        for (n, term) in self.terms.iter().enumerate() {
            write!(text, " + {} * {}", n + 2, term.text()).unwrap();
        }
        text + &format!(") % {MODULUS}")
    }

    fn template(&self) -> String {
        format!("\"{{{{ {} }}}}\"", self.text())
    }
}

impl Test {
    fn text(&self) -> String {
        format!("({}) % 5 {} 0", self.sum.text(), if self.divisible { "==" } else { "!=" })
    }
}

impl Term {
    fn text(&self) -> String {
        match self {
            Self::Step { name, read, .. } => read.text(&format!("steps.{name}")),
            Self::Item(step) => format!("item_{step}"),
            Self::Index => "index".to_owned(),
            Self::Last(read) => read.text("last"),
            Self::Error => "(1 if error else 0)".to_owned(),
        }
    }
}

impl Read {
    fn text(self, path: &str) -> String {
        match self {
            Self::Number => format!("({path} or 0)"),
            Self::Body => format!("({path}.body or 0)"),
            Self::Id => format!("({path}.id or 0)"),
            Self::Numbers => format!("(({path} or []) | sum)"),
            Self::Bodies => format!("(({path} or []) | pluck('body', 0) | sum)"),
            Self::Ids => format!("(({path} or []) | pluck('id', 0) | sum)"),
        }
    }
}
