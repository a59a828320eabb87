"""Lets a training loop end well when it is asked to stop.

The first SIGINT or SIGTERM is only noted: the loop finishes the update in progress, saves, and leaves with
``exit_code`` (130 or 143, as shells expect). The second one ends the process at once; the run is consistent
even then, because checkpoints are atomic.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Final, Self

from lmgym.errors import InvalidValueError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_MESSAGE: Final = (
    b"\n%s: finishing the update in progress, then saving. Once more: leave at once (the last checkpoint "
    b"stays good).\n"
)


class Interrupts:
    """Context manager that catches SIGINT and SIGTERM; the earlier handlers come back at its end.

    Example::

        with Interrupts() as interrupts:
            while step < total and not interrupts.requested:
                step = update(step)
            save(step)
        if interrupts.requested:
            sys.exit(interrupts.exit_code)
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._earlier: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Whether the process was asked to stop."""
        return self._received is not None

    @property
    def exit_code(self) -> int:
        """128 + the number of the signal that was received; 0 if none was."""
        return 0 if self._received is None else 128 + self._received

    def __enter__(self) -> Self:
        """Takes the handlers over.

        Raises:
            InvalidValueError: not in the main thread, the only one that Python lets handle signals.
        """
        if threading.current_thread() is not threading.main_thread():
            raise InvalidValueError(
                f"Interrupts was entered in the thread {threading.current_thread().name!r}; signals can only "
                "be handled in the main thread. Run the training there, or leave Interrupts out."
            )
        self._earlier = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._earlier.items():
            # None: the handler was not installed from Python and cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            os._exit(128 + number)  # no clean-up that could hang: that is what a second signal asks for
        self._received = number
        # os.write, because a handler may run in the middle of a print.
        os.write(2, _MESSAGE % signal.Signals(number).name.encode())
