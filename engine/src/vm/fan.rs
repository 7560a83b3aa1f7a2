//! `each`: one task per item, a few at a time, outputs in the order of the items.

use super::arena::Key;
use super::state::{Fan, Frame, Phase, Task, Then};
use super::{Change, Class, Failure, Vm};
use crate::Value;
use crate::compile::Plan;
use crate::value::too_deep;

impl Vm {
    /// Begins the `each` of a step.
    pub(super) fn fan_out(&mut self, plan: &Plan, frame: Key<Frame>, index: u32) {
        let Some(step) = self.frames.get(frame).and_then(|frame| plan.step(frame.block, index)) else {
            return;
        };
        let Some(each) = &step.each else { return };
        let items = each.list.eval(&self.view(frame, index)).map_err(Failure::from).and_then(|list| {
            list_items(&list).map_err(|message| Failure::new(Class::Expression, message).at(each.list.span()))
        });
        match items {
            Err(failure) => self.fail_step(plan, frame, index, failure),
            Ok(items) if items.is_empty() => {
                self.finish_step(plan, frame, index, Value::from(Vec::<Value>::new()));
            }
            Ok(items) => {
                let results = vec![None; items.len()];
                let items = items.into_iter().map(Some).collect();
                let fan = Fan { frame, step: index, items, next: 0, live: 0, results, is_feeding: true };
                let fan = self.fans.insert(fan);
                self.feeding.push_back(fan);
            }
        }
    }

    /// Begins as many items as the bound admits.
    pub(super) fn feed(&mut self, plan: &Plan, key: Key<Fan>) {
        loop {
            let Some(fan) = self.fans.get_mut(key) else { return };
            let (frame, step) = (fan.frame, fan.step);
            let Some(each) = self
                .frames
                .get(frame)
                .and_then(|frame| plan.step(frame.block, step))
                .and_then(|step| step.each.as_ref())
            else {
                // Its block was cancelled.
                self.fans.remove(key);
                return;
            };
            if self.budget == 0 {
                return;
            }
            let index = fan.next;
            if fan.live >= each.max_parallel || index >= fan.items.len() {
                fan.is_feeding = false;
                return self.close_fan(plan, key);
            }
            let item = fan.items.get_mut(index).and_then(Option::take).unwrap_or_default();
            fan.next += 1;
            fan.live += 1;
            let mut task = Task::new(frame, step, self.now);
            task.fan = Some(key);
            task.item = item;
            task.index = u32::try_from(index).unwrap_or(u32::MAX);
            let task = self.add_task(task);
            let wanted = match &each.filter {
                None => Ok(true),
                Some(filter) => filter.test(&self.view_of(task)),
            };
            match wanted {
                Ok(true) => self.claim(plan, task),
                Ok(false) => self.leave_out(key, task),
                Err(error) => self.fail_item(plan, task, error.into()),
            }
        }
    }

    /// An item for which `where` is false.
    fn leave_out(&mut self, key: Key<Fan>, task: Key<Task>) {
        self.note(|vm| vm.instance_of(task), Change::Skipped);
        self.remove_task(task);
        if let Some(fan) = self.fans.get_mut(key) {
            fan.live -= 1;
        }
    }

    pub(super) fn finish_item(&mut self, plan: &Plan, task: Key<Task>, output: Value) {
        if self.trace.is_some() {
            let change = Change::Finished { output: output.clone() };
            self.note(|vm| vm.instance_of(task), change);
        }
        self.settle_item(plan, task, output);
    }

    pub(super) fn fail_item(&mut self, plan: &Plan, key: Key<Task>, failure: Failure) {
        let Some((frame, step, fan)) = self.tasks.get(key).map(|task| (task.frame, task.step, task.fan))
        else {
            return;
        };
        let keep_going =
            self.step_of(plan, key).and_then(|step| step.each.as_ref()).is_some_and(|each| each.keep_going);
        if self.trace.is_some() {
            let change = Change::Failed { failure: failure.clone() };
            self.note(|vm| vm.instance_of(key), change);
        }
        if keep_going {
            return self.undo_task(plan, key, 0, failure, Then::LeaveItem(key));
        }
        self.remove_task(key);
        if let Some(fan) = fan {
            self.cancel_fan(fan);
            self.fans.remove(fan);
        }
        self.fail_step(plan, frame, step, failure);
    }

    pub(super) fn settle_item(&mut self, plan: &Plan, key: Key<Task>, output: Value) {
        let Some(task) = self.remove_task(key) else { return };
        let Some(fan_key) = task.fan else { return };
        let Some(fan) = self.fans.get_mut(fan_key) else { return };
        fan.live -= 1;
        if let Some(result) = fan.results.get_mut(task.index as usize) {
            *result = Some(output);
        }
        if fan.is_feeding {
            return;
        }
        if fan.next < fan.items.len() {
            fan.is_feeding = true;
            self.feeding.push_back(fan_key);
        } else {
            self.close_fan(plan, fan_key);
        }
    }

    /// Ends the step when its last item is finished.
    fn close_fan(&mut self, plan: &Plan, key: Key<Fan>) {
        let Some(fan) = self.fans.get(key) else { return };
        if fan.live > 0 || fan.next < fan.items.len() {
            return;
        }
        if let Some(fan) = self.fans.remove(key) {
            let list = Value::from(fan.results.into_iter().flatten().collect::<Vec<Value>>());
            match too_deep(&list) {
                false => self.finish_step(plan, fan.frame, fan.step, list),
                true => self.fail_step(plan, fan.frame, fan.step, Failure::too_large()),
            }
        }
    }

    /// Cancels all items of a fan.
    fn cancel_fan(&mut self, fan: Key<Fan>) {
        let Some(frame) = self.fans.get(fan).and_then(|fan| self.frames.get(fan.frame)) else { return };
        let of_fan = |key: &&Key<Task>| self.tasks.get(**key).is_some_and(|task| task.fan == Some(fan));
        let items: Vec<_> = frame.tasks.iter().filter(of_fan).copied().collect();
        for key in items {
            self.cancel_task(key);
        }
    }

    /// The block that a task's phase runs.
    pub(super) fn block_of(task: &Task) -> Option<Key<Frame>> {
        match task.phase {
            Phase::Block(frame) | Phase::Handling(frame) => Some(frame),
            _ => None,
        }
    }
}

/// The items of a list; none is an empty list.
fn list_items(list: &Value) -> Result<Vec<Value>, String> {
    if list.is_none() {
        return Ok(Vec::new());
    }
    match list.kind() {
        minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Iterable => {
            list.try_iter().map(Iterator::collect).map_err(|error| error.to_string())
        }
        kind => Err(format!("`each` needs a list, not {kind}")),
    }
}
