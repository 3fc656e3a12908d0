"""Redis (or Valkey) through a django-redis alias: for many processes.

What the server must be set to:

- `maxmemory-policy noeviction`, or no `maxmemory`: a server that evicts signs people out.
- `appendonly yes` if sessions are to survive its restart. What it had not yet written when it
  crashed is lost, revocations included: `appendfsync always` closes that second.
- One server. In a Redis Cluster all keys must be in one slot: give SESSIONSTATE_REDIS_PREFIX a
  hash tag, such as "{sessionstate}:", and name the node that has it.
"""

from sessionstate.backends.redis.backend import Backend

__all__ = ["Backend"]
