-- Add a delta to the reply under way, renew the lease and tell the sockets.
-- ARGV: holder, the attempt, the delta's number, its text as JSON, lease in microseconds. Returns 1,
-- or 0 if the reply is no longer the holder's.
local holder, attempt, n = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local state = read()
if not holds(state, holder) or state.turn.attempt ~= attempt then return 0 end
local path = '$.messages[' .. 2 * state.answered + 1 .. ']'
local have = get(path .. '.n')
if have == n then
  redis.call('JSON.STRAPPEND', SESSION, path .. '.msg', ARGV[4])
  redis.call('JSON.NUMINCRBY', SESSION, path .. '.n', 1)
  if state.turn.claims > 0 then set('$.turn.claims', 0) end
  publish(state, {type = 'delta', id = state.turn.reply, n = n, text = cjson.decode(ARGV[4])})
elseif have ~= n + 1 then
  return 0 -- Redis came back younger than the holder: its text no longer fits
end
hold(tonumber(ARGV[5]))
return 1
