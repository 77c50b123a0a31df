"""`ARG`: from here to the end of the stage the build argument is visible.

What the caller gave wins, then the default on the line, then the value of an `ARG` of that name
before the first `FROM`. With BuildKit, an argument without any value changes nothing, and an `ARG`
after an `ENV` of the same name wins over it; with the legacy builder the argument is unset, and the
`ENV` wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from livepush.model import Arguments, Instruction, Scope
from livepush.words import arg_pairs, split_quoted


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, None]:
    env = dict(scope.env)
    for name, default in arg_pairs(instruction.operands, scope.env, scope.escape):
        value = _value(name, default, scope.arguments)
        if scope.legacy and name in scope.kept:
            continue
        if value is not None:
            env[name] = value
        elif scope.legacy:
            env.pop(name, None)
    return replace(scope, env=env), None


def declare(instruction: Instruction, scope: Scope) -> Scope:
    """`scope` with the defaults that an `ARG` before the first `FROM` declares.

    With BuildKit a default sees the arguments before it on the line, too, and is not looked at
    where the caller gave another value. An argument without any value is unset.
    """
    arguments = scope.arguments
    defaults = dict(arguments.defaults)
    seen = dict(defaults) if scope.legacy else defaults
    for word in split_quoted(instruction.operands, scope.escape):
        name = word.partition("=")[0]
        value = arguments.given.get(name)
        if value is None or scope.legacy:
            ((name, default),) = arg_pairs(word, seen, scope.escape)
            value = arguments.given.get(name, default)
        defaults.pop(name, None)
        if value is not None:
            defaults[name] = value
    return replace(scope, arguments=replace(arguments, defaults=defaults))


def declared_by_itself(platform: str, given: Mapping[str, str]) -> dict[str, str]:
    """The arguments of BuildKit's own, of an image for `platform`; a stage sees those it names."""
    system, _, machine = platform.partition("/")
    architecture, _, variant = machine.partition("/")
    parts = {"PLATFORM": platform, "OS": system, "ARCH": architecture, "VARIANT": variant}
    known = {f"{whose}{part}": parts[part] for whose in ("TARGET", "BUILD") for part in parts}
    return {name: given.get(name, value) for name, value in known.items()}


def _value(name: str, default: str | None, arguments: Arguments) -> str | None:
    if name in arguments.given:
        return arguments.given[name]
    return default if default is not None else arguments.defaults.get(name)
