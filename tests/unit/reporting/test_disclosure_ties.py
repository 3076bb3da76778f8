"""What ties decide stays hidden where the estimate does."""

import pandas as pd
import pytest

from yoseval.frames import check_frame, make_frame
from yoseval.layouts import FRAMES
from yoseval.reporting.disclosure import protect
from yoseval.reporting.disclosure_ties import protect_ties
from yoseval.reporting.policies import find_policy

VALUES = ["as_designed", "lowest", "highest"]


def raw(n=400, events=120):
    shared = {"programme": "p", "outcome": "again", "measure": "risk_difference", "method": "nearest", "role": "primary"}
    counts = {"n_treated": n, "n_comparison": n, "effective_n": float(n), "events_treated": events, "events_comparison": events}
    ties = [("", "total_distance", 1.23456, 1.2, 1.3), ("again", "risk_difference", -0.08412, -0.0911, -0.08)]
    sizes = pd.DataFrame({"sample": ["before", "before", "after", "after"], "arm": ["treated", "comparison"] * 2, "n": n})
    flow = pd.DataFrame({"step": 1, "arm": ["treated", "comparison"], "n_lost": 0, "n_left": n})
    columns = ["outcome", "quantity", *VALUES]
    return {
        "estimates": make_frame("estimates", {**shared, **counts, "estimate": -0.08412, "interval": "t, 399 df"}),
        "sizes": make_frame("sizes", sizes.assign(programme="p", effective_n=float(n))),
        "attrition": make_frame("attrition", flow.assign(programme="p", stage="file", reason="read")),
        "ties": make_frame("ties", pd.DataFrame(ties, columns=columns).assign(programme="p", reorderings=50, different=9)),
    }


def safe(frames, policy="tre_10"):
    rules = find_policy(policy)
    return protect_ties(frames, protect({n: f for n, f in frames.items() if n != "ties"}, rules), rules)


def test_values_are_shown_and_rounded():
    found = check_frame(safe(raw()).frames["ties"], "ties")

    assert found[VALUES].to_numpy().tolist() == [[1.235, 1.2, 1.3], [-0.084, -0.091, -0.08]]
    assert safe(raw(), "dfe").frames["ties"]["as_designed"].tolist() == [1.235, -0.08]


@pytest.mark.parametrize(("n", "events", "hidden"), [(400, 4, [False, True]), (400, 397, [False, True]), (8, 4, [True, True])])
def test_what_rests_on_few_is_hidden(n, events, hidden):
    found = safe(raw(n, events))

    assert found.hidden["ties"][VALUES].to_numpy().tolist() == [[h] * 3 for h in hidden]
    assert found.frames["ties"][VALUES].isna().to_numpy().tolist() == [[h] * 3 for h in hidden]


def test_a_run_without_ties_has_no_such_frame():
    frames = {n: f for n, f in raw().items() if n != "ties"}

    assert dict(safe(frames).frames) == {}
    assert "ties" in FRAMES
