"""Simulated extracts of a service and of the police about the same children, with names, errors and the truth.

Every name, date and postcode is drawn at random, the postcodes from areas that do not exist; no row is about anybody.
The two extracts rehearse and test the linkage: who is the same child is known, and so are precision and recall.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Texts
from yoseval.errors import UsageError

_FORENAMES = {
    "male": "Oliver Jack Harry Muhammad Jacob Charlie Thomas George Oscar James William Noah Alfie Joshua Leo Henry Archie "
    "Ethan Joseph Freddie Samuel Alexander Logan Daniel Isaac Max Mohammed Benjamin Mason Lucas Edward Harrison Jake Dylan "
    "Riley Finley Theo Sebastian Adam Zachary Arthur Toby Jayden Luke Harley Lewis Tyler Harvey Matthew David Reuben Michael "
    "Elijah Kian Tommy Mohammad Blake Luca Theodore Stanley Jenson Nathan Charles Frankie Jude Teddy Louie Louis Ryan Hugo "
    "Bobby Elliott Dexter Ollie Alex Liam Kai Gabriel Connor Aaron Frederick Callum Elliot Albert Leon Ronnie Rory Jamie "
    "Seth Ibrahim Owen Caleb Ellis Sonny Robert Joey Felix Finlay Jackson Tyrone Kwame Yusuf Hamza Bilal Marlon Jerome",
    "female": "Amelia Olivia Emily Isla Ava Jessica Ella Isabella Poppy Mia Sophie Lily Grace Evie Sophia Scarlett Isabelle "
    "Charlotte Ruby Freya Chloe Daisy Alice Florence Sienna Eva Millie Phoebe Lola Evelyn Lucy Matilda Sofia Elizabeth Ellie "
    "Holly Erin Rosie Layla Imogen Molly Maisie Megan Hannah Abigail Eliza Jasmine Bella Lilly Aisha Fatima Zara Maryam "
    "Willow Summer Georgia Thea Eleanor Amber Maya Nancy Leah Lexi Lacey Niamh Aaliyah Keira Shanice Tia Paige Demi Amy",
}
_SURNAMES = (
    "Smith Jones Williams Taylor Brown Davies Evans Wilson Thomas Johnson Roberts Robinson Thompson Wright Walker White "
    "Edwards Hughes Green Hall Lewis Harris Clarke Patel Jackson Wood Turner Martin Cooper Hill Ward Morris Moore Clark Lee "
    "King Baker Harrison Morgan Allen James Scott Phillips Watson Davis Parker Price Bennett Young Griffiths Mitchell Kelly "
    "Cook Carter Richardson Bailey Collins Bell Shaw Murphy Miller Cox Richards Khan Marshall Anderson Simpson Ellis Adams "
    "Singh Begum Wilkinson Foster Chapman Powell Webb Rogers Gray Mason Ali Hunt Hussain Campbell Matthews Owen Palmer Holmes "
    "Mills Barnes Knight Lloyd Butler Russell Barker Fisher Stevens Jenkins Murray Dixon Harvey O'Brien Ahmed Grant Okafor "
    "Mensah Osei Nowak Kowalski"
)
_STARTS = "Ash Black Brad Bur Carl Cop Dun East Fair Green Had Hart Hol Kirk Lang Mid New Nor Ox Pem Rad Red Sel Stan Wal Whit"
_ENDS = "bourne bridge brook bury by combe dale den field ford ham hurst ley low man more ridge stead ton well wick worth"
_NICKNAMES = {
    "Daniel": "Dan", "Joshua": "Josh", "Thomas": "Tom", "Samuel": "Sam", "Benjamin": "Ben", "Joseph": "Joe", "Matthew": "Matt",
    "Alexander": "Alex", "William": "Will", "Jacob": "Jake", "Michael": "Mike", "Charlie": "Charles", "Nathan": "Nate",
    "Muhammad": "Mohammed", "Mohammed": "Mohamed", "Mohammad": "Muhammad", "Isabelle": "Izzy", "Jessica": "Jess",
    "Charlotte": "Charlie", "Abigail": "Abi", "Megan": "Meg", "Eleanor": "Ellie", "Elizabeth": "Lizzie", "Edward": "Ted",
}  # fmt: skip
_ETHNICITIES = {"white": 0.68, "black": 0.12, "mixed": 0.09, "asian": 0.08, "other": 0.03}
_LETTERS = np.array(list("abcdefghijklmnoprstuvwyz"), dtype=object)
_POSTCODE_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_FIRST_BIRTH, _BIRTH_DAYS = np.datetime64("2003-01-01"), 8 * 365


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How often a cell of the police extract differs from the service's, as proportions.

    Parameters
    ----------
    typo : float
        A letter of a name changed, dropped, doubled or swapped; for forename and surname each.
    nickname : float
        A usual short form or another spelling, where the forename has one.
    surname_changed : float
        Another surname altogether.
    names_swapped : float
        Forename and surname in each other's column.
    day_month : float
        Day and month of birth transposed, where that is a date.
    birth_digit : float
        One digit of the date of birth off.
    moved : float
        Another postcode, half of the time in the same district.
    missing : float
        Each of forename, date of birth and sex not recorded; postcodes are missing five times as often.
    sex : float
        The other sex.
    minority_factor : float
        How many times as often names are misspelt for Asian and Black children.
    """

    typo: float = 0.03
    nickname: float = 0.15
    surname_changed: float = 0.03
    names_swapped: float = 0.01
    day_month: float = 0.01
    birth_digit: float = 0.015
    moved: float = 0.20
    missing: float = 0.005
    sex: float = 0.005
    minority_factor: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedIdentities:
    """Two simulated extracts and the truth about who is in both.

    Parameters
    ----------
    left : DataFrame
        The service: ``key, forename, surname, date_of_birth, sex, postcode, ethnicity``, texts, ``None`` where not recorded.
    right : DataFrame
        The police: the same without ethnicity.
    truth : DataFrame
        ``left_key, right_key`` of the children who are in both.
    """

    left: pd.DataFrame
    right: pd.DataFrame
    truth: pd.DataFrame


def simulate_identities(
    n_left: int = 2000, n_right: int = 5000, *, n_shared: int = 1700, errors: ErrorRates | None = None, seed: int
) -> SimulatedIdentities:
    """Simulate the extract of a service and one of the police that share some children.

    Names have the frequencies of a country (a few are common, many rare); every tenth child has a brother or sister
    in the extracts with the same surname and postcode and another forename, every eighth of these a twin.

    Parameters
    ----------
    n_left, n_right : int
        Children in each extract.
    n_shared : int
        How many of them are the same child; at most the smaller of the two.
    errors : ErrorRates, optional
        How the police extract differs.
    seed : int
        Seed of the simulation.

    Returns
    -------
    SimulatedIdentities
        Both extracts, in random order, and the truth.

    Raises
    ------
    UsageError
        If more children are shared than one of the extracts has.

    Examples
    --------
    >>> simulate_identities(200, 500, n_shared=150, seed=1).truth.shape
    (150, 2)
    """
    if not 0 <= n_shared <= min(n_left, n_right):
        raise UsageError(f"n_shared is {n_shared}; it has to lie between 0 and {min(n_left, n_right)}, the smaller extract.")
    rng = np.random.default_rng(seed)
    people = _children(n_left + n_right - n_shared, rng)
    left = people.iloc[:n_left].assign(key=_keys("S", n_left, rng))
    right = people.iloc[n_left - n_shared :].assign(key=_keys("P", n_right, rng))
    truth = pd.DataFrame(
        {"left_key": left["key"].to_numpy()[n_left - n_shared :], "right_key": right["key"].to_numpy()[:n_shared]}
    )
    right = _with_errors(right.reset_index(drop=True), errors or ErrorRates(), rng)
    columns = ["key", "forename", "surname", "date_of_birth", "sex", "postcode"]
    return SimulatedIdentities(
        _shuffled(left[[*columns, "ethnicity"]], rng),
        _shuffled(right[columns], rng),
        truth.sort_values("left_key", ignore_index=True),
    )


def _keys(letter: str, n: int, rng: np.random.Generator) -> Texts:
    return np.array([f"{letter}{i:07d}" for i in rng.permutation(n)], dtype=object)


def _shuffled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)


def _children(n: int, rng: np.random.Generator) -> pd.DataFrame:
    sex = np.where(rng.random(n) < 0.2, "female", "male").astype(object)
    born = _FIRST_BIRTH + rng.integers(0, _BIRTH_DAYS, n).astype("timedelta64[D]")
    surname, postcode = _surnames(n, rng), np.array([_postcode(rng) for _ in range(n)], dtype=object)
    has_sibling = np.flatnonzero(rng.random(n) < 0.1)
    # The sibling may be anybody of the extracts, so that he or she is often in one of them only.
    sibling = (has_sibling + rng.integers(1, n, len(has_sibling))) % n
    surname[has_sibling], postcode[has_sibling] = surname[sibling], postcode[sibling]
    twins = rng.random(len(has_sibling)) < 0.125
    born[has_sibling[twins]] = born[sibling[twins]]
    forename = _forenames(sex, rng)
    while (same := forename[has_sibling] == forename[sibling]).any():
        forename[has_sibling[same]] = _forenames(sex[has_sibling[same]], rng)
    return pd.DataFrame(
        {
            "forename": forename,
            "surname": surname,
            "date_of_birth": born.astype("datetime64[D]").astype(str).astype(object),
            "sex": sex,
            "postcode": postcode,
            "ethnicity": rng.choice(np.array(list(_ETHNICITIES), dtype=object), n, p=list(_ETHNICITIES.values())),
        }
    )


def _forenames(sex: Texts, rng: np.random.Generator) -> Texts:
    names = np.empty(len(sex), dtype=object)
    for one, text in _FORENAMES.items():
        pool = np.array(text.split(), dtype=object)
        names[sex == one] = rng.choice(pool, int((sex == one).sum()), p=_falling(len(pool), 0.5))
    return names


def _surnames(n: int, rng: np.random.Generator) -> Texts:
    rare = [a + b for a in _STARTS.split() for b in _ENDS.split()]
    common = _SURNAMES.split()
    usual: Texts = rng.choice(np.array(common, dtype=object), n, p=_falling(len(common), 0.4))
    return np.where(rng.random(n) < 0.45, rng.choice(np.array(rare, dtype=object), n), usual)


def _falling(n: int, power: float) -> Floats:
    """Return shares that fall with rank, as those of names do."""
    size = np.arange(1, n + 1, dtype=np.float64) ** -power
    shares: Floats = size / size.sum()
    return shares


def _postcode(rng: np.random.Generator, district: str = "") -> str:
    area = district or f"{rng.choice(['ZA', 'ZB', 'ZC', 'ZD'])}{rng.integers(1, 20)}"
    ends = "".join(rng.choice(list(_POSTCODE_LETTERS), 2))
    return f"{area} {rng.integers(1, 10)}{ends}"


def _with_errors(people: pd.DataFrame, rates: ErrorRates, rng: np.random.Generator) -> pd.DataFrame:
    out, n = people.copy(), len(people)
    harder = np.where(people["ethnicity"].isin(["asian", "black"]), rates.minority_factor, 1.0)

    def hit(rate: float, factor: Floats | float = 1.0) -> Flags:
        flags: Flags = rng.random(n) < rate * factor
        return flags

    _change(out, "forename", hit(rates.nickname), lambda name: _NICKNAMES.get(name, name))
    for column in ("forename", "surname"):
        _change(out, column, hit(rates.typo, harder), partial(_misspelt, rng=rng))
    other = hit(rates.surname_changed)
    out.loc[other, "surname"] = _surnames(int(other.sum()), rng)
    swapped = hit(rates.names_swapped)
    out.loc[swapped, ["forename", "surname"]] = out.loc[swapped, ["surname", "forename"]].to_numpy()
    _change(out, "date_of_birth", hit(rates.day_month), _transposed)
    _change(out, "date_of_birth", hit(rates.birth_digit), partial(_digit_off, rng=rng))
    _change(out, "postcode", hit(rates.moved), partial(_moved, rng=rng))
    _change(out, "sex", hit(rates.sex), lambda sex: "male" if sex == "female" else "female")
    for column, factor in (("forename", 1.0), ("date_of_birth", 1.0), ("sex", 1.0), ("postcode", 5.0)):
        out.loc[hit(rates.missing, factor), column] = None
    return out


def _change(frame: pd.DataFrame, column: str, rows: Flags, change: Callable[[str], str]) -> None:
    frame.loc[rows, column] = [change(text) for text in frame.loc[rows, column]]


def _misspelt(name: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(1, max(len(name) - 1, 2)))
    head, letter, tail = name[:place], name[place : place + 1], name[place + 1 :]
    options: Sequence[str] = (
        head + str(rng.choice(_LETTERS)) + tail,
        head + tail,
        head + 2 * letter + tail,
        head + tail[:1] + letter + tail[1:],
    )
    return str(options[int(rng.integers(0, 4))])


def _transposed(born: str) -> str:
    year, month, day = born.split("-")
    return f"{year}-{day}-{month}" if int(day) <= 12 else born


def _digit_off(born: str, rng: np.random.Generator) -> str:
    day = int(born[8:])
    # A digit of the day or the year, so that the result is always a date.
    if rng.random() < 0.5:
        tens, ones = divmod(day, 10)
        ones = int(rng.choice([d for d in range(1, 9) if d != ones]))
        return f"{born[:8]}{min(tens, 1)}{ones}" if tens < 2 else f"{born[:8]}2{ones}"
    return f"{born[:3]}{(int(born[3]) + int(rng.integers(1, 3))) % 10}{born[4:7]}-{min(day, 28):02d}"


def _moved(postcode: str, rng: np.random.Generator) -> str:
    return _postcode(rng, postcode.partition(" ")[0] if rng.random() < 0.5 else "")
