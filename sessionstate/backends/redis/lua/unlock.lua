-- KEYS[1]: the lock. token
local lock = redis.call('GET', KEYS[1])
if lock and lock:sub(9) == ARGV[5] then redis.call('DEL', KEYS[1]) end
