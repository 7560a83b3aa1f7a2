//! The beginning of a run.

use std::sync::Arc;
use std::sync::OnceLock;

use uuid::Uuid;

use super::{Applied, Class, Failure, Vm};
use crate::Value;
use crate::compile::Plan;
use crate::expression::Now;
use crate::journal::{Principal, Rerun, Started};

/// What is fixed when a run begins.
#[derive(Debug)]
pub(super) struct Context {
    /// None: not begun.
    id: Option<Arc<str>>,
    pub(super) input: Value,
    principal: Option<Principal>,
    pub(super) seed: u64,
    attempt: u32,
    /// How often it was redriven.
    redriven: u32,
    /// How often that was before it began at last.
    began_after: u32,
    started_at: Now,
    pub(super) vars: Vec<Value>,
    /// What it runs again.
    pub(super) rerun: Option<Box<Rerun>>,
    auth: OnceLock<Value>,
    run: OnceLock<Value>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            id: None,
            input: Value::from(()),
            principal: None,
            seed: 0,
            attempt: 1,
            redriven: 0,
            began_after: 0,
            started_at: Now::UNIX_EPOCH,
            vars: Vec::new(),
            rerun: None,
            auth: OnceLock::new(),
            run: OnceLock::new(),
        }
    }
}

impl Context {
    /// Whether the run has begun.
    pub(super) fn is_begun(&self) -> bool {
        self.id.is_some()
    }

    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    pub(super) fn auth(&self) -> &Value {
        self.auth.get_or_init(|| self.principal.as_ref().map_or_else(|| Value::from(()), Principal::to_value))
    }

    pub(super) fn run(&self, plan: &Plan) -> &Value {
        self.run.get_or_init(|| {
            Value::from_pairs([
                ("id", Value::from(self.id())),
                ("pathway", Value::from(&*plan.name)),
                ("started_at", Value::from(self.started_at.to_string())),
                ("attempt", Value::from(self.attempt + self.redriven)),
            ])
        })
    }

    /// It goes on after it was parked: `run.attempt` rises.
    pub(super) fn redriven(&mut self) {
        self.redriven += 1;
        self.run = OnceLock::new();
    }

    pub(super) fn redrives(&self) -> u32 {
        self.redriven
    }

    /// As it was after so many redrives.
    pub(super) fn set_redrives(&mut self, redriven: u32) {
        self.redriven = redriven;
        self.run = OnceLock::new();
    }

    /// When the run began, and how often it had been redriven by then.
    pub(super) fn began(&self) -> (Now, u32) {
        (self.started_at, self.began_after)
    }

    pub(super) fn uuid(&self, instance: &str, n: u32) -> String {
        let namespace = Uuid::parse_str(self.id()).unwrap_or_default();
        Uuid::new_v5(&namespace, format!("{instance}/{n}").as_bytes()).to_string()
    }
}

impl Vm {
    pub(super) fn start_run(&mut self, plan: &Plan, started: &Started) -> Applied {
        if self.context.is_begun() {
            return Applied::Ignored;
        }
        match self.set_up(plan, started) {
            Ok(()) => self.open_first(plan),
            Err(failure) => self.fail_run(plan, failure),
        }
        Applied::Yes
    }

    /// What is fixed when a run begins.
    pub(super) fn set_up(&mut self, plan: &Plan, started: &Started) -> Result<(), Failure> {
        self.context = Context {
            id: Some(started.run.clone()),
            input: started.input.value().clone(),
            principal: started.principal.clone(),
            seed: started.seed,
            attempt: started.attempt,
            redriven: self.context.redriven,
            began_after: self.context.redriven,
            started_at: self.now,
            rerun: started.rerun.clone(),
            ..Context::default()
        };
        match &started.refused {
            Some(failure) => Err(failure.clone()),
            None => self.prepare(plan),
        }
    }

    /// Opens the pathway's own block, or as much of it as there is to run.
    fn open_first(&mut self, plan: &Plan) {
        let only = self.context.rerun.as_ref().and_then(|rerun| rerun.only.clone());
        let Some(only) = only else { return self.open_root(plan, plan.root, None) };
        let address = plan.addresses().remove(&only);
        if !address.is_some_and(|address| self.begin_only(plan, &address)) {
            self.fail_run(plan, Failure::new(Class::Bug, format!("there is no step `{only}` to run")));
        }
    }

    /// Checks the input and computes the pathway's `vars`.
    fn prepare(&mut self, plan: &Plan) -> Result<(), Failure> {
        if let Some(schema) = &plan.input {
            self.context.input = schema
                .check(&self.context.input)
                .map_err(|violations| Failure::violated(Class::Invalid, "the input", violations))?;
        }
        self.context.vars.reserve(plan.vars.len());
        for ((tree, name), n) in plan.vars.iter().zip(&plan.var_names).zip(0..) {
            let kept = self.context.rerun.as_ref().and_then(|rerun| rerun.vars.get(name).cloned());
            let value = match kept {
                Some(value) => value,
                None => tree.eval(&self.view_of_var(n))?,
            };
            self.context.vars.push(value);
        }
        Ok(())
    }

    pub(super) fn var(&self, n: u32) -> Value {
        let n = n as usize;
        let own = self.plan.vars.len();
        let found = match n.checked_sub(own) {
            None => self.context.vars.get(n),
            Some(n) => self.constants.as_ref().unwrap_or(&self.plan.constants).get(n),
        };
        found.cloned().unwrap_or_else(|| Value::from(()))
    }
}
