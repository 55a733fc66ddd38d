"""What is done with one record: the same here and in a worker on another machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

import orjson

from longattncomp_cli.core.backbones.cache.choice import CacheChoice
from longattncomp_cli.core.checkpoint.shipped import MULTILINGUAL_CHECKPOINT
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.records import FieldNames, Record
from longattncomp_cli.core.prompts.folding import fold_request
from longattncomp_cli.core.prompts.latest import LatestSources
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.report import (
    JsonObject,
    as_written,
    compression_record,
    score_report,
)
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import CheckpointError
from longattncomp_cli.version import __version__

if TYPE_CHECKING:
    from longattncomp_cli.core.batch.run import Line, Process

JobKind = Literal["score", "compress"]
Notify = Callable[[str], None]


def _ignore(note: str) -> None:
    """Drop a note."""


@dataclass(frozen=True, kw_only=True)
class RecordJob:
    """Everything that a worker anywhere needs to do a record; picklable."""

    kind: JobKind
    """Whether records are scored or compressed."""
    choice: ScorerChoice
    """Which scorer."""
    tokenizer: str
    """What counts the budget."""
    settings: CompressorSettings
    """What to keep."""
    query: str
    """For records that have none; ``""`` where there is none."""
    with_report: bool
    """Whether each record also gets a line of the chunk-score report."""
    fields: FieldNames
    """How the records' fields are called."""
    cache: CacheChoice = field(default_factory=lambda: CacheChoice(in_memory=True))
    """What is kept of contexts that were read; changes no line."""

    def load(self, on_note: Notify = _ignore) -> tuple[Process, str]:
        """Load what the job needs.

        Returns:
            What makes a record's lines, and the fingerprint of everything that decides them.

        Raises:
            ResourceError: a model, vocabulary or device is not there.
            CheckpointError: the checkpoint is not there, broken, or does not fit.
        """
        compressor = Compressor.of_choice(
            self.choice, self.tokenizer, self.settings, cache=self.cache, on_note=on_note
        )
        settings = self.fingerprint(compressor)
        make = _score if self.kind == "score" else _compress
        return make(self, compressor, settings), settings

    def fingerprint(self, compressor: Compressor) -> str:
        """12 hex digits of everything that decides a record's line, compared by ``--resume``."""
        scorer = compressor.scorer
        decisive = {
            "version": __version__,
            "checkpoint": scorer.checkpoint.digest,
            "tokenizer": compressor.tokenizer.name,
            "settings": asdict(compressor.settings),
            "chunk_tokens": scorer.options.chunk_tokens,
            "snap": scorer.options.snap,
            # By default a very long context takes one hop.
            "hops": (scorer.options.hops, self.choice.hops is None),
            "command": self.kind,
            "query": self.query,
            "fields": asdict(self.fields),
            "dtype": self.choice.dtype,
        }
        if compressor.other_scripts is not None:
            decisive |= _other_scripts()
        return hashlib.sha256(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]

    def request_of(self, record: Record, compressor: Compressor) -> Request:
        """What is asked of a record; data in its context is folded, in a conversation only where it must."""
        request = compressor.requests.from_record(record, self.query)
        return request if request.frame is not None else fold_request(request, self.settings.keep.matches)


def _other_scripts() -> dict[str, str]:
    """What decides the lines of records in other scripts; nothing where no package reads them."""
    from longattncomp_cli.core.backbones.files import find_offline
    from longattncomp_cli.core.checkpoint.store import load_checkpoint

    checkpoint = load_checkpoint(MULTILINGUAL_CHECKPOINT)
    try:
        place = find_offline(checkpoint.config.backbone)
    except CheckpointError:  # damaged
        place = None
    return {"other_scripts": checkpoint.digest} if place is not None else {}


def _score(job: RecordJob, compressor: Compressor, settings: str) -> Process:
    latest = LatestSources()

    def process(record: Record) -> tuple[JsonObject, JsonObject | None]:
        request = latest.shared(job.request_of(record, compressor))
        scored = compressor.score(request)
        report = {**score_report(scored), "settings": settings}
        return report, report

    return process


def _compress(job: RecordJob, compressor: Compressor, settings: str) -> Process:
    latest = LatestSources()

    def process(record: Record) -> tuple[Line, JsonObject | None]:
        request = latest.shared(job.request_of(record, compressor))
        chosen = compressor.for_request(request)
        result = chosen.compress(request)
        name = chosen.scorer.checkpoint.config.name
        chunk_report = score_report(result.scored) if job.with_report else None
        line = compression_record(result, name, settings)
        return as_written(line, result, record.line), chunk_report

    return process
