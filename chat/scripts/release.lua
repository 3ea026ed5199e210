-- release: give the lease back, so that another worker continues the reply.
-- Returns 1, or 0 if the lease is lost.
local lease_id = ARGV[1]

local state = read_state()
if state and state.released == lease_id then return 1 end
if not owns_lease(state, lease_id) then return 0 end

redis.call('HDEL', STATE, 'lease_id')
redis.call('HSET', STATE, 'released', lease_id, 'claims', math.max(0, state.claims - 1))
mark_queued()
return 1
