"""How fast training reads: documents encoded and read from the feature store, and the cost of a step.

    python tests/benchmarks/training_speed.py --data-dir DATA --documents 400 --output FILE

All times are of the processor, so that what else runs on the machine counts little. The gain is a ratio
within one run: reading a document again against encoding it again.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.checkpoint.untrained_encoder import start_attention
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.data.readers import read_hotpotqa
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.examples import TrainingData
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.scorer import PoolScorer
from longattncomp_cli.training.trainables import Trainable
from longattncomp_cli.training.trainer import Trainer

CHECKPOINT = "untrained"
_REPEATS = 3
_STEPS = 6


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    options = _parse(arguments)
    examples = list(read_hotpotqa(options.data_dir / "hotpotqa" / "train.json.gz"))
    documents = list(dict.fromkeys(d for example in examples for d in example.documents))[: options.documents]
    scorer = load_scorer(load_checkpoint(CHECKPOINT), device=options.device)
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(scorer, (6, 0), Path(folder))
        encoding = _seconds(lambda: store.add(documents))
        num_tokens = sum(sum(store.get(document).num_tokens) for document in documents)
        reading = statistics.median(_seconds(lambda: _read(store, documents)) for _ in range(_REPEATS))
        size = num_tokens * store.bytes_per_token
        step, pool_tokens = _step_seconds(store, examples, Path(folder))
    results = {
        "documents": len(documents),
        "tokens": num_tokens,
        "store_bytes": size,
        "encoding_tokens_per_processor_second": round(num_tokens / encoding),
        "reading_tokens_per_processor_second": round(num_tokens / reading),
        "encoding_over_reading": round(encoding / reading, 1),
        "step_processor_seconds": round(step, 3),
        "pool_tokens": pool_tokens,
        "encoding_of_a_pool_over_its_step": round(pool_tokens / (num_tokens / encoding) / step, 2),
    }
    print(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode())
    if options.output:
        write_results(options.output, results, checkpoint=CHECKPOINT, **device_and_dtype(scorer))


def _step_seconds(store: FeatureStore, examples: list[Any], folder: Path) -> tuple[float, int]:
    """The median time of a step of the embedded preset over stored documents, and the tokens of its pool."""
    known = [e for e in examples if not store.missing(e.documents)]
    config = preset("embedded", 1, layers=(6, 6, 6, 0))
    attention = start_attention(store.backbone, config.layers, learned_sink=True)
    documents = [document for example in known for document in example.documents]
    pool_scorer = PoolScorer(attention, store, config.pooling)
    start = {name: value.detach().clone() for name, value in attention.named_parameters()}
    trainable = Trainable(attention, pool_scorer, start, lambda name, record: store.scorer.checkpoint)
    data = TrainingData(known, known[:4], documents)
    trainer = Trainer(trainable, data, config, folder, lambda *_: None)
    plan = trainer._plan(known, config.pools, 0)
    states = pool_scorer.encode(plan.pool(0, documents)).states
    times = [_seconds(lambda: trainer._step(plan, 0)) for _ in range(_STEPS)]
    return statistics.median(times), len(states.ids_N)


def _read(store: FeatureStore, documents: Sequence[Any]) -> None:
    for document in documents:
        store.get(document)


def _seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
