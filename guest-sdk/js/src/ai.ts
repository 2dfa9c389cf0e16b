/**
 * Model providers, for `step.ai.infer`: which model to ask, in which provider's form.
 *
 * A provider's key never enters the code or a journal: the host reads it from a configured variable, which a model names.
 */

import type { AiInferRecord } from "./contract.ts";
import { toJsonObject } from "./json.ts";

/** A model, and the types of its requests and answers. */
export interface Model<TInput = any, TOutput = any> {
  readonly format: AiInferRecord["format"];
  readonly options: ModelOptions<any>;
  /** The configured variable that holds the provider's key, and its public address. */
  readonly provider: { readonly keyVariable: string; readonly url: string | undefined };
  /** Only for the compiler. */
  readonly "~types"?: { input: TInput; output: TOutput };
}

/** What says which model it is. */
export interface ModelOptions<TInput = Record<string, unknown>> {
  /** The model's name. */
  model: string;
  /** The provider's base URL, for a server of the same form elsewhere. Then no key is sent unless `keyVariable` names one. */
  baseUrl?: string;
  /** The name of the configured variable that holds the provider's key. Default: the provider's usual one, such as `OPENAI_API_KEY`. */
  keyVariable?: string;
  /** There for types only: a key must not be a part of the code. Configure a variable and name it by `keyVariable`. */
  apiKey?: undefined | string;
  /** Members of every request. */
  defaultParameters?: Partial<TInput>;
}

export type ModelInput<M> = M extends Model<infer I, any> ? I : never;
export type ModelOutput<M> = M extends Model<any, infer O> ? O : never;

/** A message of OpenAI's form. */
export interface ChatMessage {
  role: "system" | "developer" | "user" | "assistant" | "tool" | (string & {});
  content: string | null | readonly Record<string, unknown>[];
  [member: string]: unknown;
}

/** A request in OpenAI's form. */
export interface ChatInput {
  messages: readonly ChatMessage[];
  temperature?: number;
  max_tokens?: number;
  max_completion_tokens?: number;
  response_format?: Record<string, unknown>;
  tools?: readonly Record<string, unknown>[];
  [member: string]: unknown;
}

/** An answer in OpenAI's form. */
export interface ChatOutput {
  id: string;
  model: string;
  choices: {
    index: number;
    finish_reason: string | null;
    message: { role: string; content: string | null; tool_calls?: { id: string; type: string; function: { name: string; arguments: string } }[] };
  }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
  [member: string]: unknown;
}

/** A request in Anthropic's form. */
export interface AnthropicInput {
  messages: readonly { role: "user" | "assistant"; content: string | readonly Record<string, unknown>[] }[];
  max_tokens: number;
  system?: string | readonly Record<string, unknown>[];
  temperature?: number;
  tools?: readonly Record<string, unknown>[];
  [member: string]: unknown;
}

/** An answer in Anthropic's form. */
export interface AnthropicOutput {
  id: string;
  model: string;
  role: "assistant";
  content: { type: string; text?: string; id?: string; name?: string; input?: unknown }[];
  stop_reason: string | null;
  usage: { input_tokens: number; output_tokens: number };
  [member: string]: unknown;
}

/** A request in Gemini's form. */
export interface GeminiInput {
  contents: readonly { role?: string; parts: readonly Record<string, unknown>[] }[];
  systemInstruction?: Record<string, unknown>;
  generationConfig?: Record<string, unknown>;
  tools?: readonly Record<string, unknown>[];
  [member: string]: unknown;
}

/** An answer in Gemini's form. */
export interface GeminiOutput {
  candidates: { content: { role: string; parts: { text?: string; [member: string]: unknown }[] }; finishReason?: string }[];
  usageMetadata?: Record<string, unknown>;
  [member: string]: unknown;
}

function provider<TInput extends object, TOutput>(format: Model["format"], keyVariable: string, url?: string) {
  return (options: ModelOptions<TInput>): Model<TInput, TOutput> => ({ format, options, provider: { keyVariable, url } });
}

/** OpenAI, or any server with its `chat/completions`. */
export const openai = provider<ChatInput, ChatOutput>("openai-chat", "OPENAI_API_KEY");
/** Anthropic's `messages`. */
export const anthropic = provider<Partial<Pick<AnthropicInput, "max_tokens">> & Omit<AnthropicInput, "max_tokens">, AnthropicOutput>(
  "anthropic",
  "ANTHROPIC_API_KEY",
);
/** Google's `generateContent`. */
export const gemini = provider<GeminiInput, GeminiOutput>("gemini", "GEMINI_API_KEY");
/** xAI, which has OpenAI's form. */
export const grok = provider<ChatInput, ChatOutput>("openai-chat", "XAI_API_KEY", "https://api.x.ai/v1");
/** DeepSeek, which has OpenAI's form. */
export const deepseek = provider<ChatInput, ChatOutput>("openai-chat", "DEEPSEEK_API_KEY", "https://api.deepseek.com/v1");

/** All providers, as `step.ai.models` has them. */
export const models = { openai, anthropic, gemini, grok, deepseek };

/** The request for the host, or an exception that says what is wrong with it. */
export function inferRecord(
  model: Model,
  body: object,
  attempts: { timeout: bigint | undefined; retries: number | undefined },
): AiInferRecord {
  if (typeof model !== "object" || model === null || typeof model.options?.model !== "string") {
    throw new Error('model: give a model, for example openai({ model: "gpt-4o" })');
  }
  const { options, format, provider: usual } = model;
  if (typeof options.apiKey === "string" && options.apiKey !== "") {
    throw new Error(
      "apiKey: a key in the code would be recorded: configure a variable with it, and name that by `keyVariable`",
    );
  }
  const keyVariable = options.keyVariable ?? (options.baseUrl === undefined ? usual.keyVariable : undefined);
  let text: string;
  try {
    text = toJsonObject({ ...options.defaultParameters, ...body });
  } catch (error) {
    throw new Error(`body: ${(error as Error).message}`);
  }
  const url = options.baseUrl ?? usual.url;
  return { format, model: options.model, url: url?.replace(/\/+$/, ""), keyVariable, body: text, ...attempts };
}
