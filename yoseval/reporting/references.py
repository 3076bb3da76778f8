"""The works that reports cite, and which of them a programme's evaluation used."""

from collections.abc import Iterable, Mapping

REFERENCES: Mapping[str, str] = {
    "austin2011": "Austin PC (2011). Optimal caliper widths for propensity-score matching when estimating differences "
    "in means and differences in proportions in observational studies. Pharmaceutical Statistics 10(2), 150–161.",
    "benjamini1995": "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and powerful "
    "approach to multiple testing. Journal of the Royal Statistical Society B 57(1), 289–300.",
    "efron1977": "Efron B (1977). The efficiency of Cox’s likelihood function for censored data. Journal of the "
    "American Statistical Association 72(359), 557–565.",
    "hainmueller2012": "Hainmueller J (2012). Entropy balancing for causal effects: a multivariate reweighting method "
    "to produce balanced samples in observational studies. Political Analysis 20(1), 25–46.",
    "hernan2016": "Hernán MA, Robins JM (2016). Using big data to emulate a target trial when a randomized trial is not "
    "available. American Journal of Epidemiology 183(8), 758–764.",
    "holm1979": "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
    "Statistics 6(2), 65–70.",
    "li2018": "Li F, Morgan KL, Zaslavsky AM (2018). Balancing covariates via propensity score weighting. Journal of "
    "the American Statistical Association 113(521), 390–400.",
    "lin1989": "Lin DY, Wei LJ (1989). The robust inference for the Cox proportional hazards model. Journal of the "
    "American Statistical Association 84(408), 1074–1078.",
    "rosenbaum1983": "Rosenbaum PR, Rubin DB (1983). The central role of the propensity score in observational studies "
    "for causal effects. Biometrika 70(1), 41–55.",
    "stuart2010": "Stuart EA (2010). Matching methods for causal inference: a review and a look forward. Statistical "
    "Science 25(1), 1–21.",
    "vanderweele2017": "VanderWeele TJ, Ding P (2017). Sensitivity analysis in observational research: introducing the "
    "E-value. Annals of Internal Medicine 167(4), 268–274.",
    "zeng2021": "Zeng S, Li F, Wang R, Li F (2021). Propensity score weighting for covariate adjustment in randomized "
    "clinical trials. Statistics in Medicine 40(4), 842–858.",
}

_ALWAYS = ("hernan2016", "holm1979", "benjamini1995")
_BY_METHOD: Mapping[str, tuple[str, ...]] = {
    "nearest": ("rosenbaum1983", "stuart2010", "austin2011"),
    "overlap": ("rosenbaum1983", "li2018"),
    "entropy": ("hainmueller2012",),
    "randomised": ("zeng2021", "li2018"),
}
_BY_MEASURE: Mapping[str, tuple[str, ...]] = {"hazard_ratio": ("efron1977", "lin1989")}


def cited_works(methods: Iterable[str], measures: Iterable[str], *, has_e_value: bool = False) -> list[str]:
    """Return the references of the methods and measures used, in alphabetical order.

    Parameters
    ----------
    methods, measures : iterables of str
        Keys as in the frame ``estimates``; those without a work of their own add nothing.
    has_e_value : bool
        True where an E-value was shown.

    Examples
    --------
    >>> [w.split(" (")[0] for w in cited_works(["entropy"], [])]
    ['Benjamini Y, Hochberg Y', 'Hainmueller J', 'Hernán MA, Robins JM', 'Holm S']
    """
    keys = set(_ALWAYS)
    keys.update(k for m in methods for k in _BY_METHOD.get(m, ()))
    keys.update(k for m in measures for k in _BY_MEASURE.get(m, ()))
    if has_e_value:
        keys.add("vanderweele2017")
    return [REFERENCES[k] for k in sorted(keys)]
