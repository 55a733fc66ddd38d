"""Try the laws of ``laws.py`` on very many random inputs.

    python -m tests.laws.run --cases 100000 --seed 1

Prints how many cases each law was tried on and what was found; exits 1 where a law does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, seed, settings

from tests.laws.laws import PROPERTIES

# The more a case costs, the fewer are tried: relative numbers of cases.
SHARES = {
    "the_budget_holds_and_more_of_it_keeps_more": 0.05,
    "a_tiny_budget_keeps_something_or_names_one_that_does": 0.03,
    "arranged_spans_cover_the_union_once": 0.2,
    "units_are_nested_and_inside_the_text": 0.3,
    "chunks_are_a_partition": 0.3,
    "a_config_can_be_used_or_is_refused": 0.3,
    "kept_spans_lie_in_the_context": 0.3,
    "nobody_speaks_but_the_roles_of_messages": 0.3,
    "a_batch_that_was_cut_anywhere_resumes_to_the_same_bytes": 0.1,
    "a_damaged_archive_never_gives_other_records": 0.1,
}


def main() -> None:
    """Run every law; a failure does not stop the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="at least so many in total")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one law")
    options = parser.parse_args()
    laws = [law for law in PROPERTIES if options.only in (None, law.__name__)]
    unit = options.cases / sum(SHARES.get(law.__name__, 1.0) for law in laws)
    total = failed = 0
    for law in laws:
        tried, started = 0, time.perf_counter()
        inner = law.hypothesis.inner_test

        def counted(*args: object, _inner=inner, **kwargs: object) -> None:
            nonlocal tried
            tried += 1
            _inner(*args, **kwargs)

        law.hypothesis.inner_test = counted
        wanted = int(unit * SHARES.get(law.__name__, 1.0)) + 1
        many = settings(
            max_examples=wanted,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        try:
            many(seed(options.seed)(law))()
            verdict = "holds"
        except BaseException:
            failed += 1
            verdict = "FAILS\n" + traceback.format_exc(limit=-3)
        law.hypothesis.inner_test = inner
        total += tried
        took = time.perf_counter() - started
        print(f"{tried:8,}  {took:6.1f} s  {law.__name__.replace('_', ' ')}: {verdict}", flush=True)
    print(f"{total:8,}  cases, {failed} laws broken")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
