import pytest

from greenloop.tools.judges import is_test_file


@pytest.mark.parametrize(
    "path",
    [
        "test_a.py",
        "pkg/a_test.py",
        "tests/data/x.json",
        "conftest.py",
        "web/a.test.ts",
        "a_test.go",
    ],
)
def test_these_belong_to_the_tests(path: str) -> None:
    assert is_test_file(path)


@pytest.mark.parametrize(
    "path", ["src/a.py", "contest.py", "latest.py", "tests.py", "src/attest/a.py"]
)
def test_these_do_not(path: str) -> None:
    assert not is_test_file(path)
