"""A Dockerfile to develop with: its live form, its stages, its plans. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from livepush.directives import Live, Warning_, preprocess
from livepush.dockerfile import parse
from livepush.engine import ImageConfig
from livepush.model import Graph
from livepush.plan import Plan, make_plan
from livepush.stages import base_images, build_graph


class Dockerfile:
    """A Dockerfile's text, read once. Raises `DockerfileParseError` where no builder takes it."""

    def __init__(self, text: str | bytes) -> None:
        self._source = parse(text)
        self._live = preprocess(self._source)

    @property
    def warnings(self) -> tuple[Warning_, ...]:
        """What a person should know of the directives, in the order of the lines."""
        return self._live.warnings

    def generate_live_dockerfile(self) -> str:
        """The live Dockerfile: directives carried out, what they make needless dropped."""
        return self._live.text

    def graph(
        self,
        *,
        build_args: Mapping[str, str] | None = None,
        images: Mapping[str, ImageConfig] | None = None,
        target: str = "",
        legacy: bool = False,
        platform: str = "",
    ) -> Graph:
        """The stages of the live Dockerfile up to `target`.

        `images` are the configurations of the base images, where an engine was asked for them;
        `legacy` is whether its own builder built the container's image, and not BuildKit, and
        `platform` that image's.
        Raises `DockerfileParseError` and, for a target that is no stage, `InvalidArgumentError`.
        """
        live = self._live
        return build_graph(
            live.instructions,
            live_point=live.live_point,
            arguments=build_args,
            images=images,
            target=target,
            escape=self._source.escape,
            legacy=legacy,
            platform=platform,
        )

    def base_images(self, build_args: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """The images that the stages start from, in order, each once."""
        return base_images(self._live.instructions, build_args or {}, self._source.escape)

    def plan(
        self,
        changed: Collection[str],
        deleted: Collection[str] = (),
        *,
        build_args: Mapping[str, str] | None = None,
        target: str = "",
    ) -> Plan:
        """What the changed and deleted paths, relative to the context, would lead to."""
        return make_plan(self.graph(build_args=build_args, target=target), changed, deleted)

    @cached_property
    def meaning(self) -> tuple[str, ...]:
        """What the live Dockerfile says, without its layout: equal for equal builds."""
        return tuple(f"{each} {each.heredocs}" for each in self._live.instructions)

    def first_difference(self, other: Dockerfile) -> int:
        """The line of `self` where it first says something else than `other`."""
        for index, instruction in enumerate(self._live.instructions):
            if self.meaning[index : index + 1] != other.meaning[index : index + 1]:
                return instruction.line
        return self._live.instructions[-1].end_line

    @property
    def live(self) -> Live:
        return self._live
