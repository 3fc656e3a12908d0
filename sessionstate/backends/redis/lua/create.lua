-- used, expires, owner, ip, user agent, size, field, value, ...
local old = stored()
if old and old.expires > now then return {'exists'} end

local m = {created = tonumber(ARGV[5]), version = 1, size = tonumber(ARGV[10]),
  owner = '', ip = '', agent = ''}
apply_stamp(m, 5)
if m.expires > now then
  if old then forget(old) end
  redis.call('HSET', KEYS[1], META, pack_meta(m))
  set_fields(11)
  expire(m)
  index(id, m.owner)
end
return {'done', pack_meta(m)}
