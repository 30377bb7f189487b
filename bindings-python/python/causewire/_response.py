"""What a call with one response gives in the natural API."""
from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ._status import Metadatum


class Response(NamedTuple):
    """One response and everything around it."""

    message: Any
    headers: Tuple[Metadatum, ...]
    trailers: Tuple[Metadatum, ...]
    #: Address of the server that answered.
    peer: Optional[str]
    #: Attempts made, transparent ones included.
    attempts: int
