"""Mail: a heading with subject, sender and date for each message, and its text as it was written.

Of a message in several forms the plain one is read; attachments are named, not read. Bodies that stand in
the file as they are map character by character, those that were encoded for the way (base64,
quoted-printable) as a whole.
"""

from __future__ import annotations

import email
import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from longattncomp_cli.core.inputs.views import pages
from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

_HEADER = re.compile(r"(?mi)^(?:from|to|subject|date|message-id|received|mime-version):[ \t]")
_ENVELOPE = re.compile(r"(?m)^From \S[^\n]*\d\d:\d\d[^\n]*\n(?=[A-Za-z-]+:)")
# What `git format-patch` writes is a patch with a head: the date of its envelope is always this one.
_PATCH = re.compile(r"From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\r?\n")
_FEWEST_HEADERS = 3
_MOST_PARTS = 1_000
_MOST_MISSED = 3
_LONGEST_HEADER = 300


def is_mail(opening: str) -> bool:
    """Whether a text without a telling name begins as a message or a mailbox."""
    head = opening.split("\n\n", 1)[0].split("\r\n\r\n", 1)[0]
    is_header = re.match(r"(?:From \S.*\n)?[A-Za-z-]+:[ \t]", head) and not _PATCH.match(head)
    return bool(is_header) and len({found.lower() for found in _HEADER.findall(head)}) >= _FEWEST_HEADERS


def read(text: str) -> View | None:
    """The messages of a mailbox, or the only one; ``None`` where one is nested too deeply to be read."""
    builder = ViewBuilder(text)
    envelopes = list(_ENVELOPE.finditer(text))
    begins = [found.end() for found in envelopes] or [0]
    stops = [*(found.start() for found in envelopes[1:]), len(text)]
    num_attached = 0
    for begin, stop in zip(begins, stops, strict=True):
        try:
            message = email.message_from_string(text[begin:stop])
        except (RecursionError, ValueError):
            return None
        num_attached += _write_message(builder, message, begin, stop)
    what = "a message" if len(begins) == 1 else f"{len(begins):,} messages"
    attachments = "an attachment" if num_attached == 1 else f"{num_attached:,} attachments"
    attached = f", {attachments} left out" if num_attached else ""
    return builder.view(f"the text of {what}{attached}", ".md")


def _write_message(builder: ViewBuilder, message: Message, begin: int, stop: int) -> int:
    """Write one message; returns how many parts were left out."""
    text = builder.file_text
    body = re.compile(r"\r?\n\r?\n").search(text, begin, stop)
    head_end = body.start() if body else stop
    titles = [f"{name}: {value}" for name in ("Subject", "From", "Date") if (value := _header(message, name))]
    while not builder.ends_with("\n\n"):
        builder.write("\n")
    builder.replace("## " + " | ".join(titles) + "\n", begin, head_end)
    if receivers := _header(message, "To"):
        builder.replace(f"To: {receivers}\n", head_end, head_end)
    builder.write("\n")
    at, num_left_out, num_missed = body.end() if body else stop, 0, 0
    parts = [part for part in message.walk() if not part.is_multipart()]
    is_plain = any(part.get_content_type() == "text/plain" for part in parts)
    for number, part in enumerate(parts):
        raw = part.get_payload()
        raw = raw if isinstance(raw, str) else ""
        place = text.find(raw, at, stop) if raw and num_missed < _MOST_MISSED else -1
        num_missed += place < 0
        start, end = (place, place + len(raw)) if place >= 0 else (at, at)
        at = end
        if number >= _MOST_PARTS or not _is_read(part, is_plain=is_plain):
            # A form of the text that is read is no attachment.
            num_left_out += part.get_content_type() != "text/html" or bool(_file_name(part))
            if (name := _file_name(part)) and number < _MOST_PARTS:
                builder.replace(f"[attachment: {name}, {part.get_content_type()}]\n", start, end)
            continue
        decoded = _decoded(part)
        if part.get_content_type() == "text/html":
            view = pages.read(decoded)
            decoded = view.text if view is not None else decoded
        if decoded == raw:
            builder.copy(start, end)
        else:
            builder.replace(decoded, start, end)
        while not builder.ends_with("\n\n"):
            builder.write("\n")
    return num_left_out


def _is_read(part: Message, *, is_plain: bool) -> bool:
    """Whether a part is the text: plain, or HTML in a message that has no plain one."""
    if part.get_content_disposition() == "attachment":
        return False
    kind = part.get_content_type()
    return kind.startswith("text/") and not (kind == "text/html" and is_plain)


def _decoded(part: Message) -> str:
    """The text of a part; what cannot be decoded becomes U+FFFD."""
    if str(part.get("content-transfer-encoding", "7bit")).lower() in ("7bit", "8bit", "binary"):
        payload = part.get_payload()
        return payload if isinstance(payload, str) else ""
    raw = part.get_payload(decode=True)
    try:
        return raw.decode(part.get_content_charset() or "utf-8", "replace") if isinstance(raw, bytes) else ""
    except LookupError:
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""


def _header(message: Message, name: str) -> str:
    """A header on one line, words that were encoded for the way decoded."""
    written = re.sub(r"\s+", " ", str(message.get(name, ""))[:_LONGEST_HEADER]).strip()
    try:
        return str(make_header(decode_header(written)))
    except (HeaderParseError, LookupError, ValueError):
        return written


def _file_name(part: Message) -> str:
    return re.sub(r"\s+", " ", part.get_filename() or "")[:_LONGEST_HEADER]
