"""Say of every unit outside the pairs why it is there: its cell ran out, a rule forbade the rest, or it was not needed.

Takes who is outside, the cells, and who could still have been taken; gives reasons in words, each with its units.
"""

import numpy as np

from yoseval.arrays import Flags, Indices


def reasons_outside(
    outside: Flags, treated: Flags, cells: Indices, could: Flags, *, rule: str, spare: str
) -> tuple[tuple[str, Flags], ...]:
    """Give every unit outside the pairs one reason; reasons of nobody are left out.

    Parameters
    ----------
    outside : (n,) booleans
        Who is in no pair.
    treated : (n,) booleans
        True where the unit started the programme.
    cells : (n,) integers
        Pairs are formed within a cell only; all 0 where there are none.
    could : (n,) booleans
        Comparison units that could still be taken.
    rule : str
        What a pair had to keep, after "no comparison unit".
    spare : str
        Why comparison units are left over, after "not needed:".

    Returns
    -------
    tuple of (reason, (n,) booleans)
        As in `Weighting`.
    """
    left_over = np.bincount(cells[could], minlength=int(cells.max()) + 1) > 0
    # Where comparison units of the cell are left over, a rule forbade them; else the cell ran out.
    ran_out = outside & treated & ~left_over[cells]
    where = " in the same exact cell" if cells.any() else ""
    reasons = (
        (f"no comparison unit left{where}", ran_out),
        (f"no comparison unit {rule}", outside & treated & ~ran_out),
        (f"not needed: {spare}", outside & ~treated),
    )
    return tuple((reason, who) for reason, who in reasons if who.any())
