"""The command line: its words, options and help. What the commands do is in `livepush.commands`.

Exit codes: 0, 1 when a command, a push or the engine failed, 2 for bad usage or input.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from livepush import __version__
from livepush.commands.listing import spread

if TYPE_CHECKING:
    from livepush.commands.connection import Connection
    from livepush.commands.inputs import Inputs
    from livepush.commands.opened import Options

F = TypeVar("F", bound=Callable[..., Any])

_ENVIRONMENT = """\b
Environment:
  DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG    which engine, as docker has it
  DOCKER_TLS_VERIFY, DOCKER_CERT_PATH           how to speak TLS to it
  NO_COLOR                                      text without colours

\b
Exit codes:
  0  done, or ended by Ctrl-C
  1  a command, the push or the engine failed
  2  bad usage or input
"""


def main() -> NoReturn:
    """Runs the command line of this process, and ends it."""
    # Until a command watches for signals itself, nothing has begun that could need an end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    sys.exit(cli.main(prog_name="livepush"))


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # as they are written here: what is needed most comes first


class _FileCommand(click.Command):
    """A command whose `--changed` and `--deleted` take every word up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, spread(args, ("--changed", "--deleted")))
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_ENVIRONMENT,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Save a file, and the running container has it, as a fresh build would have put it there."""


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorated(command: F) -> F:
        return functools.reduce(lambda inner, option: option(inner), reversed(options), command)

    return decorated


_source = _options(
    click.argument("path", default=".", metavar="[PATH]"),
    click.option(
        "-f", "--file", default="", metavar="FILE", help="The Dockerfile. [PATH/Dockerfile; - stdin]"
    ),
)
_stages = _options(
    click.option("--target", default="", metavar="STAGE", help="The stage that is the container's."),
    click.option(
        "--build-arg",
        "build_args",
        multiple=True,
        metavar="K[=V]",
        help="A build argument; K alone has the environment's value. Repeatable.",
    ),
)
_files = _options(
    click.option(
        "--changed",
        multiple=True,
        metavar="FILE...",
        help="Files added or changed, relative to PATH: all words up to the next option.",
    ),
    click.option(
        "--deleted",
        multiple=True,
        metavar="FILE...",
        help="Files that are gone, likewise. PATH stands before both, or after --.",
    ),
)
_engine = _options(
    click.option("-H", "--host", default="", metavar="ADDRESS", help="The engine: unix:// or tcp://."),
    click.option("--docker-context", default="", metavar="NAME", help="Or a docker context."),
    click.option("--tls", is_flag=True, help="Speak TLS to the engine."),
    click.option("--tlsverify", is_flag=True, help="Speak TLS, and verify the engine."),
    click.option("--tlscacert", default="", metavar="FILE", help="Trust this authority."),
    click.option("--tlscert", default="", metavar="FILE", help="The client's certificate."),
    click.option("--tlskey", default="", metavar="FILE", help="The key to it."),
)
_session = _options(
    click.option(
        "--container", required=True, metavar="NAME|ID", help="The running container.  [required]"
    ),
    click.option(
        "--stage-image",
        "stage_images",
        multiple=True,
        metavar="IMAGE",
        help="An image for each stage but the last, in order. [built, out of the cache]",
    ),
    click.option("--no-restart", is_flag=True, help="Never restart the container."),
    click.option(
        "--progress",
        type=click.Choice(["auto", "tty", "plain", "json", "quiet"]),
        default="auto",
        help="How to tell what happens: text on standard error, or JSON lines on standard output.",
    ),
    click.option("--dry-run", is_flag=True, help="Show the plans; change nothing, ask no engine."),
    click.option("-v", "--verbose", is_flag=True, help="Show the plans, and what was copied."),
)


@cli.command()
@_source
@_session
@click.option(
    "--debounce",
    type=click.IntRange(min=0),
    default=0,
    metavar="MS",
    help="Push once nothing has changed for so many milliseconds. [0]",
)
@click.option(
    "--trigger",
    type=click.Choice(["notify", "polling", "manual"]),
    default="notify",
    help="Told by the system, by looking at every file, or push only on Enter. [notify]",
)
@_stages
@_engine
def watch(debounce: int, trigger: Any, **words: Any) -> None:
    """Follow PATH (default .) until Ctrl-C, and bring every change into the container."""
    with _complaints(words):
        from livepush.commands.watch import watch as command

        inputs, options = _inputs(words), _options_of(words)
        _exit(command(inputs, options, trigger=trigger, debounce=debounce / 1000))


@cli.command(cls=_FileCommand)
@_source
@_session
@_files
@_stages
@_engine
def push(changed: tuple[str, ...], deleted: tuple[str, ...], **words: Any) -> None:
    """Bring changed files into the container, once. Exit code 1 when a command failed."""
