"""`#dev-cmd-live=COMMAND`: what the live container runs, in place of every `CMD` of its stage.

Instructions after it are replayed without a restart: the command itself notices its files.
"""

from __future__ import annotations

from livepush.directives.directive import Directive

DIRECTIVE = Directive("CMD", is_live_command=True)
