from benchmarks.studies.lead import lead


def test_lead_takes_the_first_words_or_a_shorter_source_whole():
    assert lead(["a small tool for maps", "one word"], 3) == ["a small tool", "one word"]
