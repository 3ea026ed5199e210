-- claim: take the session's lease together with its oldest unanswered message.
-- Returns {outcome, the messages up to the human one as JSON, [the reply] as JSON, attempt,
-- microseconds since the first claim, 1 if another worker has claimed this reply before}.
-- Outcomes: claimed, gone, leased (by another worker), idle.
local lease_id = ARGV[1]
local lease_duration = tonumber(ARGV[2]) -- microseconds
local new_reply_json = ARGV[3] -- without reply_to; used if no reply has started
local max_messages = tonumber(ARGV[4]) -- to return
local max_claims = tonumber(ARGV[5]) -- of one message, without progress
local ttl = ARGV[6] -- seconds

local state = read_state()
if not state then
  dequeue()
  return {'gone'}
end

local lease_end = redis.call('ZSCORE', LEASED, SESSION)
if lease_end and tonumber(lease_end) > now() and not owns_lease(state, lease_id) then
  redis.call('ZREM', QUEUED, SESSION)
  return {'leased'}
end

-- A message whose workers keep dying fails, so that the messages behind it are answered.
local generation = state.generation
if generation and generation.lease_id ~= lease_id and generation.claims >= max_claims then
  end_reply(state, 'failed', 'internal', ttl)
end

local index = 2 * state.answered
local human = message_at(index)
if not human then
  dequeue()
  return {'idle'}
end

generation = state.generation
if not generation then
  local reply = cjson.decode(new_reply_json)
  reply.reply_to = human.id
  start_reply(state, human, reply)
  generation = {reply = reply.id, attempt = 1, claims = 0, started = digits(now())}
elseif generation.lease_id ~= lease_id then
  generation.resumed = true
end
if generation.lease_id ~= lease_id then
  generation.lease_id = lease_id
  generation.claims = generation.claims + 1
end
set_json('$.generation', generation)
extend_lease(lease_duration)

local first = math.max(0, index + 1 - max_messages)
return {
  'claimed',
  redis.call('JSON.GET', SESSION, '$.messages[' .. first .. ':' .. index + 1 .. ']'),
  redis.call('JSON.GET', SESSION, '$.messages[' .. index + 1 .. ']'),
  generation.attempt,
  digits(now() - tonumber(generation.started)),
  generation.resumed and 1 or 0,
}
