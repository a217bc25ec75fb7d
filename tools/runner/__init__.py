"""Running a project's tests and reading what they say."""
