"""The programs that `/bin/sh` runs in a container for an engine: POSIX shell, as argument lists.

The Engine API starts commands and streams their output, and that is all: it cannot end one, it
leaves a command's background processes running, and it adds to the environment. So a command runs
below `_SUPERVISE`, which first tells the id of its session and a mark, and `_END` ends all that is
of that session, carries that mark or descends from either, from another command; by the session's
name where the id was lost. The mark is what no daemon takes off by leaving its session and its
parent: an `oom_score_adj` that nobody else in the container has. Both find processes in `/proc`
with what every shell has built in, because a container need not hold `kill`, `ps` or `pkill`;
besides, only `env`, `rm`, `rmdir` and `sleep` are used. A command's environment, which may hold
secrets, is never an argument: everybody can read those, and the engine tells them to all who listen
to its events.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Sequence

from livepush import perl
from livepush.engine import Command

SHELL = "/bin/sh"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The environment that these programs themselves run with, whatever the container's is."""

# A name in parentheses that may hold anything, line ends too, stands before the numbers.
_LOOK = r"""
look() {
  line=
  { while IFS= read -r part; do line="$line $part"; done <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$line" ] || return 1
  { read -r mark <"/proc/$1/oom_score_adj"; } 2>/dev/null || mark=none
  set -- ${line##*") "}
  [ "$1" != Z ] && [ "$1" != X ] || return 1
  ppid=$2 session=$4 start=${20}
}
"""

# $1: how many variables, then the command. `env` rather than the shell hands the environment on: a
# shell adds PWD and drops odd names. Everybody may raise a mark, and it begins a little higher for
# every session, should two begin at once; where it cannot be had, `-` is nobody's.
_SUPERVISE = (
    _LOOK
    + r"""
count=$1
shift
while [ "$count" -gt 0 ]; do
  eval "set -- \"\$LIVEPUSH_$count\" \"\$@\""
  count=$((count - 1))
done
ours=- taken=' '
for entry in /proc/[0-9]*; do
  { read -r mark <"$entry/oom_score_adj"; } 2>/dev/null && taken="$taken$mark "
done
if { read -r mark </proc/$$/oom_score_adj; } 2>/dev/null; then
  mark=$((mark + 1 + $$ % 50))
  while :; do
    case $taken in *" $mark "*) mark=$((mark + 1)) ;; *) break ;; esac
  done
  { echo "$mark" >/proc/$$/oom_score_adj; } 2>/dev/null && ours=$mark
fi
echo "$$ $ours"
(exec env -i -- ${HOME+"HOME=$HOME"} "$@")
status=$?
left=yes
while [ -n "$left" ]; do
  left=
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    [ "$pid" != $$ ] && look "$pid" || continue
    [ "$session" = $$ ] || [ "$mark" = "$ours" ] || continue
    kill -KILL "$pid" 2>/dev/null && left=yes
  done
done
exit $status
"""
)

# $1: a session or the name of one, $2: its mark, $3: hundredths of a second. A process that was
# found once is followed by its id and start time also after its parent died, and one that appears
# later gets its TERM then. What is stopped takes a TERM only when it goes on.
_END = (
    _LOOK
    + r"""
leader=$1 ours=$2 seen=' '
clock() {
  read -r uptime _ </proc/uptime
  clock=$((${uptime%.*} * 100 + 1${uptime#*.} - 100))
}
rest() { sleep 0.02 2>/dev/null || usleep 20000 2>/dev/null; }
named() {
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/} line=
    { IFS= read -r line <"$entry/cmdline"; } 2>/dev/null
    case $line in *"# $1") look "$pid" && [ "$session" = "$pid" ] && leader=$pid && return ;; esac
  done
  return 1
}
gather() {
  others= alive=' ' fresh= grew=yes
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    [ "$pid" != $$ ] && look "$pid" || continue
    if [ "$session" = "$leader" ] || [ "$mark" = "$ours" ]; then
      alive="$alive$pid:$start "
    else
      others="$others $pid:$start:$ppid"
    fi
  done
  while [ -n "$grew" ]; do
    grew=
    for row in $others; do
      ppid=${row##*:} key=${row%:*}
      case $alive in *" $key "*) continue ;; esac
      case "$seen|$alive" in *" $key "* | *" $ppid:"*) ;; *) continue ;; esac
      alive="$alive$key " grew=yes
    done
  done
  for key in $alive; do
    case $seen in *" $key "*) ;; *) seen="$seen$key " fresh="$fresh $key" ;; esac
  done
}
clock
case $1 in *[!0-9]*)
  deadline=$((clock + 200))
  until named "$1"; do clock; [ $clock -lt $deadline ] || exit 0; rest; done
esac
deadline=$((clock + $3))
while gather; [ "$alive" != ' ' ]; do
  clock
  [ $clock -lt $((deadline + 500)) ] || exit 1
  if [ $clock -lt $deadline ]; then signal=TERM targets=$fresh; else signal=KILL targets=$alive; fi
  for key in $targets; do
    kill -$signal "${key%:*}" 2>/dev/null && kill -CONT "${key%:*}" 2>/dev/null
  done
  rest
done
exit 0
"""
)

# Every argument: `r` (remove) or `d` (directory, if empty), `:` (as it is) or `%` (octal), a path.
_REMOVE = r"""
flush() { [ $# = 0 ] || rm -rf -- "$@" || status=1; }
remove() {
  status=0 first=yes
  for item; do
    [ -z "$first" ] || set --
    first=
    case $item in
      ?%*) path=$(printf '%b.' "${item#??}") path=${path%.} ;;
      *) path=${item#??} ;;
    esac
    case $item in
      # Not every `rm -f` bears what is below something that is no directory.
      r*) { [ -e "$path" ] || [ -L "$path" ]; } && set -- "$@" "$path" ;;
      *) flush "$@"; set --; rmdir -- "$path" 2>/dev/null ;;
    esac
    [ $# -lt 100 ] || { flush "$@"; set --; }
  done
  flush "$@"
  return $status
}
"""

# What `place` is to take, so many bytes of an archive, stands behind its line; `read` takes none of
# it, since it reads byte by byte what is no file, and `dd` no more than it is told. Its files come
# under names of their own and are renamed: nobody ever sees half a file. What `mv` would take for a
# directory to go into is not for it, nor is what lacks a parent. A `long` request stands behind its
# line as well. A `dd` that fails, unless nobody takes what it has read (SIGPIPE), leaves there what
# would look like requests, and the shell ends. So it does where `tar` fails: it may have got
# nothing, of a shell that could not start `dd`.
_REQUESTS = (
    _REMOVE
    + r"""
take() { dd bs="$1" count=1 iflag=fullblock || [ $? = 141 ] || kill -KILL $$; }
long() { eval "$(take "$1")"; }
unpack() {
  if [ $status = 0 ]; then
    take "$1" | tar -xpf - || kill -KILL $$
  else
    take "$1" >/dev/null
  fi
}
extract() {
  size=$1 status=0
  shift 2
  for path; do
    [ ! -L "$path" ] && { [ -d "$path" ] || [ ! -e "$path" ]; } || status=1
  done
  unpack "$size"
  return $status
}
place() {
  size=$1 mark=$2 status=0 number=0
  shift 2
  for path; do [ -d "${path%/*}/" ] && [ ! -d "$path" ] || status=1; done
  unpack "$size"
  for path; do
    [ $status = 0 ] && { mv -f "${path%/*}/$mark$number" "$path" || status=1; }
    number=$((number + 1))
  done
  [ $status = 1 ] || return 0
  number=0
  for path; do rm -f "${path%/*}/$mark$number"; number=$((number + 1)); done
  return 1
}
missing() {
  for path; do [ ! -e "$path" ] && [ ! -L "$path" ] || return 1; done
}
ignores() {
  while read -r key value; do
    case $key in SigBlk: | SigCgt:) [ $((0x$value >> ($1 - 1) & 1)) = 0 ] || return 1 ;; esac
  done </proc/1/status
}
"""
)

# Each line on standard input is a request, and its status is the answer. Where there is a Perl, it
# takes them in the shell's stead, and gives back to a shell what it does not do itself.
_RESIDE = f"""
exec 2>/dev/null
functions={shlex.quote(_REQUESTS)}
eval "$functions"
[ "$(echo abc | take 2)" = ab ] || exit
for tool in tar mv rm rmdir; do command -v $tool >/dev/null || exit; done
while read -r key value; do [ "$key" = CapEff: ] && echo "$value"; done </proc/self/status
place={shlex.quote(perl.PLACE)}
if {perl.ABLE}; then exec perl -e "# $0$place" "$functions"; fi
while IFS= read -r request; do eval "$request"; echo $?; done
"""

# `wait` lets the shell take leave of processes that lost their parent; `sleep` alone would not.
IDLE = (SHELL, "-c", "trap exit TERM; while :; do sleep 2147483647 & wait; done")

_LINE = 2 * 1024  # bytes of a request's line: a shell reads it one by one
_ARGUMENTS = 512 * 1024  # bytes; Linux takes 2 MiB of arguments and environment together
_WORDS = 256 * 1024  # bytes of names in a request, which quotes make longer


def supervised(command: Command, name: str) -> tuple[list[str], list[str]]:
    """Runs `command` in exactly its environment (and HOME), and kills what it leaves behind.

    The argument list, and the environment that it needs. `name` is that of its session, for
    `ending`. The first line on standard output is its session's id and mark, then comes the
    command's own output. Ends with the command's status: 127 and 126 where it cannot be started,
    128 + n after signal n.
    """
    argv = list(command.argv)
    if "=" in argv[0]:  # `env` would take it for a variable
        argv = [SHELL, "-c", 'exec "$@"', "sh", *argv]
    passed = [f"LIVEPUSH_{number}={each}" for number, each in enumerate(command.env, start=1)]
    # The first line of its arguments is what `ending` finds it by.
    program = f"# {name}\n{_SUPERVISE}"
    return [SHELL, "-c", program, "sh", str(len(passed)), *argv], [PATH, *passed]


def session(program: str) -> str:
    """The name of the session that runs a program from here; empty for other programs."""
    begins, _, name = program.partition("\n")[0].partition(" ")
    return name if begins == "#" else ""


def ending(session: str, mark: str, grace: float) -> list[str]:
    """Ends all of a session and mark: TERM, KILL after `grace` seconds, until all are gone.

    `session` is its id, or its name, which is looked for for 2 seconds: it may be about to begin.
    Ends with 1 when some are there 5 seconds after KILL: the kernel then holds on to them.
    """
    return [SHELL, "-c", _END, "sh", session, mark, str(math.ceil(grace * 100))]


def deletions(paths: Sequence[str], directories: Sequence[str]) -> Iterator[list[str]]:
    """Removes `paths`, then the empty ones of `directories`: mostly one argument list.

    More than one where the names are longer than what a command can take.
    """
    for batch in _batches(_items(paths, directories), _ARGUMENTS):
        yield [SHELL, "-c", f'{_REMOVE}remove "$@"', "sh", *batch]


def resident(name: str) -> list[str]:
    """A shell that stays, and does what `placing` and `removing` say, written to its input.

    `name` is that of its session, for `ending`.

    Its first line on standard output is its capabilities, a hexadecimal number; there is none
    where a tool is missing. Then each request is answered by a line with its status. It ends with
    its input.
    """
    return [SHELL, "-c", f"# {name}\n{_RESIDE}", name]


NOTHING = b":\n"
"""What a resident is told to have it answer."""


def placing(size: int, mark: str, paths: Sequence[str]) -> bytes:
    """To be followed by `size` bytes of an archive with one file for each of `paths`, in order.

    There each has the name `mark` with its number, from 0, beside its path. Of status 1, any of
    them may be in its place, and none is left under the other name.
    """
    return _request("place", str(size), mark, *paths)


def extracting(size: int, mark: str, directories: Sequence[str]) -> bytes:
    """To be followed by `size` bytes of an archive, of which these are the directories.

    Each of its files may have the name `mark` with its number, from 0, beside its path meanwhile.
    """
    return _request("extract", str(size), mark, *directories)


def removing(paths: Sequence[str], directories: Sequence[str]) -> Iterator[bytes]:
    """Removes `paths`, then the empty ones of `directories`: mostly one request."""
    for batch in _batches(_items(paths, directories), _WORDS):
        yield _request("remove", *batch)


def erasing(paths: Sequence[str]) -> bytes | None:
    """Removes `paths` all at once, which not every `rm` does where something above them is gone.

    None where that is too much for one request, or one of them cannot be written in one.
    """
    words = [_spelled(path) for path in paths]
    if any(word[0] != ":" for word in words) or sum(map(len, words)) > _WORDS:
        return None
    return _request("rm", "-rf", "--", *paths)


def missing(paths: Sequence[str]) -> Iterator[bytes | None]:
    """Of status 0 where nothing stands at any of `paths`: mostly one request.

    None for those that cannot be written in one.
    """
    if any(_spelled(path)[0] != ":" for path in paths):
        yield None
        return
    for batch in _batches(paths, _WORDS):
        yield _request("missing", *batch)


def ignoring(signal: int) -> bytes:
    """Of status 0 where the container's first process does nothing about that signal.

    To the first one the kernel hands only signals that it has a handler for, or waits for.
    """
    return _request("ignores", str(signal))


def _request(*words: str) -> bytes:
    line = f"{' '.join(map(shlex.quote, words))}\n".encode(errors="surrogateescape")
    return line if len(line) <= _LINE else b"long %d\n%b" % (len(line), line)


def _items(paths: Sequence[str], directories: Sequence[str]) -> list[str]:
    return [*(f"r{_spelled(path)}" for path in paths), *(f"d{_spelled(d)}" for d in directories)]


def _spelled(path: str) -> str:
    raw = path.encode(errors="surrogateescape")
    try:
        raw.decode()
        is_plain = b"\n" not in raw
    except UnicodeDecodeError:
        is_plain = False
    if is_plain:
        return ":" + path
    # The API's JSON is text and cannot carry all bytes, and a request is one line.
    return "%" + "".join(f"\\0{byte:03o}" for byte in raw)


def _batches(items: Iterable[str], limit: int) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for item in items:
        length = len(item.encode()) + 9  # its end and a pointer
        if batch and size + length > limit:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
