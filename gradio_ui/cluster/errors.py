"""What a request is told that another process should have answered."""


class NoAnswer(Exception):
    """The process that holds what was asked for cannot answer now; nothing was done. Says why."""


class Stopped(Exception):
    """A process has gone while it worked on a request. What it has done is not known, so nobody
    must send that again by themselves."""


class Silent(Stopped):
    """The same of a process that may have gone, or only stands still."""
