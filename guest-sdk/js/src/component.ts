/**
 * The component's exports: what the host calls. The build tool's entry connects this with the host's imports and the engine, before the app is evaluated.
 */

import type { EventSchemaRecord, FunctionConfig, Functions, Logging, Operations, RunContext } from "./contract.ts";
import type { Engine } from "./engine.ts";
import { NonRetriableError, toFailure } from "./errors.ts";
import type { InngestFunction } from "./function.ts";
import { guardGlobals } from "./globals.ts";
import { setEngine } from "./inside.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import { logTo } from "./logger.ts";
import { currentPhase, enterDescribe, enterWorkflow } from "./mode.ts";
import { Scheduler } from "./scheduler.ts";
import { type App, appOf } from "./serve.ts";
import { EventType } from "./triggers.ts";
import { workflowOf } from "./workflow.ts";

/** What the component imports. */
export interface Imports {
  operations: Operations;
  logging: Logging;
  engine: Engine;
}

/** Connects the SDK with the host. */
export function connect({ operations, logging, engine }: Imports): { functions(exports: object): Functions } {
  logTo((level, message) => logging.log(level, message));
  setEngine(engine);
  guardGlobals();
  // The engine's module asks it, to say what the environment is: it must not import the SDK.
  (globalThis as Record<symbol, unknown>)[Symbol.for("abide.phase")] = currentPhase;
  return {
    functions(exports) {
      const app = appOf(exports as Record<string, unknown>);
      // The app is evaluated while it is being built: what is wrong with it is said there.
      describe(app);
      eventSchemas(app);
      return {
        describe: () => {
          enterDescribe();
          return describe(app);
        },
        eventSchemas: () => {
          enterDescribe();
          return eventSchemas(app);
        },
        run: (context) => run(app, context, operations, engine),
      };
    },
  };
}

/** The configurations for the host. Everything that is wrong with them ends the deploy: it is the author's mistake. */
export function describe(app: App): FunctionConfig[] {
  const problems: string[] = [];
  const configs: FunctionConfig[] = [];
  for (const one of app.functions) {
    const described = one.describe();
    if (described.faults.length > 0) {
      problems.push(`function \`${one.id()}\`: ${described.faults.join("; ")}`);
    }
    for (const config of described.configs) {
      if (configs.some((other) => other.id === config.id)) {
        problems.push(`function \`${config.id}\`: id: two functions of the app have it`);
      }
      configs.push(config);
    }
  }
  if (problems.length > 0) {
    throw new Error(problems.join("; "));
  }
  return configs;
}

/** The shapes of events that the app's clients know, and those of the event types that start its functions. */
export function eventSchemas(app: App): EventSchemaRecord[] {
  const clients = new Set([app.client, ...app.functions.map((fn) => fn.client as App["client"])]);
  const given = [...clients].flatMap((client) => [...(client?.schemas?.records ?? [])]);
  const records = [...given, ...triggerSchemas(app).filter((it) => !given.some((other) => isSameEvent(it, other)))];
  const problems: string[] = [];
  const kept: EventSchemaRecord[] = [];
  for (const record of records) {
    const version = record.v === undefined ? "" : `, version \`${record.v}\``;
    const same = kept.find((it) => isSameEvent(it, record));
    if (record.event === "" || record.event.includes("*")) {
      problems.push(`the schema of event \`${record.event}\`: it is for one event: the exact name is needed`);
    } else if (same && (same.schema !== record.schema || given.includes(record))) {
      problems.push(`the schema of event \`${record.event}\`${version}: there are two of it`);
    } else if (!same) {
      kept.push(record);
    }
  }
  if (problems.length > 0) {
    throw new Error(problems.join("; "));
  }
  return kept;
}

/** An event type may start several functions, and a pattern or an event of the platform has no shape of its own. */
function triggerSchemas(app: App): EventSchemaRecord[] {
  const types = app.functions
    .flatMap((fn) => fn.opts.triggers.flatMap((it) => (it instanceof EventType ? [it] : "event" in it ? [it.event] : [])))
    .filter((it) => it instanceof EventType)
    .filter(({ name }) => !name.includes("*") && !/^(inngest|abide)\//.test(name));
  return types.flatMap(({ name, version, schema }) => {
    const found = jsonSchemaOf(schema);
    return found === undefined ? [] : [{ event: name, v: version, schema: JSON.stringify(found) }];
  });
}

function isSameEvent(a: EventSchemaRecord, b: EventSchemaRecord): boolean {
  return a.event === b.event && a.v === b.v;
}

function run(app: App, context: RunContext, operations: Operations, engine: Engine): string | Promise<string> {
  enterWorkflow();
  const scheduler = new Scheduler(operations, engine);
  const workflow = workflowOf(find(app, context), context, scheduler);
  const failed = (thrown: unknown): never => {
    // The component tools take what is thrown for the error that the contract describes.
    throw toFailure(thrown, engine.mapStack);
  };
  if (engine.drive === "async") {
    return scheduler.runAsync(workflow).catch(failed);
  }
  try {
    return scheduler.runSync(workflow);
  } catch (thrown) {
    return failed(thrown);
  }
}

/** A function of the app, or the handler of one's failures. */
function find(app: App, { appId, functionId }: RunContext): { fn: InngestFunction; ofFailure: boolean } {
  for (const fn of app.functions) {
    if (fn.id() === functionId) {
      return { fn, ofFailure: false };
    }
    if (fn.failureHandler && `${fn.id()}-failure` === functionId) {
      return { fn, ofFailure: true };
    }
  }
  throw toFailure(new NonRetriableError(`the app \`${appId}\` has no function \`${functionId}\``));
}
