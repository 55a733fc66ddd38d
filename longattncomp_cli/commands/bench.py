"""``longattncomp bench``: every method and task side by side."""

from __future__ import annotations

from longattncomp_cli.commands.options.bench import BenchOptions
from longattncomp_cli.commands.options.option_sets import with_options
from longattncomp_cli.commands.terminal.errors import report_errors

EPILOG = """Examples:

  longattncomp bench

  longattncomp bench squad hotpotqa --squad dev-v1.1.json --hotpotqa dev.json --budget 12.5% -o report.json

  longattncomp bench --data my-records.jsonl --budget 4k --html report.html

  longattncomp bench --preset paper-code-debug --code-debug code_debug.jsonl -o report.json
  --target-url http://localhost:8000/v1 --target-model my-model
"""


@report_errors
@with_options(BenchOptions)
def bench(options: BenchOptions) -> None:
    """Compare ways to compress: how much evidence is kept, at what cost, and what a model makes of it.

    No target model is needed: evidence recall, answers kept, seconds and memory are measured without one.
    """
    from longattncomp_cli.commands.runs.bench import run_bench

    run_bench(options)
