"""Which adjustments a study may ask for, by measure: words only, for a floor that must not import the methods."""

from collections.abc import Mapping
from typing import Literal

# The keys of outcomes.adjusted.ADJUSTMENTS, which this floor must not import; a test compares the two.
AdjustmentName = Literal["none", "g_computation", "aipw", "tmle"]
_OF_RISKS = ("none", "g_computation", "aipw", "tmle")
_OF_MEAN_COUNTS = ("none", "g_computation", "aipw")
#: Adjustments that a measure has besides none, as in outcomes.adjusted.
ADJUSTMENTS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("risk_difference", "risk_ratio", "odds_ratio"), _OF_RISKS),
    **dict.fromkeys(("mean_count_difference", "mean_count_ratio"), _OF_MEAN_COUNTS),
}
