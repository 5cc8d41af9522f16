"""Lets tests import the add-on's parts that need no Blender, as `extension_without_blender`, and says what becomes of
tests that need the compiled kernels where there are none."""

import extension_shim  # noqa: F401
import kernel_support
import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("kernels"):
        kernel_support.require_kernels()
