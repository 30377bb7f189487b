"""A channel's options as the JSON document that the core reads, and the secrets beside it."""
from __future__ import annotations

import json
from typing import Any, Dict, Mapping, Optional, Tuple

_PEM = ("ca_pem", "cert_pem", "key_pem")


def split(options: Optional[Mapping[str, Any]], more: Mapping[str, Any]) -> Tuple[str, Optional[str]]:
    """Returns the document and the private key. Values are judged by the core, which names the field."""
    if options is not None and not isinstance(options, Mapping):
        raise TypeError("options must be a mapping of option names, such as {'tls': None}")
    document: Dict[str, Any] = {**(options or {}), **more}
    key = None
    tls = document.get("tls")
    if isinstance(tls, Mapping):
        tls = {name: _text(name, value) for name, value in tls.items()}
        key = tls.pop("key_pem", None)
        if key is not None and not isinstance(key, str):
            raise TypeError("tls.key_pem must be str or bytes")
        document["tls"] = tls
    return json.dumps(document), key


def policy(retry: Optional[Mapping[str, Any]]) -> Optional[str]:
    """The document of one call's retry policy, which the core judges."""
    return None if retry is None else json.dumps(retry)


def _text(name: str, value: Any) -> Any:
    if name in _PEM and isinstance(value, bytes):
        # a file that is not ASCII is not PEM, and the core says so
        return value.decode("latin-1")
    return value
