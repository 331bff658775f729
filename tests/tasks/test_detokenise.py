"""Detokenised text has the tokens that it was made of."""

from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from erpo_explore.tasks.detokenise import detokenise_13a

tokenize = Tokenizer13a()


@given(st.text(alphabet="ab1,.!?()[]\"'-%$: é猫", max_size=25))
def test_the_tokens_come_back(text: str) -> None:
    tokens = tokenize(" ".join(text.split()))
    assert tokenize(detokenise_13a(tokens)).split() == tokens.split()


def test_marks_attach_as_people_write_them() -> None:
    line = 'A man (in red) says: "hello, you!" Is it 3.5 or 2,000?'
    assert detokenise_13a(tokenize(line)) == line
