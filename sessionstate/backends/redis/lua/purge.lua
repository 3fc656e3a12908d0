-- KEYS[1]: the set of all. The id seen last, how many members to look at. Returns the next id to go
-- on from ('' at the end) and how many records went.
local after, count = ARGV[5], tonumber(ARGV[6])
local first = after == '' and '-' or '(' .. after .. '\0\255'
local members = redis.call('ZRANGEBYLEX', KEYS[1], first, '+', 'LIMIT', 0, count)
local purged, last = 0, ''
for _, member in ipairs(members) do
  local ident, owner = member:match('^(.*)%z(.*)$')
  local key = prefix .. kind .. ':' .. ident
  local data = redis.call('HGET', key, META)
  if not data or unpack_meta(data).expires <= now then
    redis.call('DEL', key)
    unindex(ident, owner)
    purged = purged + 1
  end
  last = ident
end
return {#members == count and last or '', purged}
