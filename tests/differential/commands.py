"""The commands of generated `RUN`s, with busybox.

Those that are safe to repeat read only what no later step writes: that is what replaying in place
promises. With `--replay clean` any command will do that does the same in every build: none looks
at the time, at random numbers, or at an order that is the file system's.
"""

from __future__ import annotations

import json

from hypothesis import strategies as st

GEN = "/gen"
"""Where commands write by default: a directory of their own, writable for everybody."""


def readers(source: str, out: str) -> tuple[str, ...]:
    """Commands that make `out` of what is below `source`, from scratch each time."""
    begin, listed = f"rm -rf {out} && mkdir -p {out}", f"(cd {source} && find . | sort) > {out}/all"
    return (
        f"{begin} && cp -r {source} {out}/ && {listed}",
        f"{begin} && {listed} && (find {source} -type l | sort) > {out}/links",
        f"{begin} && cp -a {source} {out}/ && ln -s nowhere {out}/dangling",
    )


def environment(out: str) -> str:
    """A command that writes down its surroundings."""
    return f"rm -f {out} && {{ pwd; id -u; id -g; env | grep -v ^HOSTNAME= | sort; }} > {out}"


def writers(dest: str, number: int) -> tuple[str, ...]:
    """Commands that write where copies write, too: before a later one, after an earlier one."""
    return (
        f"rm -rf {dest}/a && mkdir -p {dest} && echo run{number} > {dest}/a",
        f"rm -rf {dest}/s && mkdir -p {dest}/s && echo run{number} > {dest}/s/b",
        f"rm -rf {dest}/c.txt && mkdir -p {dest} && ln -s a {dest}/c.txt",
    )


def linkers(link: str, real: str) -> tuple[str, ...]:
    """Commands that make `link` a link to the directory `real`, which may not be there."""
    return f"mkdir -p {real} && ln -sfn {real} {link}", f"ln -sfn {real} {link}"


def owners(dest: str) -> tuple[str, ...]:
    """Commands that give what was copied to somebody."""
    return f"chown -hR 7:8 {dest}", f"chown -h bob {dest}"


def unsafe(number: int) -> tuple[str, ...]:
    """Commands that end otherwise when they are repeated."""
    return (
        f"echo x >> {GEN}/log",
        f"mkdir {GEN}/{number}",
        f"test ! -e {GEN}/once && touch {GEN}/once",
        f"touch {GEN}/{number} && find {GEN} /o /p 2>&1 | sort > {GEN}/{number}",
    )


def unsafe_with(dest: str, number: int) -> tuple[str, ...]:
    """The same with `dest`, which is there; or when what it holds is gone."""
    out = f"{GEN}/{number}"
    return (
        f"cp -r {dest} {out}",
        f'find {dest} -type f | sort | while read -r f; do cat "$f"; done >> {GEN}/contents',
        f"find {dest} -type f -exec sed -i s/0/1/ {{}} +",
        f"find {dest} -type f -name '?' -exec mv {{}} {{}}.moved \\;",
        f"find {dest} -name b -prune -exec rm -rf {{}} +",
        f"touch {out} && find {dest} {GEN} 2>&1 | sort > {out}",
        f"ln -s {dest} {GEN}/link{number}",
        f"chmod -R go-rwx {dest}",
        f"if test -e {dest}/a; then echo is; else echo not; fi >> {out}",
        f"test -d {dest}/a || echo more >> {dest}/a",
    )


def removers(dest: str, number: int) -> tuple[str, ...]:
    """Commands after which `dest` is not there any more."""
    return f"mv {dest} /moved{number}", f"rm -rf {dest}"


@st.composite
def written(draw: st.DrawFn, command: str, *, heredocs: bool) -> str:
    """A `RUN`, in one of its forms."""
    form = draw(st.sampled_from(("shell", "shell", "shell", "exec", *["heredoc"] * heredocs)))
    if form == "exec":
        return f"RUN {json.dumps(['sh', '-c', command])}"
    return f"RUN <<EOF\n{command}\nEOF" if form == "heredoc" else f"RUN {command}"
