-- In front of every script. Its record is KEYS[1]; the first arguments are always the key prefix,
-- the record's kind and id, and the time (ours, not the server's, so that all backends expire
-- alike). Names of index keys are made here, because the old owner is known here only.
local prefix, kind, id, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local META = 'm'
local FORMAT = '>dddddHc0Hc0Hc0' -- the same in layout.py

local function unpack_meta(data)
  local m = {}
  m.created, m.used, m.expires, m.version, m.size, m.owner, m.ip, m.agent =
    struct.unpack(FORMAT, data)
  return m
end

local function pack_meta(m)
  return struct.pack(FORMAT, m.created, m.used, m.expires, m.version, m.size,
    #m.owner, m.owner, #m.ip, m.ip, #m.agent, m.agent)
end

-- All sorted sets have one score, so that members are ordered by id. A member of the set of all
-- names the owner too: whoever finds it dead can then clean up the owner's set as well.
local function all_key() return prefix .. 'all:' .. kind end
local function owner_key(owner) return prefix .. 'of:' .. kind .. ':' .. owner end

local function index(ident, owner)
  redis.call('ZADD', all_key(), 0, ident .. '\0' .. owner)
  if owner ~= '' then redis.call('ZADD', owner_key(owner), 0, ident) end
end

local function unindex(ident, owner)
  redis.call('ZREM', all_key(), ident .. '\0' .. owner)
  if owner ~= '' then redis.call('ZREM', owner_key(owner), ident) end
end

local function stored()
  local data = redis.call('HGET', KEYS[1], META)
  return data and unpack_meta(data)
end

local function live()
  local m = stored()
  if m and m.expires > now then return m end
end

local function forget(m)
  redis.call('DEL', KEYS[1])
  unindex(id, m.owner)
end

-- The arguments from ARGV[at] on: used, expires, owner, ip, user agent. Of the last three an empty
-- one leaves what is there, others begin with '='.
local function apply_stamp(m, at)
  m.used, m.expires = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  for i, name in ipairs({'owner', 'ip', 'agent'}) do
    local value = ARGV[at + 1 + i]
    if value ~= '' then m[name] = value:sub(2) end
  end
end

local function expire(m)
  if m.expires == math.huge then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.ceil(m.expires * 1000)))
  end
end

-- The arguments from ARGV[at] on are fields and values. In chunks: Lua's stack has an end.
local function set_fields(at)
  for first = at, #ARGV, 2000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 1999, #ARGV)))
  end
end

-- A lock is the time until which it is held, and its holder's token.
local function holds(key, token)
  local lock = redis.call('GET', key)
  if not lock then return false end
  local ends, at = struct.unpack('>d', lock)
  return ends > now and lock:sub(at) == token
end
