"""Images in memory: files, and the layers that an engine saves them as."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from livepush.engine import ImageConfig
from livepush.testing.files import Files


@dataclass(frozen=True, slots=True)
class FakeLayer:
    """What a step of an image's build left: `created_by` is its line in the image's history.

    `archive` is a tar of what it wrote, with names that begin with `.wh.` for what it removed, or
    None for a step that wrote nothing.
    """

    created_by: str
    archive: bytes | None = None


@dataclass(slots=True)
class FakeImage:
    """An image: its files, its configuration (whose id is set when it is added), its labels.

    Without `layers` it is saved as one.
    """

    files: Files = field(default_factory=Files)
    config: ImageConfig = field(default_factory=lambda: ImageConfig(""))
    labels: dict[str, str] = field(default_factory=dict)
    layers: tuple[FakeLayer, ...] = ()

    def extended(self, *layers: FakeLayer) -> FakeImage:
        """An image that is built on this one."""
        files = self.files.copy()
        for layer in layers:
            if layer.archive is not None:
                files.apply(layer.archive)
        return FakeImage(files, self.config, dict(self.labels), (*self._layers(), *layers))

    def digests(self) -> tuple[str, ...]:
        """What tells its layers."""
        archives = (layer.archive for layer in self._layers())
        return tuple(hashlib.sha256(each).hexdigest() for each in archives if each is not None)

    def saved(self) -> bytes:
        """A tar in the format of `docker save`. Contract: `Engine.save`."""
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            for name, content in self._saved():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return raw.getvalue()

    def _saved(self) -> Iterator[tuple[str, bytes]]:
        names = []
        for number, layer in enumerate(self._layers()):
            if layer.archive is not None:
                names.append(f"{number:064x}/layer.tar")
                yield names[-1], layer.archive
        history = [
            {"created_by": layer.created_by, "empty_layer": layer.archive is None}
            for layer in self._layers()
        ]
        yield "config.json", json.dumps({"history": history}).encode()
        manifest = [{"Config": "config.json", "Layers": names}]
        yield "manifest.json", json.dumps(manifest).encode()

    def _layers(self) -> tuple[FakeLayer, ...]:
        return self.layers or (FakeLayer("", self.files.archive("/")),)
