//! Secrets of a run, and texts without them.
//!
//! The compiler keeps secrets out of what leaves a run, but requests may hold them, and upstreams
//! may echo them.

use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::value::to_serde;
use serde_json::Value as Json;

use super::super::target::Target;
use crate::config::Config;

const MASK: &str = "********";
/// Shorter secrets are masked as whole values only: they would stand in anything.
const SHORTEST: usize = 4;

/// What must not be shown.
#[derive(Debug, Default)]
pub(in crate::cli) struct Mask {
    secrets: Vec<String>,
}

impl Mask {
    /// The secrets of the project and of the input.
    pub(super) fn new(target: &Target, input: &Value) -> Self {
        Self::of(&target.config, &target.plan, input)
    }

    /// The secrets of a project and of the input of one of its pathways.
    pub(in crate::cli) fn of(config: &Config, plan: &Plan, input: &Value) -> Self {
        let mut mask = Self::default();
        let variables = &config.variables;
        for variable in variables.names().filter_map(|name| variables.get(name)).filter(|it| it.secret) {
            mask.add(variable.value.clone());
        }
        for var in config.project.vars.values().filter(|var| var.secret) {
            mask.learn(&var.value);
        }
        if let Some(schema) = &plan.input {
            let mut secrets = Vec::new();
            // With what the schema fills in.
            let input = schema.check(input).unwrap_or_else(|_| input.clone());
            schema.replace_secrets(&input, &mut |secret| {
                secrets.push(secret.clone());
                secret.clone()
            });
            secrets.iter().for_each(|secret| mask.learn(secret));
        }
        mask
    }

    /// All that is in a secret value is secret.
    pub(in crate::cli) fn learn(&mut self, value: &Value) {
        self.learn_json(&to_serde(value));
    }

    fn learn_json(&mut self, value: &Json) {
        match value {
            Json::String(text) => self.add(text.clone()),
            Json::Number(number) => self.add(number.to_string()),
            Json::Array(items) => items.iter().for_each(|item| self.learn_json(item)),
            Json::Object(map) => map.values().for_each(|value| self.learn_json(value)),
            Json::Null | Json::Bool(_) => {}
        }
    }

    fn add(&mut self, secret: String) {
        if !secret.is_empty() && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
            // The longer first: one may be a part of another.
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// A text without secrets.
    pub(in crate::cli) fn text(&self, text: &str) -> String {
        if self.secrets.iter().any(|secret| secret == text) {
            return MASK.to_owned();
        }
        let long = self.secrets.iter().filter(|secret| secret.len() >= SHORTEST);
        long.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }

    /// A value without secrets.
    pub(in crate::cli) fn value(&self, value: &Value) -> Json {
        self.json(to_serde(value))
    }

    /// JSON without secrets.
    pub(in crate::cli) fn json(&self, value: Json) -> Json {
        match value {
            Json::String(text) => self.text(&text).into(),
            Json::Number(number) if self.secrets.contains(&number.to_string()) => MASK.into(),
            Json::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Json::Object(map) => map.into_iter().map(|(name, value)| (name, self.json(value))).collect(),
            other => other,
        }
    }
}
