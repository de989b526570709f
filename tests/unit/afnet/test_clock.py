"""The server's clock: never backwards, forwards at once."""

from afnet.server.clock import Clock


class Machine:
    wall = 1000.0
    steady = 5.0


def make() -> tuple[Clock, Machine]:
    machine = Machine()
    return Clock(wall=lambda: machine.wall, steady=lambda: machine.steady), machine


def test_it_goes_with_the_steady_clock() -> None:
    clock, machine = make()
    machine.steady += 2.5
    machine.wall += 2.4
    assert clock.now() == 1002.5
    assert clock.check() == 0.0, "a small drift is nothing"


def test_a_step_forwards_or_a_sleep_is_followed_at_once() -> None:
    clock, machine = make()
    machine.wall += 3600.0
    assert clock.now() == 1000.0, "nobody looked yet"
    assert clock.check() == 3600.0
    assert clock.now() == 4600.0


def test_a_step_backwards_is_waited_out() -> None:
    clock, machine = make()
    machine.steady += 10.0
    assert clock.now() == 1010.0
    machine.wall -= 60.0
    assert clock.check() == 0.0
    assert clock.now() == 1010.0
    machine.steady += 100.0
    assert clock.now() == 1040.0
