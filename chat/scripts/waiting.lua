-- waiting: count what waits for a worker, and find the message that has waited for longest.
-- A message behind another one of its session waits for that one's reply and not for a worker. It is
-- not looked at while a worker has the session.
-- KEYS: QUEUED, LEASED, UNSTARTED (see session.lua).
-- Returns {messages whose reply has not started, sessions queued, sessions leased, microseconds for
-- which the oldest one has waited, 0 if none waits}.
local QUEUED, LEASED, UNSTARTED = KEYS[1], KEYS[2], KEYS[3]
local max_looked_at = tonumber(ARGV[1]) -- messages; some microseconds each
local BATCH = 100

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function has_worker(token)
  local lease_end = redis.call('ZSCORE', LEASED, token)
  return lease_end and tonumber(lease_end) > now
end

local function oldest_arrival()
  for first = 0, max_looked_at - 1, BATCH do
    local found = redis.call('ZRANGE', UNSTARTED, first, first + BATCH - 1, 'WITHSCORES')
    for index = 1, #found, 2 do
      if not has_worker(string.match(found[index], '^%S+')) then return tonumber(found[index + 1]) end
    end
    if #found < 2 * BATCH then return nil end
  end
end

local arrival = oldest_arrival()
return {
  redis.call('ZCARD', UNSTARTED),
  redis.call('ZCARD', QUEUED),
  redis.call('ZCARD', LEASED),
  arrival and math.max(0, now - arrival) or 0,
}
