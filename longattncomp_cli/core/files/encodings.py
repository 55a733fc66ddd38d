"""Bytes become text by one rule, wherever a text is read: UTF-8, or UTF-16 and UTF-32 where they say so.

A byte order mark is no part of the text. What is neither is an error that says where, what the bytes
probably are, and which command makes UTF-8 of them without a change to what is UTF-8 already.
"""

from __future__ import annotations

import codecs
import io
from typing import Any, BinaryIO

from longattncomp_cli.core.files.binaries import binary_kind
from longattncomp_cli.core.files.paths import STDIN_NAME, typed_name
from longattncomp_cli.errors import InputError

# The longer marks first: that of UTF-16 begins that of UTF-32.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_LONGEST_MARK = 4
_BLOCK_BYTES = 1 << 16
_SNIFF_BYTES = 1 << 13
# Around the first byte that is not UTF-8: enough to tell another encoding.
_SAMPLE_BYTES = 1 << 16
_SURE_SHARE = 0.5
"""Of ASCII characters, where wide characters without a mark are read as what they seem."""
_LIKELY_SHARE = 0.95
_STRAY_SHARE = 0.002
"""Of all characters: fewer that are not UTF-8 are damage, not another encoding."""
# In wide use before UTF-8; the superset where one holds the other.
_OLD_ENCODINGS = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
_LATIN = ("cp1250", "cp1252", "cp1254")
_WESTERN = frozenset("àâäáãåæçéèêëíîïñóôöõøœúùûüßÀÂÄÁÅÆÇÉÈÊÑÓÔÖØÚÜ«»‘’“”„–—…°€·\xa0")
_WESTERN_SHARE = 0.8
_KANA = frozenset(chr(code) for code in range(0x3041, 0x3097))
_KANA_SHARE = 0.2


def decode(raw: bytes, name: str) -> str:
    """Decode a whole text; the byte order mark is dropped.

    Args:
        raw: all of it.
        name: what errors call it.

    Raises:
        InputError: it is binary (a NUL byte anywhere, or the first bytes of a known format), or in another
            encoding.
    """
    encoding, mark_bytes = _marked(raw)
    if not encoding:
        if kind := binary_kind(raw[:_SNIFF_BYTES], name):
            raise InputError(f"{name}: {kind.name}", hint=kind.hint, code="binary")
        encoding = _unmarked(raw[:_SNIFF_BYTES])
    try:
        text = raw[mark_bytes:].decode(encoding)
    except UnicodeDecodeError as error:
        error.start += mark_bytes
        raise _undecodable(raw, name, error, encoding) from error
    if b"\0" in raw and "\0" in text:
        raise _with_nul(raw, name)
    return text


def decode_line(raw: bytes, name: str, number: int) -> str:
    """Decode one line of a file that is read line by line.

    Args:
        raw: the line.
        name: of the file.
        number: of the line, from 1.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _undecodable(raw, name, error, "utf-8", number) from error


def as_utf8(stream: BinaryIO, name: str) -> BinaryIO:
    """The same stream, or where it begins with the mark of UTF-16 or UTF-32 one that gives it as UTF-8.

    Reading from that one raises :class:`InputError` where the bytes are not what the mark says.
    """
    peekable = stream if hasattr(stream, "peek") else io.BufferedReader(stream)  # type: ignore[type-var]
    encoding, mark_bytes = _marked(peekable.peek(_LONGEST_MARK)[:_LONGEST_MARK])
    if encoding in ("", "utf-8"):
        return peekable
    peekable.read(mark_bytes)
    return io.BufferedReader(_Transcoded(peekable, encoding, name), _BLOCK_BYTES)


def is_wide(opening: bytes) -> bool:
    """Whether a file with these first bytes is marked as UTF-16 or UTF-32."""
    return _marked(opening)[0] not in ("", "utf-8")


class _Transcoded(io.RawIOBase):
    """A stream of UTF-16 or UTF-32 as one of UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str, name: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._name = name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = self._stream.read(_BLOCK_BYTES)
            try:
                self._left = self._decoder.decode(block, final=not block).encode()
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{self._name}: damaged {_iconv_name(self._encoding)} ({error.reason})",
                    hint=_iconv(self._name, f"-c -f {_iconv_name(self._encoding)}"),
                    code="not-utf8",
                ) from error
            if not block:
                break
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _marked(raw: bytes) -> tuple[str, int]:
    """The encoding that a byte order mark says, and the mark's length; nothing where there is none."""
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return encoding, len(mark)
    return "", 0


def _unmarked(opening: bytes) -> str:
    """UTF-8, or wide characters where most of them are surely ASCII's."""
    encoding, share = _wide_characters(opening)
    return encoding if share >= _SURE_SHARE else "utf-8"


def _wide_characters(opening: bytes) -> tuple[str, float]:
    """What bytes with NULs may be in, and the share of ASCII characters then; ``""`` where in nothing."""
    best, best_share = "", -1.0
    if b"\0" not in opening:
        return best, best_share
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        try:
            text = opening[: len(opening) // width * width].decode(encoding)
        except UnicodeDecodeError as error:
            if error.start < len(opening) - 4:
                continue
            text = opening[: error.start].decode(encoding)
        readable = sum(char.isprintable() or char in "\t\n\r\f" for char in text)
        share = sum(" " <= char <= "~" or char in "\t\n\r" for char in text) / max(1, len(text))
        if text and readable >= _LIKELY_SHARE * len(text) and share > best_share:
            best, best_share = encoding, share
    return best, best_share


def _with_nul(raw: bytes, name: str) -> InputError:
    encoding, share = _wide_characters(raw[:_SNIFF_BYTES])
    if share > 0:
        called = _iconv_name(encoding)
        return InputError(
            f"{name}: NUL bytes; it may be {called} without a byte order mark",
            hint=_iconv(name, f"-f {called}"),
            code="binary",
        )
    line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
    return InputError(
        f"{name}: binary file (a NUL byte in line {line:,})",
        hint="extract its text first; where it is text but for NULs: tr -d '\\000' < "
        f"{typed_name(name)} | longattncomp …",
        code="binary",
    )


def _undecodable(
    raw: bytes, name: str, error: UnicodeDecodeError, encoding: str, first_line: int = 1
) -> InputError:
    at = error.start
    if encoding != "utf-8":
        called = _iconv_name(encoding)
        return InputError(
            f"{name}: damaged {called} (byte {at:,})", hint=_iconv(name, f"-c -f {called}"), code="not-utf8"
        )
    if b"\0" in raw:
        return _with_nul(raw, name)
    line, begin = raw.count(b"\n", 0, at) + first_line, raw.rfind(b"\n", 0, at) + 1
    column = len(raw[begin:at].decode("utf-8", "replace")) + 1
    place = f"{name}: not UTF-8 (byte 0x{raw[at]:02x} in line {line:,}, column {column:,})"
    # What stands before is UTF-8, but the sample may begin inside a character.
    before = raw[max(0, at - _SAMPLE_BYTES) : at].decode("utf-8", "ignore")
    sample = before.encode() + raw[at : at + _SAMPLE_BYTES]
    found = sample.decode("utf-8", "surrogateescape")
    num_stray = sum("\udc80" <= char <= "\udcff" for char in found)
    num_good = sum(char > "\x7f" for char in found) - num_stray
    is_cut_off = at + _LONGEST_MARK > len(raw) and error.reason == "unexpected end of data"
    if is_cut_off or num_good >= num_stray or num_stray < _STRAY_SHARE * len(found):
        drop = f"to drop the bytes that are not: {_iconv(name, '-c -f UTF-8')}"
        return InputError(place, hint=drop, code="not-utf8")
    if likely := _old_encoding(sample):
        return InputError(f"{place}, probably {likely}", hint=_iconv(name, f"-f {likely}"), code="not-utf8")
    return InputError(place, hint=_iconv(name, "-c -f UTF-8"), code="not-utf8")


def _old_encoding(sample: bytes) -> str:
    """The likeliest encoding as ``iconv`` calls it; ``""`` where none fits."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=_OLD_ENCODINGS, preemptive_behaviour=False).best()
    if found is None:
        return ""
    encoding = found.encoding
    # What it confuses in short texts: Western with Central European letters, Japanese with Korean.
    if encoding in _LATIN and _share_of(_WESTERN, sample, "cp1252") >= _WESTERN_SHARE:
        encoding = "cp1252"
    elif encoding not in _LATIN and _share_of(_KANA, sample, "euc_jp") >= _KANA_SHARE:
        encoding = "euc_jp"
    return encoding.upper().replace("_", "-")


def _share_of(letters: frozenset[str], sample: bytes, encoding: str) -> float:
    """The share of some letters among all that are not ASCII's, were the bytes in this encoding."""
    decoded = [char for char in sample.decode(encoding, "replace") if char > "\x7f"]
    return sum(char in letters for char in decoded) / max(1, len(decoded))


def _iconv_name(encoding: str) -> str:
    """``UTF-16LE`` for Python's ``utf-16-le``."""
    return encoding.upper().replace("-LE", "LE").replace("-BE", "BE")


def _iconv(name: str, options: str) -> str:
    return f"iconv {options} -t UTF-8{'' if name == STDIN_NAME else ' ' + typed_name(name)} | longattncomp …"
