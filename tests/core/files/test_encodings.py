"""Bytes become text by one rule; what is no text is an error whose command does no harm."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import subprocess
from pathlib import Path

import pytest
import zstandard

from longattncomp_cli.core.files import paths
from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import as_utf8, decode
from longattncomp_cli.core.inputs.gather import InputFile, read_source
from longattncomp_cli.core.inputs.line_groups import group_lines
from longattncomp_cli.core.inputs.records import FieldNames, Record, read_records
from longattncomp_cli.errors import InputError

TEXT = "Kessel 3: Prüfung am 4. März 🙂\r\nZweite Zeile\n"
WIDE = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
OLD = {
    "CP1252": "La clé du hangar est derrière le baromètre, près de la fenêtre à côté du café.\n",
    "CP1250": "Zażółć gęślą jaźń. Przegląd mostu zaplanowano na marzec, klucz leży w szafie.\n",
    "CP1251": "Проверка моста запланирована на март, а ключ лежит в шкафу под лестницей.\n",
    "CP932": "橋の点検は三月に予定されています。鍵は戸棚の中にあります。\n",
    "EUC-JP": "橋の点検は三月に予定されています。鍵は戸棚の中にあります。\n",
    "GB18030": "桥梁的检查计划在三月进行。高度还没有测量。钥匙在柜子里。\n",
}


@pytest.mark.parametrize("encoding", WIDE)
def test_marked_texts_read_the_same_whole_and_as_a_stream(encoding: str) -> None:
    raw = WIDE[encoding] + TEXT.encode(encoding)
    assert decode(raw, "x") == TEXT
    assert as_utf8(io.BytesIO(raw), "x").read().decode() == TEXT


def test_the_mark_of_utf_8_is_no_part_of_a_text() -> None:
    assert decode(codecs.BOM_UTF8 + TEXT.encode(), "x") == TEXT


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_characters_without_a_mark(encoding: str) -> None:
    """Plain words are surely what they seem; of other scripts only the hint says what they may be."""
    words = "A log of plain words\n" * 20
    assert decode(words.encode(encoding), "x") == words
    with pytest.raises(
        InputError, match=encoding.replace("-le", "LE").replace("-be", "BE").upper()
    ) as caught:
        decode((OLD["CP1251"] * 3).encode(encoding), "x.log")
    assert caught.value.code == "binary"
    assert caught.value.hint.startswith("iconv -f UTF-")


def test_records_and_sources_of_marked_files(tmp_path: Path) -> None:
    lines = '{"id": "ä", "context": "Grüße"}\n{"id": 2, "context": "🙂"}\n'
    path = tmp_path / "in.jsonl"
    packed = tmp_path / "note.txt.gz"
    for encoding, mark in WIDE.items():
        path.write_bytes(mark + lines.encode(encoding))
        packed.write_bytes(gzip.compress(mark + TEXT.encode(encoding)))
        read = list(read_records([InputFile(path, named=True)], FieldNames(), io.BytesIO))
        assert [each.sources[0].text for each in read if isinstance(each, Record)] == ["Grüße", "🙂"]
        groups = list(group_lines([InputFile(path, named=True)], io.BytesIO, iter, 1))
        assert [each.id for group in groups for each in group.read(FieldNames())] == ["ä", 2]
        source = read_source(InputFile(packed, named=True), print, bytes)
        assert source is not None
        assert source.text == TEXT


@pytest.mark.parametrize("raw", [b"abc\0def\n", b"x" * 20_000 + b"\n\0", bytes(range(256)) * 50])
def test_a_nul_anywhere_is_binary(raw: bytes) -> None:
    with pytest.raises(InputError) as caught:
        decode(raw, "x")
    assert caught.value.code == "binary"


def test_what_its_first_bytes_tell_is_named_with_the_command_for_it() -> None:
    for raw, name, command in (
        (b"%PDF-1.7\nstream", "a b.pdf", "pdftotext -layout 'a b.pdf'"),
        (b"PK\x03\x04\x14\x00", "report.docx", "pandoc"),
        (b"PK\x03\x04\x14\x00", "prices.xlsx", "xlsx2csv"),
        (b"PK\x03\x04\x14\x00", "all.zip", "unzip"),
        (b"\x1f\x8b\x08\x00", "stdin", "gzip -dc"),
        (b"a.txt".ljust(257, b"\0") + b"ustar\x0000", "old.tar", "tar -xf old.tar"),
    ):
        with pytest.raises(InputError) as caught:
            decode(raw, name)
        assert command in caught.value.hint
    assert decode(b"BZh is a word, PAR1 too", "x") == "BZh is a word, PAR1 too"


@pytest.mark.parametrize(
    ("before", "stray", "line", "column"),
    [
        ("Das Café hat\nzwei Türen. ", b"\xff", 2, 13),
        ("x" * 3_000 + "\n", b"\x92", 2, 1),
        ("naïv", b"\xc3", 1, 5),
    ],
)
def test_a_bad_byte_has_a_place_and_the_command_keeps_the_rest(
    tmp_path: Path, before: str, stray: bytes, line: int, column: int
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(before.encode() + stray)
    with pytest.raises(InputError, match=rf"0x{stray.hex()} in line {line}, column {column}\)") as caught:
        decode(path.read_bytes(), str(path))
    command = re.search(r"iconv .*(?= \|)", caught.value.hint)
    assert command is not None
    done = subprocess.run(["bash", "-c", command.group()], capture_output=True)
    assert done.stdout.decode() == before


@pytest.mark.parametrize("encoding", OLD)
def test_an_old_encoding_is_recognised_and_its_command_gives_the_text(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes((OLD[encoding] * 4).encode(encoding))
    with pytest.raises(InputError, match=f"probably {encoding}") as caught:
        decode(path.read_bytes(), str(path))
    command = caught.value.hint.partition(" |")[0]
    done = subprocess.run(["bash", "-c", command], capture_output=True)
    assert done.stdout.decode() == OLD[encoding] * 4


def test_damaged_utf_16_is_an_error_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "half.txt"
    path.write_bytes(codecs.BOM_UTF16_LE + "word".encode("utf-16-le") + b"\x00")
    for read in (lambda: decode(path.read_bytes(), str(path)), lambda: open_bytes(path).read()):
        with pytest.raises(InputError, match=r"half\.txt: damaged UTF-16LE") as caught:
            read()
        assert caught.value.code == "not-utf8"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_unpacks_to_more_than_a_text_may_have_is_refused(tmp_path: Path, monkeypatch, pack) -> None:
    monkeypatch.setattr(paths, "MAX_TEXT_BYTES", 1_000)
    path = tmp_path / ("bomb.txt.gz" if pack is gzip.compress else "bomb.txt.zst")
    path.write_bytes(pack(bytes(1 << 24)))
    with pytest.raises(InputError) as caught:
        read_source(InputFile(path, named=True), print, bytes)
    assert caught.value.code == "too-large"
