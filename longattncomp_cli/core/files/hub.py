"""Whether the Hugging Face hub can be asked at all."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies


def is_cut_off() -> bool:
    """Whether the hub's name cannot be looked up here, so that only files on this machine are left.

    Its library would try five times, for half a minute, and print each. A proxy looks names up itself.
    """
    if getproxies():
        return False
    from huggingface_hub import constants

    place = urlsplit(constants.ENDPOINT)
    try:
        socket.getaddrinfo(place.hostname, place.port or place.scheme)
    except OSError:
        return True
    return False
