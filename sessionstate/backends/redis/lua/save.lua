-- KEYS[2]: the lock. used, expires, owner, ip, user agent, limit, token or '', version or '',
-- number of removed fields, removed fields, field, value, ...
local m = live()
if not m then return {'gone'} end

local limit, token, version, removed = tonumber(ARGV[10]), ARGV[11], ARGV[12], tonumber(ARGV[13])
if version ~= '' and tonumber(version) ~= m.version then return {'conflict', m.version} end
if token ~= '' and not holds(KEYS[2], token) then return {'lost'} end

local size = m.size
local function shed(field)
  local length = redis.call('HSTRLEN', KEYS[1], field)
  if length > 0 or redis.call('HEXISTS', KEYS[1], field) == 1 then
    size = size - length - (#field - 1) -- the prefix of the field does not count
  end
end
for i = 14, 13 + removed do shed(ARGV[i]) end
for i = 14 + removed, #ARGV, 2 do
  shed(ARGV[i])
  size = size + #ARGV[i + 1] + (#ARGV[i] - 1)
end
if size > limit and size > m.size then return {'large', size} end

-- From here on nothing can fail but for want of memory, and that only in the first command.
local owner = m.owner
apply_stamp(m, 5)
m.version, m.size = m.version + 1, size
if m.expires <= now then
  forget({owner = owner})
  return {'done', pack_meta(m)}
end
for first = 14, 13 + removed, 2000 do
  redis.call('HDEL', KEYS[1], unpack(ARGV, first, math.min(first + 1999, 13 + removed)))
end
set_fields(14 + removed)
redis.call('HSET', KEYS[1], META, pack_meta(m))
expire(m)
if m.owner ~= owner then
  unindex(id, owner)
  index(id, m.owner)
end
return {'done', pack_meta(m)}
