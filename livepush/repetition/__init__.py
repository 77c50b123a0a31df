"""Whether a `RUN`, repeated in place, may end otherwise than in a fresh build. Pure.

A build runs a command once, on what the steps before it have left; replayed in place, it runs on
what it has left itself. What is looked for are commands that are known not to bear that: they
append, fail where something is there (`mkdir`, `useradd`) or gone (`mv`, `rm`), or edit their own
result. No alarm is given where the step itself sees to it (`rm -rf out && mkdir out`, a file that
it fetches and then moves), asks first (`id app || useradd app`) or may fail (`|| true`), nor for a
command that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from livepush.difference import ENGINES_OWN
from livepush.model import Graph, Run
from livepush.plan import make_plan
from livepush.repetition import accounts, edits, fetching, files
from livepush.repetition.effects import SYSTEM, Call, Effects, Hazard, of_redirection
from livepush.repetition.script import Command
from livepush.repetition.tokens import Word
from livepush.repetition.unwrapping import Unwrapping

_RULES: Mapping[str, Callable[[Call], Effects]] = {
    "addgroup": accounts.add_group,
    "adduser": accounts.add_user,
    "bunzip2": fetching.gunzip,
    "bzip2": fetching.gzip,
    "cp": files.cp,
    "curl": fetching.curl,
    "delgroup": accounts.remove_group,
    "deluser": accounts.remove_user,
    "git": fetching.git,
    "groupadd": accounts.add_group,
    "groupdel": accounts.remove_group,
    "gunzip": fetching.gunzip,
    "gzip": fetching.gzip,
    "ln": files.ln,
    "mkdir": files.mkdir,
    "mkfifo": files.mkdir,
    "mknod": files.mknod,
    "mv": files.mv,
    "patch": fetching.patch,
    "perl": edits.perl,
    "rm": files.rm,
    "rmdir": files.rm,
    "sed": edits.sed,
    "tee": files.tee,
    "touch": files.touch,
    "unlink": files.rm,
    "unxz": fetching.gunzip,
    "unzip": fetching.unzip,
    "useradd": accounts.add_user,
    "userdel": accounts.remove_user,
    "wget": fetching.wget,
    "xz": fetching.gzip,
}
# Commands that make no file which another one might append to, move or remove.
_TAME = """\
: [ [[ apt-mark awk basename cat cd chgrp chmod chown chpasswd chsh command cut date dirname echo
egrep env eval exit export false find gpasswd grep head hostname id ldconfig ls nproc passwd popd
printf pushd pwd read readlink realpath return service set sleep sort stat sync sysctl systemctl
tail test tr trap true type ulimit umask uname uniq unset usermod wait wc which whoami xargs"""
# They leave alone what is installed already, but for what they have cached.
_INSTALLERS = "apk apt apt-get conda dnf dpkg gem microdnf pip pip3 rpm tdnf yum zypper"
_CACHES = ("/var/lib/apt", "/var/cache", "/root/.cache", "~/.cache", "$HOME/.cache")
# Directories of every base image.
_DIRECTORIES = """\
/ /bin /etc /home /lib /mnt /opt /root /sbin /srv /tmp /usr /usr/bin /usr/include /usr/lib
/usr/local /usr/local/bin /usr/local/etc /usr/local/include /usr/local/lib /usr/local/sbin
/usr/local/share /usr/local/src /usr/sbin /usr/share /usr/src /var /var/cache /var/lib /var/log
/var/tmp"""
_EVERYTHING = ""  # the build context as a path
_HOMES = ("/root", "/home", "~", "$")


def unsafe_steps(graph: Graph) -> Iterator[tuple[Run, str]]:
    """The commands that a change can have repeated in place and that are not safe to repeat.

    Each once, with the reason that `why_unsafe` gives. Commands that no change reaches, such as
    those before the first `COPY`, may be as unsafe as they like.
    """
    seen: set[int] = set()
    for action in make_plan(graph, [_EVERYTHING], []).actions:
        step = graph.stages[action.stage].steps[action.position] if action.verb == "run" else None
        if isinstance(step, Run) and step.line not in seen and (reason := why_unsafe(step)):
            seen.add(step.line)
            yield step, reason


def why_unsafe(step: Run) -> str | None:
    """Why `step` is not safe to repeat, as the end of "line N: RUN …"; None where nothing says so.

    A verdict on the text alone: where it is None, the step may still be unsafe.
    """
    whole = Command(tuple(Word(each, each) for each in step.argv))
    done = tuple(_Walk(step.workdir).of(whole))
    circumstances = _Circumstances.of(done)
    for index, each in enumerate(done):
        for hazard in each.effects.hazards:
            is_harmless = each.command.guarded or (hazard.fails and each.command.forgiven)
            if not is_harmless and not circumstances.avert(hazard, index):
                return hazard.reason
    return None


@dataclass(frozen=True, slots=True)
class _Done:
    """One command of a step, with its effects and the directory that it runs in."""

    command: Command
    effects: Effects
    workdir: str


class _Walk:
    """Goes through the commands of a step, and knows the working directory of each."""

    def __init__(self, workdir: str) -> None:
        self._workdirs: dict[tuple[int, ...], str] = {(): workdir}
        self._directories = {*_DIRECTORIES.split(), workdir, *_above(workdir)}

    def of(self, command: Command) -> Iterator[_Done]:
        for each in Unwrapping().of(command):
            workdir = self._workdir(each.shell)
            call = Call(each.words[1:], workdir, frozenset(self._directories))
            effects = [_effects_of(each.name, call)] if each.name else []
            effects += [of_redirection(redirection, call) for redirection in each.redirections]
            for effect in effects:
                yield _Done(each, effect, workdir)
            if each.name in ("cd", "pushd"):
                self._enter(each, call)
            elif each.name in ("mkdir", "git"):
                self._directories.update(effects[0].there)

    def _workdir(self, shell: tuple[int, ...]) -> str:
        while shell not in self._workdirs:
            shell = shell[:-1]
        return self._workdirs[shell]

    def _enter(self, command: Command, call: Call) -> None:
        operands = call.arguments().operands
        place = operands[0].value if operands else "~"
        self._workdirs[command.shell] = call.path("$OLDPWD" if place == "-" else place)
        self._directories.add(self._workdirs[command.shell])


def _effects_of(name: str, call: Call) -> Effects:
    if name in _RULES:
        return _RULES[name](call)
    if name in _INSTALLERS.split():
        return Effects(made=_CACHES)
    return Effects() if name in _TAME.split() else fetching.beginning(name, call)


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What a step does to paths, each with the position of the command that does it."""

    made: Sequence[tuple[int, str]]
    there: Sequence[tuple[int, str]]
    gone: Sequence[tuple[int, str]]
    wild: Sequence[tuple[int, _Done]]

    @classmethod
    def of(cls, done: Sequence[_Done]) -> _Circumstances:
        numbered = tuple(enumerate(done))
        return cls(
            made=[(index, path) for index, each in numbered for path in each.effects.made],
            there=[(index, path) for index, each in numbered for path in each.effects.there],
            gone=[(index, path) for index, each in numbered for path in each.effects.gone],
            wild=[(index, each) for index, each in numbered if each.effects.wild],
        )

    def avert(self, hazard: Hazard, index: int) -> bool:
        """Whether a path is as the hazard of command number `index` needs it, each time."""
        needed = {"absent": self._is_gone, "present": self._is_there, "fresh": self._is_fresh}
        is_as_needed = needed[hazard.needs]
        return any(_is_passing(path) or is_as_needed(path, index) for path in hazard.paths)

    def _is_gone(self, path: str, index: int) -> bool:
        return any(_match(gone, path) for other, gone in self.gone if other != index)

    def _is_there(self, path: str, index: int) -> bool:
        # What follows makes it for the next time; of one that is not known, that is a guess.
        return (
            any(_match(made, path) for other, made in self.made if other != index)
            or any(there == path for other, there in self.there if other != index)
            or any(other < index or _may_make(each, path) for other, each in self.wild)
        )

    def _is_fresh(self, path: str, index: int) -> bool:
        return (
            any(_match(made, path) for other, made in self.made if other < index)
            or any(_may_make(each, path) for other, each in self.wild if other < index)
            or self._is_gone(path, index)
        )


def _is_passing(path: str) -> bool:
    """Whether `path` has a new name each time, or is no part of an image."""
    inside = path.lstrip("/")
    return "mktemp" in path or any(f"{inside}/".startswith(f"{own}/") for own in ENGINES_OWN)


def _may_make(done: _Done, path: str) -> bool:
    """Whether a command of which little is known works where `path` is, or speaks of it."""
    if _match(done.workdir, path):
        return done.workdir != "/" or not path.startswith((*SYSTEM, *_HOMES))
    words = (word.value.rpartition("=")[2].rstrip("/") for word in done.command.words[1:])
    return any(path in word or (word and path.startswith(f"{word}/")) for word in words)


def _match(place: str, path: str) -> bool:
    """Whether `place` is `path` or above it; either may have wildcards."""
    if fnmatchcase(place, path):
        return True
    return any(each == place or fnmatchcase(each, place) for each in (path, *_above(path)))


def _above(path: str) -> Iterator[str]:
    while path.rstrip("/"):
        path = path.rstrip("/").rpartition("/")[0] or "/" * path.startswith("/")
        yield path
