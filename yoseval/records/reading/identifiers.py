"""Tell columns that look like direct identifiers: names, postcodes, NHS, PNC and UPN numbers, addresses.

Takes a header and the first values of a column and says which identifier they look like. An evaluation needs none;
records with one are refused before they are loaded.
"""

import re
from collections.abc import Callable, Sequence

_SHARE = 0.5
_LEAST = 3
_NAME_OF = "first|last|middle|family|given|full|child|childs|person|yp|client|young person|pupil|parent|carer|mother|father"
_HEADERS = {
    "a name": rf"^name$|^names$|sur ?name|fore ?names?\b|initials|\balias|known as|\b({_NAME_OF})s? ?names?\b",
    "a postcode": r"post ?code|\bzip\b",
    "an address": r"\baddress|\bstreet\b|house (no|number)",
    "an NHS number": r"\bnhs\b",
    "a PNC number": r"\bpnc|\bcro\b",
    "a UPN (pupil number)": r"\bupn|\buln\b|pupil number",
    "an e-mail address": r"\be ?mail",
    "a telephone number": r"phone|\bmobile\b|\btel\b",
    "a national insurance number": r"\bnino\b|national insurance",
}
_NHS = re.compile(r"^\d{3}([ -]?)\d{3}\1\d{4}$")
_PATTERNS = {
    "a postcode": r"^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$",
    "a PNC number": r"^(\d{2}|\d{4})/\d{1,7}[A-Z]$",
    "a UPN (pupil number)": r"^[A-HJ-NP-RT-Z]\d{11}[\dA-HJ-NP-RT-Z]$",
    "an e-mail address": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "a telephone number": r"^(\+44 ?7\d{3}|\(?07\d{3}\)?) ?\d{3} ?\d{3}$|^\+44 ?[1-9][\d ]{8,11}$",
    "a national insurance number": r"^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]$",
}


def identifier_in_header(header: str) -> str:
    """Name the direct identifier that a header speaks of, empty where it speaks of none.

    Examples
    --------
    >>> identifier_in_header("YP_Surname")
    'a name'
    >>> identifier_in_header("disposal_type")
    ''
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    words = re.sub(r"[^a-z0-9]+", " ", spaced.casefold()).strip()
    return next((kind for kind, pattern in _HEADERS.items() if re.search(pattern, words)), "")


def identifier_in_values(values: Sequence[str]) -> str:
    """Name the direct identifier that most of the values look like, empty where they look like none.

    Parameters
    ----------
    values : sequence of str
        The first recorded values of one column.

    Returns
    -------
    str
        Half of at least three values must fit; of NHS numbers nine in ten, check digit included, because one
        ten-digit number in eleven passes it by chance.

    Examples
    --------
    >>> identifier_in_values(["LS1 4AP", "M1 1AE", "B33 8TH"])
    'a postcode'
    """
    texts = [v.strip() for v in values if v.strip()]
    if len(texts) < _LEAST:
        return ""
    tests: dict[str, Callable[[str], object]] = {k: re.compile(p).match for k, p in _PATTERNS.items()}
    found = (kind for kind, test in tests.items() if _share(texts, test) >= _SHARE)
    return next(found, "") or ("an NHS number" if _share(texts, _is_nhs) >= 0.9 else "")


def _share(texts: list[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(t)) for t in texts) / len(texts)


def _is_nhs(text: str) -> bool:
    if not _NHS.match(text):
        return False
    digits = [int(d) for d in text if d.isdigit()]
    # Modulus 11 over the first nine digits, weights 10 to 2.
    check = (11 - sum(d * w for d, w in zip(digits[:9], range(10, 1, -1), strict=True)) % 11) % 11
    return check == digits[9]
