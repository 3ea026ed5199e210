-- The functions that the steps on one session share. Python puts this file before each step.
-- README.md in this folder has the states of a session as a diagram.
--
-- Rules for a step
--   * Redis does not roll back a script that fails: check first, write last.
--   * redis-py repeats a command whose answer was lost. A step that is repeated at once answers as
--     before and changes nothing, except that it may extend the lease. The times and the counts of
--     other sessions in an answer are those of the repetition.
--   * Redis may come back from an older file: compare ids and counts, never trust the caller's view.
--
-- Keys
--   SESSION    the RedisJSON document of the session; the key is the token
--   QUEUED     sorted set of tokens, by the time of their last task: sessions that wait for a worker
--   LEASED     sorted set of tokens, by the time at which the lease ends: sessions with a worker
--   UNSTARTED  sorted set of "token message-id", by arrival: messages whose reply has not started
--   CHANNEL    the pub/sub channel of the session
--   ERASED     the id of the request that erased the session; it expires after a minute
--
-- Document
--   token, name, session_start, messages    public, see docs/protocol.md
--   answered    the number of human messages whose reply has ended
--   rev         the revision: a time in microseconds, as a string (a Lua number loses digits)
--   generation  the reply being generated, or null. Its fields:
--               lease_id  of the worker that owns the lease; absent after a release
--               reply     the id of the reply
--               attempt   from 1
--               claims    the number of claims since the reply's last delta
--               started   the time of the first claim in microseconds, as a string
--               resumed   true if a second worker has claimed the reply
--               released  the lease id that was released last
--   retried     the id of the request that dropped a reply last
--
-- Invariants, which tests/chat/test_mailbox_states.py checks after every step
--   1. messages[0 .. 2*answered-1] are pairs: a human message, then its reply, which has ended.
--   2. messages[2*answered], if it exists, is the oldest unanswered message. If `generation` is set,
--      messages[2*answered+1] is its reply, with status "streaming". All others after that are
--      human messages.
--   3. A session with an unanswered message is in exactly one of QUEUED and LEASED, any other session
--      in neither. A session in LEASED has a `generation` with the lease_id of the last claim.
--   4. UNSTARTED holds exactly the unanswered messages that have no reply yet.
--   5. The document expires if and only if it has no unanswered message (and SESSION_TTL is not 0).
--   6. Every event that a step publishes has a revision, which is greater than the one before, and
--      the revision before. The document has the revision of the last event.
--   7. A reply that has ended does not change. Only retry drops it.
--   8. Nothing but ERASED is left of a session that has expired or was erased.

local SESSION, QUEUED, LEASED = KEYS[1], KEYS[2], KEYS[3]
local UNSTARTED, CHANNEL, ERASED = KEYS[4], KEYS[5], KEYS[6]

local function now() -- microseconds
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- cjson writes 14 digits of a number, and a time in microseconds has 16.
local function digits(number)
  return string.format('%.0f', number)
end

local function get_json(path)
  local found = redis.call('JSON.GET', SESSION, path)
  if not found then return nil end
  local value = cjson.decode(found)[1]
  if value == cjson.null then return nil end
  return value
end

local function set_json(path, value)
  redis.call('JSON.SET', SESSION, path, cjson.encode(value))
end

local function message_at(index)
  return get_json('$.messages[' .. index .. ']')
end

local function message_count()
  return redis.call('JSON.ARRLEN', SESSION, '$.messages')[1]
end

-- Return the session's state without its messages, or nil if there is no such session.
local function read_state()
  local found = redis.call('JSON.GET', SESSION, '$.answered', '$.rev', '$.generation')
  if not found then return nil end
  local fields = cjson.decode(found)
  local generation = fields['$.generation'][1]
  return {
    answered = fields['$.answered'][1],
    rev = fields['$.rev'][1],
    generation = generation ~= cjson.null and generation or nil,
  }
end

-- Publish an event with the next revision and the one before, so that a subscriber notices a gap.
-- The revision is a time: it does not come again after Redis came back from an older file.
local function publish(state, event)
  event.prev = state.rev
  event.rev = digits(math.max(now(), tonumber(state.rev) + 1))
  state.rev = event.rev
  set_json('$.rev', event.rev)
  redis.call('PUBLISH', CHANNEL, cjson.encode(event))
end

local function owns_lease(state, lease_id)
  return state ~= nil and state.generation ~= nil and state.generation.lease_id == lease_id
end

-- Move the session to LEASED, until `duration` microseconds from now.
local function extend_lease(duration)
  redis.call('ZADD', LEASED, digits(now() + duration), SESSION)
  redis.call('ZREM', QUEUED, SESSION)
end

-- Move the session to QUEUED. The caller of the script enqueues a task.
local function enqueue()
  redis.call('ZREM', LEASED, SESSION)
  redis.call('ZADD', QUEUED, digits(now()), SESSION)
end

-- Take the session out of QUEUED and LEASED: it is idle, or gone.
local function dequeue()
  redis.call('ZREM', QUEUED, SESSION)
  redis.call('ZREM', LEASED, SESSION)
end

local function is_queued()
  return redis.call('ZSCORE', QUEUED, SESSION) and 1 or 0
end

local function unstarted_member(message_id)
  return SESSION .. ' ' .. message_id
end

-- Return how many messages of all sessions came earlier and have no reply yet.
local function queue_position(message_id)
  return redis.call('ZRANK', UNSTARTED, unstarted_member(message_id)) or 0
end

-- Insert a reply behind its message. Its `start` also tells clients which reply it replaces.
local function start_reply(state, human, reply)
  local index = 2 * state.answered + 1
  redis.call('JSON.ARRINSERT', SESSION, '$.messages', index, cjson.encode(reply))
  redis.call('ZREM', UNSTARTED, unstarted_member(human.id))
  publish(state, {type = 'start', id = reply.id, reply_to = human.id, attempt = 1})
end

-- End the reply being generated and publish it. The session is then queued for its next message,
-- or idle: it expires after `ttl` seconds (0: never).
local function end_reply(state, status, error_code, ttl)
  local index = 2 * state.answered + 1
  local path = '$.messages[' .. index .. ']'
  local reply = message_at(index)
  reply.status, reply.n = status, nil
  set_json(path .. '.status', status)
  if error_code ~= '' then
    reply.error = error_code
    set_json(path .. '.error', error_code)
  end
  redis.call('JSON.DEL', SESSION, path .. '.n')
  state.answered, state.generation = state.answered + 1, nil
  set_json('$.answered', state.answered)
  set_json('$.generation', cjson.null)
  if message_count() > 2 * state.answered then
    enqueue()
  else
    dequeue()
    if tonumber(ttl) > 0 then redis.call('EXPIRE', SESSION, ttl) end
  end
  publish(state, {type = 'message', message = reply})
end
