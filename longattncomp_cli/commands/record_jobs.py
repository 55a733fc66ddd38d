"""What each command does with one record: the same here and in a worker on another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longattncomp_cli.commands.run_options import RunOptions

if TYPE_CHECKING:
    from longattncomp_cli.core.batch import Process
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.inputs.records import Record
    from longattncomp_cli.core.results.report import JsonObject


def record_job(command: str, options: RunOptions) -> tuple[Process, str]:
    """Load what ``score`` or ``compress`` needs.

    Returns:
        What makes a record's lines, and the fingerprint of everything that decides them.
    """
    compressor = options.compressor(share=True)
    settings = options.fingerprint(command, compressor)
    make = _score if command == "score" else _compress
    return make(options, compressor, settings), settings


def _score(options: RunOptions, compressor: Compressor, settings: str) -> Process:
    from longattncomp_cli.core.results.report import score_report

    query = options.question()

    def process(record: Record) -> tuple[JsonObject, JsonObject | None]:
        report = {
            **score_report(compressor.score(compressor.requests.from_record(record, query))),
            "settings": settings,
        }
        return report, report

    return process


def _compress(options: RunOptions, compressor: Compressor, settings: str) -> Process:
    from longattncomp_cli.core.results.report import compression_record, score_report

    name = compressor.scorer.checkpoint.config.name
    query = options.question()

    def process(record: Record) -> tuple[JsonObject, JsonObject | None]:
        result = compressor.compress(compressor.requests.from_record(record, query))
        chunk_report = score_report(result.scored) if options.report else None
        return compression_record(result, name, settings), chunk_report

    return process
