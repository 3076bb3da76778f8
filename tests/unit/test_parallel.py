"""Named tasks: a seed from the name alone, the same results however many workers there are."""

import hashlib

import numpy as np

from yoseval.parallel import map_tasks, seed_of


def draw(argument, seed):
    return argument * 10 + np.random.default_rng(seed).random()


def test_a_seed_depends_on_the_name_and_the_study_alone():
    alone = dict(map_tasks(draw, {"b": 2}, seed=4))
    among_others = dict(map_tasks(draw, {"c": 3, "b": 2, "a": 1}, seed=4))

    assert alone["b"] == among_others["b"]


def test_names_and_studies_have_different_seeds():
    draws = [np.random.default_rng(seed_of(name, seed)).random() for name in ("a", "b") for seed in (1, 2)]

    assert len(set(draws)) == 4


def test_a_seed_is_the_study_seed_and_the_digest_of_the_name():
    words = np.frombuffer(hashlib.sha256(b"mentoring").digest(), dtype="<u4").tolist()

    assert seed_of("mentoring", 7).entropy == [7, *words]


def test_results_come_in_the_order_of_the_tasks():
    names = [name for name, _ in map_tasks(draw, {"z": 1, "a": 2, "m": 3})]

    assert names == ["z", "a", "m"]


def test_one_job_and_two_give_the_same():
    # A worker cannot import this file, so the function has to travel with the task: one inside another does.
    def travelling(argument, seed):
        return argument * 10 + np.random.default_rng(seed).random()

    tasks = {f"task {i}": i for i in range(6)}

    assert list(map_tasks(travelling, tasks, seed=1, jobs=1)) == list(map_tasks(travelling, tasks, seed=1, jobs=2))


def test_no_tasks_give_no_results():
    assert list(map_tasks(draw, {})) == []
