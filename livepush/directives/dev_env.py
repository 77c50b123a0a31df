"""`#dev-env=NAME=value…`: an `ENV` of the live image only."""

from __future__ import annotations

from livepush.directives.directive import Directive

DIRECTIVE = Directive("ENV")
