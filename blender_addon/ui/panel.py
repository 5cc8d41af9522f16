"""The Talker tab."""


def register() -> None:
    pass


def unregister() -> None:
    pass
