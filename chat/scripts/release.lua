-- release: give the lease back, so that another worker continues the reply.
-- Returns 1, or 0 if the lease is lost.
local lease_id = ARGV[1]

local state = read_state()
if state and state.generation and state.generation.released == lease_id then return 1 end
if not owns_lease(state, lease_id) then return 0 end

local generation = state.generation
generation.lease_id = nil
generation.released = lease_id
generation.claims = math.max(0, generation.claims - 1)
set_json('$.generation', generation)
enqueue()
return 1
