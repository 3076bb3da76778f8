"""Run named tasks, each with a seed of its own: results do not depend on workers or order."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

Result = TypeVar("Result")


def seed_of(name: str, seed: int) -> np.random.SeedSequence:
    """Return the seed sequence of a task: it depends on the study's seed and the task's name alone.

    Examples
    --------
    >>> seed_of("mentoring", 1).entropy == seed_of("mentoring", 1).entropy
    True
    """
    digest = hashlib.sha256(name.encode("utf-8")).digest()
    return np.random.SeedSequence([seed, *np.frombuffer(digest, dtype=np.uint32).tolist()])


def map_tasks(
    function: Callable[[Any, np.random.SeedSequence], Result], tasks: Mapping[str, Any], *, seed: int = 0, jobs: int = 1
) -> Iterator[tuple[str, Result]]:
    """Run ``function(argument, seed)`` for every task and give the results as they come, in the tasks' order.

    Parameters
    ----------
    function : callable
        Takes a task's argument and its seed sequence; can be pickled when ``jobs`` is more than 1.
    tasks : mapping
        Arguments by name.
    seed : int
        The study's seed.
    jobs : int
        Workers; inside is joblib, so that a cluster can be chosen outside with ``joblib.parallel_config``.

    Yields
    ------
    (name, result)
    """
    run = Parallel(n_jobs=jobs, return_as="generator")
    results = run(delayed(_alone)(function, argument, seed_of(name, seed)) for name, argument in tasks.items())
    yield from zip(tasks, results, strict=True)


def _alone(function: Callable[[Any, np.random.SeedSequence], Result], argument: Any, seed: np.random.SeedSequence) -> Result:
    # Products of a few dozen columns lose more by sharing threads than they gain, and round the same way everywhere without.
    with threadpool_limits(limits=1, user_api="blas"):
        return function(argument, seed)
