"""Which tests share a running installation, and so a worker of pytest-xdist: starting it is most of their time.

By name, since xdist's own marks for groups do nothing under pytest 9.
"""

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # the package has no types

_SINGLE = ("test_outcomes.py", "test_wire.py")


class ByInstallation(LoadScopeScheduling):  # type: ignore[misc]  # as above
    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """Of its own, for a test that shares nothing."""
    for folder in ("journeys", "browser"):
        if nodeid.startswith(f"tests/{folder}/"):
            return folder
    if nodeid.startswith("tests/apipark/test_up.py"):
        return "up"
    if not nodeid.startswith("tests/gateway/"):
        return nodeid
    if "[postgres" in nodeid:
        return "gateway-postgres"
    if "test_plants.py" in nodeid:
        return "gateway-planted"
    return "gateway-single" if any(name in nodeid for name in _SINGLE) else "gateway-sqlite"
