"""What an API server checks of an address, in CEL: ``resources.addresses``."""

from tierrouter_core.crds.schema import Validation
from tierrouter_core.resources.addresses import Advice

# Patterns over the whole address, and not CEL's own functions of addresses: those give texts without a bound, which no
# other function may then look at (the estimated cost is beyond the API server's limit), and some of them are newer than
# the oldest Kubernetes that the CRDs are for.
_SCHEME = r"(?i)^https?://[^/?#]"
_PORT_NUMBER = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"  # 1 to 65535
_END = rf"(?::(?:0*{_PORT_NUMBER})?)?(?:[/?#].*)?$"
_ANY_HOST = r"(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?|\[[0-9a-f:.]+\])"
_USABLE = rf"(?i)^https?://{_ANY_HOST}{_END}"
# What Python's ipaddress calls private or loopback, as far as anybody has servers there.
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LOCAL_ADDRESS = (
    rf"(?:0|10|127)(?:\.{_BYTE}){{3}}"
    rf"|(?:169\.254|192\.168|198\.1[89])(?:\.{_BYTE}){{2}}"
    rf"|172\.(?:1[6-9]|2[0-9]|3[01])(?:\.{_BYTE}){{2}}"
    r"|\[(?:::1|(?:f[cd]|fe[89ab])[0-9a-f:]*)\]"
)
_LOCAL_NAME = r"[a-z][a-z0-9-]*|[a-z0-9._-]*\.(?:svc|svc\.cluster\.local|local|localhost)"
_LOCAL = rf"(?i)^http://(?:{_LOCAL_ADDRESS}|{_LOCAL_NAME})(?::[0-9]*)?(?:[/?#].*)?$"


def address_rules(field: str, advice: Advice) -> tuple[Validation, ...]:
    """The rules of the text ``field``."""
    text = f"self.{field}"
    return (
        Validation(
            rule=f"!{text}.contains('@')",
            message=f"holds a user name or a key before the @; {advice.keys}",
            field_path=f".{field}",
        ),
        Validation(
            rule=f"{text}.contains('@') || {text}.matches(r'{_SCHEME}')",
            message="expected an address that begins with https:// (or http:// for a local host)",
            field_path=f".{field}",
        ),
        Validation(
            rule=f"!{text}.contains('?') && !{text}.contains('#')",
            message=f"holds a query or a fragment; {advice.queries}",
            field_path=f".{field}",
        ),
        Validation(
            rule=f"{text}.contains('@') || !{text}.matches(r'{_SCHEME}') || {text}.matches(r'{_USABLE}')",
            message="its host or port is not usable",
            field_path=f".{field}",
        ),
        Validation(
            rule=(
                f"{text}.contains('@') || !{text}.matches(r'(?i)^http://') || "
                f"!{text}.matches(r'{_USABLE}') || {text}.matches(r'{_LOCAL}')"
            ),
            message=(
                "http would send keys and code in the clear to a host that is not local; write https:// "
                "(http is for loopback, private addresses, names without dots, *.svc and *.local)"
            ),
            field_path=f".{field}",
        ),
    )
