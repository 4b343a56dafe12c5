"""`/v1/dead-letters`: what could not be handled, and the way back, for operators."""

from http import HTTPStatus
from itertools import islice
from typing import Annotated

import nats.js.errors
from fastapi import Path, Query, Response

from pressroom.contracts.api import Page
from pressroom.contracts.operations import LISTED_BODY_CHARACTERS, DeadLetter, RefusedLetter, ReplayedLetters
from pressroom.contracts.vocabulary import Scope
from pressroom.runtime.dead_letters import DeadLetters, Letter, LetterIsCut

from .access import GuardedRouter
from .cursors import Limit
from .edge.problem_types import TYPE_PREFIX
from .edge.problems import Refusal, answers, conflict, not_found
from .house import House

router = GuardedRouter("/v1/dead-letters", "operating", Scope.OPERATE)

Sequence = Annotated[int, Path(ge=1, le=2**63 - 1, description="The letter's place in the DEAD stream.")]


@router.get("")
async def list_dead_letters(
    house: House,
    cursor: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next_cursor` of the page before.")] = 0,
    limit: Limit = 50,
) -> Page[DeadLetter]:
    """Every dead letter, oldest first, with the beginning of its body."""
    found: list[DeadLetter] = []
    async for letter in DeadLetters(house.js).after(cursor):
        found.append(letter.shown.model_copy(update={"body": letter.shown.body[:LISTED_BODY_CHARACTERS]}))
        if len(found) > limit:
            break
    shown = list(islice(found, limit))
    return Page(items=shown, next_cursor=str(shown[-1].sequence) if len(found) > limit else None)


@router.get("/{sequence:int}", responses=answers(HTTPStatus.NOT_FOUND))
async def get_dead_letter(sequence: Sequence, house: House) -> DeadLetter:
    """One dead letter."""
    return (await _letter(house, sequence)).shown


@router.post("/replay")
async def replay_dead_letters(house: House) -> ReplayedLetters:
    """Send all that are there now to where they came from, and remove them; those that cannot be sent stay, and are
    told of. What fails again comes back as a new letter."""
    dead = DeadLetters(house.js)
    replayed: list[int] = []
    refused: list[RefusedLetter] = []
    async for letter in dead.after():
        sequence = letter.shown.sequence
        try:
            await _replay(dead, letter)
        except Refusal as refusal:
            refused.append(RefusedLetter(sequence=sequence, type=TYPE_PREFIX + refusal.name, detail=str(refusal)))
        else:
            replayed.append(sequence)
    return ReplayedLetters(replayed=tuple(replayed), refused=tuple(refused))


@router.post(
    "/{sequence:int}/replay",
    responses=answers(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def replay_dead_letter(sequence: Sequence, house: House) -> ReplayedLetters:
    """Send one to where it came from, and remove it."""
    await _replay(DeadLetters(house.js), await _letter(house, sequence))
    return ReplayedLetters(replayed=(sequence,))


@router.delete(
    "/{sequence:int}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=answers(HTTPStatus.NOT_FOUND),
)
async def discard_dead_letter(sequence: Sequence, house: House) -> Response:
    """Remove one for good. The document that it is about stays as it is."""
    if not await DeadLetters(house.js).discard(sequence):
        raise not_found("dead letter", str(sequence))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _letter(house: House, sequence: int) -> Letter:
    letter = await DeadLetters(house.js).get(sequence)
    if letter is None:
        raise not_found("dead letter", str(sequence))
    return letter


async def _replay(dead: DeadLetters, letter: Letter) -> None:
    """Raises a 409 `Refusal` where it is not whole, or where the stream refuses it: a job that waits in its lane
    already is not taken twice."""
    try:
        await dead.replay(letter)
    except LetterIsCut as error:
        raise conflict("letter-is-cut", f"{letter.shown.sequence} is not sent again: {error}.") from error
    except nats.js.errors.APIError as error:
        detail = f"The stream did not take {letter.shown.sequence} again: {error.description}"
        raise conflict("not-replayed", detail) from error
    except nats.js.errors.NoStreamResponseError as error:
        raise conflict("not-replayed", f"No stream takes '{letter.shown.subject}'.") from error
