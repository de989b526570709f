"""Counting what goes through the door."""

from __future__ import annotations

from afnet.server.traffic import WINDOW, Traffic


class Moment:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def test_sums_since_the_start_and_rates_of_the_last_window() -> None:
    now = Moment()
    traffic = Traffic(now)
    traffic.received("get jobs", "classic 127.0.0.1", 100)
    traffic.sent("get jobs", "classic 127.0.0.1", 3000)
    traffic.received("Report", "agent 10.0.0.5", 40, messages=2)
    (jobs, report) = traffic.rows()
    assert jobs == {
        "kind": "get jobs",
        "peer": "classic 127.0.0.1",
        "messages": 2,
        "received_bytes": 100,
        "sent_bytes": 3000,
        "messages_per_second": 0.0,
        "received_per_second": 0.0,
        "sent_per_second": 0.0,
        "largest": 3000,
    }
    assert (report["messages"], report["received_bytes"]) == (2, 40)
    now.time += WINDOW
    jobs, report = traffic.rows()
    assert (jobs["messages_per_second"], jobs["sent_per_second"], report["messages_per_second"]) == (0.2, 300.0, 0.2)
    # Nothing in the next window: the sums stay, the rates end.
    now.time += WINDOW
    jobs, _ = traffic.rows()
    assert (jobs["messages"], jobs["messages_per_second"]) == (2, 0.0)
    assert traffic.seconds == 2 * WINDOW


def test_bytes_of_a_frame_are_divided_among_its_messages() -> None:
    traffic = Traffic()
    traffic.received_frame("agent a", [1, 2, "text"], 100)
    traffic.sent_frame("agent a", [], 2)
    rows = {row["kind"]: row for row in traffic.rows()}
    assert (rows["int"]["messages"], rows["int"]["received_bytes"]) == (2, 66)
    assert (rows["str"]["messages"], rows["str"]["received_bytes"]) == (1, 34)
    assert rows["Ping"]["sent_bytes"] == 2


def test_the_number_of_rows_is_bounded() -> None:
    traffic = Traffic()
    for number in range(6000):
        traffic.received("get jobs", f"classic 10.0.{number}", 1)
    rows = traffic.rows()
    assert len(rows) <= 5001 and sum(row["received_bytes"] for row in rows) == 6000
    assert any(row["kind"] == "everything else" and row["received_bytes"] == 1000 for row in rows)
