"""The works that reports cite, and which of them a programme's evaluation used."""

from collections.abc import Iterable, Mapping

REFERENCES: Mapping[str, str] = {
    "abadie2006": "Abadie A, Imbens GW (2006). Large sample properties of matching estimators for average treatment "
    "effects. Econometrica 74(1), 235–267.",
    "anderson1949": "Anderson TW, Rubin H (1949). Estimation of the parameters of a single equation in a complete system of "
    "stochastic equations. Annals of Mathematical Statistics 20(1), 46–63.",
    "andrews2019": "Andrews I, Stock JH, Sun L (2019). Weak instruments in instrumental variables regression: theory and "
    "practice. Annual Review of Economics 11, 727–753.",
    "angrist1996": "Angrist JD, Imbens GW, Rubin DB (1996). Identification of causal effects using instrumental variables. "
    "Journal of the American Statistical Association 91(434), 444–455.",
    "austin2011": "Austin PC (2011). Optimal caliper widths for propensity-score matching when estimating differences "
    "in means and differences in proportions in observational studies. Pharmaceutical Statistics 10(2), 150–161.",
    "benjamini1995": "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and powerful "
    "approach to multiple testing. Journal of the Royal Statistical Society B 57(1), 289–300.",
    "cain2010": "Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA (2010). When to start treatment? A systematic "
    "approach to the comparison of dynamic regimes using observational data. International Journal of Biostatistics 6(2), "
    "article 18.",
    "cameron2011": "Cameron AC, Gelbach JB, Miller DL (2011). Robust inference with multiway clustering. Journal of Business "
    "& Economic Statistics 29(2), 238–249.",
    "barnard1999": "Barnard J, Rubin DB (1999). Small-sample degrees of freedom with multiple imputation. Biometrika 86(4), "
    "948–955.",
    "bebu2016": "Bebu I, Lachin JM (2016). Large sample inference for a win ratio analysis of a composite outcome based on "
    "prioritized components. Biostatistics 17(1), 178–187.",
    "cohn2022": "Cohn ER, Zubizarreta JR (2022). Profile matching for the generalization and personalization of causal "
    "inferences. Epidemiology 33(5), 678–688.",
    "efron1977": "Efron B (1977). The efficiency of Cox’s likelihood function for censored data. Journal of the "
    "American Statistical Association 72(359), 557–565.",
    "hainmueller2012": "Hainmueller J (2012). Entropy balancing for causal effects: a multivariate reweighting method "
    "to produce balanced samples in observational studies. Political Analysis 20(1), 25–46.",
    "hansen2006": "Hansen BB, Klopfer SO (2006). Optimal full matching and related designs via network flows. Journal of "
    "Computational and Graphical Statistics 15(3), 609–627.",
    "hernan2016": "Hernán MA, Sauer BC, Hernández-Díaz S, Platt R, Shrier I (2016). Specifying a target trial prevents "
    "immortal time bias and other self-inflicted injuries in observational analyses. Journal of Clinical Epidemiology 79, "
    "70–75.",
    "hernanrobins2016": "Hernán MA, Robins JM (2016). Using big data to emulate a target trial when a randomized trial is not "
    "available. American Journal of Epidemiology 183(8), 758–764.",
    "holm1979": "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
    "Statistics 6(2), 65–70.",
    "huling2024": "Huling JD, Mak S (2024). Energy balancing of covariate distributions. Journal of Causal Inference 12(1), "
    "20220029.",
    "inman1989": "Inman HF, Bradley EL (1989). The overlapping coefficient as a measure of agreement between probability "
    "distributions and point estimation of the overlap of two normal densities. Communications in Statistics: Theory and "
    "Methods 18(10), 3851–3874.",
    "kalbfleisch1989": "Kalbfleisch JD, Lawless JF (1989). Inference based on retrospective ascertainment: an analysis of "
    "the data on transfusion-related AIDS. Journal of the American Statistical Association 84(406), 360–372.",
    "lagakos1988": "Lagakos SW, Barraj LM, De Gruttola V (1988). Nonparametric analysis of truncated survival data, with "
    "application to AIDS. Biometrika 75(3), 515–523.",
    "iacus2012": "Iacus SM, King G, Porro G (2012). Causal inference without balance checking: coarsened exact "
    "matching. Political Analysis 20(1), 1–24.",
    "imai2014": "Imai K, Ratkovic M (2014). Covariate balancing propensity score. Journal of the Royal Statistical Society B "
    "76(1), 243–263.",
    "lawless1987": "Lawless JF (1987). Negative binomial and mixed Poisson regression. Canadian Journal of Statistics 15(3), "
    "209–225.",
    "lawless1995": "Lawless JF, Nadeau C (1995). Some simple robust methods for the analysis of recurrent events. "
    "Technometrics 37(2), 158–168.",
    "li2013": "Li L, Greene T (2013). A weighting analogue to pair matching in propensity score analysis. International "
    "Journal of Biostatistics 9(2), 215–234.",
    "li2018": "Li F, Morgan KL, Zaslavsky AM (2018). Balancing covariates via propensity score weighting. Journal of "
    "the American Statistical Association 113(521), 390–400.",
    "lin1989": "Lin DY, Wei LJ (1989). The robust inference for the Cox proportional hazards model. Journal of the "
    "American Statistical Association 84(408), 1074–1078.",
    "leyrat2019": "Leyrat C, Seaman SR, White IR, Douglas I, Smeeth L, Kim J, Resche-Rigon M, Carpenter JR, Williamson EJ "
    "(2019). Propensity score analysis with partially observed covariates: how should multiple imputation be used? "
    "Statistical Methods in Medical Research 28(1), 3–19.",
    "lunceford2004": "Lunceford JK, Davidian M (2004). Stratification and weighting via the propensity score in estimation of "
    "causal treatment effects: a comparative study. Statistics in Medicine 23(19), 2937–2960.",
    "pustejovsky2018": "Pustejovsky JE, Tipton E (2018). Small-sample methods for cluster-robust variance estimation and "
    "hypothesis testing in fixed effects models. Journal of Business & Economic Statistics 36(4), 672–683.",
    "moons2006": "Moons KGM, Donders RART, Stijnen T, Harrell FE (2006). Using the outcome for imputation of missing predictor "
    "values was preferred. Journal of Clinical Epidemiology 59(10), 1092–1101.",
    "luo2015": "Luo X, Tian H, Mohanty S, Tsai WY (2015). An alternative approach to confidence interval estimation for the "
    "win ratio statistic. Biometrics 71(1), 139–145.",
    "maller1996": "Maller RA, Zhou X (1996). Survival Analysis with Long-Term Survivors. Wiley, Chichester.",
    "mccullagh1980": "McCullagh P (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B "
    "42(2), 109–142.",
    "rosenbaum1983": "Rosenbaum PR, Rubin DB (1983). The central role of the propensity score in observational studies "
    "for causal effects. Biometrika 70(1), 41–55.",
    "rosenbaum1984": "Rosenbaum PR, Rubin DB (1984). Reducing bias in observational studies using subclassification "
    "on the propensity score. Journal of the American Statistical Association 79(387), 516–524.",
    "rubin1980": "Rubin DB (1980). Bias reduction using Mahalanobis-metric matching. Biometrics 36(2), 293–298.",
    "rubin1987": "Rubin DB (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.",
    "rosenbaum1989": "Rosenbaum PR (1989). Optimal matching for observational studies. Journal of the American "
    "Statistical Association 84(408), 1024–1032.",
    "rosenbaum1991": "Rosenbaum PR (1991). A characterization of optimal designs for observational studies. Journal of "
    "the Royal Statistical Society B 53(3), 597–610.",
    "schmidt1989": "Schmidt P, Witte AD (1989). Predicting criminal recidivism using ‘split population’ survival time models. "
    "Journal of Econometrics 40(1), 141–159.",
    "stuart2010": "Stuart EA (2010). Matching methods for causal inference: a review and a look forward. Statistical "
    "Science 25(1), 1–21.",
    "vanbuuren2018": "Van Buuren S (2018). Flexible Imputation of Missing Data. 2nd edition. Chapman and Hall/CRC.",
    "vanderweele2017": "VanderWeele TJ, Ding P (2017). Sensitivity analysis in observational research: introducing the "
    "E-value. Annals of Internal Medicine 167(4), 268–274.",
    "zeng2021": "Zeng S, Li F, Wang R, Li F (2021). Propensity score weighting for covariate adjustment in randomized "
    "clinical trials. Statistics in Medicine 40(4), 842–858.",
    "zou2004": "Zou G (2004). A modified Poisson regression approach to prospective studies with binary data. American "
    "Journal of Epidemiology 159(7), 702–706.",
    "zubizarreta2014": "Zubizarreta JR, Paredes RD, Rosenbaum PR (2014). Matching for balance, pairing for heterogeneity in "
    "an observational study of the effectiveness of for-profit and not-for-profit high schools in Chile. Annals of Applied "
    "Statistics 8(1), 204–231.",
    "aalenjohansen1978": "Aalen OO, Johansen S (1978). An empirical transition matrix for non-homogeneous Markov chains based "
    "on censored observations. Scandinavian Journal of Statistics 5(3), 141–150.",
    "andersen1982": "Andersen PK, Gill RD (1982). Cox’s regression model for counting processes: a large sample study. "
    "Annals of Statistics 10(4), 1100–1120.",
    "fine1999": "Fine JP, Gray RJ (1999). A proportional hazards model for the subdistribution of a competing risk. "
    "Journal of the American Statistical Association 94(446), 496–509.",
    "lin2000": "Lin DY, Wei LJ, Yang I, Ying Z (2000). Semiparametric regression for the mean and rate functions of "
    "recurrent events. Journal of the Royal Statistical Society B 62(4), 711–730.",
    "prentice1978": "Prentice RL, Kalbfleisch JD, Peterson AV, Flournoy N, Farewell VT, Breslow NE (1978). The analysis "
    "of failure times in the presence of competing risks. Biometrics 34(4), 541–554.",
    "prentice1981": "Prentice RL, Williams BJ, Peterson AV (1981). On the regression analysis of multivariate failure "
    "time data. Biometrika 68(2), 373–379.",
    "royston2013": "Royston P, Parmar MKB (2013). Restricted mean survival time: an alternative to the hazard ratio for "
    "the design and analysis of randomized trials with a time-to-event outcome. BMC Medical Research Methodology 13, 152.",
}

_ALWAYS = ("hernanrobins2016", "holm1979", "benjamini1995")
_BY_METHOD: Mapping[str, tuple[str, ...]] = {
    "nearest": ("rosenbaum1983", "rubin1980", "stuart2010", "austin2011", "abadie2006"),
    "exact": ("stuart2010",),
    "cem": ("iacus2012",),
    "subclass": ("rosenbaum1983", "rosenbaum1984"),
    "optimal": ("rosenbaum1983", "rosenbaum1989", "rubin1980", "austin2011"),
    "full": ("rosenbaum1983", "rosenbaum1991", "hansen2006"),
    "cardinality": ("zubizarreta2014",),
    "profile": ("cohn2022",),
    "overlap": ("rosenbaum1983", "li2018"),
    "entropy": ("hainmueller2012",),
    "ipw": ("rosenbaum1983", "lunceford2004"),
    "matching_weights": ("rosenbaum1983", "li2013"),
    "cbps": ("imai2014",),
    "clone_censor": ("cain2010", "hernan2016"),
    "randomised": ("zeng2021", "li2018"),
}
_ON_DISTANCES = ("huling2024", "inman1989")
_ON_DELAYS = ("kalbfleisch1989", "lagakos1988")
#: By words that name an interval.
_BY_INTERVAL: Mapping[str, str] = {"CR2": "pustejovsky2018", "-way": "cameron2011"}
_ON_IMPUTATION = ("rubin1987", "barnard1999", "vanbuuren2018", "leyrat2019", "moons2006")
_BY_MEASURE: Mapping[str, tuple[str, ...]] = {
    "hazard_ratio": ("efron1977", "lin1989"),
    "restricted_mean_difference": ("royston2013",),
    "restricted_mean_ratio": ("royston2013",),
    "incidence_difference": ("aalenjohansen1978",),
    "cause_specific_ratio": ("prentice1978", "efron1977", "lin1989"),
    "subdistribution_ratio": ("fine1999",),
    "lwyy": ("lin2000",),
    "ag": ("andersen1982", "lin2000"),
    "pwp_total": ("prentice1981",),
    "pwp_gap": ("prentice1981",),
    "severity_odds": ("mccullagh1980",),
    "win_ratio": ("bebu2016", "luo2015"),
    "cure_fraction_difference": ("schmidt1989", "maller1996"),
    "instrument": ("angrist1996", "anderson1949", "andrews2019"),
    "rate_ratio": ("zou2004", "lawless1987"),
    "mean_count_difference": ("lawless1995",),
    "mean_count_ratio": ("lawless1995",),
}


def cited_works(
    methods: Iterable[str],
    measures: Iterable[str],
    *,
    intervals: Iterable[str] = (),
    has_e_value: bool = False,
    has_delays: bool = False,
    has_imputations: bool = False,
    has_distances: bool = False,
) -> list[str]:
    """Return the references of the methods and measures used, in alphabetical order.

    Parameters
    ----------
    methods, measures : iterables of str
        Keys as in the frame ``estimates``; those without a work of their own add nothing.
    intervals : iterable of str
        How intervals were made, as in the frame ``estimates``.
    has_e_value : bool
        True where an E-value was shown.
    has_delays : bool
        True where counts were corrected for reoffences not yet proven.
    has_imputations : bool
        True where missing covariates were imputed.
    has_distances : bool
        True where distances between distributions were shown.

    Examples
    --------
    >>> [w.split(" (")[0] for w in cited_works(["entropy"], [])]
    ['Benjamini Y, Hochberg Y', 'Hainmueller J', 'Hernán MA, Robins JM', 'Holm S']
    """
    keys = set(_ALWAYS)
    keys.update(k for m in methods for k in _BY_METHOD.get(m, ()))
    keys.update(k for m in measures for k in _BY_MEASURE.get(m, ()))
    keys.update(k for words in intervals for part, k in _BY_INTERVAL.items() if part in words)
    if has_e_value:
        keys.add("vanderweele2017")
    if has_delays:
        keys.update(_ON_DELAYS)
    if has_imputations:
        keys.update(_ON_IMPUTATION)
    if has_distances:
        keys.update(_ON_DISTANCES)
    return sorted(REFERENCES[k] for k in keys)
