"""Formats that are no text, told by their first bytes, and the command that makes a text of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from longattncomp_cli.core.files.paths import typed_name


@dataclass(frozen=True)
class BinaryKind:
    """A format.

    Attributes:
        name: as an error calls it.
        hint: the next command to type.
    """

    name: str
    hint: str


_PANDOC = "pandoc -t plain --wrap=none {} | longattncomp …"
_SOUND = "whisper {} --output_format txt, then name the .txt"
# What zip archives are by the suffix of their name.
_ZIPPED = {
    ".docx": ("a Word document", _PANDOC),
    ".odt": ("an OpenDocument text", _PANDOC),
    ".epub": ("an e-book", _PANDOC),
    ".xlsx": ("a spreadsheet", "xlsx2csv --all {} | longattncomp …"),
    ".ods": ("a spreadsheet", "ssconvert {} out.csv, then name out.csv"),
    ".pptx": ("a presentation", "soffice --convert-to pdf {}, then pdftotext"),
    ".jar": ("a Java archive", "unzip it, and name the text files inside"),
    ".whl": ("a Python wheel", "unzip it, and name the folder"),
}
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF", "pdftotext -layout {} - | longattncomp …"),
    (b"PK\x03\x04", "a zip archive", "unzip it, and name the folder"),
    (b"PK\x05\x06", "an empty zip archive", "name another file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", "soffice --convert-to txt:Text {}"),
    (b"{\\rtf", "a Rich Text document", "pandoc -f rtf -t plain {} | longattncomp …"),
    (b"\x1f\x8b", "a gzip stream", "gzip -dc < {} | longattncomp …"),
    (b"\x28\xb5\x2f\xfd", "a zstd stream", "zstd -dc < {} | longattncomp …"),
    (b"BZh", "a bzip2 stream", "bzip2 -dc < {} | longattncomp …"),
    (b"\xfd7zXZ\x00", "an xz stream", "xz -dc < {} | longattncomp …"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x {}, and name the folder"),
    (b"SQLite format 3\x00", "an SQLite database", "sqlite3 {} .dump | longattncomp …"),
    (b"PAR1", "a Parquet file", "export it as .csv or .jsonl first"),
    (b"\x89PNG\r\n", "an image", "tesseract {} - | longattncomp …"),
    (b"\xff\xd8\xff", "an image", "tesseract {} - | longattncomp …"),
    (b"GIF8", "an image", "tesseract {} - | longattncomp …"),
    (b"Rar!\x1a\x07", "a RAR archive", "unrar x {}, and name the folder"),
    (b"RIFF", "sound or an image", _SOUND),
    (b"ID3", "sound", _SOUND),
    (b"OggS", "sound", _SOUND),
    (b"fLaC", "sound", _SOUND),
    (b"\x7fELF", "a program", "name its source instead"),
    (b"\xca\xfe\xba\xbe", "a compiled program", "name its source instead"),
    (b"\x93NUMPY", "an array of numbers", "export it as .csv first"),
)
# The same behind some other bytes.
_MAGIC_AT: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"ftyp", "a film, sound or a photo", _SOUND),
    (60, b"BOOKMOBI", "an e-book", "ebook-convert {} book.txt, then name book.txt"),
    (257, b"ustar", "a tar archive", "tar -xf {}, and name the folder"),
)
# Signs that a text could begin with count only beside a byte that no text has.
_LETTERS = (b"BZh", b"PAR1", b"GIF8", b"RIFF", b"ID3", b"OggS", b"fLaC")


def binary_kind(opening: bytes, name: str) -> BinaryKind | None:
    """The format of a file with these first bytes; ``None`` for text and for what is not known."""
    for at, magic, what, hint in _MAGIC_AT if b"\0" in opening else ():
        if opening[at : at + len(magic)] == magic:
            return BinaryKind(f"binary file, {what}", hint.format(typed_name(name)))
    for magic, what, hint in _MAGIC:
        if opening.startswith(magic) and (magic not in _LETTERS or b"\0" in opening):
            if magic.startswith(b"PK"):
                what, hint = _ZIPPED.get(PurePath(name).suffix.lower(), (what, hint))
            return BinaryKind(f"binary file, {what}", hint.format(typed_name(name)))
    return None
