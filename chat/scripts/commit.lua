-- Finish the reply and let the session go.
-- ARGV: holder, the reply's id, status, error or '', expiry in seconds.
-- Returns {1 if the reply was the holder's, 1 if the session is in line again, sessions in line}.
local state = read()
if holds(state, ARGV[1]) and state.turn.reply == ARGV[2] then
  finish(state, ARGV[3], ARGV[4], ARGV[5])
elseif not state or state.answered == 0 or message(2 * state.answered - 1).id ~= ARGV[2] then
  return {0, 0, 0}
end
return {1, in_line(), redis.call('ZCARD', WAITING)}
