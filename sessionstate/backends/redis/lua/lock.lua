-- KEYS[1]: the lock. token, age in seconds
local lock = redis.call('GET', KEYS[1])
if lock and struct.unpack('>d', lock) > now then return 0 end
local age = tonumber(ARGV[6])
redis.call('SET', KEYS[1], struct.pack('>d', now + age) .. ARGV[5],
  'PX', string.format('%.0f', math.ceil(age * 1000)))
return 1
