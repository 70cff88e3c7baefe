"""The page in this process, and a visitor whose calls go through all that stands before it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.testclient import TestClient

from page.guard import Hosts
from page.page import page
from page.serve import application
from page.site import Site


class Visit:
    """One visitor's session.

    Args:
        client: what asks the page.
    """

    def __init__(self, client: TestClient, blocks, site: Site):
        self.client, self.blocks, self.site, self.session = client, blocks, site, "visit"

    def event(self, name: str):
        return next(event for event in self.blocks.fns.values() if event.name == name)

    def call(self, name: str, *values, **headers) -> list:
        """What an event's handler gives first. Raises AssertionError with what it says where it fails."""
        request = {"data": values, "fn_index": self.event(name)._id, "session_hash": self.session}
        joined = self.client.post("/gradio_api/queue/join", json=request, headers=headers)
        assert joined.status_code == 200, joined.text
        lines = self.client.get("/gradio_api/queue/data", params={"session_hash": self.session}).text.split("\n\n")
        messages = [json.loads(line.removeprefix("data: ")) for line in lines if line]
        end = next(message for message in messages if message["msg"] == "process_completed")
        assert end["success"], end["output"]["error"]
        given = [message["output"]["data"] for message in messages if message["msg"] == "process_generating"]
        return given[0] if given else end["output"]["data"]

    def upload(self, path) -> dict:
        with path.open("rb") as file:
            (given,) = self.client.post("/gradio_api/upload", files={"files": (path.name, file)}).json()
        return {"path": given, "meta": {"_type": "gradio.FileData"}}


@contextmanager
def opened(site: Site) -> Iterator[Visit]:
    """A visit, from this machine, to the page of that site."""

    async def build():  # in a loop, since Gradio else makes one that it leaves open
        blocks = page(site)
        return blocks, application(blocks, Hosts("127.0.0.1"))

    blocks, app = asyncio.run(build())
    with TestClient(app, "http://127.0.0.1:7860", raise_server_exceptions=False, client=("127.0.0.1", 5000)) as client:
        yield Visit(client, blocks, site)
