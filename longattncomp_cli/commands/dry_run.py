"""``--dry-run``: what a run would read, count and take. Loads no model and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from longattncomp_cli.commands.inputs import open_inputs, open_records, read_sources
from longattncomp_cli.commands.output import print_text
from longattncomp_cli.commands.run_options import RunOptions
from longattncomp_cli.core.estimates import budget_tokens, estimate
from longattncomp_cli.core.inputs.gather import InputFile

if TYPE_CHECKING:
    from longattncomp_cli.core.budget.tokenizers import TargetTokenizer


def dry_run(options: RunOptions) -> None:
    """Print what the run would do, a fact a line."""
    from longattncomp_cli.core.budget.tokenizers import DEFAULT_TOKENIZER, load_tokenizer

    options.settings()
    options.question()
    kind, files = open_inputs(options)
    stands_in = options.tokenizer == "backbone"
    tokenizer = load_tokenizer(DEFAULT_TOKENIZER if stands_in else options.tokenizer)
    unit = f"{tokenizer.name}, in place of the backbone's" if stands_in else tokenizer.name
    count = _records if kind == "jsonl" else _text
    lines = [f"{name:<10}{fact}" for name, fact in count(options, files, tokenizer, unit)]
    print_text("\n".join([*lines, "nothing was scored or written"]) + "\n")


def _text(
    options: RunOptions, files: list[InputFile], tokenizer: TargetTokenizer, unit: str
) -> Iterator[tuple[str, str]]:
    sources = read_sources(options, files)
    num_tokens = sum(tokenizer.count_each([source.text for source in sources]))
    yield "sources", f"{len(sources):,}"
    yield "tokens", f"{num_tokens:,} ({unit})"
    if options.budget is not None:
        budget = budget_tokens(options.budget, num_tokens)
        fits = "the input fits, and would come back unchanged"
        share = f"{budget / max(1, num_tokens):.1%} of the input"
        yield "budget", f"{budget:,} tokens; {fits if num_tokens <= budget else share}"
    yield _cost(options, num_tokens, num_tokens)


def _records(
    options: RunOptions, files: list[InputFile], tokenizer: TargetTokenizer, unit: str
) -> Iterator[tuple[str, str]]:
    from longattncomp_cli.core.inputs.records import FailedRecord

    total = largest = num_records = num_failed = num_fitting = kept = 0
    first_failure = ""
    for record in open_records(options, files):
        num_records += 1
        if isinstance(record, FailedRecord):
            num_failed += 1
            first_failure = first_failure or record.error.message
            continue
        num_tokens = sum(tokenizer.count_each([source.text for source in record.sources]))
        total += num_tokens
        largest = max(largest, num_tokens)
        budget = record.budget or options.budget
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
    yield _cost(options, total, largest)


def _cost(options: RunOptions, total: int, largest: int) -> tuple[str, str]:
    cost = None if options.backbone else estimate(total, largest, options.checkpoint)
    if cost is None:
        return "estimate", "none: this checkpoint's backbone was not measured"
    size, unit = next((s, u) for s, u in ((3600, "h"), (60, "min"), (1, "s")) if cost.seconds >= 2 * s)
    time = f"{cost.seconds / size:.0f} {unit}"
    return "estimate", f"about {time} and {cost.gib:.1f} GiB of memory ({cost.basis})"
