"""A text of any size, of the code and documents that this machine's Python has, with a fact hidden in it.

    python tests/benchmarks/scale_speed.py --only large [--megabytes 40] --output FILE

Nothing is repeated and nothing is fetched: whole files in the order of their names, from the standard library
and the installed packages, until there is enough.
"""

from __future__ import annotations

import hashlib
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from timing import program

from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.scoring.choice import ScorerChoice

NEEDLE = "The spare key of the boat house at Larkmere hangs behind the portrait of Admiral Finch."
NEEDLE_QUERY = "Where does the spare key of the boat house at Larkmere hang?"
BUDGET = 16_000
_NAMES = (".py", ".rst", ".md", ".txt")
_LONGEST_FILE = 500_000


def texts() -> Iterator[str]:
    """Every readable file of code or prose, once, in the order of names."""
    seen: set[bytes] = set()
    for kind in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(kind))
        for path in sorted(path for path in root.rglob("*") if path.suffix in _NAMES):
            try:
                raw = path.read_bytes()
                text = raw.decode()
            except (OSError, UnicodeDecodeError):
                continue
            digest = hashlib.sha256(raw).digest()
            if 500 <= len(raw) <= _LONGEST_FILE and digest not in seen:
                seen.add(digest)
                yield text


def large_text(megabytes: float, depth: float) -> str:
    """So much text, the needle a paragraph of its own behind the file at ``depth``."""
    parts: list[str] = []
    size = 0
    for text in texts():
        if size >= megabytes * 1e6:
            break
        if size <= depth * megabytes * 1e6 < size + len(text.encode()):
            parts.append(NEEDLE)
        parts.append(text)
        size += len(text.encode())
    return "\n\n".join(parts)


def compress_large(megabytes: float, depth: float = 0.37) -> dict[str, float | bool | str]:
    """The program over such a text, budget 16,000 tokens: time, memory, whether it kept the needle."""
    text = large_text(megabytes, depth)
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "large.txt", Path(folder) / "out.txt"
        path.write_bytes(text.encode())
        found = program(
            "compress",
            str(path),
            "-q",
            NEEDLE_QUERY,
            "-b",
            str(BUDGET),
            "--quiet",
            "--device",
            "cpu",
            "-o",
            str(output),
        )
        kept = output.read_text(encoding="utf-8")
    tokenizer = load_tokenizer("o200k_base")
    backbone = ScorerChoice(device="cpu").load().backbone
    num_tokens = tokenizer.count(text)
    return {
        "megabytes": round(len(text.encode()) / 1e6, 1),
        "sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
        "tokens": num_tokens,
        "backbone_tokens": len(backbone.tokenize([text])[0].ids),
        "seconds": round(found["seconds"], 1),
        "tokens_per_second": round(num_tokens / found["seconds"]),
        "peak_gib": round(found["peak_gib"], 3),
        "budget": BUDGET,
        "kept_tokens": tokenizer.count(kept),
        "needle_kept": NEEDLE in kept,
    }
