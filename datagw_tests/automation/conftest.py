"""The small project and the instance of the assets' tests."""

from datagw_tests.assets.conftest import instance, place  # noqa: F401 - fixtures
