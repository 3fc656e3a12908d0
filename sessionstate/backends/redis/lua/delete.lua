local m = stored()
if not m then
  redis.call('DEL', KEYS[1])
  return false
end
forget(m)
return m.expires > now and pack_meta(m)
