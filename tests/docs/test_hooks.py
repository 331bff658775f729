import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "docs" / "hooks.py"
spec = importlib.util.spec_from_file_location("hooks", FILE)
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)


def test_formulas_become_mathml():
    html = hooks.on_page_content(
        '<p>With <span class="arithmatex">\\(\\tau &lt; 1\\)</span>:</p>'
        '<div class="arithmatex">\\[\nq \\propto p\n\\]</div>'
    )
    assert html.count("<math ") == 2
    assert 'display="block"' in html
    assert "arithmatex" not in html
    assert "\\" not in html


@pytest.mark.parametrize("text", ["<p>no formula</p>", "<code>\\(x\\)</code>"])
def test_everything_else_stays(text):
    assert hooks.on_page_content(text) == text
