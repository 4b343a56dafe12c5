"""`python -m pressroom.cli`: the same as `pressroom`."""

from .main import main

main()
