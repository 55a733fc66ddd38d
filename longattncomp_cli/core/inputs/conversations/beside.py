"""What stands beside the messages of a body: system text, which stays, and documents, which may go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longattncomp_cli.core.files.json_places import Place
from longattncomp_cli.core.inputs.conversations.model import BESIDE, Said
from longattncomp_cli.core.inputs.conversations.readable import clean, readable_strings
from longattncomp_cli.core.inputs.conversations.shape_errors import kind_name, wrong_shape

_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction", "systemPrompt", "preamble")
_DOCUMENTS = "documents"


def beside(body: dict[str, Any], way: Place, name: str) -> Iterator[Said]:
    """The texts beside the messages.

    Args:
        body: of a request.
        way: to it.
        name: what errors call it.

    Raises:
        InputError: system text of another shape.
    """
    for key in _SYSTEM:
        for text in _system_texts(body.get(key), f"{name}: {key!r}"):
            yield Said(BESIDE, "system", clean(text), "fixed")
    # Of a record that is no body of an API, a field of this name passes through.
    documents = body.get(_DOCUMENTS) if isinstance(body.get("model"), str) else None
    for number, document in enumerate(documents if isinstance(documents, list) else ()):
        for text, place in readable_strings(document, (*way, _DOCUMENTS, number)):
            yield Said(BESIDE, "document", clean(text), "result", place)


def _system_texts(system: Any, where: str) -> Iterator[str]:
    """A string, text blocks, or an object with parts."""
    system = system.get("parts", [system]) if isinstance(system, dict) else system
    if system is not None and not isinstance(system, (str, list)):
        raise wrong_shape(where, f"is {kind_name(system)}, not a string or a list of blocks")
    for block in [system] if isinstance(system, str) else system or ():
        text = block.get("text") if isinstance(block, dict) else block
        if isinstance(text, str):
            yield text
