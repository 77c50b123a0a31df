"""What the README says that the code can say better."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_table_of_instructions_is_what_the_code_prints() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts/supported"], capture_output=True, text=True, check=True
    )
    assert len(printed.stdout.splitlines()) > 30
    assert printed.stdout in (ROOT / "README.md").read_text()
