"""A pipeline of model calls: three questions side by side, an answer that a person may hold up, and a record of it all."""

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import abide
from abide import http

app = abide.App("ai-pipeline-py")

MODEL = abide.Model.openai("stand-in-1")


@dataclass
class Feedback:
    """Data of `feedback/received`."""

    id: str
    text: str
    review: str = "2s"
    """How long a person may take to hold up the answer to a complaint."""


@dataclass
class Handled:
    kind: str
    mood: str
    summary: str
    answered: bool


@app.function(
    id="handle-feedback",
    name="Read feedback and answer it",
    trigger="feedback/received",
    # The provider allows so many requests at once, in all functions that say 'model'.
    concurrency=abide.Concurrency(8, key="'model'", scope="env"),
)
async def handle_feedback(ctx: abide.Context[Feedback]) -> Handled:
    feedback = ctx.event.data
    # Workflow code has no environment: a step reads where the model is.
    model_url = await ctx.step.run("where-is-the-model", lambda: os.environ["STAND_IN_URL"] + "/v1")

    async def ask(id: str, instructions: str) -> str:
        # The host performs the request, and the run need not be in memory while the model thinks.
        answer = await ctx.step.ai.infer(id, MODEL, chat(instructions, feedback.text), url=model_url)
        return content(answer)

    kind, mood, summary = await asyncio.gather(
        ask("kind", "Answer with one of: praise, complaint, question."),
        ask("mood", "Answer with one of: happy, angry, calm."),
        ask("summary", "Summarise in at most 8 words."),
    )

    answered = kind != "complaint" or not await held_up(ctx, feedback)
    if answered:
        # A call of your own client: its arguments are kept, and may be replaced when the run is replayed from here.
        await ctx.step.ai.wrap("answer", send_answer, feedback.id, kind, summary)
    handled = Handled(kind, mood, summary, answered)
    await ctx.step.run("record", record, feedback.id, handled)
    return handled


async def held_up(ctx: abide.Context[Feedback], feedback: Feedback) -> bool:
    """Whether somebody says, in time, that a person will answer."""
    said = await ctx.step.wait_for_signal("review", f"review-{feedback.id}", timeout=feedback.review)
    return said is not None


def chat(instructions: str, text: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": instructions}, {"role": "user", "content": text}]}


def content(answer: Any) -> str:
    text = answer["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        raise abide.NonRetriableError("the model answered without text")
    return text


async def send_answer(feedback: str, kind: str, summary: str) -> None:
    mail = {"to": f"{feedback}@customers.example", "subject": f"Your {kind}", "text": f"You wrote: {summary}"}
    key = {"idempotency-key": abide.execution().step_key}
    answer = await http.post(f"{os.environ['STAND_IN_URL']}/emails", json=mail, headers=key)
    answer.raise_for_status()


async def record(feedback: str, handled: Handled) -> None:
    key = {"idempotency-key": abide.execution().step_key}
    url = f"{os.environ['STAND_IN_URL']}/records/feedback/{feedback}"
    answer = await http.patch(url, json=handled, headers=key)
    answer.raise_for_status()
