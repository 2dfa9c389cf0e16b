//! From bytes to an app that can be executed: compiled or taken from the cache, its imports checked, its functions described.

use std::sync::{Arc, OnceLock};

use abide_core::function::{FunctionConfig, validate_functions};
use abide_core::ids::Digest;
use abide_core::state::EventSchema;
use sha2::Digest as _;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::AppPre;
use crate::code_cache::CodeCache;
use crate::convert;
use crate::error::Error;
use crate::execute::{NoInstance, instantiate};
use crate::guest::{Guest, Halt, Role, Signal, failure_of};
use crate::{Code, Inner, imports, operations, wasi};

/// A component that is ready to be instantiated, and what it said about its functions.
pub struct App {
    digest: Digest,
    functions: Vec<FunctionConfig>,
    schemas: Vec<EventSchema>,
    pooled: Option<AppPre<Guest>>,
    /// Made when the pool is full for the first time.
    on_demand: OnceLock<AppPre<Guest>>,
    spare: Spare,
    linker: Arc<Linker<Guest>>,
}

/// Where the compiled code is when it is wanted again.
enum Spare {
    Cached(CodeCache, Arc<[u8]>),
    Kept(Vec<u8>),
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("digest", &self.digest)
            .field("functions", &self.functions)
            .finish_non_exhaustive()
    }
}

impl App {
    /// The SHA-256 of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its functions, validated.
    pub fn functions(&self) -> &[FunctionConfig] {
        &self.functions
    }

    /// The shapes of events that it describes.
    pub fn schemas(&self) -> &[EventSchema] {
        &self.schemas
    }

    /// Whether its instances come from the pool.
    pub fn is_pooled(&self) -> bool {
        self.pooled.is_some()
    }

    pub(crate) fn pooled(&self) -> Option<&AppPre<Guest>> {
        self.pooled.as_ref()
    }

    pub(crate) fn on_demand(&self) -> Result<&AppPre<Guest>, Error> {
        if let Some(pre) = self.on_demand.get() {
            return Ok(pre);
        }
        let engine = self.linker.engine();
        let component = match &self.spare {
            Spare::Kept(code) => load_code(engine, code),
            Spare::Cached(cache, wasm) => match cache.get(self.digest) {
                Some(code) => load_code(engine, &code),
                None => Component::new(engine, wasm),
            },
        };
        let component = component.map_err(|e| Error::Internal(format!("{e:#}")))?;
        let pre = pre(&self.linker, &component)?;
        Ok(self.on_demand.get_or_init(|| pre))
    }
}

/// The digest of a component.
pub fn digest_of(wasm: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(wasm).into())
}

/// Everything that guests can import.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest>, Error> {
    let mut linker = Linker::new(engine);
    operations::add_to_linker(&mut linker)
        .and_then(|()| wasi::add_to_linker(&mut linker))
        .map_err(|e| Error::Engine(format!("{e:#}")))?;
    Ok(linker)
}

/// Loads a component. Compiling happens on a thread for blocking work.
pub(crate) async fn load(host: &Arc<Inner>, wasm: &[u8]) -> Result<App, Error> {
    let digest = digest_of(wasm);
    let wasm: Arc<[u8]> = wasm.into();
    let compiling = (host.clone(), wasm.clone());
    let compiled = host
        .surroundings
        .blocking(move || compile(&compiling.0.code, digest, &compiling.1));
    let (code, pooled, on_demand) = compiled
        .await
        .map_err(|e| Error::Internal(format!("the compiler stopped: {e}")))??;
    let component = pooled.as_ref().or(on_demand.as_ref());
    let component = component.ok_or_else(|| Error::Internal("nothing was compiled".into()))?;
    let linker = match (&pooled, &host.code.pooled_linker) {
        (Some(_), Some(linker)) => linker,
        _ => &*host.code.linker,
    };
    imports::check(component, linker)?;
    imports::check_exports(component)?;
    let mut app = App {
        digest,
        functions: Vec::new(),
        schemas: Vec::new(),
        pooled: match (&pooled, &host.code.pooled_linker) {
            (Some(component), Some(linker)) => Some(pre(linker, component)?),
            _ => None,
        },
        on_demand: OnceLock::new(),
        spare: match &host.code.cache {
            Some(cache) => Spare::Cached(cache.clone(), wasm),
            None => Spare::Kept(code),
        },
        linker: host.code.linker.clone(),
    };
    if let Some(component) = &on_demand {
        let _ = app.on_demand.set(pre(&host.code.linker, component)?);
    }
    (app.functions, app.schemas) = describe(host, &app).await?;
    validate_functions(&app.functions)?;
    Ok(app)
}

type Compiled = (Vec<u8>, Option<Component>, Option<Component>);

fn compile(shared: &Code, digest: Digest, wasm: &[u8]) -> Result<Compiled, Error> {
    let cached = shared.cache.as_ref().and_then(|cache| cache.get(digest));
    if let Some(compiled) = cached {
        match load_both(shared, &compiled) {
            Ok((pooled, on_demand)) => return Ok((compiled, pooled, on_demand)),
            Err(error) => {
                tracing::warn!(%error, "the compiled code does not fit this version; compiling again");
                if let Some(cache) = &shared.cache {
                    cache.remove(digest);
                }
            }
        }
    }
    // The header of a core module: `\0asm`, version 1.
    if wasm.starts_with(b"\0asm\x01\0\0\0") {
        return Err(Error::Malformed(
            "this is a core WebAssembly module, and a component is needed; build for `wasm32-wasip2`, or with the SDK's build \
             command"
                .into(),
        ));
    }
    let compiled = shared
        .engines
        .on_demand
        .precompile_component(wasm)
        .map_err(|e| {
            Error::Malformed(format!(
                "this is not a WebAssembly component that can be compiled: {e:#}"
            ))
        })?;
    if let Some(cache) = &shared.cache {
        cache.put(digest, &compiled);
    }
    let (pooled, on_demand) =
        load_both(shared, &compiled).map_err(|e| Error::Internal(format!("{e:#}")))?;
    Ok((compiled, pooled, on_demand))
}

/// The code for the pool if it fits there, else for instances on demand.
fn load_both(
    shared: &Code,
    compiled: &[u8],
) -> wasmtime::Result<(Option<Component>, Option<Component>)> {
    if let Some(engine) = &shared.engines.pooled {
        match load_code(engine, compiled) {
            Ok(component) => return Ok((Some(component), None)),
            Err(error) => {
                tracing::info!(%error, "the component does not fit into the pool; its instances are made on demand");
            }
        }
    }
    Ok((None, Some(load_code(&shared.engines.on_demand, compiled)?)))
}

fn load_code(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from the compiler in this process, or from a cache file whose directory nobody else may write
    // to and whose checksum fits; wasmtime checks version and settings itself.
    unsafe { Component::deserialize(engine, code) }
}

fn pre(linker: &Linker<Guest>, component: &Component) -> Result<AppPre<Guest>, Error> {
    let instance = linker.instantiate_pre(component).map_err(|e| {
        Error::Imports(format!(
            "the component imports something in a form that Abide does not offer: {e:#}. Build it with current versions of the \
             SDK and the WASI target"
        ))
    })?;
    AppPre::new(instance).map_err(|e| {
        Error::Exports(format!(
            "the component's export `{}` is not the one of this node's version: {e:#}. Build it with the SDK of this version",
            crate::bindings::FUNCTIONS
        ))
    })
}

/// Asks the app for its functions and for the shapes of its events, in an instance without network, with its clock at 0.
async fn describe(
    host: &Arc<Inner>,
    app: &App,
) -> Result<(Vec<FunctionConfig>, Vec<EventSchema>), Error> {
    let limits = host.limits.clone();
    let failed = |halt: Halt| Error::Describe(halt.to_string());
    let guest = || {
        Guest::new(
            Role::Describe,
            None,
            Arc::new(Signal::default()),
            limits.clone(),
        )
    };
    let made = instantiate(host, app, guest).await;
    let (mut store, bindings) = made.map_err(NoInstance::into_halt).map_err(failed)?;
    let guest = bindings.abide_durable_functions();
    let functions = match guest.call_describe(&mut store).await {
        Ok(functions) => functions.into_iter().map(convert::function).collect(),
        Err(error) => return Err(failed(failure_of(&error, store.data()))),
    };
    let schemas = match guest.call_event_schemas(&mut store).await {
        Ok(schemas) => schemas.into_iter().map(convert::schema).collect(),
        Err(error) => return Err(failed(failure_of(&error, store.data()))),
    };
    Ok((functions, schemas))
}
