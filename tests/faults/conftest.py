"""Fixtures of the fault tests."""

from __future__ import annotations

from tests.e2e.conftest import bench

__all__ = ["bench"]
