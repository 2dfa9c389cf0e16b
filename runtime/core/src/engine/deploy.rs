//! Deploying: which functions new runs start with. Runs in flight keep the code that they began with.

use std::sync::Arc;

use super::{Answer, Context, Engine, ReplyId};
use crate::state::{App, ReadError, Write};

impl Engine {
    pub(super) fn deploy(
        &mut self,
        mut app: App,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let schemas = match self.schemas_of(&app) {
            Ok(schemas) => schemas,
            Err(problem) => {
                let answer = Answer::Refused(problem.to_string());
                cx.out.answer(reply, answer);
                return Ok(());
            }
        };
        let earlier = self.apps.get(&app.id);
        app.deployments = earlier.map_or(0, |app| app.deployments) + 1;
        cx.out.write(Write::PutApp(Arc::new(app.clone())));
        let id = app.id.clone();
        self.replace_schedules(&app, cx);
        self.serve(app);
        let functions = self.functions.keys().filter(|function| function.app == id);
        for function in functions.cloned().collect::<Vec<_>>() {
            self.queues.limits_changed(&function);
        }
        self.use_schemas(&cx.read.schemas()?, &schemas, cx);
        cx.out.answer(reply, Answer::Deployed);
        Ok(())
    }
}
