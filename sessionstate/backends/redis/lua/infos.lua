-- KEYS[1]: the set to go through. The id that was seen last, how many members to look at at most,
-- '=' and the owner or '' for all. Returns the last id seen ('' when there are no more), and id and
-- meta of each live record. What has gone by itself is dropped from the indexes on the way.
local after, count, wanted = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local of_all = KEYS[1] == all_key()
local first = '-'
if after ~= '' then
  -- Behind all members of that id: no owner begins with this byte, which UTF-8 does not have.
  first = '(' .. after .. (of_all and '\0\255' or '')
end
local members = redis.call('ZRANGEBYLEX', KEYS[1], first, '+', 'LIMIT', 0, count)
local found, last = {''}, ''
for _, member in ipairs(members) do
  local ident, owner = member, wanted:sub(2)
  if of_all then ident, owner = member:match('^(.*)%z(.*)$') end
  local data = redis.call('HGET', prefix .. kind .. ':' .. ident, META)
  if not data then
    unindex(ident, owner)
  elseif (wanted == '' or wanted == '=' .. owner) and unpack_meta(data).expires > now then
    found[#found + 1] = ident
    found[#found + 1] = data
  end
  last = ident
end
if #members == count then found[1] = last end
return found
