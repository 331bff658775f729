"""What people read holds the rules of language that `language` can check."""

from pathlib import Path

import pytest

from tests.docs.language import markdown_findings, prose_of_markdown, python_findings, sentences

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted(
    file for folder in ("erpo_explore", "benchmarks", "tests", "examples") for file in (ROOT / folder).rglob("*.py")
)


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", PAGES, ids=relative)
def test_a_page_is_plain_english(file: Path) -> None:
    findings = list(markdown_findings(file.relative_to(ROOT), file.read_text(encoding="utf-8")))
    assert not findings, "\n".join(findings)


def test_docstrings_and_comments_are_plain_english() -> None:
    findings = [
        finding
        for file in MODULES
        for finding in python_findings(file.relative_to(ROOT), file.read_text(encoding="utf-8"))
    ]
    assert not findings, "\n".join(findings)


class TestRules:
    """The linter finds what it is for, and nothing else."""

    @pytest.mark.parametrize(
        ("page", "rule"),
        [
            ("word " * 36 + ".", "36 words"),
            ("A trial takes the rival's weights.", "“rival”"),
            ("The worker is told what to do.", "“is told”"),
            ("x" * 101, "101 columns"),
        ],
    )
    def test_a_page_that_breaks_a_rule_is_found(self, page: str, rule: str) -> None:
        assert any(rule in finding for finding in markdown_findings(Path("page.md"), page))

    @pytest.mark.parametrize(
        "page",
        [
            "One. " + "word\n" * 34 + ".\n\nAnother " + "word\n" * 30,
            "```\n" + "dot " * 40 + "\n```\n",
            "| dot | " + "word " * 40 + "|\n",
            "The column `dot` of an older folder is `algorithm` now.\n",
            "    indented rival code\n",
        ],
    )
    def test_code_and_tables_are_no_prose(self, page: str) -> None:
        assert list(markdown_findings(Path("page.md"), page)) == []

    @pytest.mark.parametrize(
        ("module", "rule"),
        [
            ('rate = 1\n"""Of Adam."""\n', "Of …"),
            ('"""Which rival wins."""\n', "“rival”"),
            ("# nobody waits\n", "“nobody”"),
        ],
    )
    def test_a_module_that_breaks_a_rule_is_found(self, module: str, rule: str) -> None:
        assert any(rule in finding for finding in python_findings(Path("module.py"), module))

    def test_a_list_item_is_a_paragraph_and_lines_are_joined(self) -> None:
        page = "Intro line\ngoes on.\n\n- one\n  more\n- two\n"
        assert prose_of_markdown(page) == [(1, "Intro line goes on."), (4, "one more"), (6, "two")]

    def test_sentences_end_at_a_full_stop_before_a_capital(self) -> None:
        assert sentences("One is 0.5 e.g. here. Two: `a.b. C` ends! And `c` goes on.") == [
            "One is 0.5 eg here.",
            "Two: `code` ends!",
            "And `code` goes on.",
        ]
