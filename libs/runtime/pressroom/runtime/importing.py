"""How programs load their modules: without looking for garbage, of which modules are hardly ever any.

Python looks for it whenever some thousands of objects have been made, and modules are nothing else. That was a third of
the time of a service's start; and looked through again later, among all there is, they stopped the event loop for a
tenth of a second now and then.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def importing() -> Generator[None]:
    """What is imported in here is left alone by the garbage collection, now and later."""
    was_looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_looking:
            gc.enable()
