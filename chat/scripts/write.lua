-- write: add the deltas of several replies and extend their leases; see session.lua.
-- This runs for every token of every model. It does not share the functions of session.lua, since
-- to define them costs as much as a delta.
-- KEYS: QUEUED, LEASED, then SESSION, STATE, TEXT and CHANNEL of each session.
-- ARGV: the lease's duration in microseconds, then for each session
--   lease id, attempt, n (the number of the delta, from 0), text, the same as JSON, 1 to extend the
--   lease. Without text there is no delta, and attempt and n do not matter.
-- Returns for each session 1, or 0 if its lease is lost.
local QUEUED, LEASED = KEYS[1], KEYS[2]
local KEYS_EACH, ARGS_EACH = 4, 6
local lease_duration = tonumber(ARGV[1])

local call = redis.call
local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_digits = string.format('%.0f', now)
local lease_end = string.format('%.0f', now + lease_duration)

-- Return whether the lease is owned still. All comparisons are of strings.
local function add_delta(state_key, text_key, channel, lease_id, attempt, n, text, text_json)
  local fields = call('HMGET', state_key, 'lease_id', 'attempt', 'n', 'rev', 'claims', 'reply')
  if fields[1] ~= lease_id then return false end
  if text == '' then return true end
  if fields[2] ~= attempt then return false end
  local next_n = string.format('%d', n + 1)
  if fields[3] == next_n then return true end -- it is repeated
  if fields[3] ~= n then return false end -- Redis restarted with older data
  local prev, rev = fields[4], now_digits
  if now <= tonumber(prev) then rev = string.format('%.0f', tonumber(prev) + 1) end
  call('APPEND', text_key, text)
  if fields[5] == '0' then
    call('HSET', state_key, 'n', next_n, 'rev', rev)
  else
    call('HSET', state_key, 'n', next_n, 'rev', rev, 'claims', 0)
  end
  call('PUBLISH', channel, rev .. ' ' .. prev .. ' delta {"type":"delta","id":"' .. fields[6]
    .. '","n":' .. n .. ',"text":' .. text_json .. '}')
  return true
end

local answers = {}
for number = 1, (#KEYS - 2) / KEYS_EACH do
  local key, arg = 2 + (number - 1) * KEYS_EACH, 1 + (number - 1) * ARGS_EACH
  local session = KEYS[key + 1]
  local owned = call('EXISTS', session) == 1
    and add_delta(KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], unpack(ARGV, arg + 1, arg + 5))
  if owned and ARGV[arg + 6] == '1' then
    call('ZADD', LEASED, lease_end, session)
    call('ZREM', QUEUED, session)
  end
  answers[number] = owned and 1 or 0
end
return answers
