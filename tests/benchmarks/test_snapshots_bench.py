"""The benchmark measures what it says, and a snapshot costs no more than promised."""

from benchmarks.snapshots import measure, table


def test_every_figure_is_there_and_within_a_generous_bound() -> None:
    figures = measure((40, 3_000), rounds=3)
    whats = ("snapshot", "unchanged", "fresh", "restore", "git_status")
    assert set(figures) == {f"{what}_ms_{size}" for what in whats for size in (40, 3_000)}
    assert all(0 < value < 2_000 for value in figures.values())
    lines = table(figures).splitlines()
    assert [line.split()[0] for line in lines] == ["files", "40", "3000"]
