"""13a splits detokenised text as it splits the tokens that it was made of."""

from hypothesis import assume, example, given
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from erpo_explore.tasks.detokenise import detokenise_13a

tokenize = Tokenizer13a()


@given(st.text(alphabet="ab1,.!?()[]\"'-%$: é猫", max_size=25))
@example("..1")  # its tokens are ". .1", of which 13a makes ". . 1"
def test_13a_splits_as_it_splits_the_tokens(text: str) -> None:
    tokens = tokenize(" ".join(text.split()))
    assert tokenize(detokenise_13a(tokens)) == tokenize(tokens)


@given(st.text(alphabet="ab1,.!?()[]\"'-%$: é猫", max_size=25))
def test_tokens_that_13a_leaves_as_they_are_come_back(text: str) -> None:
    tokens = tokenize(" ".join(text.split()))
    assume(tokenize(tokens) == tokens)
    assert tokenize(detokenise_13a(tokens)) == tokens


def test_marks_attach_as_people_write_them() -> None:
    line = 'A man (in red) says: "hello, you!" Is it 3.5 or 2,000?'
    assert detokenise_13a(tokenize(line)) == line
