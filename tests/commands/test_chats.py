"""Chats on the command line: JSON in, the same JSON out; records; refusals."""

from __future__ import annotations

import base64
import gzip
import json
import random

import pytest

from tests.support.chats import FACT, LISTING, QUESTION, RULE, anthropic_body, openai_chat
from tests.support.cli import invoke, lines_of


@pytest.fixture
def chats(folder):
    (folder / "chat.json").write_text(json.dumps(openai_chat(), indent=1), encoding="utf-8-sig")
    (folder / "body.json").write_text(json.dumps(anthropic_body()), encoding="utf-8")
    lines = "".join(json.dumps(message) + "\n" for message in openai_chat())
    (folder / "lines.jsonl").write_text(lines, encoding="utf-8-sig")
    (folder / "lines.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
    many = [{"id": "a", "messages": openai_chat(), "model": "m", "n": 1}, openai_chat(), anthropic_body()]
    many.append({"id": "bad", "messages": [{"role": "wizard", "content": "x"}]})
    (folder / "many.jsonl").write_text("".join(json.dumps(each) + "\n" for each in many), encoding="utf-8")
    return folder


def test_a_chat_and_a_body_come_back_as_they_were_but_shorter(chats):
    done = invoke("compress", "chat.json", "-b", "150")
    short = json.loads(done.stdout)
    assert done.exit_code == 0 and FACT in short[3]["content"] and len(short[3]["content"]) < len(LISTING)
    assert done.stdout.startswith('[\n {\n  "role": "system",')
    assert f"query (auto:messages): {QUESTION}" in done.stderr
    body = json.loads(invoke("compress", "-", "-b", "160", stdin=(chats / "body.json").read_bytes()).stdout)
    assert list(body) == list(anthropic_body()) and FACT in json.dumps(body)


@pytest.mark.parametrize("name", ["lines.jsonl", "lines.ndjson.gz"])
def test_one_message_a_line_is_one_conversation(chats, name):
    done = invoke("compress", name, "-b", "150", "-q", "Who has berth 41?")
    lines = lines_of(done.stdout_bytes)
    assert done.exit_code == 0 and [line["role"] for line in lines] == [m["role"] for m in openai_chat()]
    assert FACT in lines[3]["content"]


def test_records_come_back_with_messages_and_lists_as_lists(chats):
    done = invoke("compress", "many.jsonl", "-b", "170", "--quiet")
    first, second, third, bad = lines_of(done.stdout_bytes)
    assert done.exit_code == 3
    assert list(first) == ["id", "messages", "model", "n", "selection"]
    assert first["selection"]["num_tokens"] <= 170 and FACT in first["messages"][3]["content"]
    assert "compressed" not in first and first["selection"]["query"] == QUESTION
    assert second == first["messages"]
    assert third["id"] == 3 and third["system"] == anthropic_body()["system"] and FACT in json.dumps(third)
    assert bad["id"] == "bad" and "message 0" in bad["error"]["message"]


def test_what_does_not_change_in_a_record_keeps_its_bytes(folder):
    odd = r'"n" : [1.0, 1.10, 1E+5, -0.0, 12345678901234567890123], "s":"caf\u00e9 \/ \ud83d\ude42"'
    chat = json.dumps(openai_chat())
    context = json.dumps({"context": LISTING, "query": QUESTION})[1:-1]
    body = f'{{"odd": {{ {odd} }}, "messages": {chat}}}'
    batch = f'{{"custom_id":"c" ,"body":{body}}}'
    record = f'{{"id": 12345678901234567890123, {context}, "odd": {{ {odd} }}}}'
    half = record.replace(r"\ude42", "")
    (folder / "odd.jsonl").write_text("\r\n".join([chat, body, batch, record, half]), encoding="utf-8")
    done = invoke("compress", "odd.jsonl", "-b", "150", "--quiet")
    lines = done.stdout.split("\n")
    assert done.exit_code == 0 and all(FACT in json.dumps(json.loads(line)) for line in lines[:-1])
    assert lines[0] == lines[2][lines[2].index("[{") :].removesuffix("}}")
    assert lines[0].startswith(chat[:200]) and len(lines[0]) < len(chat)
    assert lines[1].startswith(f'{{"odd":{{ {odd} }},"messages":{lines[0]},"id":2,"selection":{{"budget":')
    assert lines[2] == batch.replace(chat, lines[0])
    assert '"id":12345678901234567890123,' in lines[3] and f'"odd":{{ {odd} }}' in lines[3]
    assert "\ufffd" in lines[4] and "12345678901234567890123" in lines[4]


def test_as_text_prints_one_text(chats):
    done = invoke("compress", "chat.json", "-b", "260", "--as", "text", "--quiet")
    assert done.stdout.startswith(f"<|im_start|>system\n{RULE}") and FACT in done.stdout
    records = lines_of(invoke("compress", "many.jsonl", "-b", "260", "--as", "text", "--quiet").stdout_bytes)
    assert all("messages" not in record and FACT in record["compressed"] for record in records[1:3])


def test_score_shows_turns(chats):
    table = invoke("score", "chat.json", env={"COLUMNS": "140"}).stdout
    assert "message 3 (tool list_berths):" in table and "message 4 (assistant):" in table
    report = json.loads(invoke("score", "chat.json", "--json").stdout)
    assert {"message": 3, "role": "tool", "tool": "list_berths"} in report["turns"]
    assert len(report["turns"]) == len(report["sources"])


@pytest.mark.parametrize("more", [(), ("--as", "text"), ("--keep", "berth 4.*"), ("-q", "Who?")])
def test_a_budget_that_is_too_small_names_the_least_that_works(chats, more):
    refused = invoke("compress", "chat.json", "-b", "20", *more)
    assert refused.exit_code == 6
    least = int(refused.stderr.split("--budget ")[1].split()[0].rstrip(","))
    assert invoke("compress", "chat.json", "-b", str(least), *more).exit_code == 0
    assert invoke("compress", "chat.json", "-b", str(least - 1), *more).exit_code == 6


def test_what_must_be_kept_of_old_results_opens_the_newest(chats):
    """Else the least budget would hold the newest results whole."""
    messages = openai_chat()[:-1]
    for number in range(3):
        call = {"id": f"n{number}", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        listed = " ".join(f"pier{number} {i}" for i in range(40))
        messages.append({"role": "tool", "tool_call_id": f"n{number}", "content": listed})
    (chats / "grown.json").write_text(json.dumps([*messages, openai_chat()[-1]]), encoding="utf-8")
    call = ("compress", "grown.json", "--keep", "berth .*", "-b")
    least = int(invoke(*call, "60").stderr.split("--budget ")[1].split()[0].rstrip(","))
    done = invoke(*call, str(least))
    assert done.exit_code == 0 and "pier" not in done.stdout and done.stdout.count("berth") > 20


def test_format_text_reads_a_chat_as_any_text(chats):
    done = invoke("compress", "chat.json", "-b", "60", "--format", "text", "-q", QUESTION, "--quiet")
    assert done.exit_code == 0 and len(done.stdout) < 400
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_two_files_of_messages_are_refused(chats):
    done = invoke("compress", "lines.jsonl", "lines.jsonl", "-b", "100")
    assert done.exit_code == 2 and "one conversation" in done.stderr


def test_a_dry_run_counts_messages(chats):
    done = invoke("compress", "chat.json", "-b", "100", "--dry-run")
    assert "messages  6" in done.stdout


def test_a_batch_keeps_its_lines_and_is_resumed(chats):
    body = {"model": "m", "messages": openai_chat()}
    lines = [json.dumps({"custom_id": f"c{i}", "method": "POST", "body": body}) for i in range(3)]
    bad = json.dumps({"custom_id": "bad", "body": {"messages": [{"role": "wizard", "content": "x"}]}})
    (chats / "batch.jsonl").write_text("\n".join([*lines, bad]), encoding="utf-8")
    call = ("compress", "batch.jsonl", "-b", "150", "-o", "out.jsonl")
    assert invoke(*call).exit_code == 3
    whole = (chats / "out.jsonl").read_bytes()
    *written, failed = lines_of(whole)
    assert [list(each) for each in written] == [["custom_id", "method", "body"]] * 3
    assert failed["id"] == "bad" and FACT in json.dumps(written)
    (chats / "out.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    assert invoke(*call, "--resume").exit_code == 3
    assert (chats / "out.jsonl").read_bytes() == whole
    (chats / "out.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    other = invoke("compress", "batch.jsonl", "-b", "90", "-o", "out.jsonl", "--resume")
    assert other.exit_code == 3 and "other settings" in other.stderr


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('{\n "context": "a",\n "query": "b"\n}', "jq -c '.' rows.jsonl"),
        ('[{"context": "a"}]', "jq -c '.[]' rows.jsonl"),
    ],
)
def test_json_that_is_no_line_names_the_command_that_makes_lines(folder, text, command):
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    done = invoke("compress", "rows.jsonl", "-q", "x", "-b", "50")
    assert done.exit_code == 3 and command in done.stderr


@pytest.mark.parametrize("is_lines", [False, True])
def test_images_of_a_chat_come_back_whole(folder, is_lines):
    drawn = random.Random(3).randbytes(3_000)
    url = "data:image/png;base64," + base64.b64encode(drawn).decode()
    messages = openai_chat()
    messages[1]["content"] = [
        {"type": "text", "text": messages[1]["content"]},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    name = "chat.jsonl" if is_lines else "chat.json"
    text = "".join(json.dumps(each) + "\n" for each in messages) if is_lines else json.dumps(messages)
    (folder / name).write_text(text, encoding="utf-8")
    done = invoke("compress", name, "-b", "150")
    assert done.exit_code == 0 and done.stdout.count(url) == 1 and FACT in done.stdout
    assert "read as" not in done.stderr
