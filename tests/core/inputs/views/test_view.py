"""A view's pieces: what is copied maps by the character, what is replaced as a whole."""

from __future__ import annotations

import base64
import json
import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp_cli.core.inputs.views import blobs, notebooks
from longattncomp_cli.core.inputs.views.reader import view_of
from longattncomp_cli.core.inputs.views.view import View, ViewBuilder


def test_copied_parts_map_by_the_character_and_others_as_a_whole() -> None:
    builder = ViewBuilder("abcdefghij")
    builder.write("> ")
    builder.copy(1, 4)
    builder.replace("X", 4, 8)
    builder.copy(8, 10)
    view = builder.view("parts")
    assert view is not None
    assert view.text == "> bcdXij"
    assert view.file_span(3, 5) == (2, 4)
    assert view.file_span(4, 6) == (3, 8)
    assert view.file_span(0, 8) == (1, 10)
    assert view.file_span(0, 1) == (0, 0)
    assert [view.from_file(at) for at in (0, 1, 3, 5, 9, 10)] == [2, 2, 4, 5, 7, 8]


def copied_characters_are_the_files(view: View) -> bool:
    """Every character that maps to one character of its own kind is that character."""
    file, text = view.file_text, view.text
    spans = [view.file_span(at, at + 1) for at in range(len(text))]
    return all(
        span.num_chars != 1 or file[span.start] in (char, "\t", "\n", "\r", "\xa0", " ")
        for span, char in zip(spans, text, strict=True)
    )


PAGE = """<!DOCTYPE html><html><head><title>Ferry &amp; pier</title><style>p {color: red}</style>
<script>if (a < b) { document.write("<p>no</p>"); }</script></head><body><nav><a href="/">Home</a></nav>
<h1>Ferry   service</h1><p class="a>b">The ferry leaves at <b>ten</b>,&nbsp;from the
   north pier.<br>Bring a coat.<ul><li>Adults: 4&euro;<li>Children: free</ul>
<table class="x"><tr><th>day</th><th style="y" colspan="2">height</th></tr><tr><td>Mon</td>
<td>1&lt;2</td></tr></table>
<pre>a   b
 c</pre><!-- <p>secret</p> --><svg><text>no</text></svg><p>Unclosed <div>End.</div>"""


def test_a_page_is_what_one_reads_and_its_tables_keep_their_tags() -> None:
    view = view_of(PAGE, "ferry.html")
    assert view is not None
    assert view.text.split("\n\n")[:3] == [
        "Ferry & pier",
        "# Ferry service",
        "The ferry leaves at ten, from the\nnorth pier.\nBring a coat.",
    ]
    for part in ("- Adults: 4€\n- Children: free", "<tr><th>day</th><th colspan=\"2\">height</th></tr>\n"
                 "<tr><td>Mon</td>\n<td>1&lt;2</td></tr>", "```\na   b\n c\n```", "End."):  # fmt: skip
        assert part in view.text
    for part in ("red", "no", "secret", "Home", "class"):
        assert part not in view.text.replace("north", "")
    assert copied_characters_are_the_files(view)
    at = view.text.index("Bring")
    assert view.file_line_of(at) == 4
    assert PAGE[view.to_file(at) :].startswith("Bring a coat.")


def test_a_template_is_source_code() -> None:
    assert view_of("<html><p class='x'>{{ user.name }}</p></html>", "page.html") is None


def test_a_page_without_words_is_read_as_it_stands() -> None:
    assert view_of("<html><script>let a = 1;</script></html>", "page.html") is None


def notebook(*cells: dict[str, object]) -> str:
    return json.dumps(
        {"cells": list(cells), "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}
    )


def test_a_notebook_is_its_cells_in_the_order_of_reading() -> None:
    text = notebook(
        {"cell_type": "markdown", "metadata": {}, "source": ["# Kiln\n", 'Warm "slowly" \\ 🙂']},
        {
            "cell_type": "code",
            "metadata": {"tags": ["x"]},
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/png": "iVBOR" * 99, "text/plain": "<Figure>"},
                },
                {
                    "output_type": "error",
                    "ename": "KeyError",
                    "evalue": "x",
                    "traceback": ["\x1b[0;31mKeyError\x1b[0m: x"],
                },
            ],
            "source": "print(1)\nprint(2)",
        },
        {"cell_type": "raw", "source": "as it is"},
    )
    view = view_of(text, "kiln.ipynb")
    assert view is not None
    assert view.text == (
        '# Kiln\nWarm "slowly" \\ 🙂\n\n```python\nprint(1)\nprint(2)\n```\n\n```\na\nb\n```\n\n'
        "```\nKeyError: x\n```\n\nas it is\n\n"
    )
    assert "3 cells" in view.what
    assert "an image or the like" in view.what
    assert copied_characters_are_the_files(view)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_cell_is_what_json_says_whatever_its_characters(lines: list[str], are_escaped: bool) -> None:
    """But for bells and back spaces, and colours of a terminal, which are no text."""
    cell = {"cell_type": "markdown", "source": lines}
    text = json.dumps({"cells": [cell]}, ensure_ascii=are_escaped)
    view = notebooks.read(text)
    expected = "".join(lines)
    if "\b" in expected or "\x1b[" in expected or any("\ud800" <= char <= "\udfff" for char in expected):
        return
    assert (view.text if view else "\n\n") == expected + "\n\n" or not expected.strip()


def test_long_outputs_map_in_parts() -> None:
    lines = "".join(f"step {i}\n" for i in range(120_000))
    text = notebook(
        {"cell_type": "code", "source": "x", "outputs": [{"output_type": "stream", "text": lines}]}
    )
    view = view_of(text, "a.ipynb")
    assert view is not None
    assert lines in view.text
    at = view.text.index("step 77777\n")
    span = view.file_span(at, at + 11)
    assert "step 77777\\n" in text[span.start : span.end]
    assert span.num_chars < 10_000


def test_what_is_no_notebook_is_read_as_it_stands() -> None:
    whole = notebook({"cell_type": "markdown", "source": "x"})
    for text in (whole[:-5], "[" * 100_000 + "]" * 100_000, '{"cells": ' + "[" * 100_000, "{}", ""):
        assert view_of(text, "a.ipynb") is None


def test_a_manual_page_loses_its_macros() -> None:
    text = (
        '.\\" draft\n.TH KILN 1 "May 2024"\n.SH NAME\nkiln \\- fire pots\n.SH OPTIONS\n.TP\n'
        "\\fB\\-t\\fR, \\fB\\-\\-top\\fR \\fIN\\fR\nstop at \\(lqN\\(rq degrees\n"
    )
    view = view_of(text, "kiln.1")
    assert view is not None
    assert view.text == (
        "# KILN 1 May 2024\n\n## NAME\nkiln - fire pots\n\n## OPTIONS\n\n-t, --top N stop at “N” degrees"
    )
    assert view.file_line_of(view.text.index("stop at")) == 8


def test_widths_of_a_manual_page_are_no_words() -> None:
    text = (
        '.TH KILN 1\n.PP\ndrop\n.RS 4\nCools it.\n.RE 1\n.IP "\\-w" 4\nWaits.\n'
        ".TP 8\ntag\nLast.\n.sp 2\nEnd.\n"
    )
    view = view_of(text, "kiln.1")
    assert view is not None
    assert view.text == "# KILN 1\n\ndrop\nCools it.\n\n-w Waits.\n\ntag Last.\n\nEnd."


def test_examples_of_a_manual_page_are_fenced_and_no_headings() -> None:
    text = (
        ".TH KILN 1\n.SH EXAMPLES\n.nf\n# fire it\nkiln -t 900\n.fi\nThen wait.\n"
        ".EX\nkiln\n.SH SEE ALSO\npot\n"
    )
    view = view_of(text, "kiln.1")
    assert view is not None
    assert view.text == (
        "# KILN 1\n\n## EXAMPLES\n```\n# fire it\nkiln -t 900\n```\nThen wait.\n"
        "```\nkiln\n```\n\n## SEE ALSO\npot"
    )


def test_numbers_behind_a_dot_make_no_manual_page() -> None:
    assert view_of("Release notes of 2.1\n.hidden files stay\n", "notes.1") is None


def test_mail_is_headings_and_text() -> None:
    box = ""
    for i in range(3):
        box += (
            f"From ana@example.org Tue Mar  3 10:0{i}:00 2026\nFrom: Ana <ana@example.org>\n"
            f"Subject: =?utf-8?q?Br=C3=BCcke?= {i}\nDate: Tue, 3 Mar 2026 10:0{i}\nTo: Bo\nX-Spam: no\n\n"
            f"Text {i}.\n> quoted\n\n"
        )
    view = view_of(box, "all.mbox")
    assert view is not None
    assert view.text.count("## Subject: Brücke") == 3
    assert "From: Ana <ana@example.org> | Date: Tue, 3 Mar 2026 10:02" in view.text
    assert "Text 1.\n> quoted" in view.text
    assert "X-Spam" not in view.text
    at = view.text.index("Text 2.")
    assert box[view.to_file(at) :].startswith("Text 2.")


def test_of_a_message_in_parts_the_plain_text_is_read_and_attachments_are_named() -> None:
    text = (
        "From: a@b.c\nSubject: keys\nTo: d\nMIME-Version: 1.0\n"
        'Content-Type: multipart/mixed; boundary="=="\n\n--==\nContent-Type: text/plain; charset="utf-8"\n'
        "Content-Transfer-Encoding: base64\n\nRGVyIFNjaGzDvHNzZWw=\n--==\n"
        "Content-Type: text/html\n\n<p>no</p>\n"
        '--==\nContent-Type: image/png\nContent-Disposition: attachment; filename="pot.png"\n'
        "Content-Transfer-Encoding: base64\n\n" + "iVBORw0KGgo" * 90 + "\n--==--\n"
    )
    view = view_of(text, "m.eml")
    assert view is not None
    assert "Der Schlüssel" in view.text
    assert "[attachment: pot.png, image/png]" in view.text
    assert "no" not in view.text
    assert "iVBOR" not in view.text
    envelope = "From d@e Tue Mar  3 10:02:00 2026\n"
    box = view_of(f"{envelope}{text}\n{envelope}{text}", "two.mbox")
    assert box is not None
    assert "image/png]\n\n## Subject: keys" in box.text


def test_hostile_files_are_read_in_bounded_time() -> None:
    """Each is as long as a file that takes seconds where time is quadratic."""
    n = 20_000
    for name, text in {
        "a.html": "<div><b>" * n, "b.html": '<a "' * n, "c.html": "<a ='" * n, "d.html": "<!--" * n,
        "e.html": "<p>x&#" * n, "f.html": "<script>" * n, "g.html": "<p " * n,
        "h.1": ".TH A 1\n" + "\\[" * 2 * n, "i.ipynb": '{"cells":' + "[" * n,
        "o.1": ".TH A 1\n" + "\\*[" * 2 * n,
        "j.eml": "From: a\nTo: " + "x <a@b>, " * n + "\nSubject: s\n\nbody",
        "k.eml": "From: a\nTo: b\nSubject: c\n" + "".join(
            f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(1_200)),
        "l.txt": ("Ab1" * 170 + " ") * (n // 10), "m.txt": (("Ab1x" * 16 + "\n") * 6 + "no\n") * (n // 20),
        "n.txt": ("\nliteral 9\n" + ("z" + "%0Aa#" * 13 + "\n") * 6) * (n // 20),
    }.items():  # fmt: skip
        started = time.process_time()
        view_of(text, name) or blobs.read(text)
        assert time.process_time() - started < 3, name


def _binary_patch(num_bytes: int) -> str:
    """As `git diff --binary` writes a new file."""
    drawn = random.Random(6).randbytes(num_bytes)
    lines = []
    for at in range(0, num_bytes, 52):
        part = drawn[at : at + 52]
        letter = chr(ord("A") + len(part) - 1) if len(part) <= 26 else chr(ord("a") + len(part) - 27)
        lines.append(letter + base64.b85encode(part, pad=True).decode())
    body = "\n".join(lines)
    return f"index 00..1f\nGIT binary patch\nliteral {num_bytes}\n{body}\n\nliteral 0\nHcmV?d00001\n\n"


def test_of_a_patch_the_lines_around_its_data_stay() -> None:
    text = _binary_patch(2_000) + "diff --git a/a b/a\n"
    view = blobs.read(text)
    assert view is not None
    head, _, tail = view.text.partition("[2,577 characters of data]")
    assert head == "index 00..1f\nGIT binary patch\nliteral 2000\n"
    assert tail == "\n\nliteral 0\nHcmV?d00001\n\ndiff --git a/a b/a\n"


def test_a_patch_with_a_head_is_no_mail() -> None:
    head = "From: A <a@b.c>\nDate: Fri, 2 Jan 2026 10:00:00 +0000\nSubject: [PATCH] Mend\n\n---\n a | 1 +\n"
    assert view_of(head, "") is not None
    assert view_of(f"From {'0a' * 20} Mon Sep 17 00:00:00 2001\n{head}", "") is None


def test_folded_and_unfolded_data() -> None:
    draw = random.Random(5)
    key = "\n".join("".join(draw.choices("abcdefghijKLMNOPQRSTuvwxyz0123456789+/", k=64)) for _ in range(20))
    for text, is_folded in {
        f"-----BEGIN KEY-----\n{key}\n-----END KEY-----\n": True,
        "hash " + "".join(draw.choices("0123456789abcdef", k=600)) + "\n": True,
        "ACGT" * 400 + "\n": False,
        "x" * 2_000 + "\n": False,
        "a-long/path" * 100 + "\n": False,
        "sha512-" + key[:64] + "\n": False,
        _binary_patch(2_000): True,
        _binary_patch(2_000).replace("\n", "\r\n"): True,
        _binary_patch(200): False,
        "\n" + key.replace("\n", "!\n"): False,
    }.items():
        view = blobs.read(text)
        assert (view is not None) is is_folded, text[:40]
        assert view is None or copied_characters_are_the_files(view)
