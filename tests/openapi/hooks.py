"""What schemathesis does not know by itself."""

import schemathesis


@schemathesis.serializer("application/wasm")
def component(ctx, value):
    """A body that is no JSON: the bytes as they are."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/octet-stream")
def octets(ctx, response):
    """A backup: nothing to look into."""
    return ""
