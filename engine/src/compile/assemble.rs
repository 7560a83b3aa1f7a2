//! A checked pathway → its plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::{Block, BlockId, Compensate, Each, OnError, Plan, Repeat, Step};
use crate::Value;
use crate::document::{self, Pathway};
use crate::project::Project;
use crate::source::Span;

/// Makes the plan of a pathway in which everything is bound.
pub(super) fn assemble(
    pathway: Pathway,
    digest: Arc<str>,
    project: &Project,
    constants: &Arc<[Value]>,
) -> Plan {
    let max_parallel = pathway.max_parallel.unwrap_or(project.pathway.max_parallel);
    let mut assembler = Assembler { project, max_parallel, blocks: Vec::new(), places: BTreeMap::new() };
    let root = assembler.block(pathway.body, "");
    let on_error = pathway.on_error.map(|block| assembler.block(block, "on_error."));
    let vars = pathway.vars.into_iter().filter_map(|(name, tree)| Some((name.value.into(), tree?)));
    let (var_names, vars) = vars.unzip();
    let (keep, says_keep) = pathway.keep.unzip();
    Plan {
        name: pathway.name.value.as_str().into(),
        summary: pathway.summary,
        digest,
        door: pathway.door,
        input: pathway.input,
        output: pathway.output,
        max_parallel,
        max_runs: pathway.max_runs,
        max_queue: pathway.max_queue.unwrap_or(project.pathway.max_queue),
        timeout: pathway.timeout.unwrap_or(project.pathway.timeout),
        keep: keep.unwrap_or_default().or(project.keep.runs),
        says_keep,
        without_journal: pathway.without_journal,
        vars,
        var_names,
        constants: constants.clone(),
        blocks: assembler.blocks,
        root,
        on_error,
        places: assembler.places,
        keeps_secret: false,
    }
}

struct Assembler<'a> {
    project: &'a Project,
    max_parallel: u32,
    blocks: Vec<Block>,
    places: BTreeMap<Arc<str>, Span>,
}

impl Assembler<'_> {
    fn block(&mut self, block: document::Block, prefix: &str) -> BlockId {
        let waits = block.order.waits.into_boxed_slice();
        let first = waits.iter().zip(0..).filter(|(waits, _)| **waits == 0).map(|(_, n)| n).collect();
        let steps: Vec<_> = block
            .steps
            .into_iter()
            .zip(block.order.wakes)
            .map(|(step, wakes)| self.step(step, wakes, prefix))
            .collect();
        let id = BlockId(u32::try_from(self.blocks.len()).unwrap_or(u32::MAX));
        let edges = block.order.edges.into_boxed_slice();
        self.blocks.push(Block { steps, waits, first, returns: block.returns, edges });
        id
    }

    fn step(&mut self, mut step: document::Step, wakes: Vec<u32>, prefix: &str) -> Step {
        let path: Arc<str> = format!("{prefix}{}", step.name.value).into();
        self.places.insert(path.clone(), step.name.span);
        let inner = format!("{path}.");
        let blocks = step.action.take_blocks().into_iter().map(|block| self.block(block, &inner)).collect();
        let binds_error = step.retry.is_some();
        let service = step.action.service().and_then(|name| self.project.services.get(name));
        let retry = step.retry.or_else(|| service.map(|service| service.retry.clone()));
        let each = step.each.map(|each| Each {
            list: each.list,
            filter: each.filter,
            max_parallel: each.max_parallel.unwrap_or(self.max_parallel),
            keep_going: each.keep_going,
        });
        let on_error = step.on_error.map(|on_error| match on_error {
            document::OnError::Continue => OnError::Continue,
            document::OnError::Block(block) => {
                OnError::Block(self.block(block, &format!("{inner}on_error.")))
            }
        });
        let compensate = step.compensate.map(|compensate| Compensate {
            block: self.block(compensate.block, &inner),
            keeps: compensate.keeps.into_boxed_slice(),
        });
        let repeat = step.repeat.map(|repeat| Repeat { test: repeat.test, limit: repeat.limit });
        Step {
            name: step.name.value.as_str().into(),
            path,
            wakes: wakes.into_boxed_slice(),
            when: step.when,
            plain: each.is_none()
                && step.once.is_none()
                && on_error.is_none()
                && repeat.is_none()
                && !binds_error
                && step.timeout.is_none()
                && compensate.is_none(),
            each,
            once: step.once,
            on_error,
            repeat,
            retry: retry.map(Arc::new),
            binds_error,
            timeout: step.timeout,
            at_most_once: step.at_most_once,
            secret: step.secret,
            compensate,
            verb: step.verb,
            action: step.action,
            blocks,
        }
    }
}
