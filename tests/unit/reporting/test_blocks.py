"""A block carries finished HTML; texts from data are escaped at the door."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from yoseval.reporting.blocks import BLOCK_TYPE, Block, text


def test_a_block_shows_itself_as_a_block_and_as_html():
    assert Block("<p>a</p>")._repr_mimebundle_() == {BLOCK_TYPE: "<p>a</p>", "text/html": "<p>a</p>"}


def test_blocks_add_up_in_order():
    assert (Block("<p>a</p>") + Block("<p>b</p>")).html == "<p>a</p>\n<p>b</p>"


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.said = 0, ""

    def handle_starttag(self, tag, attrs):
        self.tags += 1

    def handle_data(self, data):
        self.said += data


@given(st.text())
def test_any_text_is_read_back_as_the_same_text_and_never_as_a_tag(words):
    reader = _Reader()

    reader.feed(text(words))
    reader.close()

    assert reader.tags == 0
    assert reader.said == words


@given(st.text(alphabet="<>{}\"'&%#ab"))
def test_no_sign_that_starts_a_tag_an_attribute_or_a_template_is_left(words):
    assert not set(text(words)) & set("<>{}\"'")
