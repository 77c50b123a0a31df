"""The command line: its words, options and help. What the commands do is in `livepush.commands`.

Exit codes: 0, 1 when a command, a push or the engine failed, 2 for bad usage or input. Modules
that are slow to load are imported where they are needed: help and version need none.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Unpack

import click

from livepush import __version__
from livepush.commands.listing import spread
from livepush.errors import LivepushError

if TYPE_CHECKING:
    from livepush.commands import parameters

Function = Callable[..., int]
Decorator = Callable[[Function], Function]

_EPILOG = """\b
Environment:
  DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG    which engine, as docker has it
  DOCKER_TLS_VERIFY, DOCKER_CERT_PATH           how to speak TLS to it
  NO_COLOR                                      no colours

\b
Exit codes:
  0    done, or ended by the first Ctrl-C, with everything cleaned up
  1    a command, the push or the engine failed
  2    bad usage or input
  130  killed by the second Ctrl-C
"""


def main() -> NoReturn:
    """Runs the command line of this process, and ends it."""
    # Until a command watches for signals itself, nothing has begun that needs to be cleaned up.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    cli(prog_name="livepush")
    sys.exit(0)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of this file: what is needed most comes first


class _FileCommand(click.Command):
    """A command whose `--changed` and `--deleted` take every word up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            words = spread(args, ("--changed", "--deleted"))
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from None
        rest = super().parse_args(ctx, words)
        if not ctx.resilient_parsing and not (ctx.params["changed"] or ctx.params["deleted"]):
            raise click.UsageError("Say which files: --changed FILE... or --deleted FILE...", ctx)
        return rest


def _all(*decorators: Decorator) -> Decorator:
    def decorated(function: Function) -> Function:
        return functools.reduce(lambda inner, outer: outer(inner), reversed(decorators), function)

    return decorated


def _exits(function: Function) -> Function:
    """Ends the process with what the command returns; a `LivepushError` becomes a sentence."""

    @functools.wraps(function)
    def command(**given: object) -> NoReturn:
        try:
            code = function(**given)
        except LivepushError as error:
            from livepush.commands.complaint import exit_code, sentence
            from livepush.commands.inputs import dockerfile_name

            name = dockerfile_name(str(given.get("path", "")), str(given.get("file", "")))
            click.echo(sentence(error, name), err=True)
            code = exit_code(error)
        sys.exit(code)

    return command


def _text(*names: str, metavar: str, help_: str) -> Decorator:
    return click.option(*names, default="", metavar=metavar, help=help_)


def _texts(*names: str, metavar: str, help_: str) -> Decorator:
    return click.option(*names, multiple=True, metavar=metavar, help=help_)


_source = _all(
    click.argument("path", default=".", metavar="[PATH]"),
    _text(
        "-f", "--file", metavar="FILE", help_="The Dockerfile, or -.  [default: PATH/Dockerfile]"
    ),
)
_build = _all(
    _text("--target", metavar="STAGE", help_="The container's stage.  [default: the last]"),
    _texts(
        "--build-arg",
        "build_args",
        metavar="K[=V]",
        help_="A build argument; K alone has the environment's value. Repeatable.",
    ),
)
_replay = click.option(
    "--replay",
    type=click.Choice(["in-place", "clean"]),
    default="in-place",
    help="Run commands again in the container, or clean: in a build, right for any command.",
)
_files = _all(
    _texts(
        "--changed",
        metavar="FILE...",
        help_="New or changed files, relative to PATH: all words up to the next option.",
    ),
    _texts(
        "--deleted",
        metavar="FILE...",
        help_="Files that are gone, likewise. PATH comes before both, or after --.",
    ),
)
_engine = _all(
    _text(
        "-H", "--host", metavar="ADDRESS", help_="The engine, as unix://PATH or tcp://HOST:PORT."
    ),
    _text("--docker-context", metavar="NAME", help_="The engine, as a docker context."),
    click.option("--tls", is_flag=True, help="Speak TLS to it."),
    click.option("--tlsverify", is_flag=True, help="Speak TLS, and verify its certificate."),
    _text("--tlscacert", metavar="FILE", help_="The authority to trust."),
    _text("--tlscert", metavar="FILE", help_="The client's certificate."),
    _text("--tlskey", metavar="FILE", help_="The key of the client's certificate."),
)
_session = _all(
    click.option("--container", required=True, metavar="NAME|ID", help="The running container."),
    _texts(
        "--stage-image",
        "stage_images",
        metavar="IMAGE",
        help_="The image of a stage: one for each but the last, in order.  [default: built]",
    ),
    click.option("--no-restart", is_flag=True, help="Never restart the container."),
    click.option(
        "--grace",
        type=float,
        metavar="SECONDS",
        help="For how long a command that is overtaken may clean up.  [default: 0.08]",
    ),
    click.option(
        "--progress",
        type=click.Choice(["auto", "tty", "plain", "json", "quiet"]),
        default="auto",
        help="Text on standard error, or JSON lines on standard output.",
    ),
    click.option("--dry-run", is_flag=True, help="Show the plans, change nothing, ask no engine."),
    click.option("-v", "--verbose", is_flag=True, help="Show the plans and what was copied, too."),
)
_following = _all(
    click.option(
        "--debounce",
        type=click.IntRange(min=0),
        default=0,
        metavar="MS",
        help="Push once nothing has changed for MS milliseconds.  [default: at once]",
    ),
    click.option(
        "--trigger",
        type=click.Choice(["notify", "polling", "manual"]),
        default="notify",
        help="Be told by the system, look at every file, or push on Enter only.",
    ),
    click.option(
        "--no-initial-sync",
        is_flag=True,
        help="Leave out what changed while nobody watched.",
    ),
)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, message="livepush %(version)s")
def cli() -> None:
    """Save a file, and the running container has it, as a fresh build would have put it there."""


@cli.command()
@_source
@_session
@_following
@_replay
@_build
@_engine
@_exits
def watch(**given: Unpack[parameters.Watch]) -> int:
    """Bring every change into the container, until Ctrl-C.

    PATH is the build context, by default the current directory.

    From when "ready" is shown, no save can be missed.
    """
    from livepush.commands import parameters
    from livepush.commands.watch import watch as command

    return command(
        parameters.replayed(given),
        parameters.options(given),
        trigger=given["trigger"],
        debounce=given["debounce"] / 1000,
        initial_sync=not given["no_initial_sync"],
    )


@cli.command(cls=_FileCommand)
@_source
@_session
@_files
@_replay
@_build
@_engine
@_exits
def push(**given: Unpack[parameters.Push]) -> int:
    """Bring changed files into the container, once.

    PATH is the build context. The exit code is 1 when a command failed.
    """
    from livepush.commands import parameters
    from livepush.commands.push import push as command

    return command(
        parameters.replayed(given),
        parameters.options(given),
        changed=given["changed"],
        deleted=given["deleted"],
    )


@cli.command(cls=_FileCommand)
@_source
@_files
@_replay
@_build
@_exits
def plan(**given: Unpack[parameters.Plan]) -> int:
    """Show what changes would do, and why.

    PATH is the build context. Needs no engine.
    """
    from livepush.commands import parameters
    from livepush.commands.plan import plan as command

    return command(parameters.replayed(given), changed=given["changed"], deleted=given["deleted"])


@cli.command()
@_source
@_exits
def dockerfile(**given: Unpack[parameters.Source]) -> int:
    """Print the live Dockerfile.

    That is the Dockerfile with its #dev-... directives carried out. PATH is the build context.
    """
    from livepush.commands.dockerfile import dockerfile as command
    from livepush.commands.inputs import read_inputs

    return command(read_inputs(given["path"], given["file"]))


@cli.command()
@_source
@click.option("--container", required=True, metavar="NAME|ID", help="The container.")
@click.option("--cached", is_flag=True, help="Let the builder use its cache: faster, less exact.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_build
@_engine
@_exits
def verify(**given: Unpack[parameters.Verify]) -> int:
    """Compare the container with a fresh build.

    PATH is the build context. The exit code is 1 when they differ. Files that the running
    application wrote itself are listed apart.
    """
    from livepush.commands import parameters
    from livepush.commands.verify import verify as command

    return command(
        parameters.inputs(given),
        parameters.connection(given),
        container=given["container"],
        cached=given["cached"],
        as_json=given["as_json"],
    )


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only list it.")
@click.option("--all", "everything", is_flag=True, help="Also of sessions that may still run.")
@_engine
@_exits
def clean(**given: Unpack[parameters.Clean]) -> int:
    """Remove what livepush left on the engine.

    That is every container and image that carries its labels, but for what a session holds that
    still runs on this machine, and for what was made on another one.
    """
    from livepush.commands import parameters
    from livepush.commands.clean import clean as command

    return command(
        parameters.connection(given), dry_run=given["dry_run"], everything=given["everything"]
    )
