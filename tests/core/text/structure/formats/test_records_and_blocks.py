"""What names a record, a block or a statement, where formats leave more than one way to write it."""

from __future__ import annotations

import numpy as np
import pytest

from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.core.chunking.cutter import chunk_source
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.structure.reader import structure_of


def above(text: str, name: str, part: str) -> list[str]:
    """The heading lines of where ``part`` first stands, each without the space around it."""
    structure = structure_of(text, name)
    assert structure is not None
    return [text[slice(*span)].strip() for span in structure.headings_at(text.index(part))]


FILLER = "".join(f'    "k{i}": "{"x" * 60}",\n' for i in range(40))


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ('{"id": 7, "name": "Ann", "b": {"c": [1], "deep": "HERE"}}', '"id": 7'),
        ('{"tags": [1, 2], "name": "Ann", "b": "HERE"}', '{"tags": [1, 2], "name": "Ann"'),
        ('{"colour": "red", "b": "HERE"}', '{"colour": "red"'),
        ('{"list": [1], ' + '"x": [' + "1, " * 90 + '1], "title": "Ann", "b": "HERE"}', '"title": "Ann"'),
    ],
)
def test_a_json_record_is_headed_by_the_member_that_names_it(record: str, named: str) -> None:
    assert named in " ".join(above(f"[{record}, {{{FILLER}}}]", "a.json", "HERE"))


def test_members_of_large_and_small_objects_are_headed_by_their_keys() -> None:
    text = (
        '{\n  "big": {\n'
        + FILLER
        + '    "small": {\n      "z": "'
        + "y" * 60
        + '",\n      "v": "HERE"\n    }\n  }\n}\n'
    )
    assert above(text, "a.json", "HERE") == ['"big": {', '"small": {']


def test_yaml_keys_that_only_wrap_another_leave_its_heading_alone() -> None:
    inner = "".join(f"      key{i}: value\n" for i in range(40))
    text = f"name: pump\nspec:\n  replicas: 3\n  template:\n    holder:\n{inner}      last: HERE\n"
    assert above(text, "a.yaml", "HERE") == ["name: pump", "holder:"]
    assert above(text, "a.yaml", "replicas") == ["name: pump", "spec:"]


def test_yaml_text_blocks_and_comments_are_no_keys() -> None:
    text = "run: |\n  # no\n  a: b\n\n  c:\n    d\nnext: # said\n  x: 1\n"
    assert above(text, "a.yaml", "d\n") == ["run: |"]
    assert above(text, "a.yaml", "x: 1") == ["next: # said"]


def test_toml_tables_of_an_item_stand_under_it() -> None:
    items = '[[pump]]\nname = "A"\n\n[pump.oil]\nlitres = 3\n\n[[pump]]\nname = "B"\n'
    text = items + '\n[other]\nx = """\n[no]\n"""\ny = 2\n'
    assert above(text, "a.toml", "litres") == ['[[pump]]\nname = "A"', "[pump.oil]"]
    assert above(text, "a.toml", "y = 2") == ["[other]"]


BRACES = """\
namespace Harbour
{
    // One {
    [Serializable]
    public class Pump<T> : Base
        where T : Oil
    {
        private string name = "{";

        /* old } */
        public async Task<int> Run(
            int a,
            string b = "}")
        {
            if (a > 1)
            {
                first();
            }
            return second;
        }

        public int Size { get; set; }

        public object Find(int x) {
            return third;
        }
    }
}
"""


def test_braces_alone_say_what_a_line_belongs_to() -> None:
    flat = "\n".join(line.strip() for line in BRACES.split("\n"))
    for text in (BRACES, flat):
        assert above(text, "a.cs", "first")[0] == "namespace Harbour"
        assert above(text, "a.cs", "second")[1].startswith("public class Pump<T> : Base")
        assert above(text, "a.cs", "second")[2].startswith("public async Task<int> Run(")
        assert above(text, "a.cs", "third")[2] == "public object Find(int x) {"
        assert len(above(text, "a.cs", "public int Size")) == 2


def test_where_braces_do_not_pair_indentation_decides() -> None:
    broken = BRACES.replace("first();", "first(); {")
    assert above(broken, "a.cs", "third")[-1] == "public object Find(int x) {"


SQL = """\
-- Boats.
CREATE TABLE boat
(
    id INT, -- it's; fine
    name TEXT DEFAULT 'a;b'
);

CREATE FUNCTION f() RETURNS int AS $$
BEGIN
  one;
  two;
END $$;

CREATE TRIGGER t BEFORE UPDATE ON boat
BEGIN
  UPDATE boat SET id = CASE WHEN 1 THEN 2 END;
  three;
END;

INSERT INTO boat (id, name) VALUES
(1, 'four'),
(2, 'five');
"""


def test_sql_statements_hold_their_bodies() -> None:
    assert above(SQL, "a.sql", "name TEXT") == ["CREATE TABLE boat"]
    assert above(SQL, "a.sql", "two") == ["CREATE FUNCTION f() RETURNS int AS $$"]
    assert above(SQL, "a.sql", "three") == ["CREATE TRIGGER t BEFORE UPDATE ON boat"]
    assert above(SQL, "a.sql", "five") == ["INSERT INTO boat (id, name) VALUES"]


def test_a_long_entry_is_headed_by_its_time_and_level() -> None:
    text = f"2031-05-06T07:08:09Z pump[7]: level=warn {'a=1 ' * 90}\n" * 3
    assert above(text, "a.log", "a=1 a=1")[0] == "2031-05-06T07:08:09Z pump[7]: level=warn"


def test_an_event_is_headed_by_its_summary_and_not_by_its_calendar_or_alarm() -> None:
    event = "BEGIN:VEVENT\nSUMMARY:Tide\nBEGIN:VALARM\nX:1\nEND:VALARM\nPLACE:HERE\nEND:VEVENT\n"
    text = f"BEGIN:VCALENDAR\n{event}END:VCALENDAR\n"
    assert above(text, "a.ics", "HERE") == ["SUMMARY:Tide"]


def test_letters_without_envelopes_are_told_apart_by_their_fields() -> None:
    text = "From: Ann\nDate: May\nSubject: Oars\n\nOne.\n\nFrom: Bob\nSubject: Ropes\n\nTwo.\n"
    assert above(text, "a.eml", "One") == ["From: Ann\nDate: May\nSubject: Oars"]
    assert above(text, "a.eml", "Two") == ["From: Bob\nSubject: Ropes"]


def test_chunks_begin_with_entries_of_a_log() -> None:
    text = "".join(
        f"2031-05-06 07:08:{i:02d} INFO one. Two! Three? {'word ' * (i % 30)}\n" for i in range(60)
    )
    starts = [i for i in range(len(text)) if text[i] not in " \n" and (i == 0 or text[i - 1] in " \n")]
    tokens = Tokens(list(range(len(starts))), np.array(starts))
    chunked = chunk_source(
        Source(text, "a.log"), tokens, source_index=0, first_index=0, chunk_tokens=48, snap="auto"
    )
    assert len(chunked.chunks) > 10
    assert all(chunk.start == 0 or text[chunk.start - 1] == "\n" for chunk in chunked.chunks)


PLIST = """\
<plist>
<dict>
  <key>tide-clock</key>
  <dict>
    <key>faces</key>
    <integer>4</integer>
    <key>key</key>
    <string>brass</string>
  </dict>
  <key>fog-bell</key>
  <dict>
    <key>faces</key>
    <integer>9</integer>
  </dict>
</dict>
</plist>
"""


def test_a_dictionary_of_a_property_list_is_headed_by_its_key() -> None:
    assert above(PLIST, "a.plist", "brass")[-1] == "<key>tide-clock</key>\n  <dict>"
    assert above(PLIST, "a.plist", ">9<")[-1] == "<key>fog-bell</key>\n  <dict>"
    assert above(PLIST, "a.plist", ">9<")[:2] == ["<plist>", "<dict>"]


def test_entries_of_data_in_braces_have_their_own_heads() -> None:
    entry = "  ['{0}'] = {{\n    faces = {1},\n    note = 'brass',\n  }},\n"
    entries = (entry.format(name, i) for i, name in enumerate(["tide", "fog", "gull"]))
    text = "return {\n" + "".join(entries) + "}\n"
    assert above(text, "a.lua", "faces = 2") == ["return {", "['gull'] = {"]


def test_threads_of_dotnet_are_headed_by_their_lines() -> None:
    frames = "Child SP IP Call Site\n" + "00000a{0} 00007f0{0} Pier.Lock()\n" * 3
    text = "".join(f"OS Thread Id: 0x1{i} ({i})\n{frames.format(i)}" for i in range(6))
    structure = structure_of(text)
    assert structure is not None
    heads = [text[slice(*unit.heading)] for unit in structure.units if unit.heading]
    assert (structure.kind, heads) == ("dump", [f"OS Thread Id: 0x1{i} ({i})" for i in range(6)])


def test_log_entries_hold_their_tracebacks() -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 7, in pier\n    o()\nPierError: shut\n'
    text = "".join(f"2031-02-0{i} 10:00:00,000 ERROR oar {i} broke\n{trace}" for i in range(1, 7))
    assert above(text, "", "PierError") == ["2031-02-01 10:00:00,000 ERROR oar 1 broke"]


def test_schemas_without_a_name_are_told_by_their_braces() -> None:
    body = "  // Of the pier.\n  double a = 1;\n  double b = 2;\n"
    proto = "".join(f"message M{i} {{\n{body}}}\n" for i in range(5))
    fields = "".join(f"  f{k}(unit: Unit = FEET): Float\n" for k in range(14))
    graphql = "".join(f"type T{i} {{\n{fields}}}\n" for i in range(5))
    assert above(proto, "", "double b") == ["message M0 {"]
    assert above(graphql, "", "f9(") == ["type T0 {"]


def test_what_holds_several_named_records_is_none_itself() -> None:
    call = '{{"name": "{0}", "path": "/v2/{0}/of/the/pier", "sent": ["{1}", "{1}", "{1}", "{1}", "{1}"]}}'
    calls = ",\n      ".join(call.format(name, "x" * 20) for name in ("list", "hire", "refund"))
    text = (
        f'[\n  {{"name": "boats", "calls": [\n      {calls}\n  ]}},\n  {{"name": "oars", "calls": []}}\n]\n'
    )
    structure = structure_of(text, "a.json")
    assert structure is not None
    rows = [text[a:b] for a, b in zip(*structure.rows, strict=True)]
    assert [row.split('"')[3] for row in rows] == ["list", "hire", "refund", "oars"]
    assert '"name": "boats"' in " ".join(above(text, "a.json", "/v2/refund"))


def test_special_targets_of_a_makefile_head_nothing() -> None:
    text = ".PHONY: all mend\nall: oar\n\nmend: oar\n\t./oar --mend\n\noar: oar.c\n\tcc oar.c\n"
    assert above(text, "Makefile", "--mend") == ["mend: oar"]
    structure = structure_of(text, "Makefile")
    assert structure is not None
    assert not any(text.startswith(".PHONY", unit.start) for unit in structure.units)
