"""A vocabulary of tiktoken's in a form that is read in a fifth of the time, in the user's cache folder.

A file is a sha256 of what follows, a JSON header with its length before it, the length of each token in two
bytes, and the tokens, in the order of their ranks. It is written by the first run that loads the vocabulary
from where tiktoken has it, and belongs to one version of tiktoken.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import orjson
import tiktoken

from longattncomp_cli.core.files.user_cache import keep, user_cache_folder

_DIGEST_BYTES = 32


def compact_file(name: str) -> Path:
    """Where the vocabulary of an encoding is kept."""
    return user_cache_folder() / "vocabularies" / f"{name}-tiktoken-{tiktoken.__version__}"


def read_compact(name: str) -> tiktoken.Encoding | None:
    """An encoding from its file; ``None`` where there is none, or the file is not what we wrote."""
    try:
        content = compact_file(name).read_bytes()
    except OSError:
        return None
    body = memoryview(content)[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
        return None
    header_end = 4 + int.from_bytes(body[:4], "little")
    header = orjson.loads(body[4:header_end])
    tokens_start = header_end + 2 * header["tokens"]
    sizes = np.frombuffer(body[header_end:tokens_start], dtype="<u2").tolist()
    of_size = [f"{size}s" for size in range(max(sizes, default=0) + 1)]
    # ``unpack`` cuts the tokens in half of the time that slicing takes.
    tokens = struct.Struct("".join([of_size[size] for size in sizes])).unpack(body[tokens_start:])
    ranks = dict(zip(tokens, range(len(sizes)), strict=True))
    return tiktoken.Encoding(
        name, pat_str=header["pattern"], mergeable_ranks=ranks, special_tokens=header["special"]
    )


def write_compact(encoding: tiktoken.Encoding) -> bool:
    """Keep an encoding; whether that was possible. Ranks that are not 0, 1, 2, … are not kept."""
    ranks: dict[bytes, int] = getattr(encoding, "_mergeable_ranks", {})
    if not ranks:  # another tiktoken
        return False
    tokens = sorted(ranks, key=ranks.__getitem__)
    if [ranks[token] for token in tokens] != list(range(len(tokens))) or max(map(len, tokens)) >= 1 << 16:
        return False
    about = {"pattern": encoding._pat_str, "special": encoding._special_tokens, "tokens": len(tokens)}
    header = orjson.dumps(about)
    sizes = np.array([len(token) for token in tokens], dtype="<u2").tobytes()
    body = len(header).to_bytes(4, "little") + header + sizes + b"".join(tokens)
    return keep(compact_file(encoding.name), hashlib.sha256(body).digest() + body)
