"""``--dry-run``: what a run would read, count and take. Loads no model and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from longattncomp_cli.commands.runs.estimates import estimate
from longattncomp_cli.commands.runs.inputs import conversation_in, open_records, read_sources
from longattncomp_cli.commands.runs.run import Run
from longattncomp_cli.commands.terminal.console import print_text
from longattncomp_cli.core.budget.amounts import budget_tokens
from longattncomp_cli.core.inputs.gather import InputFile

if TYPE_CHECKING:
    from longattncomp_cli.core.budget.tokenizers import TargetTokenizer


def dry_run(run: Run, kind: str, files: list[InputFile]) -> None:
    """Print what the run would do, a fact a line.

    Args:
        run: the call.
        kind: ``text`` or ``jsonl``.
        files: its inputs.
    """
    from longattncomp_cli.core.budget.tokenizers import DEFAULT_TOKENIZER, load_tokenizer

    stands_in = run.tokenizer == "backbone"
    tokenizer = load_tokenizer(DEFAULT_TOKENIZER if stands_in else run.tokenizer)
    unit = f"{tokenizer.name}, in place of the backbone's" if stands_in else tokenizer.name
    count = _records if kind == "jsonl" else _text
    lines = [f"{name:<10}{fact}" for name, fact in count(run, files, tokenizer, unit)]
    print_text("\n".join([*lines, "nothing was scored or written"]) + "\n")


def _text(
    run: Run, files: list[InputFile], tokenizer: TargetTokenizer, unit: str
) -> Iterator[tuple[str, str]]:
    sources = read_sources(run, files)
    conversation = conversation_in(run, sources)
    texts = [source.text for source in sources]
    if conversation is None:
        yield "sources", f"{len(sources):,}"
    else:
        texts = [said.text for said in conversation.texts]
        yield "messages", f"{conversation.num_messages:,}"
    num_tokens = sum(tokenizer.count_each(texts))
    yield "tokens", f"{num_tokens:,} ({unit})"
    if run.settings.budget is not None:
        budget = budget_tokens(run.settings.budget, num_tokens)
        fits = "the input fits, and would come back unchanged"
        share = f"{budget / max(1, num_tokens):.1%} of the input"
        yield "budget", f"{budget:,} tokens; {fits if num_tokens <= budget else share}"
    yield _cost(run, num_tokens, num_tokens)


def _records(
    run: Run, files: list[InputFile], tokenizer: TargetTokenizer, unit: str
) -> Iterator[tuple[str, str]]:
    from longattncomp_cli.core.inputs.records import FailedRecord

    total = largest = num_records = num_failed = num_fitting = kept = 0
    first_failure = ""
    for record in open_records(run, files):
        num_records += 1
        if isinstance(record, FailedRecord):
            num_failed += 1
            first_failure = first_failure or record.error.message
            continue
        num_tokens = sum(tokenizer.count_each([source.text for source in record.sources]))
        total += num_tokens
        largest = max(largest, num_tokens)
        budget = record.budget or run.settings.budget
        if budget is not None:
            limit = budget_tokens(budget, num_tokens)
            num_fitting += num_tokens <= limit
            kept += min(num_tokens, limit)
    failures = f", {num_failed:,} would fail: {first_failure}" if num_failed else ""
    yield "records", f"{num_records:,}{failures}"
    yield "tokens", f"{total:,} ({unit}), {largest:,} in the largest"
    if kept:
        whole = f"; {num_fitting:,} records fit whole" if num_fitting else ""
        yield "budgets", f"at most {kept:,} tokens together, {kept / max(1, total):.1%} of the input{whole}"
    yield _cost(run, total, largest)


def _cost(run: Run, total: int, largest: int) -> tuple[str, str]:
    cost = None if run.choice.backbone else estimate(total, largest, run.choice.checkpoint)
    if cost is None:
        return "estimate", "none: this checkpoint's backbone was not measured"
    size, unit = next((s, u) for s, u in ((3600, "h"), (60, "min"), (1, "s")) if cost.seconds >= 2 * s)
    time = f"{cost.seconds / size:.0f} {unit}"
    return "estimate", f"about {time} and {cost.gib:.1f} GiB of memory ({cost.basis})"
