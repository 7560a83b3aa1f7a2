//! Names of executions.

use super::Vm;
use super::arena::Key;
use super::state::{Frame, Phase, Task};

impl Vm {
    /// The name of the execution of a step: see [`super::Instance`].
    pub(super) fn instance(&self, frame: Key<Frame>, step: u32, task: Option<Key<Task>>) -> String {
        let mut name = String::new();
        self.write_instance(&mut name, frame, step, task);
        name
    }

    fn write_instance(&self, name: &mut String, frame: Key<Frame>, step: u32, task: Option<Key<Task>>) {
        let Some(frame) = self.frames.get(frame) else { return };
        if let Some(undoes) = &frame.undoes {
            name.push_str(&undoes.done.instance);
            name.push('.');
        } else if let Some(owner) = frame.owner
            && let Some(task) = self.tasks.get(owner)
        {
            self.write_instance(name, task.frame, task.step, Some(owner));
            if matches!(task.phase, Phase::Handling(_)) {
                name.push('!');
            } else if task.attempt > 1 {
                push(name, format_args!("#{}", task.attempt));
            }
            name.push('.');
        } else if Some(frame.block) == self.plan.on_error {
            name.push_str("!.");
        }
        if let Some(step) = self.plan.step(frame.block, step) {
            name.push_str(&step.name);
        }
        if let Some(task) = task.and_then(|task| self.tasks.get(task)) {
            if task.fan.is_some() {
                push(name, format_args!("[{}]", task.index));
            }
            if task.iteration > 1 {
                push(name, format_args!("~{}", task.iteration));
            }
        }
    }

    pub(super) fn instance_of(&self, key: Key<Task>) -> String {
        match self.tasks.get(key) {
            Some(task) => self.instance(task.frame, task.step, Some(key)),
            None => String::new(),
        }
    }
}

fn push(name: &mut String, part: std::fmt::Arguments<'_>) {
    name.push_str(&part.to_string());
}
