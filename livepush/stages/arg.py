"""`ARG`: from here to the end of the stage the build argument is visible.

What the caller gave wins, then the default on the line, then the value of an `ARG` of that name
before the first `FROM`. With BuildKit, an argument without any value changes nothing, and an `ARG`
after an `ENV` of the same name wins over it; with the legacy builder the argument is unset, and the
`ENV` wins.
"""

from __future__ import annotations

from dataclasses import replace

from livepush.model import Arguments, Instruction, Scope
from livepush.words import arg_pairs


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


def declare(instruction: Instruction, arguments: Arguments, escape: str) -> Arguments:
    """`arguments` with the defaults that an `ARG` before the first `FROM` declares."""
    defaults = dict(arguments.defaults)
    for name, default in arg_pairs(instruction.operands, defaults, escape):
        value = arguments.given.get(name, default)
        if value is not None:
            defaults[name] = value
    return replace(arguments, defaults=defaults)


def of_platform(platform: str) -> dict[str, str]:
    """The arguments that BuildKit declares by itself; a stage sees those that it names."""
    system, _, machine = platform.partition("/")
    architecture, _, variant = machine.partition("/")
    parts = {"PLATFORM": platform, "OS": system, "ARCH": architecture, "VARIANT": variant}
    return {f"{whose}{part}": parts[part] for whose in ("TARGET", "BUILD") for part in parts}


def _value(name: str, default: str | None, arguments: Arguments) -> str | None:
    if name in arguments.given:
        return arguments.given[name]
    return default if default is not None else arguments.defaults.get(name)
