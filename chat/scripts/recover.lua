-- recover: find sessions that no worker will take: the lease is over, or the task was lost.
-- Only one request gets an answer until the lock expires. Each session returned counts as enqueued
-- from now on. A repeated request finds its answer in the lock.
-- KEYS: the lock, QUEUED, LEASED (see session.lua).
-- Returns the tokens of the sessions.
local LOCK, QUEUED, LEASED = KEYS[1], KEYS[2], KEYS[3]
local request_id = ARGV[1]
local lock_duration = ARGV[2] -- milliseconds until the next recovery
local lost_after = tonumber(ARGV[3]) -- microseconds after which an enqueued task may be lost
local tasks_queued = tonumber(ARGV[4]) -- tasks that Celery's queue still holds
local max_tokens = tonumber(ARGV[5])

local lock = redis.call('GET', LOCK)
if lock then
  local earlier = cjson.decode(lock)
  return earlier.request_id == request_id and earlier.tokens or {}
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local function until_time(set, time, limit)
  return redis.call('ZRANGEBYSCORE', set, '-inf', string.format('%.0f', time), 'LIMIT', 0, limit)
end

local tokens = until_time(LEASED, now, max_tokens)
for _, token in ipairs(tokens) do
  redis.call('ZREM', LEASED, token)
end

-- Each task in the queue will serve one queued session. Only the other sessions may have lost theirs.
local lost = redis.call('ZCARD', QUEUED) - tasks_queued
local limit = math.min(lost, max_tokens - #tokens)
if limit > 0 then
  for _, token in ipairs(until_time(QUEUED, now - lost_after, limit)) do
    tokens[#tokens + 1] = token
  end
end

for _, token in ipairs(tokens) do
  redis.call('ZADD', QUEUED, string.format('%.0f', now), token)
end
local answer = cjson.encode({request_id = request_id, tokens = tokens})
redis.call('SET', LOCK, answer, 'PX', lock_duration)
return tokens
