"""axe finds nothing on a report page, on a wide screen and at 320 pixels, and finds what is put there to be found."""

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_no_violation(support, page, width):
    assert support.axe_faults(page, width=width) == []


def test_axe_applies_the_rules_of_wcag_2_2(support, page):
    result = support.run_axe(page)

    # Version 4.5 brought the first rules of WCAG 2.2; a page of this size passes some 40 rules.
    assert tuple(map(int, result["version"].split(".")[:2])) >= (4, 5)
    assert result["passes"] > 20


def test_axe_finds_pale_text(support, spoil):
    faults = support.axe_faults(spoil("Twelve-month follow-up.", '<span style="color:#cccccc">Pale</span>'))

    assert [f.split(":")[0] for f in faults] == ["color-contrast"]


def test_a_page_wider_than_the_window_is_found_out(support, spoil):
    faults = support.axe_faults(
        spoil("Twelve-month follow-up.", '<span style="display:block;width:900px">Wide</span>'), width=320
    )

    assert any(f.startswith("the page is") for f in faults)
