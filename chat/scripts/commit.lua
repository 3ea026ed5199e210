-- commit: add the last delta, end the reply, and queue the session for its next message or leave it
-- idle. Returns {1, or 0 if the lease is lost; 1 if the session is queued again; sessions queued;
-- the status of the reply, which is `stopped` if its user has stopped it before}.
local lease_id = ARGV[1]
local reply_id = ARGV[2]
local attempt = tonumber(ARGV[3])
local deltas = tonumber(ARGV[4]) -- that the reply must hold before the last one
local text = ARGV[5] -- of the last delta, or '' for none
local text_json = ARGV[6] -- the same as JSON
local ending = cjson.decode(ARGV[7]) -- see end_reply
local ttl = ARGV[8] -- seconds

local state = read_state()
local status
if owns_lease(state, lease_id) and state.reply == reply_id then
  if state.attempt ~= attempt or state.n ~= deltas then
    return {0, 0, 0, ''} -- Redis restarted with older data: the end of the text is missing
  end
  if text ~= '' then
    redis.call('APPEND', TEXT, text)
    publish(state, 'delta', '{"type":"delta","id":"' .. reply_id .. '","n":' .. deltas
      .. ',"text":' .. text_json .. '}')
  end
  status = end_reply(state, ending, ttl)
elseif not state or redis.call('HGET', STATE, 'ended') ~= reply_id then
  return {0, 0, 0, ''}
else
  local ended = message_at(2 * state.answered - 1)
  status = ended.id == reply_id and ended.status or ''
end
return {1, is_queued(), redis.call('ZCARD', QUEUED), status}
