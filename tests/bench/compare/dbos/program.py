"""The workloads of the comparison on DBOS, behind FastAPI. `tests/guests/bench/src/compare.rs` has the same for Abide.

Workflows and steps are coroutines: measured, that is faster than DBOS's threads.
"""

import asyncio
import os

import aiohttp
import uvicorn
from dbos import DBOS, SetWorkflowID
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
DBOS(
    config={
        "name": "compare",
        "system_database_url": os.environ["DATABASE"],
        "run_admin_server": False,
        "log_level": "WARNING",
    }
)
http: aiohttp.ClientSession


class Work(BaseModel):
    n: int
    sleep_ms: int
    key: str
    url: str | None = None


@DBOS.step()
async def step(number: int, url: str | None) -> int:
    if url:
        async with http.post(url, json={}) as response:
            await response.read()
            response.raise_for_status()
    return number


@DBOS.workflow()
async def sequence(n: int, url: str | None) -> int:
    total = 0
    for number in range(n):
        total += await step(number, url)
    return total


@DBOS.workflow()
async def parallel(n: int, url: str | None) -> int:
    return sum(await asyncio.gather(*(step(number, url) for number in range(n))))


@DBOS.workflow()
async def sleep(sleep_ms: int, url: str | None) -> int:
    await DBOS.sleep_async(sleep_ms / 1000)
    return await step(1, url)


@DBOS.workflow()
async def fan_out(n: int, url: str | None) -> int:
    children = [await DBOS.start_workflow_async(child, number, url) for number in range(n)]
    return sum([await handle.get_result() for handle in children])


@DBOS.workflow()
async def child(number: int, url: str | None) -> int:
    return await step(number, url)


@DBOS.workflow()
async def wait(url: str | None) -> int:
    first = await step(1, url)
    await DBOS.set_event_async("waits", True)
    if await DBOS.recv_async("wake", timeout_seconds=600) is None:
        raise RuntimeError("nothing came")
    return first + await step(1, url)


@app.get("/health")
async def health() -> bool:
    return True


@app.post("/sequence")
async def post_sequence(work: Work) -> int:
    return await sequence(work.n, work.url)


@app.post("/parallel")
async def post_parallel(work: Work) -> int:
    return await parallel(work.n, work.url)


@app.post("/sleep")
async def post_sleep(work: Work) -> int:
    return await sleep(work.sleep_ms, work.url)


@app.post("/fan-out")
async def post_fan_out(work: Work) -> int:
    return await fan_out(work.n, work.url)


@app.post("/wait")
async def post_wait(work: Work) -> int:
    with SetWorkflowID(work.key):
        return await wait(work.url)


@app.get("/waits/{key}")
async def waits(key: str) -> bool:
    return await DBOS.get_event_async(key, "waits", timeout_seconds=0) is True


@app.post("/wake/{key}")
async def wake(key: str) -> None:
    await DBOS.send_async(key, True, "wake")


async def main() -> None:
    global http
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    DBOS.launch()
    settings = uvicorn.Config(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False)
    await uvicorn.Server(settings).serve()


asyncio.run(main())
