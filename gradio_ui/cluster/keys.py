"""Where things are in Redis, and the scripts that are run there.

<prefix>:process:<id>    the address of a process; expires when it is not renewed
<prefix>:processes       the ids of those that take new pages, by the time when they expire
<prefix>:all             the ids of all, by the same time
<prefix>:facts:<id>      what an operator is shown of a process; expires with its address
<prefix>:page:<hash>     the process that holds the page; the same for upload:<id>
<prefix>:epoch           of one start of Redis, drawn anew after the next: what it knows then may be
                         less than it was told, or nothing
<prefix>:tally:<what>    how much of it each process has, by its id
<prefix>:calls:<what>    when a user has called something that has a rate, see `gradio_ui.metering`
<prefix>:settling        for a moment after that: the owners note again what they hold
<prefix>:pulse           while any process renews its key
<prefix>:back            for a moment after none could, because Redis was away: who lives says so
"""

from gradio_ui.conf import conf

# Seconds. A process that has not renewed its key for so long counts as dead, and Redis may be
# away for some of it.
EXPIRY, RENEWAL = 8.0, 1.0
# To the next attempt, when one has failed.
RETRY = 0.25
# In which every process has renewed its key at least twice.
SETTLING = 2.5
# In which at least one of them has.
PULSE = 3.0

# Which start of the server this is. An administrator may have forbidden to ask for it; then only
# a server that has lost everything is noticed.
_RUN = """
local function run()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
end
local function is_of_this_run(key)
  local epoch = redis.call('GET', key)
  return epoch and string.match(epoch, '%w+') == run()
end
"""

# KEYS: process, processes, epoch, settling, all, facts, pulse, back. ARGV: id, address, EXPIRY,
# SETTLING (ms), a new epoch, whether others may send this process what nobody holds, its facts,
# PULSE (ms).
# Returns: whether the key was still there, the epoch, {id, address} of others that may be sent it.
RENEW = (
    _RUN
    + """
local was_there = redis.call('EXISTS', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[6] == '1' then
  redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[5], now + ARGV[3], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('SET', KEYS[6], ARGV[7], 'PX', ARGV[3])
if not is_of_this_run(KEYS[3]) then
  redis.call('SET', KEYS[3], run() .. '-' .. ARGV[5])
  redis.call('SET', KEYS[4], 1, 'PX', ARGV[4])
end
if not redis.call('SET', KEYS[7], 1, 'PX', ARGV[8], 'GET') then
  redis.call('SET', KEYS[8], 1, 'PX', ARGV[4])
end
local others = {}
local prefix = string.sub(KEYS[1], 1, -#ARGV[1] - 1)
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local address = redis.call('GET', prefix .. id)
  if address and id ~= ARGV[1] then
    others[#others + 1] = {id, address}
  end
end
return {was_there, redis.call('GET', KEYS[3]), others}
"""
)

# KEYS: claim, settling, epoch, pulse, back. ARGV: the prefix of processes, id ('': do not claim),
# age (ms).
# Returns: the id and the address of the owner, '' for nobody; of one that is it only now 'new', and
# while settling that. So is a process that counts as dead and has not told yet that it lives:
# whatever it took, the next one who asks would take from it.
CLAIM = (
    _RUN
    + """
if redis.call('EXISTS', KEYS[2]) == 1 or not is_of_this_run(KEYS[3]) then
  return {'', 'settling'}
end
if ARGV[2] ~= '' and redis.call('EXISTS', ARGV[1] .. ARGV[2]) == 0 then
  return {'', 'settling'}
end
local owner = redis.call('GET', KEYS[1])
if owner and owner == ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {owner, ''}
end
if owner then
  local address = redis.call('GET', ARGV[1] .. owner)
  if address then
    return {owner, address}
  end
  if redis.call('EXISTS', KEYS[4]) == 0 or redis.call('EXISTS', KEYS[5]) == 1 then
    return {'', 'settling'}
  end
end
if ARGV[2] == '' then
  return {'', ''}
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {ARGV[2], 'new'}
"""
)

# KEYS: process, settling, epoch, pulse, back.
# Returns: its address, '' for none and while settling, and then 'settling'.
ADDRESS = (
    _RUN
    + """
local address = redis.call('GET', KEYS[1])
if address then
  return {address, ''}
end
if redis.call('EXISTS', KEYS[2]) == 1 or not is_of_this_run(KEYS[3])
  or redis.call('EXISTS', KEYS[4]) == 0 or redis.call('EXISTS', KEYS[5]) == 1 then
  return {'', 'settling'}
end
return {'', ''}
"""
)

# KEYS: claims. ARGV: id. Deletes those that are this process's.
RELEASE = """
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then
    redis.call('DEL', key)
  end
end
"""

# KEYS: tally. ARGV: the prefix of processes, id, how much this process has with what is to come,
# limit, age (ms). Returns: whether that is within the limit, together with those that live.
TALLY = """
local others = 0
local found = redis.call('HGETALL', KEYS[1])
for i = 1, #found, 2 do
  if found[i] ~= ARGV[2] then
    if redis.call('EXISTS', ARGV[1] .. found[i]) == 1 then
      others = others + found[i + 1]
    else
      redis.call('HDEL', KEYS[1], found[i])
    end
  end
end
if others + ARGV[3] > tonumber(ARGV[4]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""


def process(name: str = "") -> str:
    return f"{conf.cluster_prefix}:process:{name}"


def claim(name: str) -> str:
    return f"{conf.cluster_prefix}:{name}"


def tally(name: str) -> str:
    return f"{conf.cluster_prefix}:tally:{name}"


def calls(name: str) -> str:
    return f"{conf.cluster_prefix}:calls:{name}"


def processes() -> str:
    return f"{conf.cluster_prefix}:processes"


def all_processes() -> str:
    return f"{conf.cluster_prefix}:all"


def facts(process: str) -> str:
    return f"{conf.cluster_prefix}:facts:{process}"


def epoch() -> str:
    return f"{conf.cluster_prefix}:epoch"


def settling() -> str:
    return f"{conf.cluster_prefix}:settling"


def pulse() -> str:
    return f"{conf.cluster_prefix}:pulse"


def back() -> str:
    return f"{conf.cluster_prefix}:back"
