# SPDX-License-Identifier: Apache-2.0
"""What schemathesis has to be told: how JSON Lines look on the wire."""
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
