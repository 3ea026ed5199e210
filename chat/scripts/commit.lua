-- commit: end the reply, and queue the session for its next message or leave it idle.
-- Returns {1, or 0 if the lease is lost; 1 if the session is queued again; sessions queued}.
local lease_id = ARGV[1]
local reply_id = ARGV[2]
local attempt = tonumber(ARGV[3])
local deltas = tonumber(ARGV[4]) -- that the reply must hold
local status = ARGV[5]
local error_code = ARGV[6] -- or ''
local ttl = ARGV[7] -- seconds

local state = read_state()
if owns_lease(state, lease_id) and state.generation.reply == reply_id then
  local stored = get_json('$.messages[' .. 2 * state.answered + 1 .. '].n')
  if state.generation.attempt ~= attempt or stored ~= deltas then
    return {0, 0, 0} -- Redis came back from an older file: the end of the text is missing
  end
  end_reply(state, status, error_code, ttl)
elseif not state or state.answered == 0 or message_at(2 * state.answered - 1).id ~= reply_id then
  return {0, 0, 0}
end
return {1, is_queued(), redis.call('ZCARD', QUEUED)}
