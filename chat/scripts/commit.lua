-- Finish the reply and let the session go.
-- ARGV: holder, the reply's id, its attempt, the deltas that it holds, status, error or '', expiry
-- in seconds.
-- Returns {1 if the reply was the holder's, 1 if the session is in line again, sessions in line}.
local state = read()
if holds(state, ARGV[1]) and state.turn.reply == ARGV[2] then
  local n = get('$.messages[' .. 2 * state.answered + 1 .. '].n')
  if state.turn.attempt ~= tonumber(ARGV[3]) or n ~= tonumber(ARGV[4]) then
    return {0, 0, 0} -- Redis came back younger than the holder: the end of the text is missing
  end
  finish(state, ARGV[5], ARGV[6], ARGV[7])
elseif not state or state.answered == 0 or message(2 * state.answered - 1).id ~= ARGV[2] then
  return {0, 0, 0}
end
return {1, in_line(), redis.call('ZCARD', WAITING)}
