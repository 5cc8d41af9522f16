"""What is wrong with footage from which no subject can be made."""

from shared.errors import InputError


class UnusableFootage(InputError):
    """The clip itself will not do, whatever is tried again: nothing that was made of it is worth keeping."""
