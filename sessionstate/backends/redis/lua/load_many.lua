-- KEYS: records. Reads them as HGETALL does, in one round trip.
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return found
