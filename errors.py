"""Every failure greenloop names, in one tree; the exit code is part of the class.

GreenloopError
├── UserError                  exit 2: something to correct, said in one line
│   ├── ConfigError            a setting has a wrong value
│   ├── WorkspaceError         the folder is missing, unreadable or read-only
│   ├── NoTestsError           nothing to judge by
│   ├── ThreadError            unknown, foreign, busy or incompatible thread
│   │   └── FilesChangedError  files are not as the checkpoint left them
│   └── ModelNotFoundError     the server does not have that model
├── InfrastructureError        exit 3: the machine or a service failed, not the code under test
│   ├── ModelUnavailableError  no answer, a refusal, or the connection broke
│   ├── ModelReplyError        an answer that is cut, empty or of no use; asking again may help
│   ├── ContextError           the prompt does not fit the window, or the server cut it
│   ├── ReplayError            a recording or script has no reply to what is asked
│   ├── StorageError           database, disk or snapshot store
│   └── SandboxError           a command could not be started as promised
├── CancelledError             exit 130: a reply was broken off because somebody asked
└── EditError                  a model's edit that cannot be applied; goes back to the model
"""

__all__ = [
    "CancelledError",
    "ConfigError",
    "ContextError",
    "EditError",
    "FilesChangedError",
    "GreenloopError",
    "InfrastructureError",
    "ModelNotFoundError",
    "ModelReplyError",
    "ModelUnavailableError",
    "NoTestsError",
    "ReplayError",
    "SandboxError",
    "StorageError",
    "ThreadError",
    "UserError",
    "WorkspaceError",
]


class GreenloopError(Exception):
    """Root of the tree. The message says what happened and what to do next, in one line."""

    exit_code = 3


class UserError(GreenloopError):
    """Raised for what the user can correct; caught only at the command line's edge."""

    exit_code = 2


class ConfigError(UserError):
    """A setting, flag or settings file has a value that cannot be used."""


class WorkspaceError(UserError):
    """The repository folder is missing, is no folder, or cannot be written."""


class NoTestsError(UserError):
    """No test was found, or the test command does not start: nothing can judge the work."""


class ThreadError(UserError):
    """The thread is unknown, belongs elsewhere, is in use, or was made by another version."""


class FilesChangedError(ThreadError):
    """Files are not as the thread's last checkpoint left them: keep them, or put those back?"""

    def __init__(self, message: str, paths: tuple[str, ...]) -> None:
        super().__init__(message)
        self.paths = paths
        """Those that differ."""


class ModelNotFoundError(UserError):
    """The model server answers but does not have the model asked for."""


class InfrastructureError(GreenloopError):
    """The machine or a service failed. Never shown to a model as a program's output."""


class ModelUnavailableError(InfrastructureError):
    """The model server does not answer, refuses, stalls, or broke the connection."""


class ModelReplyError(InfrastructureError):
    """The server answered, but the reply is cut, empty or unreadable. Asking again may help."""

    def __init__(self, message: str, feedback: str = "", *, tokens: int = 0) -> None:
        super().__init__(message)
        self.feedback = feedback
        """What to tell the model about its reply, when that may help; empty otherwise."""
        self.tokens = tokens
        """Spent on the reply, prompt included; 0 where none came."""


class ContextError(InfrastructureError):
    """The prompt does not fit the context window, or the server cut it. Never an answer."""


class ReplayError(InfrastructureError):
    """A recording or a script has no reply to what is asked. Asking again does not help."""


class StorageError(InfrastructureError):
    """The database, the disk or the snapshot store failed."""


class SandboxError(InfrastructureError):
    """A command could not be started under the promised limits."""


class CancelledError(GreenloopError):
    """A reply was broken off because somebody asked for it; the thread is resumable."""

    exit_code = 130


class EditError(GreenloopError):
    """An edit in a model's reply cannot be applied. The message is written for the model."""

    def __init__(self, message: str, reason: str = "unfit") -> None:
        super().__init__(message)
        self.reason = reason
        """One of `tools.reader.base.Reason`."""
