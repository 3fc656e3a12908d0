-- used, expires, owner, ip, user agent
local m = live()
if not m then return 0 end

local owner = m.owner
apply_stamp(m, 5)
if m.expires <= now then
  forget({owner = owner})
  return 1
end
-- First what Redis does even when its memory is full: it then allows the rest of the script, and
-- a full store still keeps its users signed in.
expire(m)
redis.call('HSET', KEYS[1], META, pack_meta(m))
if m.owner ~= owner then
  unindex(id, owner)
  index(id, m.owner)
end
return 1
