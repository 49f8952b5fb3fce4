from write_model.kernel.recent import Recent


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.remember("forklift", 1)
    recent.remember("ramp", 2)
    assert recent.get("forklift") == 1
    recent.remember("dock", 3)
    assert list(recent) == ["forklift", "dock"]
    assert recent.get("ramp") is None


def test_a_key_can_be_forgotten_whether_or_not_it_is_known() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.remember("forklift", 1)
    recent.forget("forklift")
    recent.forget("forklift")
    assert list(recent) == []


def test_everything_can_be_forgotten_at_once() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.remember("forklift", 1)
    recent.clear()
    assert recent.get("forklift") is None
