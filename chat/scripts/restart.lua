-- restart: drop the text that was generated since the reply was started or continued, and begin the
-- next attempt. Returns 1, or 0 if the lease is lost.
local lease_id = ARGV[1]
local attempt = tonumber(ARGV[2]) -- the one that ends
local lease_duration = tonumber(ARGV[3]) -- microseconds

local state = read_state()
if not owns_lease(state, lease_id) then return 0 end

if state.attempt == attempt then
  state.attempt = attempt + 1
  redis.call('HSET', STATE, 'attempt', state.attempt)
  start_with(state, state.kept > 0 and redis.call('GETRANGE', TEXT, 0, state.kept - 1) or '')
elseif state.attempt ~= attempt + 1 then
  return 0 -- Redis restarted with older data
end
extend_lease(lease_duration)
return 1
