//! What a world says about the steps that reach outside and the programs that are started.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of the steps with one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How many of them, by repeats, must have called the outside service.
    pub must: u32,
    /// How many may have.
    pub may: u32,
    /// The attempt that each of them must have come to.
    pub reach: u32,
    /// The last attempt that any of them may have come to.
    pub last: u32,
    /// They may have been given up, and begun anew by a later attempt at the workflow code.
    pub given_up: bool,
}

/// What is known of the programs of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Children {
    /// How many must have been started.
    pub must: u32,
    /// How many may have been.
    pub may: u32,
    /// They are invoked by something that may have been given up.
    pub withdrawable: bool,
}

/// What is to be seen of a run outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// Steps that call the outside service, by id.
    pub steps: BTreeMap<String, Rule>,
    /// Programs that are started, by key.
    pub children: BTreeMap<String, Children>,
    /// Pairs of step ids: every call of the first comes before any call of the second. Holds for ids that do not repeat.
    pub order: BTreeSet<(String, String)>,
    /// Topics that were told before: events `e:…` and signals `g:…`.
    pub(super) told: BTreeSet<String>,
    /// Steps that ended last on the way here.
    frontier: BTreeSet<String>,
}

impl Trace {
    /// A trace that goes on from this one: it knows what came before, and contains nothing of it.
    pub(super) fn branch(&self) -> Self {
        Self {
            told: self.told.clone(),
            frontier: self.frontier.clone(),
            ..Self::default()
        }
    }

    /// A step that calls the outside service.
    pub(super) fn call(&mut self, id: &str, rule: Rule) {
        let before = std::mem::take(&mut self.frontier);
        for earlier in before {
            self.order.insert((earlier, id.to_owned()));
        }
        self.frontier.insert(id.to_owned());
        self.add_rule(id, rule);
    }

    /// A program that is started.
    pub(super) fn child(&mut self, key: String) {
        let child = self.children.entry(key).or_default();
        child.must += 1;
        child.may += 1;
    }

    fn add_rule(&mut self, id: &str, rule: Rule) {
        match self.steps.get_mut(id) {
            None => {
                self.steps.insert(id.to_owned(), rule);
            }
            Some(known) => {
                known.must += rule.must;
                known.may += rule.may;
                known.reach = known.reach.min(rule.reach);
                known.last = known.last.max(rule.last);
                known.given_up |= rule.given_up;
            }
        }
    }

    fn add_child(&mut self, key: &str, more: Children) {
        let child = self.children.entry(key.to_owned()).or_default();
        child.must += more.must;
        child.may += more.may;
        child.withdrawable |= more.withdrawable;
    }

    /// Takes in branches that all ended.
    pub(super) fn join(&mut self, branches: impl IntoIterator<Item = Self>) {
        let mut frontier = BTreeSet::new();
        for branch in branches {
            self.take_in(&branch);
            self.told.extend(branch.told);
            frontier.extend(branch.frontier);
        }
        if !frontier.is_empty() {
            self.frontier = frontier;
        }
    }

    fn take_in(&mut self, branch: &Self) {
        for (id, rule) in &branch.steps {
            self.add_rule(id, rule.clone());
        }
        for (key, more) in &branch.children {
            self.add_child(key, *more);
        }
        self.order.extend(branch.order.iter().cloned());
    }

    /// Takes in a branch that may have been given up at any point, in any of these worlds.
    pub(super) fn give_up<'a>(&mut self, worlds: impl IntoIterator<Item = &'a Self>) {
        let mut most = Self::default();
        for world in worlds {
            for (id, rule) in &world.steps {
                let known = most.steps.entry(id.clone()).or_insert_with(|| rule.clone());
                known.may = known.may.max(rule.may);
                known.last = known.last.max(rule.last);
                known.must = 0;
                known.reach = 0;
                known.given_up = true;
            }
            for (key, more) in &world.children {
                let known = most.children.entry(key.clone()).or_default();
                known.may = known.may.max(more.may);
                known.withdrawable = true;
            }
            most.order.extend(world.order.iter().cloned());
        }
        self.take_in(&most);
    }

    /// What was done here may have been done again: the branch that it belongs to can be given up by what is around it.
    pub(super) fn withdrawable(&self) -> impl Iterator<Item = String> {
        let can = self.children.iter().filter(|(_, child)| child.withdrawable);
        can.map(|(key, _)| key.clone())
    }
}
