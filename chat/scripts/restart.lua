-- Begin the reply under way anew: its text is dropped.
-- ARGV: holder, the attempt that ends, lease in microseconds. Returns 1, or 0 if the reply is no
-- longer the holder's.
local state = read()
if not holds(state, ARGV[1]) then return 0 end
local attempt = tonumber(ARGV[2])
if state.turn.attempt == attempt then
  local path = '$.messages[' .. 2 * state.answered + 1 .. ']'
  set(path .. '.msg', 'Bot: ')
  set(path .. '.n', 0)
  set('$.turn.attempt', attempt + 1)
  publish(state, {
    type = 'start',
    id = state.turn.reply,
    reply_to = get(path .. '.reply_to'),
    attempt = attempt + 1,
  })
elseif state.turn.attempt ~= attempt + 1 then
  return 0 -- Redis came back younger than the holder
end
hold(tonumber(ARGV[3]))
return 1
