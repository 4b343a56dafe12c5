"""`/webhooks`: what vendors tell by themselves, at addresses that they were given.

No token is asked for, because a vendor has none: who speaks is known by a signature, the vendor's own over the raw body
or ours in the address. What is told is a hint, never an answer: of a job, that it is worth a look now; of a shop, an
event. A message that is heard twice changes nothing the second time, and one that was said long ago is refused where
its time is signed. Each is stored before it is answered, so a process that dies is told again.

A wrong signature, an old message and an address that is not ours are all answered with the same 404: nothing is here.
"""

from . import gemini, openai, printify, runpod, shopify
from .gemini import keys_of_gemini

__all__ = ["LARGE", "ROUTERS", "keys_of_gemini"]

LARGE = runpod.router.prefix
"""Whose messages are as large as pictures are."""

ROUTERS = (gemini.router, openai.router, printify.router, runpod.router, shopify.router)
