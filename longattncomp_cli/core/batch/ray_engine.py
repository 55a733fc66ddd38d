"""Run a batch on Ray: one machine's cores or a cluster's GPUs, the same lines in the same order.

The driver finds where the lines of the input lie, Ray Data hands groups of them to workers that hold the
model, and their results come back in input order, so output, ``--resume`` and ``--shard`` work as they do
without Ray. A worker that dies is started again and its groups are run again; a group's lines are written
when it has come back whole, so no record is lost or written twice.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from longattncomp_cli.core.batch.jobs import RecordJob
from longattncomp_cli.core.batch.run import Outcome, process_record
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.line_groups import LineGroup, group_lines
from longattncomp_cli.errors import LongAttnCompError, OutputError, ResourceError

if TYPE_CHECKING:
    from longattncomp_cli.core.batch.run import Process
    from longattncomp_cli.core.batch.shards import Shard
    from longattncomp_cli.core.inputs.records import FailedRecord, Record

# Groups a worker gets in all, at least: enough that none waits long for the others at the end.
_GROUPS_A_WORKER = 8
_LARGEST_GROUP = 64


class RayEngine:
    """A Ray cluster for the time of a batch; use as a context manager.

    Args:
        job: what is done with each record.
        files: the inputs.
        stdin: gives standard input, where it is one of them.
        limit: how many records are read at most.
        shard: the part of them to do; ``None`` is all.
        workers: how many processes hold the model; ``None`` is one a GPU, or one a core.

    Attributes:
        settings: the fingerprint of everything that decides a record's line, computed by a worker.
    """

    settings: str

    def __init__(
        self,
        job: RecordJob,
        files: list[InputFile],
        stdin: Callable[[], BinaryIO],
        *,
        limit: int | None = None,
        shard: Shard | None = None,
        workers: int | None = None,
    ) -> None:
        """Start nothing yet."""
        self.job, self.files, self.stdin = job, files, stdin
        self.limit, self.shard, self.workers = limit, shard, workers

    def __enter__(self) -> RayEngine:
        """Join the cluster that ``RAY_ADDRESS`` names, or start one here; ask one worker for the settings.

        Raises:
            ResourceError: Ray is not installed, or there is no cluster at the address.
        """
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its warnings are not ours to print
        try:
            import ray
        except ImportError as error:
            raise ResourceError(
                "--engine ray needs Ray", hint="pip install 'longattncomp[ray]'", code="no-ray"
            ) from error
        self._ray: Any = ray
        address = os.environ.get("RAY_ADDRESS")  # which Ray reads itself
        local: dict[str, Any] = {} if address else {"num_cpus": self._cores(), "include_dashboard": False}
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False, **local)
        except (ConnectionError, ValueError) as error:
            raise ResourceError(
                f"no Ray cluster at RAY_ADDRESS={address}", hint="start one: ray start --head"
            ) from error
        try:
            settings = ray.remote(_settings).options(**self._worker_needs())
            self.settings = ray.get(settings.remote(self.job))
        except BaseException as error:
            ray.shutdown()
            raise _own_error(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, or stop the one that was started."""
        self._ray.shutdown()

    def results(self, records: Iterator[Record | FailedRecord], skipped: int) -> Iterator[Outcome]:
        """What :func:`run_batch` asks for; the workers read the records themselves."""
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        logging.getLogger("ray").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        groups = self._groups(skipped)
        if not groups:
            return
        # The job travels with its groups: an actor that is started again needs nothing from elsewhere.
        rows = [{"job": pickle.dumps((self.job, group))} for group in groups]
        needs: dict[str, Any] = self._worker_needs()
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            RecordWorker,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=self._num_workers()),
            **needs,
        )
        try:
            for row in done.iter_rows():
                error = _restored(row["error"])
                yield Outcome(row["line"], row["report_line"], error)
        except BaseException as error:
            raise _own_error(error) from error

    def _groups(self, skipped: int) -> list[LineGroup]:
        def pick(lines: Iterable[Any]) -> Iterator[Any]:
            chosen = islice(lines, self.limit)
            return islice(chosen if self.shard is None else self.shard.take(chosen), skipped, None)

        found = list(group_lines(self.files, self.stdin, pick, _LARGEST_GROUP))
        total = sum(len(group.numbers) for group in found)
        size = -(-total // (self._num_workers() * _GROUPS_A_WORKER))
        return [part for group in found for part in _split(group, max(1, min(size, _LARGEST_GROUP)))]

    def _cores(self) -> int:
        return max(self.workers or 0, len(os.sched_getaffinity(0)))

    def _num_gpus(self) -> int:
        if self.job.choice.device == "cpu":
            return 0
        return int(self._ray.cluster_resources().get("GPU", 0))

    def _num_workers(self) -> int:
        if self.workers is not None:
            return self.workers
        return self._num_gpus() or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _worker_needs(self) -> dict[str, float]:
        """One GPU, or an even share of the cores."""
        if self._num_gpus():
            return {"num_gpus": 1, "num_cpus": 1}
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        return {"num_cpus": max(1, cores // self._num_workers())}


class RecordWorker:
    """Lives in a worker's process and keeps the model there."""

    def __init__(self) -> None:
        """Load nothing yet: the first job says what."""
        self._process: Process | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Run groups of lines."""
        outcomes = []
        for pickled in batch["job"]:
            job, group = pickle.loads(pickled)
            if self._process is None:
                _use_assigned_cores()
                self._process, _ = job.load()
            outcomes += [process_record(record, self._process) for record in group.read(job.fields)]
        return {
            "line": [outcome.line for outcome in outcomes],
            "report_line": [outcome.report_line for outcome in outcomes],
            "error": [_kept(outcome.error) for outcome in outcomes],
        }


def _settings(job: RecordJob) -> str:
    _use_assigned_cores()
    return job.load()[1]


def _use_assigned_cores() -> None:
    """Compute on as many threads as Ray gave this process cores."""
    import torch

    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))


def _split(group: LineGroup, size: int) -> Iterator[LineGroup]:
    for start in range(0, len(group.numbers), size):
        part = slice(start, start + size)
        lines = None if group.lines is None else group.lines[part]
        yield LineGroup(
            group.path,
            group.name,
            group.numbers[part],
            group.offsets[part],
            group.lengths[part],
            lines,
        )


def _kept(error: LongAttnCompError | None) -> bytes:
    """An error as bytes; ours are told apart by their exit codes."""
    if error is None:
        return b""
    return orjson.dumps([type(error).__name__, error.message, error.hint, error.code])


def _restored(raw: bytes) -> LongAttnCompError | None:
    if not raw:
        return None
    name, message, hint, code = orjson.loads(raw)
    kinds = {kind.__name__: kind for kind in LongAttnCompError.__subclasses__()}
    return kinds.get(name, LongAttnCompError)(message, hint=hint, code=code)


def _own_error(error: BaseException) -> BaseException:
    """Our own error inside Ray's, where there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, LongAttnCompError):
            return seen
        cause = getattr(seen, "cause", None)
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    if isinstance(error, (KeyboardInterrupt, GeneratorExit, OSError)):
        return error
    return OutputError(
        f"Ray gave up: {error}".splitlines()[0], hint="--resume continues what is done", code="ray"
    )
