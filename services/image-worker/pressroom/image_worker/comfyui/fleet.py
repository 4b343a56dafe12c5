"""Several ComfyUI servers: who answers, who has the least to do, who knows a prompt. One that is away is left out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pressroom.runtime.errors import AuthFailed, NetworkFailed, WorkError

from .server import Server
from .settings import URLS_SETTING

Answer = TypeVar("Answer")


class Fleet:
    """The servers of the settings, and those of earlier ones that old prompts are still asked about."""

    def __init__(self, urls: Iterable[str], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._servers = {server.name: server for server in (Server(url, timeout_s) for url in urls)}
        self._former: dict[str, Server] = {}

    def __len__(self) -> int:
        return len(self._servers)

    async def aclose(self) -> None:
        for server in (*self._servers.values(), *self._former.values()):
            await server.aclose()

    def named(self, name: str) -> Server:
        """A server, also one that is not in the settings any more."""
        server = self._servers.get(name) or self._former.get(name)
        if server is None:
            server = self._former[name] = Server(name, self._timeout_s)
        return server

    async def by_load(self, model: str) -> list[Server]:
        """The servers that answer, the best first: of equal queues the one that ran `model` last, then one that ran
        nothing, so that the others keep theirs warm. Raises when none answers."""
        answers = await self._asked(Server.queue)
        warmth = {model: 0, None: 1}
        ranked = sorted(answers, key=lambda answer: (len(answer[1]), warmth.get(answer[0].last_model, 2)))
        return [server for server, _ in ranked]

    async def knowing(self, prompt_id: str) -> Server | None:
        """A server where the prompt waits, runs or has run; None when none of those that answer knows it."""
        answers = await self._asked(lambda server: _knows(server, prompt_id))
        return next((server for server, is_known in answers if is_known), None)

    async def _asked(self, ask: Callable[[Server], Awaitable[Answer]]) -> list[tuple[Server, Answer]]:
        async def answer(server: Server) -> Answer | WorkError:
            try:
                return await ask(server)
            except WorkError as error:
                return error

        servers = list(self._servers.values())
        answers = await asyncio.gather(*(answer(server) for server in servers))
        good = [
            (server, said) for server, said in zip(servers, answers, strict=True) if not isinstance(said, WorkError)
        ]
        if not good:
            raise _all_away([said for said in answers if isinstance(said, WorkError)])
        return good


async def _knows(server: Server, prompt_id: str) -> bool:
    """The queue first: a prompt goes from there to the history, never back."""
    if (await server.queue()).graph(prompt_id) is not None:
        return True
    return await server.past(prompt_id) is not None


def _all_away(errors: list[WorkError]) -> WorkError:
    """One server's own error; of several, what a person has to mend before what may pass."""
    if len(errors) == 1:
        return errors[0]
    mend = next((error for error in errors if isinstance(error, AuthFailed)), None)
    said = "; ".join(str(error) for error in errors)
    return mend or NetworkFailed(f"none of the {len(errors)} ComfyUI servers of {URLS_SETTING} answers: {said}")
