"""Any Django database: a row per record and a row per key.

Plain SQL where every request passes; composing the same statements through the ORM took three
times as long as running them.
"""

from sessionstate.backends.db.backend import Backend

__all__ = ["Backend"]
