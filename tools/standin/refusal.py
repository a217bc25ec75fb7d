"""An answer with an error status, raised from wherever it becomes clear."""

from greenloop.tools.standin.faults import Fault


class Refused(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, text: str, fault: Fault | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.fault = fault or Fault(status, text)
        """With what belongs to it besides status and text."""
