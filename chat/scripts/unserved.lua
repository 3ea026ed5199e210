-- unserved: find the sessions, of those given, that have an unanswered message and no worker: they
-- are queued, or the lease of their last worker is over.
-- KEYS: QUEUED, LEASED (see session.lua), then SESSION and STATE of each session.
-- Returns for each session found, one after the other: token, id of the oldest unanswered message,
-- revision.
local QUEUED, LEASED = KEYS[1], KEYS[2]
local FIRST_SESSION = 3

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function has_no_worker(token)
  local lease_end = redis.call('ZSCORE', LEASED, token)
  if lease_end then return tonumber(lease_end) <= now end
  return redis.call('ZSCORE', QUEUED, token)
end

local found = {}
for index = FIRST_SESSION, #KEYS, 2 do
  local token, state = KEYS[index], KEYS[index + 1]
  if has_no_worker(token) and redis.call('EXISTS', token) == 1 then
    local fields = redis.call('HMGET', state, 'answered', 'rev')
    local path = '$.messages[' .. 2 * (fields[1] or 0) .. '].id'
    local message_id = fields[1] and cjson.decode(redis.call('JSON.GET', token, path))[1]
    if message_id then
      found[#found + 1] = token
      found[#found + 1] = message_id
      found[#found + 1] = fields[2]
    end
  end
end
return found
