/**
 * The TypeScript guest of the conformance suite: each function is a scenario of `SCENARIOS.md`, which says what it does.
 */

import { serve } from "@abide/sdk";

import { app, functions } from "./app.ts";
import "./values.ts";
import "./waiting.ts";
import "./outside.ts";
import "./errors.ts";
import "./branches.ts";
import "./started.ts";
import "./cheats.ts";
import "./options.ts";

export default serve({ client: app, functions });
