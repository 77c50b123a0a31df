"""Commands that add and remove users and groups."""

from __future__ import annotations

from livepush.repetition.effects import Call, Effects, Hazard

# Of shadow, Debian's adduser and busybox together.
_VALUED = """\
b base-dir c comment d home-dir home e expiredate f inactive g gid G groups ingroup k skel K key
p password s shell u uid h gecos firstuid lastuid firstgid lastgid conf R root P prefix Z"""


def add_user(call: Call) -> Effects:
    return _adding(call, "the user")


def add_group(call: Call) -> Effects:
    return _adding(call, "the group")


def remove_user(call: Call) -> Effects:
    return _removing(call, "the user")


def remove_group(call: Call) -> Effects:
    return _removing(call, "the group")


def _adding(call: Call, kind: str) -> Effects:
    given = call.arguments(_VALUED)
    # Debian's `--system` takes an account that is there; two names put a user into a group.
    if len(given.operands) != 1 or given.has("system", "force"):
        return Effects()
    name = given.operands[0]
    reason = f"adds {kind} {name.written}, which fails where it is there already"
    return Effects((Hazard(reason, "absent", (f"{kind} {name.value}",), fails=True),))


def _removing(call: Call, kind: str) -> Effects:
    return Effects(gone=tuple(f"{kind} {word.value}" for word in call.words))
