-- KEYS: records. What is noted of each, without its values.
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGET', key, 'm') end
return found
