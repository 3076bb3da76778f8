"""Means of both arms under a model of the outcome, standardised to the population that a design is about (g-computation).

Takes outcomes, arms, weights and covariates and gives each arm's mean with influence values, which allow for the model's
coefficients, for the weights it was fitted with and for who happened to be in the population. It cannot see where weights come
from: that correction is made once, for every measure.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.models.working_model import Family, WorkingModel, fit_working_model, inverse_link
from yoseval.outcomes.arm_contrasts import ArmMean


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Whom means are about.

    Parameters
    ----------
    share : (n,) floats
        How much of each unit belongs to it; sums to 1.
    by_weight : bool
        True where it is made of the design's weights.
    """

    share: Floats
    by_weight: bool


@dataclass(frozen=True, slots=True, eq=False)
class Standardised:
    """The mean of one arm in parts.

    Parameters
    ----------
    value : float
        In natural units.
    population : (n,) floats
        Influence through who is in the population.
    model : (n,) floats
        Influence through the coefficients of the model, the population held as it is.
    by_weight : (n,) floats
        The part of their sum that goes through the design's weights.
    by_known : (n,) floats
        The part that goes through whom known outcomes stand for: ``stands_for`` times the derivative in it.
    """

    value: float
    population: Floats
    model: Floats
    by_weight: Floats
    by_known: Floats

    @property
    def arm(self) -> ArmMean:
        """The mean with the influence of both parts."""
        return ArmMean(self.value, self.population + self.model, self.by_weight)


def target_population(estimand: str, treated: Flags, weight: Floats) -> Population:
    r"""Return the population that weights are about.

    ========  ==================================================================
    estimand  share of unit i
    ========  ==================================================================
    ATT       :math:`\propto w_i A_i`: the treated, in matched designs the matched treated
    ATC       :math:`\propto w_i (1 - A_i)`
    ATE       equal for all units used
    others    :math:`\propto w_i`: both arms as weighted, as for ATO and ATM
    ========  ==================================================================

    Parameters
    ----------
    estimand : str
        As of a design's weights.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.

    References
    ----------
    li2018 : Li, Morgan and Zaslavsky (2018), JASA 113(521), 390-400, section 2.

    Examples
    --------
    >>> target_population("ATT", np.array([True, False]), np.array([1.0, 0.5])).share
    array([1., 0.])
    """
    if estimand == "ATE":
        own = (weight > 0).astype(np.float64)
        return Population(own / own.sum(), by_weight=False)
    own = weight * {"ATT": treated, "ATC": ~treated}.get(estimand, np.ones_like(treated))
    return Population(own / own.sum(), by_weight=True)


def g_computation(
    y: Floats,
    treated: Flags,
    weight: Floats,
    covariates: Floats,
    *,
    estimand: str,
    family: Family = "logistic",
    interactions: bool = True,
    stands_for: Floats | None = None,
) -> tuple[Standardised, Standardised]:
    r"""Predict the outcome of a whole population in either arm, and average.

    .. math:: \hat\mu_a = \sum_i s_i\, m_a(x_i; \hat\beta), \qquad
        \phi_i = s_i \{m_a(x_i) - \hat\mu_a\} + \psi_i^\top \sum_j s_j \frac{\partial m_a(x_j)}{\partial \beta}

    with shares :math:`s_i` of the population and :math:`\psi_i` the influence on the coefficients. The model is fitted with
    the design's weights; with its own model for each arm and the canonical link this is doubly robust: right if either
    the weights or the models are (Wooldridge's weighted regression adjustment).

    Parameters
    ----------
    y : (n,) floats
        Outcomes; 0 or 1 for the logistic model.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        The design's, zero or more.
    covariates : (n, p) floats
        Columns of the model.
    estimand : str
        As of the design's weights.
    family : str
        ``logistic`` or ``linear``.
    interactions : bool
        True for a model of its own for each arm (all interactions with treatment), False for one in which treatment shifts
        the intercept.
    stands_for : (n,) floats, optional
        How many each stands for where some outcomes are not known: see ``outcomes.censored``. All count for whom the means are
        about.

    Returns
    -------
    (Standardised, Standardised)
        Of the treated and of the comparison arm.

    Raises
    ------
    DesignError
        If an outcome does not vary where a logistic model is fitted.

    References
    ----------
    robins1986 : Robins (1986), Mathematical Modelling 7(9-12), 1393-1512.
    hernan2020 : Hernán and Robins (2020), Causal Inference: What If, section 13.3.
    wooldridge2007 : Wooldridge (2007), Journal of Econometrics 141(2), 1281-1301, section 4.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> y, treated = np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True])
    >>> one, nought = g_computation(y, treated, np.ones(4), x, estimand="ATE", family="linear")
    >>> round(one.value - nought.value, 6)
    1.0
    """
    population = target_population(estimand, treated, weight)
    known = weight if stands_for is None else weight * stands_for
    if interactions:
        own, other = (_arm_of_its_own(y, arm, known, covariates, family, population) for arm in (treated, ~treated))
        return own, other
    model = fit_working_model(family, np.column_stack([treated, covariates]), y, known)
    one, nought = (np.column_stack([np.full(len(y), level), covariates]) for level in (1.0, 0.0))
    return _standardise(model, one, population), _standardise(model, nought, population)


def observed_mean(y: Floats, arm: Flags, weight: Floats) -> Standardised:
    """Return the weighted mean of an arm that is itself the population: what it would have been needs no model."""
    own = weight * arm / (weight @ arm)
    value = float(own @ y)
    influence = own * (y - value)
    return Standardised(value, influence, np.zeros_like(influence), influence, influence)


def is_population(arm: Flags, population: Population) -> bool:
    """Tell whether an arm, as weighted, is the population."""
    return population.by_weight and not population.share[~arm].any()


def _arm_of_its_own(
    y: Floats, arm: Flags, known: Floats, covariates: Floats, family: Family, population: Population
) -> Standardised:
    if is_population(arm, population):
        return observed_mean(y, arm, known)
    return _standardise(fit_working_model(family, covariates, y, known * arm), covariates, population)


def _standardise(model: WorkingModel, x: Floats, population: Population) -> Standardised:
    mean, slope = inverse_link(model.family, model.index(x))
    value = float(population.share @ mean)
    who = population.share * (mean - value)
    through = model.through(population.share * slope, x)
    return Standardised(value, who, through, through + who if population.by_weight else through, through)
