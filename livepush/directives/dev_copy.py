"""`#dev-copy=SOURCE… DESTINATION`: a `COPY` of the live image only, flags included."""

from __future__ import annotations

from livepush.directives.directive import Directive

DIRECTIVE = Directive("COPY")
