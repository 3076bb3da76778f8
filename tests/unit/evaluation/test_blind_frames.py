"""The simulated service before any outcome: its flow adds up, and every frame obeys the vocabulary."""

import pandas as pd
import pytest

from yoseval.cohort.trials import build_trials
from yoseval.evaluation.blind_frames import blind_frames
from yoseval.evaluation.records_check import open_records, scored_frames
from yoseval.frames import check_frame


@pytest.fixture(scope="module")
def service(example_study):
    records = open_records(example_study)
    try:
        trials = build_trials(records, example_study)
        starts = records.engine.frame(records.tables["starts"].select("person_id", "programme_id", "start_date"))
        yield trials, blind_frames(records, example_study, trials, scored_frames(records), {}), starts
    finally:
        records.engine.close()


def test_every_frame_obeys_the_vocabulary(service):
    assert list(service[1]) == ["evaluability", "attrition", "lost", "coexposure"]
    for name, frame in service[1].items():
        assert len(check_frame(frame, name))


def test_the_flow_of_every_programme_adds_up_in_both_arms(service):
    trials, frames, _ = service
    flow = frames["attrition"].astype({"n_lost": int, "n_left": int})

    assert flow["programme"].nunique() == len(trials) == 8
    for (programme, arm), rows in flow.groupby(["programme", "arm"]):
        trial = next(t for t in trials if t.protocol.programme == programme)
        assert rows["step"].tolist() == list(range(1, len(rows) + 1))
        assert (rows["n_left"].shift().iloc[1:] - rows["n_lost"].iloc[1:] == rows["n_left"].iloc[1:]).all()
        assert rows["n_left"].iloc[-1] == (trial.units["treated"] == (arm == "treated")).sum()
    firsts = flow[flow["step"] == 1].groupby("programme")["n_left"].sum()
    assert firsts.unique().tolist() == [2000]


def test_the_numbers_of_the_outlook_are_those_of_the_flow(service):
    _, frames, starts = service
    flow = frames["attrition"]
    begun = starts.dropna(subset=["start_date"]).groupby("programme_id")["person_id"].nunique()

    for row in frames["evaluability"].to_dict("records"):
        own = flow[flow["programme"] == row["programme"]]
        treated, compared = (own[own["arm"] == a] for a in ("treated", "comparison"))
        assert row["n_mature"] == treated["n_left"].iloc[-1]
        assert row["n_comparable"] == compared["n_left"].iloc[-1]
        assert row["n_eligible"] == treated.loc[treated["stage"] != "follow-up", "n_left"].iloc[-1]
        assert row["n_started"] == begun.get(row["programme"], 0)
        assert row["n_started"] >= treated["n_left"].iloc[0] >= row["n_eligible"]


def test_the_lost_of_every_reason_are_those_of_the_flow(service):
    _, frames, _ = service
    keys = ["programme", "arm", "stage", "reason"]
    lost = frames["lost"].drop_duplicates(keys).set_index(keys)["n_lost"].astype(int)
    flow = frames["attrition"].set_index(keys)["n_lost"].astype(int)
    with_kept = frames["evaluability"].query("n_mature > 0")["programme"]
    expected = flow[
        (flow > 0)
        & (flow.index.get_level_values("programme").isin(with_kept) | (flow.index.get_level_values("arm") == "comparison"))
    ]

    pd.testing.assert_series_equal(lost.sort_index(), expected.sort_index())
