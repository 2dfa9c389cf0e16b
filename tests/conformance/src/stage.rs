//! A node on a simulated disk, moved by hand: its lives follow each other when its power is cut, and the world around it stays.
//!
//! Everything happens in one thread, in one order: first what is ready, then a turn of the shard, then a commit. Time passes when the scenario says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use abide_host::{App, Host, HostConfig};
use abide_server::{Clock, Node, NodeConfig, Steps, Storage};
use abide_sim::rng::Rng;
use abide_sim::surroundings::Simulated;
use abide_sim::tasks::Tasks;
use abide_store::{MemoryDisk, View};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::service::Service;

/// When every scenario begins: 2026-01-01T00:00:00Z, in milliseconds since the Unix epoch.
pub const BEGINNING_MS: u64 = 1_767_225_600_000;

/// More moves than any scenario needs.
const MOST_MOVES: u64 = 1_000_000;

/// How often what a crate below has begun by itself gets a turn before nothing is left to do.
const TURNS_BELOW: u32 = 8;

/// Compiles components, and keeps their code between runs of the suite.
pub fn host(code_cache: &Path) -> Result<Host> {
    Ok(Host::new(HostConfig {
        code_cache: Some(code_cache.to_owned()),
        // What comes next must not depend on the machine's speed.
        interrupts: false,
        ..HostConfig::default()
    })?)
}

/// A compiled component.
pub struct Component {
    host: Host,
    /// The bytes.
    pub wasm: Bytes,
    /// What it has.
    pub app: Arc<App>,
    folder: TempDir,
}

impl Component {
    /// Compiles it, or takes its code from the cache, and asks it for its functions.
    pub fn load(host: &Host, wasm: Bytes) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let app = runtime.block_on(host.load(&wasm))?;
        let folder = TempDir::new().context("no temporary folder")?;
        let components = folder.path().join("components");
        std::fs::create_dir_all(&components)?;
        std::fs::write(components.join(format!("{}.wasm", app.digest())), &wasm)?;
        Ok(Self {
            host: host.clone(),
            wasm,
            app,
            folder,
        })
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// How a node lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Way {
    /// Whether every run leaves memory whenever it waits.
    pub evict: bool,
    /// Whether every entry is committed by itself.
    pub commit_each: bool,
    /// The commit after which the power is cut, counted from 1.
    pub cut_after: Option<u64>,
}

/// One life of the node.
struct Life {
    node: Node,
    steps: Steps,
    tasks: Tasks,
    tokio: Runtime,
}

impl Life {
    fn begin(stage: &Parts<'_>, now_ms: u64, number: u64) -> Result<Self> {
        let tokio = Builder::new_current_thread().build()?;
        let tasks = Tasks::default();
        let surroundings = Simulated::new(tasks.clone(), stage.service.clone(), Rng::new(number));
        let folder = stage.component.folder();
        let mut config = NodeConfig::new(folder.clone());
        config.storage = Storage::Simulated(stage.disk.clone(), folder);
        config.clock = Clock::virtual_at(now_ms);
        config.seed = Some(number);
        config.host = HostConfig {
            resident_bytes: if stage.way.evict { 0 } else { 256 << 20 },
            flush_entries: if stage.way.commit_each { 1 } else { 256 },
            surroundings: Some(Arc::new(surroundings)),
            ..HostConfig::default()
        };
        let opened = {
            let _inside = tokio.enter();
            Node::open_stepped(config, &stage.component.host)
        };
        let (node, steps) = opened.context("the node does not open")?;
        Ok(Self {
            node,
            steps,
            tasks,
            tokio,
        })
    }

    /// Cuts its power: nothing is finished.
    fn end(self, disk: &MemoryDisk) {
        disk.crash();
        {
            let _inside = self.tokio.enter();
            self.tasks.end();
            drop((self.node, self.steps));
            self.tasks.end();
        }
    }

    fn poll_all(&self) -> bool {
        let _inside = self.tokio.enter();
        let mut moved = false;
        while self.tasks.poll(0).is_some() {
            moved = true;
        }
        moved
    }

    /// Lets go on what a crate below has begun by itself: the requests of bodies.
    fn go_on_below(&self) {
        self.tokio.block_on(tokio::task::yield_now());
    }
}

struct Parts<'a> {
    component: &'a Component,
    way: Way,
    disk: MemoryDisk,
    service: Service,
}

/// See the [module](self).
pub struct Stage<'a> {
    parts: Parts<'a>,
    life: Option<Life>,
    now_ms: u64,
    lives: u64,
    commits: u64,
    moves: u64,
    counting: bool,
}

impl<'a> Stage<'a> {
    /// A node without apps. Commits do not count yet.
    pub fn open(component: &'a Component, way: Way) -> Result<Self> {
        let parts = Parts {
            component,
            way,
            disk: MemoryDisk::new(),
            service: Service::default(),
        };
        let mut stage = Self {
            parts,
            life: None,
            now_ms: BEGINNING_MS,
            lives: 0,
            commits: 0,
            moves: 0,
            counting: false,
        };
        stage.begin()?;
        Ok(stage)
    }

    /// From now on commits count.
    pub fn count_commits(&mut self) {
        self.counting = true;
    }

    /// The commits that counted.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// What time it is, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The world outside.
    pub fn service(&self) -> &Service {
        &self.parts.service
    }

    /// What the store shows.
    pub fn view(&self) -> Result<View> {
        Ok(self.life()?.steps.view())
    }

    fn begin(&mut self) -> Result<()> {
        self.lives += 1;
        self.parts.service.set_time(self.now_ms);
        self.life = Some(Life::begin(&self.parts, self.now_ms, self.lives)?);
        Ok(())
    }

    fn life(&self) -> Result<&Life> {
        self.life.as_ref().context("the node is off")
    }

    /// Asks the node something, and again if its power is cut before it answers.
    pub fn ask<T: Send + 'static>(
        &mut self,
        question: impl Fn(Node) -> BoxFuture<'static, T>,
    ) -> Result<T> {
        loop {
            let (life, lives) = (self.life()?, self.lives);
            let answer = Arc::new(Mutex::new(None));
            let (place, asked) = (answer.clone(), question(life.node.clone()));
            life.tasks.spawn(Box::pin(async move {
                let said = asked.await;
                *place.lock() = Some(said);
            }));
            loop {
                let moved = self.go_on()?;
                let said = answer.lock().take();
                if let Some(said) = said {
                    return Ok(said);
                }
                if self.lives != lives {
                    break;
                }
                ensure!(moved, "the node does not answer");
            }
        }
    }

    /// Goes on until nothing can happen at this time.
    pub fn settle(&mut self) -> Result<()> {
        while self.go_on()? {}
        Ok(())
    }

    /// Moves the clock to this time, and stops wherever something is due.
    pub fn advance_to(&mut self, until_ms: u64) -> Result<()> {
        self.settle()?;
        while let Some(due_ms) = self.next_due_ms()?.filter(|due_ms| *due_ms < until_ms) {
            self.set_time(due_ms)?;
            self.settle()?;
        }
        self.set_time(until_ms)?;
        self.settle()
    }

    /// When the next thing is due that nothing but time stands before.
    pub fn next_due_ms(&self) -> Result<Option<u64>> {
        let life = self.life()?;
        let timer = life.tasks.next_timer_ms().map(|ms| self.now_ms + ms);
        let due = life.steps.next_due_ms().into_iter().chain(timer);
        Ok(due.filter(|due_ms| *due_ms > self.now_ms).min())
    }

    fn set_time(&mut self, at_ms: u64) -> Result<()> {
        let life = self.life.as_ref().context("the node is off")?;
        let _inside = life.tokio.enter();
        life.node.advance_clock_to(at_ms);
        life.tasks.pass(at_ms - self.now_ms);
        self.now_ms = at_ms;
        self.parts.service.set_time(at_ms);
        Ok(())
    }

    /// Lets go on whatever can; `false` if nothing can.
    fn go_on(&mut self) -> Result<bool> {
        self.moves += 1;
        ensure!(self.moves < MOST_MOVES, "nothing comes to an end");
        let life = self.life.as_mut().context("the node is off")?;
        let mut moved = life.poll_all();
        for _ in 0..TURNS_BELOW {
            life.go_on_below();
            moved |= life.poll_all();
        }
        if life.steps.has_turn() {
            moved = true;
            // What an execution has handed on beyond that is lost when the power is cut.
            let most = if self.parts.way.commit_each {
                1
            } else {
                usize::MAX
            };
            life.steps.turn(most)?;
        }
        if life.steps.has_group() {
            moved = true;
            life.steps.commit()?;
            // Whoever waits for this commit is told.
            life.poll_all();
            if self.counting {
                self.commits += 1;
                if self.parts.way.cut_after == Some(self.commits) {
                    self.cut()?;
                }
            }
        }
        Ok(moved)
    }

    /// Cuts the power, and begins a new life.
    fn cut(&mut self) -> Result<()> {
        self.end_life();
        self.begin()
    }

    fn end_life(&mut self) {
        if let Some(life) = self.life.take() {
            life.end(&self.parts.disk);
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.end_life();
    }
}
