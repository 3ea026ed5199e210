-- What every step shares; Python puts this file before each of the others.
--
-- A script that fails in the middle keeps what it wrote before: so each step checks first and
-- writes last. Clients repeat a command whose answer was lost: so each step, run again, changes
-- nothing and answers as it did before.
--
-- The document: {token, name, session_start, messages, answered, rev, turn, retried}. All messages
-- before 2 * answered are pairs, human then reply. Behind them stands the oldest unanswered message,
-- its reply if that has begun, and the messages that wait.
-- turn, while a reply is under way: {holder, reply, attempt, claims, first}.
-- retried: the request that dropped a reply last.

local SESSION, WAITING, HELD, UNBEGUN, CHANNEL = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function now() -- microseconds
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- cjson writes 14 digits of a number, and a time in microseconds has 16.
local function digits(number)
  return string.format('%.0f', number)
end

local function get(path)
  local found = redis.call('JSON.GET', SESSION, path)
  if not found then return nil end
  local value = cjson.decode(found)[1]
  if value == cjson.null then return nil end
  return value
end

local function set(path, value)
  redis.call('JSON.SET', SESSION, path, cjson.encode(value))
end

local function message(index)
  return get('$.messages[' .. index .. ']')
end

-- The session's state without its messages, or nil if there is no such session.
local function read()
  local found = redis.call('JSON.GET', SESSION, '$.answered', '$.rev', '$.turn')
  if not found then return nil end
  local fields = cjson.decode(found)
  local turn = fields['$.turn'][1]
  return {
    answered = fields['$.answered'][1],
    rev = fields['$.rev'][1],
    turn = turn ~= cjson.null and turn or nil,
  }
end

-- Tell the session's sockets. Each event names the revision before it, so that a listener
-- knows whether it missed one; a time, so that a revision never comes again after Redis came
-- back from an older file.
local function publish(state, event)
  event.prev = state.rev
  event.rev = digits(math.max(now(), tonumber(state.rev) + 1))
  state.rev = event.rev
  set('$.rev', event.rev)
  redis.call('PUBLISH', CHANNEL, cjson.encode(event))
end

local function holds(state, holder)
  return state ~= nil and state.turn ~= nil and state.turn.holder == holder
end

local function hold(lease)
  redis.call('ZADD', HELD, digits(now() + lease), SESSION)
  redis.call('ZREM', WAITING, SESSION)
end

-- Put the session in line for a worker.
local function wait()
  redis.call('ZREM', HELD, SESSION)
  redis.call('ZADD', WAITING, digits(now()), SESSION)
end

local function line_member(id)
  return SESSION .. ' ' .. id
end

-- How many messages of all sessions were accepted earlier and are not begun.
local function position(id)
  return redis.call('ZRANK', UNBEGUN, line_member(id)) or 0
end

-- Sockets learn from a start alone that a reply takes the place of one that was dropped.
local function begin(state, human, reply)
  redis.call('JSON.ARRINSERT', SESSION, '$.messages', 2 * state.answered + 1, cjson.encode(reply))
  redis.call('ZREM', UNBEGUN, line_member(human.id))
  publish(state, {type = 'start', id = reply.id, reply_to = human.id, attempt = 1})
end

-- End the reply under way, tell the sockets, and let the session go: into the line if it has
-- another message, else to its expiry.
local function finish(state, status, err, ttl)
  local index = 2 * state.answered + 1
  local path = '$.messages[' .. index .. ']'
  local reply = message(index)
  reply.status, reply.n = status, nil
  set(path .. '.status', status)
  if err ~= '' then
    reply.error = err
    set(path .. '.error', err)
  end
  redis.call('JSON.DEL', SESSION, path .. '.n')
  state.answered, state.turn = state.answered + 1, nil
  set('$.answered', state.answered)
  set('$.turn', cjson.null)
  if redis.call('JSON.ARRLEN', SESSION, '$.messages')[1] > 2 * state.answered then
    wait()
  else
    redis.call('ZREM', HELD, SESSION)
    redis.call('ZREM', WAITING, SESSION)
    if tonumber(ttl) > 0 then redis.call('EXPIRE', SESSION, ttl) end
  end
  publish(state, {type = 'message', message = reply})
end

local function in_line()
  return redis.call('ZSCORE', WAITING, SESSION) and 1 or 0
end
