-- The functions that the steps on one session share. Python puts this file before each step.
-- README.md in this folder has the states of a session as a diagram.
--
-- Rules for a step
--   * Redis does not roll back a script that fails: check first, write last.
--   * redis-py repeats a command whose answer was lost. A step that is repeated at once answers as
--     before and changes nothing, except that it may extend the lease. The times and the counts of
--     other sessions in an answer are those of the repetition, and what claim says only for metrics
--     and the log it does not say again.
--   * Redis may restart with older data: compare ids and counts, never trust the caller's view.
--
-- Keys
--   SESSION    the RedisJSON document of the session; the key is the token
--   STATE      hash: what the steps need, and what changes with every delta
--   TEXT       string: the partial text of the reply being generated, absent while it is empty
--   IDS        set: the ids of the session's human messages, absent while there are none
--   QUEUED     sorted set of tokens, by the time of their last task: sessions that wait for a worker
--   LEASED     sorted set of tokens, by the time at which the lease ends: sessions with a worker
--   UNSTARTED  sorted set of "token message-id", by arrival: messages whose reply has not started
--   CHANNEL    the pub/sub channel of the session
--   ERASED     the id of the request that erased the session; it expires after a minute
--
-- Document: token, name, session_start, messages; see docs/protocol.md. A session exists as long as
-- its document does. A reply that is being generated is in it without text: `SessionStore.history`
-- adds TEXT and the state's `n`. So a delta costs the same however long the history is.
--
-- State
--   answered    the number of human messages whose reply has ended
--   rev         the revision: a time in microseconds, as a string (a Lua number loses digits)
--   request     the id of the last request to retry or continue that changed the session
--   ended       the id of the reply that was generated last, until it is continued
--   old_reply   the reply that retry has dropped, as JSON, until the new one ends
--   and only while a reply is being generated:
--   reply       the id of the reply
--   reply_to    the id of its human message
--   lease_id    of the worker that owns the lease; absent after a release
--   attempt     from 1
--   n           the number of deltas in TEXT; the text before a `continue` counts as one
--   kept        the bytes at the beginning of TEXT that were there before `continue`; absent: 0
--   claims      the number of claims since the reply's last delta
--   started     the time of the first claim in microseconds; absent before it
--   resumed     1 if a second worker has claimed the reply
--   released    the lease id that was released last
--
-- Invariants, which tests/chat/test_mailbox_states.py checks after every step
--   1. messages[0 .. 2*answered-1] are pairs: a human message, then its reply, which has ended.
--   2. messages[2*answered], if it exists, is the oldest unanswered message. If the state has a
--      `reply`, messages[2*answered+1] is that reply, with status "streaming". All others after that
--      are human messages.
--   3. A session with an unanswered message is in exactly one of QUEUED and LEASED, any other session
--      in neither. A session in LEASED has the lease_id of the last claim.
--   4. UNSTARTED holds exactly the unanswered messages that have no reply yet.
--   5. The document expires if and only if it has no unanswered message (and SESSION_TTL is not 0).
--      STATE and IDS expire with it; TEXT exists only while a reply is being generated.
--   6. Every event that a step publishes has a revision, which is greater than the one before, and
--      the revision before. The state has the revision of the last event. Each step that changes the
--      document or TEXT publishes one: a revision stands for one history, also after Redis restarted
--      with older data.
--   7. A reply that has ended changes only by `continue`, and no step takes away the text that it had
--      then. Only `retry` drops it. If the new reply ends without text, the old one is back as it was,
--      unless the message got a new text. STATE has an `old_reply` only while that may happen.
--   8. Nothing but ERASED is left of a session that was erased or has expired. If its document was
--      deleted by hand, the next step on the session, except write, deletes the rest.

local SESSION, STATE, TEXT, IDS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local QUEUED, LEASED, UNSTARTED = KEYS[5], KEYS[6], KEYS[7]
local CHANNEL, ERASED = KEYS[8], KEYS[9]

local function now() -- microseconds
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Lua writes 14 digits of a number, and a time in microseconds has 16.
local function digits(number)
  return string.format('%.0f', number)
end

local function message_path(index)
  return '$.messages[' .. index .. ']'
end

local function message_at(index)
  local found = redis.call('JSON.GET', SESSION, message_path(index))
  return found and cjson.decode(found)[1]
end

local function message_count()
  return redis.call('JSON.ARRLEN', SESSION, '$.messages')[1]
end

local function unstarted_member(message_id)
  return SESSION .. ' ' .. message_id
end

-- Take the session out of QUEUED and LEASED: it is idle, or gone.
local function mark_idle()
  redis.call('ZREM', QUEUED, SESSION)
  redis.call('ZREM', LEASED, SESSION)
end

-- Delete what is left of a session that has lost its document or its state.
local function delete_rest()
  for _, message_id in ipairs(redis.call('SMEMBERS', IDS)) do
    redis.call('ZREM', UNSTARTED, unstarted_member(message_id))
  end
  mark_idle()
  redis.call('DEL', STATE, TEXT, IDS)
end

-- Return the session's state, or nil if there is no such session. Its document may have expired, or
-- have been deleted by hand: then the rest of the session is deleted too.
local function read_state()
  local fields = redis.call('HMGET', STATE, 'answered', 'rev', 'reply', 'reply_to', 'lease_id',
    'attempt', 'n', 'claims', 'started', 'released', 'resumed', 'kept')
  if not fields[1] or redis.call('EXISTS', SESSION) == 0 then
    delete_rest()
    return nil
  end
  return {
    answered = tonumber(fields[1]),
    rev = fields[2],
    reply = fields[3],
    reply_to = fields[4],
    lease_id = fields[5],
    attempt = tonumber(fields[6]),
    n = tonumber(fields[7]),
    claims = tonumber(fields[8]),
    started = fields[9],
    released = fields[10],
    resumed = fields[11] == '1',
    kept = tonumber(fields[12] or 0),
  }
end

-- Publish an event: the next revision, the one before, so that a subscriber notices a gap, the
-- type, and the frame as WebSockets get it. See chat/channel.py.
-- The revision is a time: it does not repeat after Redis restarted with older data.
local function publish(state, event_type, frame)
  local prev = state.rev
  state.rev = digits(math.max(now(), tonumber(prev) + 1))
  redis.call('HSET', STATE, 'rev', state.rev)
  redis.call('PUBLISH', CHANNEL, state.rev .. ' ' .. prev .. ' ' .. event_type .. ' ' .. frame)
end

-- Set the text with which the reply starts, as its first delta, and publish that it does.
local function start_with(state, text)
  local frame = {type = 'start', id = state.reply, reply_to = state.reply_to, attempt = state.attempt}
  if text == '' then
    redis.call('DEL', TEXT)
    state.n = 0
  else
    redis.call('SET', TEXT, text)
    state.n = 1
    frame.msg, frame.n = text, state.n
  end
  redis.call('HSET', STATE, 'n', state.n)
  publish(state, 'start', cjson.encode(frame))
end

local function owns_lease(state, lease_id)
  return state ~= nil and state.lease_id == lease_id
end

-- Move the session to LEASED, until `duration` microseconds from now.
local function extend_lease(duration)
  redis.call('ZADD', LEASED, digits(now() + duration), SESSION)
  redis.call('ZREM', QUEUED, SESSION)
end

-- Move the session to QUEUED. The caller of the script enqueues a task.
local function mark_queued()
  redis.call('ZREM', LEASED, SESSION)
  redis.call('ZADD', QUEUED, digits(now()), SESSION)
end

local function is_queued()
  return redis.call('ZSCORE', QUEUED, SESSION) and 1 or 0
end

-- Return 1 if a task must be enqueued for a message that was sent again: it is the oldest unanswered
-- one of a queued session, whose task may be lost. A task for a later message would do nothing.
local function needs_task(state, message_id)
  local oldest = message_at(2 * state.answered)
  return oldest and oldest.id == message_id and is_queued() or 0
end

-- Return how many messages of all sessions came earlier and have no reply yet.
local function queue_position(message_id)
  return redis.call('ZRANK', UNSTARTED, unstarted_member(message_id)) or 0
end

-- Return the last human message, and its reply if it has one; nil if the session has no message.
local function last_exchange()
  local last = message_count() - 1
  local message = last >= 0 and message_at(last) or nil
  if message and message.reply_to then return message_at(last - 1), message end
  return message
end

-- Return whether the request, a retry or continue, was executed before: it may be repeated late.
local function is_repeated(request_id)
  return redis.call('HGET', STATE, 'request') == request_id
end

local function text_of(reply)
  return string.sub(reply.msg, #'Bot: ' + 1)
end

-- Let the session live until it is idle again.
local function persist()
  for _, key in ipairs({SESSION, STATE, IDS}) do
    redis.call('PERSIST', key)
  end
end

-- Let the idle session expire after `ttl` seconds (0: never).
local function expire(ttl)
  if tonumber(ttl) == 0 then return end
  for _, key in ipairs({SESSION, STATE, IDS}) do
    redis.call('EXPIRE', key, ttl)
  end
end

-- Insert a reply behind its message. When clients get `start`, they drop any earlier reply to the
-- same message.
local function start_reply(state, human, reply)
  reply.reply_to = human.id
  redis.call('JSON.ARRINSERT', SESSION, '$.messages', 2 * state.answered + 1, cjson.encode(reply))
  redis.call('ZREM', UNSTARTED, unstarted_member(human.id))
  state.reply, state.reply_to, state.attempt, state.claims = reply.id, human.id, 1, 0
  redis.call('HSET', STATE, 'reply', reply.id, 'reply_to', human.id, 'attempt', 1, 'claims', 0)
  start_with(state, '')
end

local function publish_ended(state, event_type, reply)
  reply.type, reply.source, reply.msg = 'message', 'bot', text_of(reply)
  publish(state, event_type, cjson.encode(reply))
end

-- End the reply being generated and publish it. `ending` has the fields with which it ends: status,
-- and error, perhaps with error_msg, or finish and model. The session is then queued for its next
-- message, or idle: it expires after `ttl` seconds (0: never). Returns the status of the reply, or
-- '' if an old reply is back in its place.
local function end_reply(state, ending, ttl)
  local index = 2 * state.answered + 1
  local reply = message_at(index)
  local text = redis.call('GET', TEXT) or ''
  local old_reply = text == '' and redis.call('HGET', STATE, 'old_reply')
  reply.msg = 'Bot: ' .. text
  for name, value in pairs(ending) do reply[name] = value end
  redis.call('JSON.SET', SESSION, message_path(index), old_reply or cjson.encode(reply))
  redis.call('DEL', TEXT)
  redis.call('HDEL', STATE, 'reply', 'reply_to', 'lease_id', 'attempt', 'n', 'kept', 'claims',
    'started', 'released', 'resumed', 'old_reply')
  state.answered = state.answered + 1
  state.reply, state.lease_id, state.started, state.resumed = false, false, false, false
  state.kept = 0
  redis.call('HSET', STATE, 'answered', state.answered, 'ended', reply.id)
  if message_count() > 2 * state.answered then
    mark_queued()
  else
    mark_idle()
    expire(ttl)
  end
  if reply.status == 'failed' then
    publish_ended(state, 'failed', reply)
  elseif not old_reply then
    publish_ended(state, 'reply', reply)
  end
  if old_reply then publish_ended(state, 'reply', cjson.decode(old_reply)) end
  return old_reply and '' or reply.status
end
