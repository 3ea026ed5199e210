-- Find sessions that nobody will come for: their holder died, or their ring was lost.
-- One sweep at a time serves all workers, and each session that it hands out counts as rung.
-- KEYS: the lock, the sessions in line, the sessions held. ARGV: milliseconds until the next
-- sweep, microseconds after which a ring may be lost, rings that still wait for a worker, how
-- many to ring at most. Returns their tokens.
local LOCK, WAITING, HELD = KEYS[1], KEYS[2], KEYS[3]
if not redis.call('SET', LOCK, 1, 'NX', 'PX', ARGV[1]) then return {} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local bound = tonumber(ARGV[4])
local tokens = redis.call('ZRANGEBYSCORE', HELD, '-inf', string.format('%.0f', now), 'LIMIT', 0, bound)
for _, token in ipairs(tokens) do
  redis.call('ZREM', HELD, token)
end
local lost = redis.call('ZCARD', WAITING) - tonumber(ARGV[3])
if lost > 0 and #tokens < bound then
  local old = string.format('%.0f', now - tonumber(ARGV[2]))
  local most = math.min(lost, bound - #tokens)
  for _, token in ipairs(redis.call('ZRANGEBYSCORE', WAITING, '-inf', old, 'LIMIT', 0, most)) do
    tokens[#tokens + 1] = token
  end
end
for _, token in ipairs(tokens) do
  redis.call('ZADD', WAITING, string.format('%.0f', now), token)
end
return tokens
