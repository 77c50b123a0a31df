"""`livepush push`: carries out one push."""

from __future__ import annotations

from collections.abc import Sequence

from livepush.commands import interrupt
from livepush.commands.complaint import FAILED
from livepush.commands.inputs import Inputs
from livepush.commands.opened import Job, Options, make_job, opened, rehearsed
from livepush.model import Changes
from livepush.push import PushResult


def push(
    inputs: Inputs, options: Options, *, changed: Sequence[str], deleted: Sequence[str]
) -> int:
    """Pushes those files; 1 when a command failed or a step needs a rebuild, 0 otherwise.

    Raises `LivepushError` where no session can be opened or the engine fails, and
    `InvalidArgumentError` for a file outside of the context.
    """
    kept = inputs.kept(changed), inputs.kept(deleted)
    job = make_job(inputs, options, again="")

    async def work() -> int:
        result = await (_rehearse(job, *kept) if options.dry_run else _perform(job, *kept))
        return FAILED if result.status == "failed" else 0

    return interrupt.run(work, stopping=job.stopping)


async def _perform(job: Job, changed: Sequence[str], deleted: Sequence[str]) -> PushResult:
    async with opened(job) as session:
        context = session.context
        named = {context.relative(path) for path in (*changed, *deleted)}
        # What an ignore file said before, and what a build stage has come to before something was
        # deleted, only the container tells.
        tells = named & set(context.control_files) - {context.dockerfile}
        if tells or (deleted and session.stages > 1):
            await session.catch_up()
        return await session.perform_livepush(changed, deleted)


async def _rehearse(job: Job, changed: Sequence[str], deleted: Sequence[str]) -> PushResult:
    async with rehearsed(job) as rehearsal:
        rehearsal.pushes.note(Changes(frozenset(changed), frozenset(deleted)))
        return await rehearsal.pushes.push()
