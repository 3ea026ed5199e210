-- Find the sessions that have an unanswered message and no worker: they wait for one, or the lease
-- of the last one is over.
-- KEYS: the sessions in line, the sessions held, then each session to look at. Returns, one after
-- the other for each session found: its token, its oldest unanswered message's id, its revision.
local WAITING, HELD = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local found = {}
for index = 3, #KEYS do
  local token = KEYS[index]
  local lease = redis.call('ZSCORE', HELD, token)
  local unserved = lease and tonumber(lease) <= now
  if not lease then unserved = redis.call('ZSCORE', WAITING, token) end
  local state = unserved and redis.call('JSON.GET', token, '$.answered', '$.rev')
  if state then
    local fields = cjson.decode(state)
    local path = '$.messages[' .. 2 * fields['$.answered'][1] .. '].id'
    local id = cjson.decode(redis.call('JSON.GET', token, path))[1]
    if id then
      found[#found + 1] = token
      found[#found + 1] = id
      found[#found + 1] = fields['$.rev'][1]
    end
  end
end
return found
