"""What Schemathesis does before each request of api_test.py."""

import re

import schemathesis


@schemathesis.hook
def before_call(_context, case, _arguments):
    """What may never come is waited for a moment; what is no duration stays as it is."""
    if case.operation.path == "/control/v1/wait":
        timeout = (case.query or {}).get("timeout", "P1D")
        if isinstance(timeout, str) and re.fullmatch(r"P[0-9DTHMS.]+", timeout):
            case.query = {**(case.query or {}), "timeout": "PT0.01S"}
