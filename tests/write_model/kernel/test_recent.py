from write_model.kernel.recent import Recent, RecentFrom


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


def test_what_is_used_all_day_is_forgotten_by_a_source_that_nobody_asked_for_since() -> None:
    recent: RecentFrom[str, int, str] = RecentFrom(2)
    recent.remember_from("aisle 1", "forklift", 1)
    for number in range(3):
        recent.remember_from(f"gate {number}", f"ramp {number}", number)
        assert recent.get("forklift") == 1
    recent.forget_from("gate 1")
    assert list(recent) == ["ramp 2", "forklift"]
    recent.forget_from("aisle 1")
    assert list(recent) == ["ramp 2"]


def test_with_everything_its_sources_are_forgotten() -> None:
    recent: RecentFrom[str, int, str] = RecentFrom(2)
    recent.remember_from("aisle 1", "forklift", 1)
    recent.clear()
    recent.remember("forklift", 2)
    recent.forget_from("aisle 1")
    assert recent.get("forklift") == 2
    recent.forget("forklift")
    assert list(recent) == []
