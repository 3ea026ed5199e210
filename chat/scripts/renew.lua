-- renew: extend the lease while the model is silent. Returns 1, or 0 if the lease is lost.
local lease_id = ARGV[1]
local lease_duration = tonumber(ARGV[2]) -- microseconds

if not owns_lease(read_state(), lease_id) then return 0 end
extend_lease(lease_duration)
return 1
