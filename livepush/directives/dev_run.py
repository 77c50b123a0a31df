"""`#dev-run=COMMAND`: a `RUN` of the live image only, in any form that `RUN` has."""

from __future__ import annotations

from livepush.directives.directive import Directive

DIRECTIVE = Directive("RUN")
