-- append: add a delta to the reply being generated, publish it, and extend the lease.
-- Returns 1, or 0 if the lease is lost.
local lease_id = ARGV[1]
local attempt = tonumber(ARGV[2])
local n = tonumber(ARGV[3]) -- the number of this delta, from 0
local text_json = ARGV[4]
local lease_duration = tonumber(ARGV[5]) -- microseconds

local state = read_state()
if not owns_lease(state, lease_id) or state.generation.attempt ~= attempt then return 0 end

local path = '$.messages[' .. 2 * state.answered + 1 .. ']'
local stored = get_json(path .. '.n')
if stored == n then
  redis.call('JSON.STRAPPEND', SESSION, path .. '.msg', text_json)
  redis.call('JSON.NUMINCRBY', SESSION, path .. '.n', 1)
  if state.generation.claims > 0 then set_json('$.generation.claims', 0) end
  local text = cjson.decode(text_json)
  publish(state, {type = 'delta', id = state.generation.reply, n = n, text = text})
elseif stored ~= n + 1 then
  return 0 -- Redis came back from an older file: the text no longer fits
end
extend_lease(lease_duration)
return 1
