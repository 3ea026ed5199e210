-- claim: take the session's lease together with its oldest unanswered message.
-- Returns {outcome, the messages up to the human one as JSON, reply id, its partial text, the deltas
-- in it, attempt, microseconds since the first claim, 1 if another worker has claimed it before, the
-- bytes of the partial text that a restart keeps, microseconds from the message's acceptance to this
-- claim if it has started the reply, else -1}.
-- Outcomes: claimed, gone, leased (by another worker), idle. With idle, and as the last element with
-- claimed, comes the id of the message that has failed, since its workers kept dying, or ''.
local lease_id = ARGV[1]
local lease_duration = tonumber(ARGV[2]) -- microseconds
local new_reply_json = ARGV[3] -- without reply_to; used if no reply has started
local max_messages = tonumber(ARGV[4]) -- to return
local max_claims = tonumber(ARGV[5]) -- of one message, without progress
local ttl = ARGV[6] -- seconds

local state = read_state()
if not state then return {'gone'} end

local lease_end = redis.call('ZSCORE', LEASED, SESSION)
if lease_end and tonumber(lease_end) > now() and not owns_lease(state, lease_id) then
  redis.call('ZREM', QUEUED, SESSION)
  return {'leased'}
end

local gave_up = ''
-- A message whose workers keep dying fails, so that the messages behind it are answered.
if state.reply and state.lease_id ~= lease_id and state.claims >= max_claims then
  gave_up = state.reply_to
  end_reply(state, {status = 'failed', error = 'internal'}, ttl)
end

local index = 2 * state.answered
if message_count() <= index then
  mark_idle()
  return {'idle', gave_up}
end

local resumed = state.resumed or (state.started and state.lease_id ~= lease_id)
local waited = -1
if not state.reply then
  local human = message_at(index)
  local accepted = redis.call('ZSCORE', UNSTARTED, unstarted_member(human.id))
  start_reply(state, human, cjson.decode(new_reply_json))
  if accepted then waited = math.max(0, now() - tonumber(accepted)) end
end
if not state.started then
  state.started = digits(now())
  redis.call('HSET', STATE, 'started', state.started)
end
if state.lease_id ~= lease_id then
  redis.call('HSET', STATE, 'lease_id', lease_id, 'claims', state.claims + 1)
  if resumed then redis.call('HSET', STATE, 'resumed', 1) end
end
extend_lease(lease_duration)

local first = math.max(0, index + 1 - max_messages)
return {
  'claimed',
  redis.call('JSON.GET', SESSION, '$.messages[' .. first .. ':' .. index + 1 .. ']'),
  state.reply,
  redis.call('GET', TEXT) or '',
  state.n,
  state.attempt,
  digits(now() - tonumber(state.started)),
  resumed and 1 or 0,
  state.kept,
  digits(waited),
  gave_up,
}
