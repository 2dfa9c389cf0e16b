//! Deployments: a component becomes the new version of an app.
//!
//! The component's file is on the disk before its app's record is, and what bodies may see and reach changes with it. Runs in flight keep
//! the code that they began with.

use std::collections::BTreeMap;

use abide_core::engine::{Answer, Input, request_key};
use abide_core::function::is_kebab_case;
use abide_core::state::{App, Deployed, Read as _};
use abide_host::AllowRule;

use crate::error::{DeployError, SendError};
use crate::node::Node;

/// How an app is deployed.
#[derive(Debug, Clone, Default)]
pub struct DeployOptions {
    /// The app's id: kebab-case.
    pub app: String,
    /// Configured variables: the environment of step bodies.
    pub variables: BTreeMap<String, String>,
    /// `HOST` or `HOST:PORT` that bodies may reach besides public addresses.
    pub allow_net: Vec<String>,
}

impl Node {
    /// Deploys a component as the new version of an app. New runs start with it; runs in flight keep theirs.
    pub async fn deploy(
        &self,
        wasm: bytes::Bytes,
        options: DeployOptions,
    ) -> Result<App, DeployError> {
        let inner = &self.inner;
        if !is_kebab_case(&options.app) {
            return Err(DeployError::AppId(options.app));
        }
        for rule in &options.allow_net {
            rule.parse::<AllowRule>()
                .map_err(|error| DeployError::AllowNet(error.to_string()))?;
        }
        let bytes = wasm.len() as u64;
        // Held until the app's record is durable: its file must not be swept away before.
        let added = inner.components.add(wasm).await?;
        let loaded = &added.app;
        // One at a time: the number of deployments and the settings belong together.
        let _turn = inner.deploying.lock().await;
        let app = App {
            id: options.app.as_str().into(),
            current: Deployed {
                digest: loaded.digest(),
                at_ms: inner.clock.now_ms(),
                bytes,
                functions: loaded.functions().to_vec(),
                schemas: loaded.schemas().to_vec(),
            },
            variables: options.variables,
            allow_net: options.allow_net,
            deployments: 0,
        };
        if let Some(done) = self.deployed_before(&options.app).await? {
            return Ok(done);
        }
        let earlier = inner.apply_settings(&app);
        let input = Box::new(app);
        if let Answer::Refused(reason) = self
            .ask(|reply| Input::Deploy { app: input, reply })
            .await?
        {
            inner.restore_settings(&options.app, earlier);
            return Err(DeployError::Refused(reason));
        }
        let served = inner
            .settings
            .read()
            .values()
            .map(|settings| settings.digest)
            .collect();
        inner.components.keep_only(&served);
        inner.warnings.forget(&options.app);
        let stored = inner.view.get_app(&options.app);
        stored
            .ok()
            .flatten()
            .ok_or(DeployError::Node(SendError::Stopping))
    }

    /// The app as it is served, if this request has deployed it before: its settings may have changed since and stay.
    async fn deployed_before(&self, app: &str) -> Result<Option<App>, DeployError> {
        let Some(request) = &self.request else {
            return Ok(None);
        };
        let (key, app) = (request_key(request), app.to_owned());
        let found = self.read(move |view| {
            let done = view.control(&key)?.is_some();
            Ok(if done { view.get_app(&app)? } else { None })
        });
        found
            .await
            .map_err(|_| DeployError::Node(SendError::Stopping))
    }
}
