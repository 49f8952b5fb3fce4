from datetime import UTC, datetime, timedelta

from write_model.kernel.allowance import Allowance

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_an_allowance_is_used_up_and_fills_up_again_with_time() -> None:
    allowance: Allowance[str] = Allowance(3, per=MINUTE)
    taken = [allowance.take("freya", now=MONDAY) for _ in range(4)]
    assert taken == [True, True, True, False]
    assert allowance.wait_s("freya", now=MONDAY) == 20
    later = MONDAY + timedelta(seconds=20)
    assert allowance.wait_s("freya", now=later) == 0
    assert [allowance.take("freya", now=later) for _ in range(2)] == [True, False]


def test_it_never_holds_more_than_it_started_with() -> None:
    allowance: Allowance[str] = Allowance(2, per=MINUTE)
    allowance.take("freya", now=MONDAY)
    tomorrow = MONDAY + timedelta(days=1)
    assert [allowance.take("freya", now=tomorrow) for _ in range(3)] == [True, True, False]


def test_everybody_has_an_allowance_of_his_own_and_it_can_be_given_back() -> None:
    allowance: Allowance[str] = Allowance(1, per=MINUTE)
    assert allowance.take("freya", now=MONDAY)
    assert allowance.take("inge", now=MONDAY)
    assert not allowance.take("freya", now=MONDAY)
    allowance.forget("freya")
    assert allowance.take("freya", now=MONDAY)
