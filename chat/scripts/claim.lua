-- Take the session's lease and its oldest unanswered message.
-- ARGV: holder, lease in microseconds, the reply to begin as JSON without reply_to, how many
-- messages to hand back, how often a message may be claimed without progress, expiry in seconds.
-- Returns {outcome, messages up to the human one as JSON, the reply as JSON, attempt,
-- microseconds since the first claim}.
local holder, lease, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[6]
local state = read()
if not state then
  redis.call('ZREM', WAITING, SESSION)
  redis.call('ZREM', HELD, SESSION)
  return {'gone'}
end

local deadline = redis.call('ZSCORE', HELD, SESSION)
if deadline and tonumber(deadline) > now() and not holds(state, holder) then
  redis.call('ZREM', WAITING, SESSION)
  return {'held'}
end

-- A message whose holders keep dying is given up, so that the ones behind it are answered.
if state.turn and state.turn.holder ~= holder and state.turn.claims >= tonumber(ARGV[5]) then
  finish(state, 'failed', 'internal', ttl)
end

local index = 2 * state.answered
local human = message(index)
if not human then
  redis.call('ZREM', WAITING, SESSION)
  redis.call('ZREM', HELD, SESSION)
  return {'idle'}
end

if not state.turn then
  local reply = cjson.decode(ARGV[3])
  reply.reply_to = human.id
  begin(state, human, reply)
  state.turn = {reply = reply.id, attempt = 1, claims = 0, first = digits(now())}
end
if state.turn.holder ~= holder then
  state.turn.holder = holder
  state.turn.claims = state.turn.claims + 1
end
set('$.turn', state.turn)
hold(lease)
local from = math.max(0, index + 1 - tonumber(ARGV[4]))
return {
  'claimed',
  redis.call('JSON.GET', SESSION, '$.messages[' .. from .. ':' .. index + 1 .. ']'),
  redis.call('JSON.GET', SESSION, '$.messages[' .. index + 1 .. ']'),
  state.turn.attempt,
  digits(now() - tonumber(state.turn.first)),
}
