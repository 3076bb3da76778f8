"""How far the estimates of programmes vary together: children who are compared in several programmes, or treated in one.

Takes the primary estimates of a portfolio with their influence values and gives their covariance matrix. No count of children
is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Floats
from yoseval.design.types import Design
from yoseval.frames import make_frame
from yoseval.models.variance import clustered_covariance
from yoseval.outcomes.types import Estimate


@dataclass(frozen=True, slots=True, eq=False)
class ProgrammeCovariance:
    """The covariance matrix of one estimate a programme.

    Parameters
    ----------
    programmes : tuple of str
        Their ids, p of them.
    covariance, correlation : (p, p) floats
        On the analysis scale: of logarithms for ratios. The diagonal of ``covariance`` holds squared standard errors.
    """

    programmes: tuple[str, ...]
    covariance: Floats
    correlation: Floats

    def to_frame(self) -> pd.DataFrame:
        """Return one row for every two programmes and one for each by itself: the public frame ``programme_covariance``."""
        row, column = np.triu_indices(len(self.programmes))
        names = np.array(self.programmes, dtype=object)
        found = {"covariance": self.covariance[row, column], "correlation": self.correlation[row, column]}
        return make_frame("programme_covariance", pd.DataFrame({"programme": names[row], "other": names[column], **found}))


def programme_covariance(estimates: Sequence[tuple[Estimate, Design]]) -> ProgrammeCovariance:
    r"""Return the covariance matrix of estimates of several programmes of one service.

    A child's influence on two estimates is known, so their correlation is

    .. math:: \hat\rho_{ab} = \frac{\hat C_{ab}}{\sqrt{\hat C_{aa} \hat C_{bb}}}, \qquad
        \hat C_{ab} = \sqrt{k_a k_b} \sum_{c} \Big(\sum_{i \in c} \phi^a_i\Big) \Big(\sum_{i \in c} \phi^b_i\Big)

    over the children c, HC1: see ``clustered_covariance``. The covariance is :math:`\hat\rho_{ab} s_a s_b` with the standard
    errors as they are reported: where these are the clustered sandwich's it is :math:`\hat C_{ab}`; where the variance is the
    jackknife's, CR2, that of matched sets or of Abadie and Imbens, the correlation is that of the influence values and the
    size that of the reported errors. What two programmes have in common beyond children, such as an area, is not in it.

    Parameters
    ----------
    estimates : sequence of (Estimate, Design)
        One a programme, with the design that its influence values are in the order of.

    Returns
    -------
    ProgrammeCovariance
        Programmes that share no child have covariance 0. The variance of a difference between two programmes is
        :math:`s_a^2 + s_b^2 - 2 \hat\rho_{ab} s_a s_b`.

    References
    ----------
    dunnett1955 : Dunnett (1955), JASA 50(272), 1096-1121: comparisons with one control have correlated errors.

    Examples
    --------
    >>> programme_covariance([(estimate, design)]).correlation  # doctest: +SKIP
    """
    n = len(estimates)
    labels = [design.person_id for _, design in estimates]
    codes = np.split(pd.factorize(np.concatenate(labels))[0], np.cumsum([len(own) for own in labels])[:-1]) if n else []
    # A unit without any say in an estimate is no part of its sample.
    counts = [(design.weight > 0) | (e.influence != 0) for e, design in estimates]
    own = [(e.influence[c], code[c]) for (e, _), c, code in zip(estimates, counts, codes, strict=True)]
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            matrix[i, j] = matrix[j, i] = clustered_covariance(*own[i], *own[j], kind="HC1")
    size = np.sqrt(np.diag(matrix))
    scale = np.outer(size, size)
    correlation = np.divide(matrix, scale, out=np.zeros_like(matrix), where=scale > 0)
    np.fill_diagonal(correlation, 1.0)
    errors = np.array([e.std_error for e, _ in estimates])
    return ProgrammeCovariance(
        tuple(e.programme for e, _ in estimates), correlation * np.outer(errors, errors), np.clip(correlation, -1.0, 1.0)
    )
